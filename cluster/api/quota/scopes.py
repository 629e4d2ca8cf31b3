"""Scopes: which objects a quota, or a limit by default, is about.

Upstream: `getScopeSelectorsFromQuota` in apiserver `pkg/quota/v1/generic/evaluator.go`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from msgspec import Struct

from cluster.api.names import Object
from cluster.api.selectors import DOES_NOT_EXIST, EXISTS, IN, NOT_IN, Requirement

TERMINATING: Final = "Terminating"
NOT_TERMINATING: Final = "NotTerminating"
BEST_EFFORT: Final = "BestEffort"
NOT_BEST_EFFORT: Final = "NotBestEffort"
PRIORITY_CLASS: Final = "PriorityClass"
CROSS_NAMESPACE_POD_AFFINITY: Final = "CrossNamespacePodAffinity"
VOLUME_ATTRIBUTES_CLASS: Final = "VolumeAttributesClass"
OPERATORS: Final = {"In": IN, "NotIn": NOT_IN, "Exists": EXISTS, "DoesNotExist": DOES_NOT_EXIST}


class Scope(Struct, frozen=True):
    """A ScopedResourceSelectorRequirement."""

    name: str
    operator: str = "Exists"
    values: tuple[str, ...] = ()

    def __str__(self) -> str:
        """As Go prints the struct, which is what upstream's message has."""
        return f"{{{self.name} {self.operator} [{' '.join(self.values)}]}}"

    def accepts(self, names: Collection[str]) -> bool:
        """Whether it selects something that names these classes: one of them is enough, and none at all counts as no name."""
        requirement = Requirement(self.name, OPERATORS[self.operator], self.values)
        return any(requirement.matches({self.name: each}) for each in names) if names else requirement.matches({})


def scope_of(expression: Object) -> Scope:
    return Scope(expression.get("scopeName") or "", expression.get("operator") or "", tuple(expression.get("values") or ()))


def scopes_of(quota: Object) -> list[Scope]:
    """All that an object must match to be a quota's concern."""
    spec = quota.get("spec") or {}
    expressions = (spec.get("scopeSelector") or {}).get("matchExpressions") or ()
    return [*(Scope(name) for name in spec.get("scopes") or ()), *(scope_of(each) for each in expressions)]
