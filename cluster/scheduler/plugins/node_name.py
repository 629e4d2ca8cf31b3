"""A pod that names its node goes nowhere else."""

from __future__ import annotations

from typing import Any, Final

from cluster.scheduler.cache import NodeInfo
from cluster.scheduler.framework import Cycle, Plugin, Rejection

_REJECTION: Final = Rejection(("node(s) didn't match the requested node name",), unresolvable=True)


def _filter(cycle: Cycle, _: Any, node: NodeInfo) -> Rejection | None:
    wanted = cycle.pod["spec"].get("nodeName")
    return _REJECTION if wanted and wanted != node.name else None


PLUGIN: Final = Plugin("NodeName", filter=_filter)
