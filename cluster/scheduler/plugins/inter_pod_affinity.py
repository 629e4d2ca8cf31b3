"""Pods near pods, or away from them, by the labels of the nodes' topology.

Upstream: `pkg/scheduler/framework/plugins/interpodaffinity`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from msgspec import Struct, field

from cluster.api.names import Object
from cluster.client.labels import selects
from cluster.scheduler.cache import NodeInfo, PodInfo
from cluster.scheduler.framework import MAX_SCORE, Cycle, Listers, Plugin, Rejection, Scores

_REQUIRED: Final = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED: Final = "preferredDuringSchedulingIgnoredDuringExecution"
_NO_AFFINITY: Final = Rejection(("node(s) didn't match pod affinity rules",), unresolvable=True)
_ANTI: Final = Rejection(("node(s) didn't match pod anti-affinity rules",))
_EXISTING: Final = Rejection(("node(s) didn't satisfy existing pods anti-affinity rules",))
_HARD_WEIGHT: Final = 1

Place = tuple[str, str]
"""(topology key, its value)."""


def _terms(pod: Object, side: str, when: str) -> list[Object]:
    affinity = (pod["spec"].get("affinity") or {}).get(side) or {}
    return affinity.get(when) or []


def _matches(term: Object, owner: Object, other: Object, listers: Listers) -> bool:
    """Whether `owner`'s term means the other pod."""
    metadata = other["metadata"]
    if not selects(term.get("labelSelector"), metadata.get("labels") or {}):
        return False
    namespace, names, selector = metadata.get("namespace", ""), term.get("namespaces") or (), term.get("namespaceSelector")
    if not names and selector is None:
        return bool(namespace == owner["metadata"].get("namespace", ""))
    if namespace in names:
        return True
    if selector is None:
        return False
    found = listers.namespaces.get("", namespace) if listers.namespaces is not None else None
    return selects(selector, (found["metadata"].get("labels") or {}) if found is not None else {})


def _with_affinity(nodes: Iterable[NodeInfo]) -> Iterator[tuple[NodeInfo, PodInfo]]:
    for node in nodes:
        for info in node.pods.values():
            if info.pod["spec"].get("affinity"):
                yield node, info


class _Required(Struct, frozen=True):
    near: Sequence[Object]
    away: Sequence[Object]
    near_counts: Counter[Place] = field(default_factory=Counter)
    away_counts: Counter[Place] = field(default_factory=Counter)
    forbidden: set[Place] = field(default_factory=set)
    is_first: bool = False
    """No pod matches yet, but the pod itself would: it may go anywhere that has the keys."""


def _prepare_filter(cycle: Cycle) -> _Required | None:
    pod = cycle.pod
    near, away = _terms(pod, "podAffinity", _REQUIRED), _terms(pod, "podAntiAffinity", _REQUIRED)
    state = _Required(near, away)
    for node, info in _with_affinity(cycle.nodes):
        for term in _terms(info.pod, "podAntiAffinity", _REQUIRED):
            value = node.labels.get(term["topologyKey"])
            if value is not None and _matches(term, info.pod, pod, cycle.listers):
                state.forbidden.add((term["topologyKey"], value))
    if not near and not away:
        return state if state.forbidden else None
    for node in cycle.nodes:
        for info in node.pods.values():
            if near and all(_matches(term, pod, info.pod, cycle.listers) for term in near):
                state.near_counts.update(_places(near, node))
            state.away_counts.update(_places([term for term in away if _matches(term, pod, info.pod, cycle.listers)], node))
    first = not state.near_counts and all(_matches(term, pod, pod, cycle.listers) for term in near)
    return _Required(near, away, state.near_counts, state.away_counts, state.forbidden, first)


def _places(terms: Iterable[Object], node: NodeInfo) -> list[Place]:
    return [(term["topologyKey"], node.labels[term["topologyKey"]]) for term in terms if term["topologyKey"] in node.labels]


def _filter(_: Cycle, state: _Required | None, node: NodeInfo) -> Rejection | None:
    if state is None:
        return None
    places = _places(state.near, node)
    if len(places) < len(state.near) or not (state.is_first or all(state.near_counts[place] for place in places)):
        return _NO_AFFINITY
    if any(state.away_counts[place] for place in _places(state.away, node)):
        return _ANTI
    return _EXISTING if any(node.labels.get(key) == value for key, value in state.forbidden) else None


def _prepare_score(cycle: Cycle, _: Sequence[NodeInfo]) -> Counter[Place] | None:
    """What a node gains or loses by each place that it is in; None where nothing is preferred."""
    pod = cycle.pod
    points: Counter[Place] = Counter()
    own = [(each, 1) for each in _terms(pod, "podAffinity", _PREFERRED)] + [
        (each, -1) for each in _terms(pod, "podAntiAffinity", _PREFERRED)
    ]
    for node in cycle.nodes if own else ():
        for info in node.pods.values():
            for each, sign in own:
                _add(points, each["podAffinityTerm"], pod, info.pod, node, sign * each["weight"], cycle.listers)
    for node, info in _with_affinity(cycle.nodes):
        for term in _terms(info.pod, "podAffinity", _REQUIRED):
            _add(points, term, info.pod, pod, node, _HARD_WEIGHT, cycle.listers)
        for side, sign in (("podAffinity", 1), ("podAntiAffinity", -1)):
            for each in _terms(info.pod, side, _PREFERRED):
                _add(points, each["podAffinityTerm"], info.pod, pod, node, sign * each["weight"], cycle.listers)
    return points or None


def _add(points: Counter[Place], term: Object, owner: Object, other: Object, node: NodeInfo, weight: int, listers: Listers) -> None:
    value = node.labels.get(term["topologyKey"])
    if value is not None and _matches(term, owner, other, listers):
        points[term["topologyKey"], value] += weight


def _score(_: Cycle, points: Counter[Place], node: NodeInfo) -> int:
    return sum(count for (key, value), count in points.items() if node.labels.get(key) == value)


def _normalize(_: Cycle, __: Counter[Place], values: Scores) -> None:
    least, most = min(values.values()), max(values.values())
    for name, value in values.items():
        values[name] = MAX_SCORE * (value - least) // (most - least) if most > least else 0


PLUGIN: Final = Plugin(
    "InterPodAffinity",
    prepare_filter=_prepare_filter,
    filter=_filter,
    prepare_score=_prepare_score,
    score=_score,
    normalize=_normalize,
)
