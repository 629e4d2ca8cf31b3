"""Watches the heartbeats of nodes: one that is silent turns Unknown, is tainted, and its pods are no longer ready.

Upstream: `pkg/controller/nodelifecycle/node_lifecycle_controller.go`.
"""

from __future__ import annotations

import datetime
import logging
import threading
from typing import Final

from msgspec import Struct

from cluster.api.errors import Conflict, NotFound, StatusError
from cluster.api.names import Object
from cluster.client import times
from cluster.client.cache import Cache, Key
from cluster.client.events import NORMAL, WARNING, EventRecorder
from cluster.client.http import STRATEGIC_MERGE_PATCH, ApiClient
from cluster.client.resources import LEASES, NODES, PODS
from cluster.client.work_queue import WorkQueue
from cluster.controllers.framework import Context, Controller, Loop, ManagerOptions, enqueue_by
from cluster.controllers.objects import Objects, by_node, condition, copied, created_at, name_of, namespace_of, uid_of
from cluster.controllers.taints import Taint, swap, taints_of

_LOG: Final = logging.getLogger(__name__)
NOT_READY: Final = "node.kubernetes.io/not-ready"
UNREACHABLE: Final = "node.kubernetes.io/unreachable"
_LEASES: Final = "kube-node-lease"
_UNSCHEDULABLE: Final = "node.kubernetes.io/unschedulable"
_BY_CONDITION: Final = {
    ("Ready", "False"): NOT_READY,
    ("Ready", "Unknown"): UNREACHABLE,
    ("MemoryPressure", "True"): "node.kubernetes.io/memory-pressure",
    ("DiskPressure", "True"): "node.kubernetes.io/disk-pressure",
    ("NetworkUnavailable", "True"): "node.kubernetes.io/network-unavailable",
    ("PIDPressure", "True"): "node.kubernetes.io/pid-pressure",
}
_OWNED: Final = frozenset(_BY_CONDITION.values()) | {_UNSCHEDULABLE}
_FADING: Final = ("Ready", "MemoryPressure", "DiskPressure", "PIDPressure")
_EXECUTE: Final[dict[str, Taint]] = {"False": (NOT_READY, "NoExecute"), "Unknown": (UNREACHABLE, "NoExecute")}


def no_schedule_taints(node: Object) -> tuple[list[Taint], list[Taint]]:
    """(to add, to remove) so that the NoSchedule taints say what the conditions and spec.unschedulable say."""
    conditions = (node.get("status") or {}).get("conditions") or ()
    keys = [_BY_CONDITION.get((each["type"], each["status"])) for each in conditions]
    wanted = {key for key in keys if key is not None}
    if (node.get("spec") or {}).get("unschedulable"):
        wanted.add(_UNSCHEDULABLE)
    present = {each["key"] for each in taints_of(node) if each["effect"] == "NoSchedule" and each["key"] in _OWNED}
    return [(key, "NoSchedule") for key in sorted(wanted - present)], [(key, "NoSchedule") for key in sorted(present - wanted)]


def ready_status(node: Object) -> str:
    """`True`, `False` or `Unknown`; empty where it was never said."""
    found = condition((node.get("status") or {}).get("conditions"), "Ready")
    return str(found["status"]) if found is not None else ""


def faded(node: Object, now: datetime.datetime) -> list[Object] | None:
    """The conditions of a node that is silent: Unknown, with the reason; None where they say so already."""
    stamp = times.time(now)
    conditions = [dict(each) for each in (node.get("status") or {}).get("conditions") or ()]
    changed = False
    for kind in _FADING:
        old = condition(conditions, kind)
        if old is None:
            made = {"type": kind, "status": "Unknown", "reason": "NodeStatusNeverUpdated", "message": "Kubelet never posted node status."}
            conditions.append(made | {"lastHeartbeatTime": created_at(node), "lastTransitionTime": stamp})
            changed = True
        elif old["status"] != "Unknown":
            old |= {"status": "Unknown", "reason": "NodeStatusUnknown", "message": "Kubelet stopped posting node status."}
            old["lastTransitionTime"] = stamp
            changed = True
    return conditions if changed else None


class Health(Struct):
    """The last sign of life, by our own clock: nodes' clocks may differ."""

    seen: datetime.datetime
    heartbeat: str
    renewed: str


class NodeLifecycle:
    """`monitor` is one round over all nodes; `taint` reconciles one node's NoSchedule taints."""

    def __init__(self, client: ApiClient, events: EventRecorder, nodes: Cache, leases: Cache, pods: Cache, options: ManagerOptions) -> None:
        self._client = client
        self._events = events
        self._nodes = nodes
        self._leases = leases
        self._pods = pods
        self._options = options
        self._health: dict[str, Health] = {}
        self._known: dict[str, Object] = {}
        self._unmarked: set[str] = set()

    def taint(self, key: Key) -> None:
        node = self._nodes.get(*key)
        if node is not None:
            swap(self._client, node, *no_schedule_taints(node))

    def monitor(self, stop: threading.Event) -> None:
        nodes = self._nodes.list()
        self._notice(nodes)
        checked: Objects = []
        for node in nodes:
            if stop.is_set():
                return
            try:
                checked.append(self._check(node))
            except NotFound:
                continue
            except StatusError as error:
                _LOG.info("node %s: %s", name_of(node), error.message)
        disrupted = bool(checked) and all(ready_status(node) != "True" for node in checked)
        for node in checked:
            self._evict_or_not(node, disrupted)

    def _notice(self, nodes: Objects) -> None:
        """Events for nodes that came and went."""
        present = {name_of(node): node for node in nodes}
        for name, node in present.items():
            if name not in self._known:
                self._node_event(node, NORMAL, "RegisteredNode", f"Node {name} event: Registered Node {name} in Controller")
        for name in self._known.keys() - present.keys():
            self._node_event(self._known[name], NORMAL, "RemovingNode", f"Node {name} event: Removing Node {name} from Controller")
            self._health.pop(name, None)
            self._unmarked.discard(name)
        self._known = present

    def _check(self, node: Object) -> Object:
        """The node as it is after this round."""
        name, before = name_of(node), ready_status(node)
        if self._is_silent(node):
            conditions = faded(node, times.now())
            if conditions is not None:
                changed = copied(node)
                changed.setdefault("status", {})["conditions"] = conditions
                try:
                    node = self._client.update(NODES, "", changed, subresource="status")
                except Conflict:
                    return node  # it may have reported just now: the next round tells
        after = ready_status(node)
        if before == "True" and after != "True":
            self._node_event(node, NORMAL, "NodeNotReady", f"Node {name} status is now: NodeNotReady")
            self._unmarked.add(name)
        if name in self._unmarked:
            if after != "True":
                self._mark_pods(name)
            self._unmarked.discard(name)
        return node

    def _is_silent(self, node: Object) -> bool:
        name, now = name_of(node), times.now()
        ready = condition((node.get("status") or {}).get("conditions"), "Ready")
        lease = self._leases.get(_LEASES, name)
        renewed = str((lease.get("spec") or {}).get("renewTime") or "") if lease is not None else ""
        heartbeat = str(ready.get("lastHeartbeatTime") or "") if ready is not None else ""
        known = self._health.get(name)
        if known is None:
            seen = now if ready is not None else times.parse(created_at(node)) or now
            known = self._health[name] = Health(seen, heartbeat, renewed)
        elif (renewed, heartbeat) != (known.renewed, known.heartbeat):
            known.seen, known.renewed, known.heartbeat = now, renewed, heartbeat
        grace = self._options.node_monitor_grace_period if ready is not None else self._options.node_startup_grace_period
        return (now - known.seen).total_seconds() > grace

    def _mark_pods(self, node: str) -> None:
        """Their services must not send them anything."""
        for pod in self._pods.by_index("node", node):
            ready = condition((pod.get("status") or {}).get("conditions"), "Ready")
            if ready is None or ready["status"] == "False":
                continue
            made = {"type": "Ready", "status": "False", "lastTransitionTime": times.time()}
            patch = {"metadata": {"uid": uid_of(pod)}, "status": {"conditions": [made]}}
            try:
                self._client.patch(PODS, namespace_of(pod), name_of(pod), patch, content_type=STRATEGIC_MERGE_PATCH, subresource="status")
            except NotFound:
                continue
            self._events.event(pod, WARNING, "NodeNotReady", "Node is not ready")

    def _evict_or_not(self, node: Object, disrupted: bool) -> None:
        """The NoExecute taint of its state; none where every node is silent, as then it is rather we who are cut off."""
        wanted = None if disrupted else _EXECUTE.get(ready_status(node))
        remove = [taint for taint in _EXECUTE.values() if taint != wanted]
        try:
            swap(self._client, node, [wanted] if wanted is not None else [], remove)
        except NotFound:
            return
        except StatusError as error:
            _LOG.info("node %s is not tainted: %s", name_of(node), error.message)

    def _node_event(self, node: Object, kind: str, reason: str, message: str) -> None:
        about = {"kind": "Node", "apiVersion": "v1", "name": name_of(node), "uid": uid_of(node)}
        self._events.event(about, kind, reason, message)


def build(context: Context) -> Controller:
    informers, options = context.informers, context.options
    nodes, leases = informers.of(NODES), informers.of(LEASES)
    pods = informers.of(PODS, indexers={"node": by_node})
    made = NodeLifecycle(context.client, context.events, nodes.cache, leases.cache, pods.cache, options)
    queue: WorkQueue[Key] = WorkQueue(max_seconds=10.0)
    nodes.add_handler(enqueue_by(queue))
    return Controller(queue, made.taint, loops=(Loop(options.node_monitor_period, made.monitor),))
