"""What an evaluator is: it knows how the objects of one resource are measured.  The plainest one counts them.

Upstream: apiserver `pkg/quota/v1/interfaces.go`, `pkg/quota/v1/generic/evaluator.go`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final, Protocol

from cluster.api.names import GroupResource, Object
from cluster.api.quantity import Quantity, of_value
from cluster.api.quota.scopes import Scope, scopes_of
from cluster.api.resource_lists import ResourceList

CREATE: Final = "CREATE"
UPDATE: Final = "UPDATE"
ONE: Final[Quantity] = of_value(1)
COUNT: Final = "count/"


class Evaluator(Protocol):
    """For one resource."""

    @property
    def resource(self) -> GroupResource: ...

    @property
    def selects(self) -> bool:
        """Whether there are scopes that its objects may match; what is limited in a scope by default then needs a quota of that scope."""
        ...

    def handles(self, operation: str, subresource: str, obj: Object, old: Object | None) -> bool:
        """Whether a write may use more than before."""
        ...

    def names(self, limited: Iterable[str]) -> list[str]:
        """Those of the resources that a quota limits which such objects use."""
        ...

    def missing(self, required: Collection[str], obj: Object) -> str:
        """Why an object can't be measured by what a quota limits; "" where it can."""
        ...

    def in_scope(self, scope: Scope, obj: Object) -> bool: ...

    def usage(self, obj: Object) -> ResourceList: ...


def count_name(resource: GroupResource) -> str:
    """`count/deployments.apps`"""
    return f"{COUNT}{resource}"


def concerns(evaluator: Evaluator, quota: Object, obj: Object) -> bool:
    """Whether a quota limits something that the object uses, and the object is in its scopes."""
    hard = (quota.get("status") or {}).get("hard") or ()
    return bool(evaluator.names(hard)) and all(evaluator.in_scope(scope, obj) for scope in scopes_of(quota))


class ObjectCount:
    """Counts objects, under their name for counts and an older one that some have."""

    selects = False

    def __init__(self, resource: GroupResource, alias: str = "") -> None:
        self.resource = resource
        self._names: Final = frozenset({count_name(resource), alias} - {""})
        self._usage: Final[ResourceList] = dict.fromkeys(sorted(self._names), ONE)

    def handles(self, operation: str, subresource: str, obj: Object, old: Object | None) -> bool:  # noqa: ARG002
        return operation == CREATE and not subresource

    def names(self, limited: Iterable[str]) -> list[str]:
        return sorted(self._names.intersection(limited))

    def missing(self, required: Collection[str], obj: Object) -> str:  # noqa: ARG002
        return ""

    def in_scope(self, scope: Scope, obj: Object) -> bool:  # noqa: ARG002
        return False

    def usage(self, obj: Object) -> ResourceList:  # noqa: ARG002
        return self._usage
