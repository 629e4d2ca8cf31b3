"""Keeps the status of quotas true.  Upstream: `pkg/controller/resourcequota/resource_quota_controller.go`.

Only ever is less written than is charged where the count says so, and the count is taken after the quota was read: what is charged
meanwhile makes the write a conflict, and is then left in.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from cluster.api.errors import Conflict, NotFound
from cluster.api.names import GroupResource, Object
from cluster.api.quantity import ZERO
from cluster.api.resource_lists import ResourceList, masked, parsed, texts_of
from cluster.client.cache import Key, key_of
from cluster.client.informer import Handler
from cluster.client.resources import PODS, RESOURCE_QUOTAS, SERVICES
from cluster.client.work_queue import WorkQueue
from cluster.controllers.framework import Context, Controller, Loop, Requeue
from cluster.controllers.resource_quota.counting import Counter
from cluster.controllers.resource_quota.watching import Watching

SYNC_SECONDS: Final = 300.0
"""How often all quotas are counted anew, whatever has happened."""
SECOND_LOOK_SECONDS: Final = 5.0
"""When a quota that limits something else than before is counted once more: by then each write that was judged without it is done."""
_TIDY_SECONDS: Final = 10.0
_PAUSE: Final = (0.02, 2.0)
"""Of several changes in a namespace one count is made: it waits at least, and at most, so many seconds."""
_SHARE: Final = 3.0
"""How many times as long as a count takes the next one is put off."""
_RELEASES: Final = 16
"""How often a count is applied to a quota that others charge."""
_OVERDUE: Final = 0.1


class QuotaReconciler:
    """`sync` brings one quota's status to what is allowed and used."""

    def __init__(self, context: Context, queue: WorkQueue[Key], now: Callable[[], float] = time.time) -> None:
        self._client = context.client
        self._queue = queue
        self._now = now
        self._lock = threading.Lock()
        self._counted: dict[Key, frozenset[GroupResource]] = {}
        self._unknown: set[Key] = set()
        self._pauses: dict[Key, float] = {}
        self._watching = Watching(context.client, self._due)
        self._counter = Counter(context.client, self._watching.watch, now)
        self._quotas = context.informers.of(RESOURCE_QUOTAS, indexers={"by-namespace": lambda obj: (obj["metadata"]["namespace"],)})
        self._quotas.add_handler(Handler(lambda obj: queue.add(key_of(obj)), self._updated, lambda obj: queue.add(key_of(obj))))
        self._watching.share(context.informers, PODS, SERVICES)

    def _updated(self, old: Object, new: Object) -> None:
        """What admission charges is no reason to count."""
        before, after = old.get("status") or {}, new.get("status") or {}
        lost = set(before.get("used") or ()) - set(after.get("used") or ())
        if lost or old.get("spec") != new.get("spec") or _is_outdated(new):
            self._queue.add(key_of(new))

    def _due(self, resource: GroupResource, namespace: str, which: Callable[[Object], bool]) -> None:
        for quota in self._quotas.by_index("by-namespace", namespace):
            key = key_of(quota)
            if resource in self._counted.get(key, ()) and which(quota):
                self._queue.add_after(key, self._pauses.get(key, _PAUSE[0]))

    def sync(self, key: Key) -> None:
        quota = self._read(key)
        if quota is None:
            self._forget(key)
            return
        started = time.monotonic()
        plan = self._counter.plan(quota)
        with self._lock:
            self._counted[key] = plan.resources
            (self._unknown.add if plan.unknown else self._unknown.discard)(key)
        count = self._counter.count(quota, plan)
        self._pauses[key] = min(max(_SHARE * (time.monotonic() - started), _PAUSE[0]), _PAUSE[1])
        if count.until is not None:
            self._queue.add_after(key, count.until - self._now() + _OVERDUE)
        self._write(quota, count.used)
        if _is_outdated(quota):
            self._queue.add_after(key, SECOND_LOOK_SECONDS)

    def _read(self, key: Key) -> Object | None:
        """The quota as it is now: the informer's may be older than what this controller wrote."""
        items = self._client.list(RESOURCE_QUOTAS, key[0], field_selector=f"metadata.name={key[1]}")["items"]
        return items[0] if items else None

    def _forget(self, key: Key) -> None:
        with self._lock:
            self._counted.pop(key, None)
            self._unknown.discard(key)
        self._pauses.pop(key, None)

    def _write(self, quota: Object, counted: ResourceList) -> None:
        """What could not be counted stays as it was."""
        status = quota.get("status") or {}
        hard, known = parsed((quota.get("spec") or {}).get("hard")), parsed(status.get("used"))
        used = masked({**known, **counted}, hard)
        if not _is_outdated(quota) and status.get("used") is not None and used == known:
            return
        try:
            self._put(quota, used)
        except NotFound:
            return
        except Conflict:
            if _is_outdated(quota) or used.keys() != known.keys():
                raise
            self._release(quota, known, used)

    def _put(self, quota: Object, used: ResourceList) -> None:
        hard = (quota.get("spec") or {}).get("hard") or {}
        self._client.update(
            RESOURCE_QUOTAS,
            quota["metadata"]["namespace"],
            {**quota, "status": {"hard": hard, "used": texts_of(used)}},
            subresource="status",
            once=True,
        )

    def _release(self, quota: Object, known: ResourceList, counted: ResourceList) -> None:
        """Takes what a count found free off a quota that was charged since it was read: as charges only ever add, it is still free.

        What has come to be used uncharged is left to a count that nobody comes between.
        """
        key = key_of(quota)
        for _ in range(_RELEASES):
            newest = self._read(key)
            if newest is None:
                return
            charged = parsed((newest.get("status") or {}).get("used"))
            same = newest["metadata"]["uid"] == quota["metadata"]["uid"] and newest.get("spec") == quota.get("spec")
            if not same or charged.keys() != known.keys() or any(charged[name] < amount for name, amount in known.items()):
                raise Requeue(_PAUSE[0])
            free = {name: known[name] - amount for name, amount in counted.items() if amount < known[name]}
            if not free:
                break
            changed = {name: max(amount - free[name], ZERO) if name in free else amount for name, amount in charged.items()}
            try:
                self._put(newest, changed)
            except Conflict:
                continue
            break
        raise Requeue(self._pauses.get(key, _PAUSE[0]))

    # beside the queue

    def resync(self, stop: threading.Event) -> None:  # noqa: ARG002 - a loop's signature
        for quota in self._quotas.list():
            self._queue.add(key_of(quota))

    def tidy(self, stop: threading.Event) -> None:  # noqa: ARG002
        """Looks whether what nobody served is served now, and watches no longer what no quota limits."""
        with self._lock:
            unknown = tuple(self._unknown)
            needed = {resource for counted in self._counted.values() for resource in counted}
        self._watching.keep(needed)
        if unknown and self._counter.quotable.refresh():
            for key in unknown:
                self._queue.add(key)

    def close(self) -> None:
        self._watching.stop()


def _is_outdated(quota: Object) -> bool:
    """Whether the status has other limits than the spec."""
    limits = parsed((quota.get("spec") or {}).get("hard"))
    return (quota.get("status") or {}).get("hard") is None or parsed(quota["status"]["hard"]) != limits


def build(context: Context) -> Controller:
    queue: WorkQueue[Key] = WorkQueue(max_seconds=60.0)
    reconciler = QuotaReconciler(context, queue)
    loops = (Loop(SYNC_SECONDS, reconciler.resync), Loop(_TIDY_SECONDS, reconciler.tidy))
    return Controller(queue, reconciler.sync, workers=3, loops=loops, close=reconciler.close)
