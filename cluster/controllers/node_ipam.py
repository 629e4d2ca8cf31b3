"""Gives each node a part of the pod range.  Upstream: `pkg/controller/nodeipam/ipam/range_allocator.go`."""

from __future__ import annotations

import ipaddress
import threading
from collections.abc import Iterable

from cluster.api.errors import NotFound
from cluster.api.names import Object
from cluster.client.cache import Key
from cluster.client.events import NORMAL
from cluster.client.informer import Handler
from cluster.client.resources import NODES
from cluster.client.work_queue import WorkQueue
from cluster.controllers.framework import Context, Controller, enqueue_by
from cluster.controllers.objects import name_of, uid_of

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def cidrs_of(node: Object) -> list[str]:
    spec = node.get("spec") or {}
    return spec.get("podCIDRs") or ([spec["podCIDR"]] if spec.get("podCIDR") else [])


def first_free(cluster: str, mask: int, taken: Iterable[str]) -> str | None:
    """The first slice of the cluster's range that overlaps none that is taken; None where all are."""
    used = [ipaddress.ip_network(each, strict=False) for each in taken]
    for candidate in ipaddress.ip_network(cluster).subnets(new_prefix=mask):
        if not any(_overlap(candidate, each) for each in used):
            return str(candidate)
    return None


def _overlap(one: Network, other: Network) -> bool:
    return one.version == other.version and one.overlaps(other)


def build(context: Context) -> Controller:
    nodes, options = context.informers.of(NODES), context.options
    queue: WorkQueue[Key] = WorkQueue(max_seconds=10.0)
    lock = threading.Lock()
    given: dict[str, str] = {}
    """What was just given, until the cache shows it."""

    def reconcile(key: Key) -> None:
        name = key[1]
        with lock:
            node = nodes.get("", name)
            if node is None or cidrs_of(node):
                given.pop(name, None)
                return
            taken = [cidr for each in nodes.list() for cidr in cidrs_of(each)] + [cidr for owner, cidr in given.items() if owner != name]
            cidr = first_free(options.pod_cidr, options.node_cidr_mask, taken)
            if cidr is None:
                about = {"kind": "Node", "apiVersion": "v1", "name": name, "uid": uid_of(node)}
                context.events.event(about, NORMAL, "CIDRNotAvailable", f"Node {name} status is now: CIDRNotAvailable")
                return
            given[name] = cidr
        try:
            context.client.patch(NODES, "", name_of(node), {"spec": {"podCIDR": cidr, "podCIDRs": [cidr]}})
        except NotFound:
            given.pop(name, None)

    def gone(node: Object) -> None:
        """A slice is free again: whoever had none may have it."""
        given.pop(name_of(node), None)
        for each in nodes.list():
            if not cidrs_of(each):
                queue.add(("", name_of(each)))

    nodes.add_handler(enqueue_by(queue))
    nodes.add_handler(Handler(deleted=gone))
    return Controller(queue, reconcile if options.pod_cidr else None)
