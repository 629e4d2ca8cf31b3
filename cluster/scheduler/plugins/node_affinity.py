"""Node selector and node affinity: what a pod requires of a node's labels, and what it would rather have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from cluster.scheduler.cache import NodeInfo
from cluster.scheduler.framework import Cycle, Plugin, Rejection, Scores, normalized
from cluster.scheduler.node_selection import node_affinity, required_match, term_matches

_REJECTION: Final = Rejection(("node(s) didn't match Pod's node affinity/selector",), unresolvable=True)


def _filter(cycle: Cycle, _: Any, node: NodeInfo) -> Rejection | None:
    return None if required_match(cycle.pod, node) else _REJECTION


def _prepare_score(cycle: Cycle, _: Sequence[NodeInfo]) -> Any:
    return node_affinity(cycle.pod).get("preferredDuringSchedulingIgnoredDuringExecution") or None


def _score(_: Cycle, preferred: Any, node: NodeInfo) -> int:
    return sum(each["weight"] for each in preferred if term_matches(each.get("preference") or {}, node))


def _normalize(_: Cycle, __: Any, values: Scores) -> None:
    normalized(values)


PLUGIN: Final = Plugin("NodeAffinity", filter=_filter, prepare_score=_prepare_score, score=_score, normalize=_normalize)
