"""Removes pods that nobody else will: on nodes that are gone, never scheduled and terminating, and too many finished ones.

Upstream: `pkg/controller/podgc/gc_controller.go`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from cluster.api.errors import NotFound
from cluster.api.names import Object
from cluster.client import times
from cluster.client.cache import Cache
from cluster.client.http import STRATEGIC_MERGE_PATCH, ApiClient
from cluster.client.resources import NODES, PODS
from cluster.controllers.framework import Context, Controller, Loop
from cluster.controllers.objects import Objects, being_deleted, created_at, name_of, namespace_of, pod_phase, uid_of

PERIOD: Final = 20.0
QUARANTINE: Final = 40.0
_FINISHED: Final = frozenset({"Succeeded", "Failed"})
_OUT_OF_SERVICE: Final = "node.kubernetes.io/out-of-service"


def surplus(pods: Objects, threshold: int) -> Objects:
    """The oldest finished pods above the threshold; 0 keeps all."""
    finished = sorted((pod for pod in pods if pod_phase(pod) in _FINISHED), key=lambda pod: (created_at(pod), name_of(pod)))
    return finished[: len(finished) - threshold] if threshold > 0 and len(finished) > threshold else []


class PodGarbage:
    """`collect` is one round."""

    def __init__(self, client: ApiClient, pods: Cache, nodes: Cache, threshold: int, now: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._pods = pods
        self._nodes = nodes
        self._threshold = threshold
        self._now = now
        self._missing: dict[str, float] = {}

    def collect(self, stop: threading.Event) -> None:
        pods = self._pods.list()
        for pod in surplus(pods, self._threshold):
            self._delete(pod)
        gone = self._gone({pod["spec"].get("nodeName") or "" for pod in pods} - {""})
        for pod in pods:
            node = pod["spec"].get("nodeName") or ""
            if stop.is_set():
                return
            if node in gone:
                self._fail(pod, "PodGC: node no longer exists")
                self._delete(pod)
            elif being_deleted(pod) and (not node or self._out_of_service(node)):
                self._delete(pod)

    def _gone(self, used: set[str]) -> set[str]:
        """Nodes that have been missing for a while, and that the API server has not either."""
        missing = {name for name in used if self._nodes.get("", name) is None}
        self._missing = {name: since for name, since in self._missing.items() if name in missing}
        found = set()
        for name in missing:
            if self._now() - self._missing.setdefault(name, self._now()) < QUARANTINE:
                continue
            try:
                self._client.get(NODES, "", name, metadata_only=True)
            except NotFound:
                found.add(name)
        return found

    def _out_of_service(self, node: str) -> bool:
        found = self._nodes.get("", node)
        return found is not None and any(each["key"] == _OUT_OF_SERVICE for each in (found.get("spec") or {}).get("taints") or ())

    def _fail(self, pod: Object, message: str) -> None:
        if pod_phase(pod) in _FINISHED:
            return
        made = {"type": "DisruptionTarget", "status": "True", "reason": "DeletionByPodGC", "message": message}
        patch = {"status": {"phase": "Failed", "conditions": [made | {"lastTransitionTime": times.time()}]}}
        try:
            self._client.patch(PODS, namespace_of(pod), name_of(pod), patch, content_type=STRATEGIC_MERGE_PATCH, subresource="status")
        except NotFound:
            return

    def _delete(self, pod: Object) -> None:
        options = {"gracePeriodSeconds": 0, "preconditions": {"uid": uid_of(pod)}}
        try:
            self._client.delete(PODS, namespace_of(pod), name_of(pod), options=options)
        except NotFound:
            return


def build(context: Context) -> Controller:
    pods, nodes = context.informers.of(PODS), context.informers.of(NODES)
    made = PodGarbage(context.client, pods.cache, nodes.cache, context.options.terminated_pod_threshold)
    return Controller(loops=(Loop(PERIOD, made.collect),))
