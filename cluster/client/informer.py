"""Keeps a local copy of one resource current by list and watch, and tells handlers of each change.

Upstream: client-go `tools/cache` (reflector.go, shared_informer.go).
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Mapping
from typing import Final

from msgspec import Struct

from cluster.api.errors import Expired, Gone, StatusError
from cluster.api.names import GroupVersionResource, Object
from cluster.client.cache import Cache, Indexer, Objects, key_of
from cluster.client.http import ApiClient
from cluster.client.status import Unreachable, from_status
from cluster.client.watch import Watch

_LOG: Final = logging.getLogger(__name__)
_FIRST_PAUSE: Final = 0.2
_LONGEST_PAUSE: Final = 10.0
_WORTH_A_LINE: Final = 1.0
_SHORT_WATCH_SECONDS: Final = 1.0
_WATCH_SECONDS: Final = (300, 600)

Transform = Callable[[Object], Object]


class Handler(Struct, frozen=True):
    """Called on the informer's thread, in order; what they raise is logged.  Keep them short: put a key in a queue."""

    added: Callable[[Object], None] | None = None
    updated: Callable[[Object, Object], None] | None = None
    deleted: Callable[[Object], None] | None = None


def without_managed_fields(obj: Object) -> Object:
    """The usual transform: managed fields are bulky and no component reads them."""
    obj["metadata"].pop("managedFields", None)
    return obj


class Informer:
    """One list and watch.  `cache` is shared with all who ask; objects carry apiVersion and kind, and must not be changed."""

    def __init__(
        self,
        client: ApiClient,
        resource: GroupVersionResource,
        *,
        namespace: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
        indexers: Mapping[str, Indexer] | None = None,
        transform: Transform = without_managed_fields,
        metadata_only: bool = False,
    ) -> None:
        self.resource = resource
        self.cache = Cache(indexers)
        self._client = client
        self._namespace = namespace
        self._label_selector = label_selector
        self._field_selector = field_selector
        self._transform = transform
        self._metadata_only = metadata_only
        self._handlers: list[Handler] = []
        self._synced = threading.Event()
        self._stop = threading.Event()
        self._watch: Watch | None = None
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def add_handler(self, handler: Handler) -> None:
        """Add handlers before `start`, so that they see every object."""
        self._handlers.append(handler)

    def start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=f"informer-{self.resource.resource}", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Returns at once; the thread ends by itself."""
        self._stop.set()
        with self._lock:
            if self._watch is not None:
                self._watch.close()

    def join(self, timeout: float) -> None:
        if self._thread is not None:
            self._thread.join(timeout)

    def wait_synced(self, timeout: float | None = None) -> bool:
        """Whether the first list is in the cache and was handed to the handlers, waiting so many seconds for it."""
        return self._synced.wait(timeout)

    @property
    def synced(self) -> bool:
        return self._synced.is_set()

    def get(self, namespace: str, name: str) -> Object | None:
        return self.cache.get(namespace, name)

    def list(self, namespace: str | None = None) -> Objects:
        return self.cache.list(namespace)

    def by_index(self, index: str, value: str) -> Objects:
        return self.cache.by_index(index, value)

    def _run(self) -> None:
        pause = _FIRST_PAUSE
        version = ""
        while not self._stop.is_set():
            started = time.monotonic()
            try:
                version = version or self._relist()
                version = self._follow(version)
                if time.monotonic() - started >= _SHORT_WATCH_SECONDS:
                    pause = _FIRST_PAUSE
                    continue
            except (Expired, Gone):
                version = ""
            except StatusError as error:
                # A server that restarts is away for a moment: only what lasts is worth a line.
                level = logging.DEBUG if isinstance(error, Unreachable) and pause < _WORTH_A_LINE else logging.INFO
                _LOG.log(level, "%s: %s; asking again", self.resource, error.message)
            except Exception:
                _LOG.exception("%s: the copy is made anew", self.resource)
                version = ""
            self._stop.wait(pause * (1 + random.random()))  # noqa: S311  jitter, not a secret
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _relist(self) -> str:
        answer = self._client.list(
            self.resource,
            self._namespace,
            label_selector=self._label_selector,
            field_selector=self._field_selector,
            limit=500,
            metadata_only=self._metadata_only,
        )
        kind = "PartialObjectMetadata" if self._metadata_only else answer.get("kind", "List").removesuffix("List")
        api_version = "meta.k8s.io/v1" if self._metadata_only else answer.get("apiVersion", "v1")
        gone = self.cache.keys()
        for item in answer["items"]:
            item["kind"], item["apiVersion"] = kind, api_version
            gone.discard(key_of(item))
            self._put(item)
        for key in gone:
            self._removed(self.cache.remove(key))
        self._synced.set()
        return str(answer["metadata"]["resourceVersion"])

    def _follow(self, version: str) -> str:
        """Applies events until the stream ends; returns the revision to resume from.  Raises Expired when it is too old."""
        watch = self._client.watch(
            self.resource,
            self._namespace,
            resource_version=version,
            timeout_seconds=random.randint(*_WATCH_SECONDS),  # noqa: S311  spreads the renewals
            label_selector=self._label_selector,
            field_selector=self._field_selector,
            metadata_only=self._metadata_only,
        )
        with self._lock:
            self._watch = watch
            if self._stop.is_set():
                watch.close()
        for kind, obj in watch:
            if kind == "ERROR":
                raise from_status(int(obj.get("code") or 500), obj)
            if kind == "DELETED":
                self._removed(self.cache.remove(key_of(obj)), obj)
            elif kind != "BOOKMARK":
                self._put(obj)
        return watch.last

    def _put(self, obj: Object) -> None:
        obj = self._transform(obj)
        old = self.cache.put(obj)
        if old is not None and old["metadata"].get("uid") != obj["metadata"].get("uid"):
            # Deleted and made again under one name while nobody watched.
            self._removed(old)
            old = None
        if old is not None and old["metadata"].get("resourceVersion") == obj["metadata"].get("resourceVersion"):
            return
        for handler in self._handlers:
            if old is None and handler.added is not None:
                self._call(handler.added, obj)
            elif old is not None and handler.updated is not None:
                self._call(handler.updated, old, obj)

    def _removed(self, old: Object | None, last: Object | None = None) -> None:
        obj = last if last is not None else old
        if obj is None:
            return
        for handler in self._handlers:
            if handler.deleted is not None:
                self._call(handler.deleted, obj)

    def _call(self, function: Callable[..., None], *objects: Object) -> None:
        try:
            function(*objects)
        except Exception:
            _LOG.exception("%s: a handler failed", self.resource)
