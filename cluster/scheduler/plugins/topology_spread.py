"""Spreads pods of a kind over nodes and zones: as a pod's constraints say, or else as the default constraints do.

Upstream: `pkg/scheduler/framework/plugins/podtopologyspread`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from cluster.api.names import Object
from cluster.client.labels import is_empty, selects
from cluster.scheduler.cache import NodeInfo
from cluster.scheduler.framework import MAX_SCORE, Cycle, Plugin, Rejection, Scores
from cluster.scheduler.node_selection import required_match
from cluster.scheduler.ownership import default_selector
from cluster.scheduler.plugins.taint_toleration import HARD
from cluster.scheduler.taints import untolerated

HOSTNAME: Final = "kubernetes.io/hostname"
ZONE: Final = "topology.kubernetes.io/zone"
_MISMATCH: Final = "node(s) didn't match pod topology spread constraints"
_REJECTION: Final = Rejection((_MISMATCH,))
_NO_LABEL: Final = Rejection((f"{_MISMATCH} (missing required label)",), unresolvable=True)


class Constraint(Struct, frozen=True):
    """Pods that `selector` selects may differ in number between the values of `key` by `skew` at most."""

    skew: int
    key: str
    selector: Object | None
    min_domains: int = 1
    honor_affinity: bool = True
    honor_taints: bool = False

    def counts_on(self, pod: Object, node: NodeInfo) -> bool:
        """Whether the node's pods count: where the pod can't go, it need not be balanced."""
        assert node.node is not None
        if self.honor_affinity and not required_match(pod, node):
            return False
        taints = (node.node.get("spec") or {}).get("taints")
        return not self.honor_taints or untolerated(taints, pod["spec"].get("tolerations"), HARD) is None


def _constraints(pod: Object, action: str) -> list[Constraint]:
    labels = pod["metadata"].get("labels") or {}
    return [_constraint(each, labels) for each in pod["spec"].get("topologySpreadConstraints") or () if each["whenUnsatisfiable"] == action]


def _constraint(spec: Object, labels: dict[str, str]) -> Constraint:
    selector = spec.get("labelSelector")
    keyed = {key: labels[key] for key in spec.get("matchLabelKeys") or () if key in labels}
    if keyed and selector is not None:
        selector = selector | {"matchLabels": (selector.get("matchLabels") or {}) | keyed}
    return Constraint(
        skew=spec["maxSkew"],
        key=spec["topologyKey"],
        selector=selector,
        min_domains=spec.get("minDomains") or 1,
        honor_affinity=spec.get("nodeAffinityPolicy", "Honor") == "Honor",
        honor_taints=spec.get("nodeTaintsPolicy", "Ignore") == "Honor",
    )


def _count(node: NodeInfo, constraint: Constraint, namespace: str) -> int:
    if is_empty(constraint.selector) and constraint.selector is None:
        return 0
    return sum(
        selects(constraint.selector, info.pod["metadata"].get("labels") or {})
        for info in node.pods.values()
        if info.pod["metadata"].get("namespace") == namespace and not info.pod["metadata"].get("deletionTimestamp")
    )


def _has_all(node: NodeInfo, constraints: Sequence[Constraint]) -> bool:
    return all(each.key in node.labels for each in constraints)


# Required: DoNotSchedule.

_Counts = list[tuple[Constraint, dict[str, int]]]


def _prepare_filter(cycle: Cycle) -> _Counts:
    constraints = _constraints(cycle.pod, "DoNotSchedule")
    counts: _Counts = [(each, {}) for each in constraints]
    namespace = cycle.pod["metadata"].get("namespace", "")
    for node in cycle.nodes:
        if not _has_all(node, constraints):
            continue
        for constraint, by_value in counts:
            if constraint.counts_on(cycle.pod, node):
                value = node.labels[constraint.key]
                by_value[value] = by_value.get(value, 0) + _count(node, constraint, namespace)
    return counts


def _filter(cycle: Cycle, counts: _Counts, node: NodeInfo) -> Rejection | None:
    labels = cycle.pod["metadata"].get("labels") or {}
    for constraint, by_value in counts:
        value = node.labels.get(constraint.key)
        if value is None:
            return _NO_LABEL
        least = min(by_value.values(), default=0) if len(by_value) >= constraint.min_domains else 0
        if by_value.get(value, 0) + selects(constraint.selector, labels) - least > constraint.skew:
            return _REJECTION
    return None


# Wanted: ScheduleAnyway, and the defaults.


class _Soft(Struct, frozen=True):
    constraints: list[Constraint]
    counts: list[dict[str, int]]
    weights: list[float]
    ignored: frozenset[str]


def _prepare_score(cycle: Cycle, nodes: Sequence[NodeInfo]) -> _Soft | None:
    pod = cycle.pod
    own = bool(pod["spec"].get("topologySpreadConstraints"))
    constraints = _constraints(pod, "ScheduleAnyway") if own else _defaults(cycle)
    if not constraints:
        return None
    # The defaults spread over nodes even where no node has a zone.
    ignored = frozenset(node.name for node in nodes if own and not _has_all(node, constraints))
    scored = [node for node in nodes if node.name not in ignored]
    counts: list[dict[str, int]] = []
    weights: list[float] = []
    for constraint in constraints:
        by_value = {} if constraint.key == HOSTNAME else {node.labels.get(constraint.key, ""): 0 for node in scored}
        counts.append(by_value)
        weights.append(math.log((len(scored) if constraint.key == HOSTNAME else len(by_value)) + 2))
    namespace = pod["metadata"].get("namespace", "")
    for node in cycle.nodes:
        if own and not _has_all(node, constraints):
            continue
        for constraint, by_value in zip(constraints, counts, strict=True):
            value = node.labels.get(constraint.key, "")
            if value in by_value and constraint.counts_on(pod, node):
                by_value[value] += _count(node, constraint, namespace)
    return _Soft(constraints, counts, weights, ignored)


def _defaults(cycle: Cycle) -> list[Constraint]:
    selector = default_selector(cycle.pod, cycle.listers)
    return [] if selector is None else [Constraint(3, HOSTNAME, selector), Constraint(5, ZONE, selector)]


def _score(cycle: Cycle, state: _Soft, node: NodeInfo) -> int:
    if node.name in state.ignored:
        return 0
    namespace = cycle.pod["metadata"].get("namespace", "")
    total = 0.0
    for constraint, by_value, weight in zip(state.constraints, state.counts, state.weights, strict=True):
        value = node.labels.get(constraint.key)
        if value is not None:
            count = _count(node, constraint, namespace) if constraint.key == HOSTNAME else by_value[value]
            total += count * weight + (constraint.skew - 1)
    return round(total)


def _normalize(_: Cycle, state: _Soft, values: Scores) -> None:
    """The fewer the better."""
    counted = [value for name, value in values.items() if name not in state.ignored]
    least, most = min(counted, default=0), max(counted, default=0)
    for name, value in values.items():
        if name in state.ignored:
            values[name] = 0
        else:
            values[name] = MAX_SCORE * (most + least - value) // most if most else MAX_SCORE


PLUGIN: Final[Plugin] = Plugin(
    "PodTopologySpread",
    prepare_filter=_prepare_filter,
    filter=_filter,
    prepare_score=_prepare_score,
    score=_score,
    normalize=_normalize,
)
