"""How much all objects of a namespace use together.

Upstream: `CalculateUsage` in apiserver `pkg/quota/v1/resources.go`, `CalculateUsageStats` in `pkg/quota/v1/generic/evaluator.go`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cluster.api.names import Object
from cluster.api.quantity import ZERO
from cluster.api.quota.evaluator import Evaluator
from cluster.api.quota.scopes import Scope
from cluster.api.resource_lists import ResourceList


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
