"""Removes what was granted for a time, soon after it ended: role bindings, and records of kubeconfigs that are of no use any more.

An ended grant counts no longer from its very moment on, for authorization reads the same annotation: what happens here is tidying, and
tells of it.  The record of a kubeconfig stays for a day after its last credential ended, so that one can still see who had it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Final

from cluster.api.errors import Conflict, NotFound
from cluster.api.expiry import expiry_of
from cluster.api.meta import parse_time
from cluster.api.names import GroupVersionResource, Object
from cluster.client.cache import Key
from cluster.client.events import NORMAL
from cluster.client.informer import Handler, Informer
from cluster.client.resources import CLUSTER_ROLE_BINDINGS, ROLE_BINDINGS
from cluster.client.work_queue import WorkQueue
from cluster.controllers.framework import Context, Controller
from cluster.controllers.objects import name_of, namespace_of, uid_of

KUBECONFIGS: Final = GroupVersionResource("berth.io", "v1alpha1", "kubeconfigs")
CLUSTER_KUBECONFIGS: Final = GroupVersionResource("berth.io", "v1alpha1", "clusterkubeconfigs")
RETENTION: Final = 86400.0
"""Seconds that the record of a kubeconfig outlives its last credential."""
_SOON: Final = 0.2
"""Added to the wait, so that the end is past when it is looked at."""
_KINDS: Final = {
    ROLE_BINDINGS: "RoleBinding",
    CLUSTER_ROLE_BINDINGS: "ClusterRoleBinding",
    KUBECONFIGS: "Kubeconfig",
    CLUSTER_KUBECONFIGS: "ClusterKubeconfig",
}


def binding_end(binding: Object) -> float | None:
    """When a binding is to go, in epoch seconds; None for one without an end, or with one that nobody can read."""
    expires = expiry_of(binding)
    return expires if expires is not None and math.isfinite(expires) else None


def kubeconfig_end(record: Object) -> float | None:
    """When the record of a kubeconfig is to go; None where no credential was issued by it."""
    ends = []
    for each in (record.get("status") or {}).get("credentials") or ():
        times = [parse_time(each[name]).timestamp() for name in ("expiresAt", "revokedAt") if each.get(name)]
        ends.append(min(times, default=math.inf))
    last = max(ends, default=math.inf)
    return last + RETENTION if math.isfinite(last) else None


class Grants:
    """The queue's keys are (`<resource>/<namespace>`, name), as they are of several kinds."""

    def __init__(self, context: Context, queue: WorkQueue[Key]) -> None:
        self._client = context.client
        self._events = context.events
        self._queue = queue
        self._of: dict[str, tuple[GroupVersionResource, Informer, Callable[[Object], float | None]]] = {}
        for resource in (ROLE_BINDINGS, CLUSTER_ROLE_BINDINGS):
            self._follow(resource, context.informers.selected(resource, metadata_only=True), binding_end)
        for resource in (KUBECONFIGS, CLUSTER_KUBECONFIGS):
            self._follow(resource, context.informers.of(resource), kubeconfig_end)

    def _follow(self, resource: GroupVersionResource, informer: Informer, end: Callable[[Object], float | None]) -> None:
        self._of[resource.resource] = (resource, informer, end)

        def seen(obj: Object) -> None:
            if end(obj) is not None:
                self._queue.add((f"{resource.resource}/{namespace_of(obj)}", name_of(obj)))

        informer.add_handler(Handler(seen, lambda _, new: seen(new)))

    def sync(self, key: Key) -> None:
        kind, _, namespace = key[0].partition("/")
        resource, informer, end_of = self._of[kind]
        obj = informer.get(namespace, key[1])
        end = end_of(obj) if obj is not None else None
        if obj is None or end is None:
            return
        left = end - time.time()
        if left > 0:
            self._queue.add_after(key, left + _SOON)
            return
        self._remove(resource, obj)

    def _remove(self, resource: GroupVersionResource, obj: Object) -> None:
        """Only as it was seen: one that was given a later end meanwhile stays."""
        preconditions = {"uid": uid_of(obj), "resourceVersion": obj["metadata"]["resourceVersion"]}
        try:
            self._client.delete(resource, namespace_of(obj), name_of(obj), options={"preconditions": preconditions})
        except (NotFound, Conflict):
            return  # the informer tells what became of it
        about = {
            "kind": _KINDS[resource],
            "apiVersion": f"{resource.group}/{resource.version}",
            "namespace": namespace_of(obj),
            "name": name_of(obj),
            "uid": uid_of(obj),
        }
        self._events.event({key: value for key, value in about.items() if value}, NORMAL, "GrantExpired", "removed, as its time is over")


def build(context: Context) -> Controller:
    queue: WorkQueue[Key] = WorkQueue(max_seconds=60.0)
    return Controller(queue, Grants(context, queue).sync)
