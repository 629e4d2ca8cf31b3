"""Pods keep off nodes whose taints they don't tolerate."""

from __future__ import annotations

from typing import Any, Final

from cluster.scheduler.cache import NodeInfo
from cluster.scheduler.framework import Cycle, Plugin, Rejection, Scores, normalized
from cluster.scheduler.taints import tolerated, untolerated

HARD: Final = frozenset({"NoSchedule", "NoExecute"})
_REJECTION: Final = Rejection(("node(s) had untolerated taint(s)",), unresolvable=True)


def _taints(node: NodeInfo) -> list[dict[str, str]]:
    assert node.node is not None
    return (node.node.get("spec") or {}).get("taints") or []


def _filter(cycle: Cycle, _: Any, node: NodeInfo) -> Rejection | None:
    return _REJECTION if untolerated(_taints(node), cycle.pod["spec"].get("tolerations"), HARD) is not None else None


def _score(cycle: Cycle, _: Any, node: NodeInfo) -> int:
    """How many soft taints it doesn't tolerate."""
    tolerations = [each for each in cycle.pod["spec"].get("tolerations") or () if each.get("effect") in (None, "", "PreferNoSchedule")]
    return sum(each.get("effect") == "PreferNoSchedule" and not tolerated(each, tolerations) for each in _taints(node))


def _normalize(_: Cycle, __: Any, values: Scores) -> None:
    normalized(values, reverse=True)


PLUGIN: Final = Plugin("TaintToleration", filter=_filter, score=_score, normalize=_normalize)
