"""Keeps the queue and the cache current: what the scheduler watches, and what each change means to it.

Upstream: `pkg/scheduler/eventhandlers.go`.
"""

from __future__ import annotations

import threading
from typing import Final

from cluster.api.names import GroupVersionResource, Object
from cluster.client.cache import key_of
from cluster.client.http import ApiClient
from cluster.client.informer import Handler, Informer, Transform
from cluster.client.resources import NAMESPACES, NODES, PODS, REPLICA_SETS, REPLICATION_CONTROLLERS, SERVICES, STATEFUL_SETS
from cluster.scheduler import trimming
from cluster.scheduler.cache import Cache
from cluster.scheduler.framework import Listers
from cluster.scheduler.queue import SchedulingQueue

_UNFINISHED: Final = "status.phase!=Succeeded,status.phase!=Failed"


class Watched:
    """The scheduler's informers; `names` are the schedulerNames that it answers to."""

    def __init__(self, client: ApiClient, queue: SchedulingQueue, cache: Cache, names: frozenset[str]) -> None:
        self._queue = queue
        self._cache = cache
        self._names = names

        def informer(resource: GroupVersionResource, transform: Transform) -> Informer:
            return Informer(client, resource, transform=transform)

        self._pods = Informer(client, PODS, field_selector=_UNFINISHED, transform=trimming.pod)
        self._nodes = informer(NODES, trimming.node)
        self.listers = Listers(
            services=informer(SERVICES, trimming.selector),
            replica_sets=informer(REPLICA_SETS, trimming.selector),
            replication_controllers=informer(REPLICATION_CONTROLLERS, trimming.selector),
            stateful_sets=informer(STATEFUL_SETS, trimming.selector),
            namespaces=informer(NAMESPACES, trimming.metadata),
        )
        self._pods.add_handler(Handler(self._pod_added, self._pod_updated, self._pod_deleted))
        self._nodes.add_handler(Handler(self._node_added, self._node_updated, self._node_deleted))

    @property
    def _informers(self) -> list[Informer]:
        listers = self.listers
        optional = (listers.services, listers.replica_sets, listers.replication_controllers, listers.stateful_sets, listers.namespaces)
        return [self._nodes, self._pods, *(each for each in optional if each is not None)]

    def start(self) -> None:
        for each in self._informers:
            each.start()

    def wait_synced(self, stop: threading.Event) -> bool:
        """Waits for ever; False when stopped first."""
        for each in self._informers:
            while not each.wait_synced(0.1):
                if stop.is_set():
                    return False
        return True

    def stop(self) -> None:
        for each in self._informers:
            each.stop()

    def _is_ours(self, pod: Object) -> bool:
        return (pod["spec"].get("schedulerName") or "default-scheduler") in self._names

    def _pod_added(self, pod: Object) -> None:
        if pod["spec"].get("nodeName"):
            self._cache.set_pod(pod)
            self._queue.remove(key_of(pod))
        elif self._is_ours(pod) and not pod["metadata"].get("deletionTimestamp"):
            self._queue.add(pod)

    def _pod_updated(self, old: Object, new: Object) -> None:
        if new["spec"].get("nodeName"):
            self._cache.set_pod(new)
            self._queue.remove(key_of(new))
            if old["metadata"].get("labels") != new["metadata"].get("labels"):
                self._queue.move()
        elif new["metadata"].get("deletionTimestamp"):
            self._queue.remove(key_of(new))
        elif self._is_ours(new):
            if old["spec"].get("schedulingGates") and not new["spec"].get("schedulingGates"):
                self._queue.add(new)
            else:
                changed = old["spec"] != new["spec"] or old["metadata"].get("labels") != new["metadata"].get("labels")
                self._queue.update(new, retry=changed)

    def _pod_deleted(self, pod: Object) -> None:
        self._queue.remove(key_of(pod))
        self._cache.remove_pod(key_of(pod))
        self._queue.move()

    def _node_added(self, node: Object) -> None:
        self._cache.set_node(node)
        self._queue.move()

    def _node_updated(self, old: Object, new: Object) -> None:
        self._cache.set_node(new)
        if any(old[part] != new[part] for part in ("spec", "status")) or old["metadata"].get("labels") != new["metadata"].get("labels"):
            self._queue.move()

    def _node_deleted(self, node: Object) -> None:
        self._cache.remove_node(node["metadata"]["name"])
