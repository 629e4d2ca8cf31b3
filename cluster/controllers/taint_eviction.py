"""Deletes pods from nodes with NoExecute taints that they don't tolerate, or no longer do.

Upstream: `pkg/controller/tainteviction/taint_eviction.go`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final

from cluster.api.errors import NotFound
from cluster.api.names import Object
from cluster.api.tolerations import tolerates
from cluster.client import times
from cluster.client.cache import Cache, Key, key_of
from cluster.client.events import NORMAL, EventRecorder
from cluster.client.http import STRATEGIC_MERGE_PATCH, ApiClient
from cluster.client.informer import Handler
from cluster.client.resources import NODES, PODS
from cluster.client.work_queue import WorkQueue
from cluster.controllers.framework import Context, Controller, Requeue
from cluster.controllers.objects import being_deleted, by_node, condition, name_of, namespace_of, uid_of
from cluster.controllers.taints import taints_of

_REASON: Final = "DeletionByTaintManager"
_MESSAGE: Final = "Taint manager: deleting due to NoExecute taint"


def no_execute(node: Object | None) -> list[Object]:
    return [each for each in taints_of(node) if each.get("effect") == "NoExecute"] if node is not None else []


def stays_for(taints: Sequence[Object], tolerations: Sequence[Object]) -> float | None:
    """Seconds from the taints' beginning until the pod must go: 0 where one isn't tolerated; None: for ever."""
    shortest: float | None = None
    for taint in taints:
        fitting = [each for each in tolerations if tolerates(each, taint)]
        if not fitting:
            return 0.0
        # Of several tolerations of one taint the first is the one that counts, as upstream has it.
        seconds = fitting[0].get("tolerationSeconds")
        if seconds is not None:
            shortest = min(shortest if shortest is not None else float(seconds), max(0.0, float(seconds)))
    return shortest


class TaintEviction:
    """`sync` looks at one pod; a pod's time begins when it is first seen tainted, and begins anew when the taints go."""

    def __init__(
        self, client: ApiClient, events: EventRecorder, nodes: Cache, pods: Cache, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._events = events
        self._nodes = nodes
        self._pods = pods
        self._now = now
        self._since: dict[Key, tuple[str, float]] = {}

    def sync(self, key: Key) -> None:
        pod = self._pods.get(*key)
        node = self._nodes.get("", (pod["spec"].get("nodeName") or "")) if pod is not None else None
        taints = no_execute(node)
        if pod is None or being_deleted(pod) or not taints:
            self._cancel(key, pod)
            return
        seconds = stays_for(taints, pod["spec"].get("tolerations") or ())
        if seconds is None:
            self._cancel(key, pod)
            return
        uid, since = self._since.get(key, ("", 0.0))
        if uid != uid_of(pod):
            since = self._now()
            self._since[key] = (uid_of(pod), since)
        left = since + seconds - self._now()
        if left > 0:
            raise Requeue(left)
        self._evict(pod)
        self._since.pop(key, None)

    def _cancel(self, key: Key, pod: Object | None) -> None:
        if self._since.pop(key, None) is not None and pod is not None and not being_deleted(pod):
            self._event(pod, "Cancelling deletion of Pod {}")

    def _evict(self, pod: Object) -> None:
        self._event(pod, "Marking for deletion Pod {}")
        made = {"type": "DisruptionTarget", "status": "True", "reason": _REASON, "message": _MESSAGE}
        old = condition((pod.get("status") or {}).get("conditions"), "DisruptionTarget")
        namespace, name = namespace_of(pod), name_of(pod)
        try:
            if old is None or any(old.get(field) != value for field, value in made.items()):
                patch = {"metadata": {"uid": uid_of(pod)}, "status": {"conditions": [made | {"lastTransitionTime": times.time()}]}}
                self._client.patch(PODS, namespace, name, patch, content_type=STRATEGIC_MERGE_PATCH, subresource="status")
            self._client.delete(PODS, namespace, name, options={"preconditions": {"uid": uid_of(pod)}})
        except NotFound:
            return

    def _event(self, pod: Object, message: str) -> None:
        about = {"kind": "Pod", "apiVersion": "v1", "namespace": namespace_of(pod), "name": name_of(pod), "uid": uid_of(pod)}
        self._events.event(about, NORMAL, "TaintManagerEviction", message.format(f"{namespace_of(pod)}/{name_of(pod)}"))


def build(context: Context) -> Controller:
    nodes = context.informers.of(NODES)
    pods = context.informers.of(PODS, indexers={"node": by_node})
    queue: WorkQueue[Key] = WorkQueue(max_seconds=10.0)
    made = TaintEviction(context.client, context.events, nodes.cache, pods.cache)

    def node_seen(node: Object) -> None:
        for pod in pods.by_index("node", name_of(node)):
            queue.add(key_of(pod))

    def node_changed(old: Object, new: Object) -> None:
        if no_execute(old) != no_execute(new):
            node_seen(new)

    def pod_seen(pod: Object) -> None:
        if pod["spec"].get("nodeName"):
            queue.add(key_of(pod))

    def pod_changed(old: Object, new: Object) -> None:
        if any(old["spec"].get(field) != new["spec"].get(field) for field in ("nodeName", "tolerations")):
            pod_seen(new)

    nodes.add_handler(Handler(node_seen, node_changed))
    pods.add_handler(Handler(pod_seen, pod_changed, lambda pod: queue.add(key_of(pod))))
    return Controller(queue, made.sync)
