"""How much all objects of a namespace use together.

Upstream: `CalculateUsage` in apiserver `pkg/quota/v1/resources.go`, `CalculateUsageStats` in `pkg/quota/v1/generic/evaluator.go`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cluster.api.names import GroupResource, Object
from cluster.api.quantity import ZERO
from cluster.api.quota.evaluator import COUNT, Evaluator
from cluster.api.quota.evaluators import Evaluators
from cluster.api.quota.scopes import Scope
from cluster.api.resource_lists import ResourceList


def concerned(evaluators: Evaluators, hard: Iterable[str]) -> list[tuple[Evaluator, list[str]]]:
    """Who measures what a quota limits, each with what of it."""
    limited = list(hard)
    special = {each.resource for each in evaluators.special}
    counted = [_resource(name) for name in limited if name.startswith(COUNT)]
    measuring = [*evaluators.special, *(evaluators.of(each) for each in counted if each not in special)]
    return [(each, names) for each in measuring if (names := each.names(limited))]


def _resource(name: str) -> GroupResource:
    """Of `count/deployments.apps`."""
    resource, _, group = name.removeprefix(COUNT).partition(".")
    return GroupResource(group, resource)


def total(evaluator: Evaluator, scopes: Sequence[Scope], names: Iterable[str], objects: Iterable[Object]) -> ResourceList:
    """What the objects of one resource that are in all scopes use of what is named, zero included."""
    wanted = frozenset(names)
    used: ResourceList = dict.fromkeys(wanted, ZERO)
    for obj in objects:
        if all(evaluator.in_scope(scope, obj) for scope in scopes):
            for name, amount in evaluator.usage(obj).items():
                if name in wanted:
                    used[name] = used[name] + amount
    return used
