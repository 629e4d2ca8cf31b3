"""Plugins and the cycle that runs them: filter the nodes, score those that are left, take the best.

Upstream: `pkg/scheduler/framework`, `pkg/scheduler/schedule_one.go`.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from cluster.api.names import Object
from cluster.client.informer import Informer
from cluster.scheduler.cache import NodeInfo, PodInfo

MAX_SCORE: Final = 100


class Rejection(Struct, frozen=True):
    """Why a node won't do; `unresolvable` where removing pods from it wouldn't help."""

    reasons: tuple[str, ...]
    unresolvable: bool = False


class Listers(Struct, frozen=True):
    """Beyond pods and nodes, what plugins look up; each is None where nobody asked for it."""

    services: Informer | None = None
    replica_sets: Informer | None = None
    replication_controllers: Informer | None = None
    stateful_sets: Informer | None = None
    namespaces: Informer | None = None


class Cycle(Struct, frozen=True):
    """One pod's turn: the pod, all nodes, and what plugins may look up."""

    info: PodInfo
    nodes: Sequence[NodeInfo]
    listers: Listers

    @property
    def pod(self) -> Object:
        return self.info.pod


Scores = dict[str, int]
"""Node name to score."""


class Plugin(Struct, frozen=True):
    """A name and functions.  `prepare_*` run once a cycle and give the state that the others get.

    Where `prepare_score` gives None the plugin does not score.
    """

    name: str
    prepare_filter: Callable[[Cycle], Any] | None = None
    filter: Callable[[Cycle, Any, NodeInfo], Rejection | None] | None = None
    prepare_score: Callable[[Cycle, Sequence[NodeInfo]], Any] | None = None
    score: Callable[[Cycle, Any, NodeInfo], int] | None = None
    normalize: Callable[[Cycle, Any, Scores], None] | None = None


class Profile(Struct, frozen=True):
    """The plugins that run for pods of one schedulerName: filters in this order, scores by weight (0: only filters)."""

    name: str
    plugins: Sequence[Plugin]
    weights: Mapping[str, int]


class Unschedulable(Exception):
    """No node will do; `rejections` by node name, empty where there are no nodes."""

    def __init__(self, message: str, rejections: Mapping[str, Rejection]) -> None:
        super().__init__(message)
        self.message = message
        self.rejections = rejections


def schedule(profile: Profile, cycle: Cycle) -> str:
    """The name of the node chosen; raises Unschedulable."""
    if not cycle.nodes:
        raise Unschedulable("no nodes available to schedule pods", {})
    feasible, rejections = filtered(profile, cycle, cycle.nodes)
    if not feasible:
        raise Unschedulable(fit_message(len(cycle.nodes), rejections.values()), rejections)
    if len(feasible) == 1:
        return feasible[0].name
    totals = scores(profile, cycle, feasible)
    best = max(totals.values())
    return random.choice([name for name, total in totals.items() if total == best])  # noqa: S311  any of the best will do


def filtered(profile: Profile, cycle: Cycle, nodes: Sequence[NodeInfo]) -> tuple[list[NodeInfo], dict[str, Rejection]]:
    """(the nodes that all filters let pass, why the others failed: the first filter that rejects is the one that is told)."""
    filters = [
        (plugin.filter, plugin.prepare_filter(cycle) if plugin.prepare_filter is not None else None)
        for plugin in profile.plugins
        if plugin.filter is not None
    ]
    feasible: list[NodeInfo] = []
    rejections: dict[str, Rejection] = {}
    for node in nodes:
        for check, state in filters:
            rejection = check(cycle, state, node)
            if rejection is not None:
                rejections[node.name] = rejection
                break
        else:
            feasible.append(node)
    return feasible, rejections


def scores(profile: Profile, cycle: Cycle, nodes: Sequence[NodeInfo]) -> Scores:
    """Weighted sums of all plugins' scores, each plugin's between 0 and 100."""
    totals: Scores = {node.name: 0 for node in nodes}
    for plugin in profile.plugins:
        weight = profile.weights.get(plugin.name, 0)
        if plugin.score is None or not weight:
            continue
        state = plugin.prepare_score(cycle, nodes) if plugin.prepare_score is not None else True
        if state is None:
            continue
        own = {node.name: plugin.score(cycle, state, node) for node in nodes}
        if plugin.normalize is not None:
            plugin.normalize(cycle, state, own)
        for name, score in own.items():
            totals[name] += weight * score
    return totals


def fit_message(nodes: int, rejections: Any) -> str:
    """`0/2 nodes are available: 1 Insufficient cpu, 1 node(s) were unschedulable.`"""
    counts: Counter[str] = Counter(reason for each in rejections for reason in each.reasons)
    told = ", ".join(sorted(f"{count} {reason}" for reason, count in counts.items()))
    return f"0/{nodes} nodes are available:" + (f" {told}." if told else "")


def normalized(values: Scores, *, reverse: bool = False) -> None:
    """Stretches the scores so that the highest is 100; `reverse`: so that the highest is 0."""
    highest = max(values.values(), default=0)
    for name, value in values.items():
        if highest == 0:
            values[name] = MAX_SCORE if reverse else value
            continue
        score = MAX_SCORE * value // highest
        values[name] = MAX_SCORE - score if reverse else score
