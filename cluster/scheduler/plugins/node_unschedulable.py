"""Nodes that are cordoned take no pods but those that tolerate it."""

from __future__ import annotations

from typing import Any, Final

from cluster.scheduler.cache import NodeInfo
from cluster.scheduler.framework import Cycle, Plugin, Rejection
from cluster.scheduler.taints import tolerated

_TAINT: Final = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
_REJECTION: Final = Rejection(("node(s) were unschedulable",), unresolvable=True)


def _filter(cycle: Cycle, _: Any, node: NodeInfo) -> Rejection | None:
    assert node.node is not None
    if not (node.node.get("spec") or {}).get("unschedulable") or tolerated(_TAINT, cycle.pod["spec"].get("tolerations")):
        return None
    return _REJECTION


PLUGIN: Final = Plugin("NodeUnschedulable", filter=_filter)
