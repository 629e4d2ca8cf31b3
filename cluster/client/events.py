"""Records events about objects, in the background: what repeats is counted in one Event, and a flood is dropped rather than queued.

Upstream: client-go `tools/record` (event.go, events_cache.go).
"""

from __future__ import annotations

import logging
import queue
import threading
import time as clock
from collections import OrderedDict
from typing import Final, TypeVar

from msgspec import Struct

from cluster.api.errors import NotFound, StatusError
from cluster.api.names import Object
from cluster.client import times
from cluster.client.http import STRATEGIC_MERGE_PATCH, ApiClient
from cluster.client.resources import CORE_EVENTS
from cluster.client.status import Unreachable

NORMAL: Final = "Normal"
WARNING: Final = "Warning"

_LOG: Final = logging.getLogger(__name__)
_QUEUED: Final = 1000
_REMEMBERED: Final = 1024
_SIMILAR: Final = 10
_SIMILAR_SECONDS: Final = 600.0
_TRIES: Final = 12
_BURST, _REFILL_SECONDS = 25.0, 300.0

Subject = tuple[str, ...]
Value = TypeVar("Value")


def reference(obj: Object) -> Object:
    """An ObjectReference to an object that carries its kind."""
    metadata = obj["metadata"]
    found = {
        "kind": obj.get("kind"),
        "namespace": metadata.get("namespace"),
        "name": metadata.get("name"),
        "uid": metadata.get("uid"),
        "apiVersion": obj.get("apiVersion"),
        "resourceVersion": metadata.get("resourceVersion"),
    }
    return {name: value for name, value in found.items() if value}


class _Seen(Struct):
    name: str
    count: int
    first: str


class _Group(Struct):
    """Messages of one reason about one object: past ten in ten minutes they are told as one."""

    messages: set[str]
    last: float


class _Bucket(Struct):
    """A source may say 25 things about one object at once, then one in five minutes."""

    tokens: float
    at: float


class EventRecorder:
    """`event` returns at once and never fails; one thread writes.  Events of cluster-scoped objects go to namespace `default`."""

    def __init__(self, client: ApiClient, component: str, *, host: str = "") -> None:
        self._client = client
        self._source = {"component": component} | ({"host": host} if host else {})
        self._queue: queue.Queue[Object | None] = queue.Queue(_QUEUED)
        self._seen: OrderedDict[Subject, _Seen] = OrderedDict()
        self._groups: OrderedDict[Subject, _Group] = OrderedDict()
        self._buckets: OrderedDict[Subject, _Bucket] = OrderedDict()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._stop = threading.Event()

    def event(self, obj: Object, kind: str, reason: str, message: str) -> None:
        """`obj` is the object or an ObjectReference with its kind; `kind` NORMAL or WARNING."""
        about = reference(obj) if "metadata" in obj else dict(obj)
        now = times.time()
        made = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"namespace": about.get("namespace") or "default"},
            "involvedObject": about,
            "reason": reason,
            "message": message[:1024],
            "source": self._source,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
            "type": kind,
            "eventTime": None,
            "reportingComponent": self._source["component"],
            "reportingInstance": self._source.get("host", ""),
        }
        with self._lock:
            if self._thread is None and not self._stop.is_set():
                self._thread = threading.Thread(target=self._run, name="events", daemon=True)
                self._thread.start()
        try:
            self._queue.put_nowait(made)
        except queue.Full:
            _LOG.warning("too many events wait: dropped %s of %s", reason, about.get("name"))

    def close(self, timeout: float = 2.0) -> None:
        """Writes what waits, for at most `timeout` seconds."""
        with self._lock:
            thread = self._thread
        if thread is not None:
            try:
                self._queue.put(None, timeout=timeout)
            except queue.Full:
                _LOG.warning("events are lost: the writer is behind")
            thread.join(timeout)
        self._stop.set()

    def _run(self) -> None:
        while (made := self._queue.get()) is not None:
            try:
                self._record(made)
            except Exception:
                _LOG.exception("an event could not be recorded")

    def _record(self, made: Object) -> None:
        subject = _subject(made)
        if not self._allowed(subject[:7]):
            return
        if self._too_many_similar(subject):
            made["message"] = f"(combined from similar events): {made['message']}"
            subject = (*subject[:-1], "")
        for remaining in reversed(range(_TRIES)):
            try:
                self._write(subject, made)
                return
            except Unreachable as error:
                if not remaining or self._stop.wait(1.0):
                    _LOG.warning("event %s is lost: %s", made["reason"], error.message)
                    return
            except StatusError as error:
                _LOG.info("event %s about %s is refused: %s", made["reason"], made["involvedObject"].get("name"), error.message)
                return

    def _write(self, subject: Subject, made: Object) -> None:
        seen = self._seen.get(subject)
        if seen is not None:
            patch = {"count": seen.count + 1, "lastTimestamp": made["lastTimestamp"], "message": made["message"]}
            try:
                self._client.patch(CORE_EVENTS, made["metadata"]["namespace"], seen.name, patch, content_type=STRATEGIC_MERGE_PATCH)
            except NotFound:
                del self._seen[subject]  # it outlived its hour: tell it anew
            else:
                seen.count += 1
                self._seen.move_to_end(subject)
                return
        name = f"{made['involvedObject'].get('name', '')}.{clock.time_ns():x}"
        made["metadata"]["name"] = name
        self._client.create(CORE_EVENTS, made["metadata"]["namespace"], made)
        _remember(self._seen, subject, _Seen(name, 1, made["firstTimestamp"]))

    def _too_many_similar(self, subject: Subject) -> bool:
        """Whether messages of this kind are to be told as one from now on."""
        key, now = subject[:-1], clock.monotonic()
        group = self._groups.get(key)
        if group is None or now - group.last > _SIMILAR_SECONDS:
            group = _Group(set(), now)
            _remember(self._groups, key, group)
        group.last = now
        if len(group.messages) < _SIMILAR:
            group.messages.add(subject[-1])
        return len(group.messages) >= _SIMILAR

    def _allowed(self, key: Subject) -> bool:
        now = clock.monotonic()
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = _Bucket(_BURST, now)
            _remember(self._buckets, key, bucket)
        bucket.tokens = min(_BURST, bucket.tokens + (now - bucket.at) / _REFILL_SECONDS)
        bucket.at = now
        if bucket.tokens < 1:
            return False
        bucket.tokens -= 1
        return True


def _remember(memory: OrderedDict[Subject, Value], key: Subject, value: Value) -> None:
    memory[key] = value
    memory.move_to_end(key)
    if len(memory) > _REMEMBERED:
        memory.popitem(last=False)


def _subject(made: Object) -> Subject:
    """What makes two events the same: source, object, then reason and message last."""
    about, source = made["involvedObject"], made["source"]
    return (
        source.get("component", ""),
        source.get("host", ""),
        about.get("kind", ""),
        about.get("namespace", ""),
        about.get("name", ""),
        about.get("uid", ""),
        about.get("apiVersion", ""),
        about.get("fieldPath", ""),
        made["type"],
        made["reason"],
        made["message"],
    )
