"""One thread that chooses nodes, and a few that bind.  Upstream: `pkg/scheduler/schedule_one.go`."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from cluster.api.errors import Conflict, NotFound, StatusError
from cluster.api.names import Object
from cluster.client import times
from cluster.client.events import NORMAL, WARNING, EventRecorder
from cluster.client.http import STRATEGIC_MERGE_PATCH, ApiClient
from cluster.client.resources import PODS
from cluster.scheduler import preemption
from cluster.scheduler.cache import Cache, PodInfo
from cluster.scheduler.framework import Cycle, Listers, Profile, Unschedulable, schedule
from cluster.scheduler.profiles.default import PROFILE
from cluster.scheduler.queue import QueuedPod, SchedulingQueue

_LOG: Final = logging.getLogger(__name__)
_BINDERS: Final = 4


class Scheduler:
    """`run` schedules what is in the queue until it is closed."""

    def __init__(
        self, client: ApiClient, queue: SchedulingQueue, cache: Cache, listers: Listers, profiles: Sequence[Profile], events: EventRecorder
    ) -> None:
        self._client = client
        self._queue = queue
        self._cache = cache
        self._listers = listers
        self._profiles = {profile.name: profile for profile in profiles}
        self._events = events
        self._binders = ThreadPoolExecutor(_BINDERS, thread_name_prefix="binder")

    def run(self) -> None:
        while (queued := self._queue.pop()) is not None:
            moves = self._queue.moves
            try:
                self._schedule(queued, moves)
            except Exception:
                _LOG.exception("%s/%s could not be scheduled", *queued.key)
                self._queue.fail(queued, moves=moves, error=True)

    def close(self) -> None:
        self._queue.close()
        self._binders.shutdown(wait=True, cancel_futures=True)

    def _schedule(self, queued: QueuedPod, moves: int) -> None:
        pod = queued.pod
        if pod["metadata"].get("deletionTimestamp") or self._cache.is_placed(queued.key):
            self._queue.done(queued)
            return
        profile = self._profiles[pod["spec"].get("schedulerName") or PROFILE.name]
        try:
            with self._cache.lock:
                cycle = Cycle(PodInfo.of(pod), self._cache.nodes(), self._listers)
                node = schedule(profile, cycle)
                self._cache.assume(pod, node)
        except Unschedulable as error:
            with self._cache.lock:
                message = error.message + preemption.explanation(pod, len(self._cache.nodes()), error.rejections)
            self._refuse(queued, message, moves)
            return
        self._binders.submit(self._bind, queued, node, moves)

    def _bind(self, queued: QueuedPod, node: str, moves: int) -> None:
        pod = queued.pod
        namespace, name = queued.key
        body = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"namespace": namespace, "name": name, "uid": pod["metadata"]["uid"]},
            "target": {"kind": "Node", "name": node},
        }
        try:
            self._client.create(PODS, namespace, body, name=name, subresource="binding")
        except (NotFound, Conflict) as error:
            # It is gone, or was bound or made anew: the informer tells which.
            _LOG.info("%s/%s is not bound: %s", namespace, name, error.message)
            self._cache.forget(queued.key)
            self._queue.fail(queued, moves=moves, error=True)
        except StatusError as error:
            self._cache.forget(queued.key)
            self._events.event(pod, WARNING, "FailedScheduling", f"binding rejected: {error.message}")
            self._queue.fail(queued, moves=moves, error=True)
        else:
            self._queue.done(queued)
            self._events.event(pod, NORMAL, "Scheduled", f"Successfully assigned {namespace}/{name} to {node}")

    def _refuse(self, queued: QueuedPod, message: str, moves: int) -> None:
        pod = queued.pod
        self._queue.fail(queued, moves=moves)
        self._events.event(pod, WARNING, "FailedScheduling", message)
        patch = _condition_patch(pod, message)
        if patch is None:
            return
        try:
            self._client.patch(PODS, *queued.key, patch, content_type=STRATEGIC_MERGE_PATCH, subresource="status")
        except NotFound:
            return
        except StatusError as error:
            _LOG.info("the condition of %s/%s is not written: %s", *queued.key, error.message)


def _condition_patch(pod: Object, message: str) -> Object | None:
    """None where the pod says so already."""
    old = next((each for each in (pod.get("status") or {}).get("conditions") or () if each.get("type") == "PodScheduled"), None)
    made = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    if old is not None and all(old.get(name) == value for name, value in made.items()):
        return None
    since = old.get("lastTransitionTime") if old is not None and old.get("status") == "False" else None
    made |= {"lastTransitionTime": since or times.time()}
    return {"status": {"conditions": [made]}}
