"""A pod goes where what it requests is free, and rather where much is (LeastAllocated)."""

from __future__ import annotations

from typing import Any, Final

from cluster.scheduler.cache import NodeInfo
from cluster.scheduler.framework import MAX_SCORE, Cycle, Plugin, Rejection
from cluster.scheduler.pod_resources import CPU, MEMORY

SCORED: Final = (CPU, MEMORY)


def _filter(cycle: Cycle, _: Any, node: NodeInfo) -> Rejection | None:
    reasons: list[str] = []
    unresolvable = False
    if len(node.pods) + 1 > node.allocatable.get("pods", 0):
        reasons.append("Too many pods")
    for name, amount in sorted(cycle.info.requests.items(), key=_order):
        if amount > 0 and name != "pods" and amount > node.allocatable.get(name, 0) - node.requested.get(name, 0):
            reasons.append(f"Insufficient {name}")
            unresolvable = unresolvable or amount > node.allocatable.get(name, 0)
    return Rejection(tuple(reasons), unresolvable) if reasons else None


def _order(item: tuple[str, int]) -> tuple[int, str]:
    known = (CPU, MEMORY, "ephemeral-storage")
    return (known.index(item[0]) if item[0] in known else len(known)), item[0]


def _score(cycle: Cycle, _: Any, node: NodeInfo) -> int:
    shares = []
    for name in SCORED:
        capacity = node.allocatable.get(name, 0)
        if capacity:
            wanted = node.scored.get(name, 0) + cycle.info.scored.get(name, 0)
            shares.append((capacity - wanted) * MAX_SCORE // capacity if wanted <= capacity else 0)
    return sum(shares) // len(shares) if shares else 0


PLUGIN: Final = Plugin("NodeResourcesFit", filter=_filter, score=_score)
