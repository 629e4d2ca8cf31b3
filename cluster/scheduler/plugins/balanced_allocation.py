"""Nodes whose CPU and memory would be used in balance are better."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

from cluster.scheduler.cache import NodeInfo
from cluster.scheduler.framework import MAX_SCORE, Cycle, Plugin
from cluster.scheduler.pod_resources import CPU, MEMORY


def _prepare_score(cycle: Cycle, _: Sequence[NodeInfo]) -> Any:
    """A pod that requests nothing is balanced anywhere."""
    return True if any(cycle.info.requests.get(name) for name in (CPU, MEMORY)) else None


def _score(cycle: Cycle, _: Any, node: NodeInfo) -> int:
    """50 to 100: 75 where the pod changes nothing, more where it brings balance."""
    before, after = _balance(node, {}), _balance(node, cycle.info.requests)
    return MAX_SCORE // 2 + (MAX_SCORE // 2 + after - before) // 2


def _balance(node: NodeInfo, more: dict[str, int]) -> int:
    fractions = [
        min(1.0, (node.requested.get(name, 0) + more.get(name, 0)) / node.allocatable[name])
        for name in (CPU, MEMORY)
        if node.allocatable.get(name)
    ]
    deviation = 0.0
    if len(fractions) > 1:
        mean = sum(fractions) / len(fractions)
        deviation = math.sqrt(sum((each - mean) ** 2 for each in fractions) / len(fractions))
    return int((1 - deviation) * MAX_SCORE)


PLUGIN: Final = Plugin("NodeResourcesBalancedAllocation", prepare_score=_prepare_score, score=_score)
