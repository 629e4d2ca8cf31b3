"""A host port is one pod's on a node."""

from __future__ import annotations

from typing import Any, Final

from cluster.scheduler.cache import NodeInfo
from cluster.scheduler.framework import Cycle, Plugin, Rejection

_REJECTION: Final = Rejection(("node(s) didn't have free ports for the requested pod ports",))
_ANY: Final = "0.0.0.0"  # noqa: S104  the API's word for any address


def _filter(cycle: Cycle, _: Any, node: NodeInfo) -> Rejection | None:
    wanted = cycle.info.ports
    if not wanted:
        return None
    for info in node.pods.values():
        if any(_clash(one, other) for one in wanted for other in info.ports):
            return _REJECTION
    return None


def _clash(one: tuple[str, str, int], other: tuple[str, str, int]) -> bool:
    return one[1:] == other[1:] and (one[0] == other[0] or _ANY in (one[0], other[0]))


PLUGIN: Final = Plugin("NodePorts", filter=_filter)
