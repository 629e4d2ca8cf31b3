"""How large a schema lets the values of expressions be, for the estimate of their costs.

Upstream: apiextensions-apiserver `pkg/apiserver/schema/cel/compilation.go` (sizeEstimator).
"""

from __future__ import annotations

from msgspec import Struct

from cluster.cel.functions import Bounds
from cluster.cel.types import Type, TypeKind
from cluster.schema.cel_types import Facts


class SchemaSizes(Struct, frozen=True):
    """Of what is found by a path from a variable of this type; whatever the first name of the path is, it means that variable.

    What has no size, like a number or an object, has upstream's size of it: 0.
    """

    root: Type

    def get(self, path: tuple[str, ...]) -> Bounds | None:
        at: Type | None = self.root
        for name in path[1:]:
            if at is not None:
                at = _step(at, name)
        if not path or at is None:
            return None
        return Bounds(0, at.facts.most_elements or 0) if isinstance(at.facts, Facts) else Bounds(0, 0)


def _step(at: Type, name: str) -> Type | None:
    if name in ("@items", "@values"):
        return at.parameters[-1] if at.kind in (TypeKind.LIST, TypeKind.MAP) else None
    if name == "@keys":
        return at.parameters[0] if at.kind is TypeKind.MAP else None
    found = at.fields().get(name) if at.fields is not None else None
    return found.type if found is not None else None
