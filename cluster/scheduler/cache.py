"""The nodes with the pods on them, those that are only assumed to be there included.  Upstream: `pkg/scheduler/backend/cache`."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from msgspec import Struct, field

from cluster.api.names import Object
from cluster.scheduler.pod_resources import Amounts, add, amounts, host_ports, requests, scored_requests

Key = tuple[str, str]
"""(namespace, name)."""


class PodInfo(Struct, frozen=True):
    """A pod with what is computed of it once."""

    pod: Object
    requests: Amounts
    scored: Amounts
    ports: frozenset[tuple[str, str, int]]

    @classmethod
    def of(cls, pod: Object) -> PodInfo:
        return cls(pod, requests(pod), scored_requests(pod), host_ports(pod))

    @property
    def key(self) -> Key:
        metadata = self.pod["metadata"]
        return metadata.get("namespace", ""), metadata["name"]


class NodeInfo(Struct):
    """A node and the sums over its pods; `node` is None while pods are known on a node that isn't."""

    node: Object | None = None
    allocatable: Amounts = field(default_factory=dict)
    pods: dict[Key, PodInfo] = field(default_factory=dict)
    requested: Amounts = field(default_factory=dict)
    scored: Amounts = field(default_factory=dict)

    @property
    def name(self) -> str:
        assert self.node is not None
        return str(self.node["metadata"]["name"])

    @property
    def labels(self) -> dict[str, str]:
        assert self.node is not None
        return self.node["metadata"].get("labels") or {}

    def place(self, info: PodInfo) -> None:
        self.pods[info.key] = info
        add(self.requested, info.requests)
        add(self.scored, info.scored)

    def take(self, key: Key) -> None:
        info = self.pods.pop(key, None)
        if info is not None:
            add(self.requested, info.requests, -1)
            add(self.scored, info.scored, -1)

    def copy(self) -> NodeInfo:
        return NodeInfo(self.node, self.allocatable, dict(self.pods), dict(self.requested), dict(self.scored))


class Cache:
    """Written by informers and by assumption, read by the scheduling cycle under `lock`."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._nodes: dict[str, NodeInfo] = {}
        self._where: dict[Key, str] = {}
        self._assumed: set[Key] = set()

    def set_node(self, node: Object) -> None:
        with self.lock:
            info = self._nodes.setdefault(node["metadata"]["name"], NodeInfo())
            info.node = node
            info.allocatable = amounts((node.get("status") or {}).get("allocatable"))

    def remove_node(self, name: str) -> None:
        """Its pods stay known until they are deleted."""
        with self.lock:
            info = self._nodes.get(name)
            if info is not None:
                info.node = None
                self._drop_if_empty(name)

    def set_pod(self, pod: Object) -> None:
        """A pod that the API server says is bound; it confirms an assumption, or corrects it."""
        info = PodInfo.of(pod)
        with self.lock:
            self._assumed.discard(info.key)
            self._take(info.key)
            self._place(info, pod["spec"]["nodeName"])

    def remove_pod(self, key: Key) -> None:
        with self.lock:
            self._assumed.discard(key)
            self._take(key)

    def assume(self, pod: Object, node: str) -> None:
        """Counts it there until the API server confirms it, or `forget`."""
        with self.lock:
            info = PodInfo.of(pod)
            self._take(info.key)
            self._place(info, node)
            self._assumed.add(info.key)

    def forget(self, key: Key) -> None:
        """The binding failed: it is not there after all."""
        with self.lock:
            if key in self._assumed:
                self._assumed.discard(key)
                self._take(key)

    def is_placed(self, key: Key) -> bool:
        with self.lock:
            return key in self._where

    def nodes(self) -> list[NodeInfo]:
        """Those that exist, by name; hold `lock` while they are used."""
        return [self._nodes[name] for name in sorted(self._nodes) if self._nodes[name].node is not None]

    def pods(self) -> Iterator[PodInfo]:
        for info in self._nodes.values():
            yield from info.pods.values()

    def _place(self, info: PodInfo, node: str) -> None:
        self._where[info.key] = node
        self._nodes.setdefault(node, NodeInfo()).place(info)

    def _take(self, key: Key) -> None:
        node = self._where.pop(key, None)
        if node is not None:
            self._nodes[node].take(key)
            self._drop_if_empty(node)

    def _drop_if_empty(self, name: str) -> None:
        info = self._nodes[name]
        if info.node is None and not info.pods:
            del self._nodes[name]
