"""Which types can stand for which, and what type parameters are bound to.  Upstream: cel-go `checker/types.go`, `checker/mapping.go`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from cluster.cel.types import DYN, Type, TypeKind

DYNAMIC: Final = frozenset({TypeKind.DYN, TypeKind.ANY})
"""Of which nothing is known before an expression runs."""
_OPEN: Final = DYNAMIC | {TypeKind.ERROR}
_UNSPECIFIC: Final = DYNAMIC | {TypeKind.PARAMETER}
_NULLABLE: Final = frozenset({TypeKind.OPAQUE, TypeKind.OBJECT, TypeKind.DURATION, TypeKind.TIMESTAMP, TypeKind.WRAPPER, TypeKind.NULL})
_NESTED: Final = frozenset({TypeKind.OPAQUE, TypeKind.LIST, TypeKind.MAP})


class Bindings:
    """What type parameters are bound to.  What an attempt has bound is taken back where it fails."""

    __slots__ = ("_before", "_bound")

    def __init__(self, bound: Mapping[str, Type] | None = None) -> None:
        self._bound = dict(bound or {})
        self._before: list[tuple[str, Type | None]] = []

    def get(self, name: str) -> Type | None:
        return self._bound.get(name)

    def bind(self, name: str, kind: Type) -> None:
        self._before.append((name, self._bound.get(name)))
        self._bound[name] = kind

    def assign(self, left: Type, right: Type) -> bool:
        """Whether the one type stands for the other, with what is bound by that."""
        return self._kept(_assignable(self, left, right))

    def assign_all(self, left: Sequence[Type], right: Sequence[Type]) -> bool:
        return self._kept(_all_assignable(self, left, right))

    def _kept(self, succeeded: bool) -> bool:
        if not succeeded:
            for name, before in reversed(self._before):
                if before is None:
                    del self._bound[name]
                else:
                    self._bound[name] = before
        self._before.clear()
        return succeeded


def exact(left: Type, right: Type) -> bool:
    """The same type, a nullable primitive being that primitive."""
    return left is right or unwrapped(left) == unwrapped(right)


def unwrapped(kind: Type) -> Type:
    return kind.parameters[0] if kind.kind is TypeKind.WRAPPER else kind


def equivalent(left: Type, right: Type) -> bool:
    """The same type, whatever type parameters are called."""
    left, right = unwrapped(left), unwrapped(right)
    if left.kind is not right.kind or len(left.parameters) != len(right.parameters):
        return False
    if left.kind is not TypeKind.PARAMETER and left.name != right.name:
        return False
    return all(map(equivalent, left.parameters, right.parameters))


def optional_value(kind: Type) -> Type | None:
    """What an optional is of; None for what is no optional."""
    return kind.parameters[0] if kind.kind is TypeKind.OPAQUE and kind.name == "optional_type" else None


def _all_assignable(bindings: Bindings, left: Sequence[Type], right: Sequence[Type]) -> bool:
    return len(left) == len(right) and all(_assignable(bindings, *pair) for pair in zip(left, right, strict=True))


def _assignable(bindings: Bindings, left: Type, right: Type) -> bool:
    if right.kind is TypeKind.PARAMETER:
        valid, bound = _bind(bindings, left, right)
        if valid or bound:
            return valid
    if left.kind is TypeKind.PARAMETER:
        return _bind(bindings, right, left)[0]
    if left.kind in _OPEN or right.kind in _OPEN:
        return True
    if left.kind is TypeKind.NULL:
        return right.kind in _NULLABLE
    if right.kind is TypeKind.NULL:
        return left.kind in _NULLABLE
    left, right = unwrapped(left), unwrapped(right)
    if left.kind is not right.kind:
        return False
    if left.kind is TypeKind.TYPE:
        return True
    if left.kind in _NESTED:
        return left.name == right.name and _all_assignable(bindings, left.parameters, right.parameters)
    return left.name == right.name


def _bind(bindings: Bindings, kind: Type, parameter: Type) -> tuple[bool, bool]:
    """Whether a parameter can stand for a type, and whether it was bound or is that type already."""
    if kind.kind is TypeKind.PARAMETER and kind.name == parameter.name:
        return True, True
    bound = bindings.get(parameter.name)
    if bound is None:
        if not _mentions(bindings, parameter, kind):
            bindings.bind(parameter.name, kind)
            return True, False
        return False, False
    if exact(kind, bound):
        return True, True
    if not _assignable(bindings, kind, bound):
        return False, True
    wider = most_general(kind, bound)
    if not _mentions(bindings, parameter, wider):
        bindings.bind(parameter.name, wider)
    return True, True


def _mentions(bindings: Bindings, parameter: Type, within: Type) -> bool:
    if within.kind is TypeKind.PARAMETER:
        if within.name == parameter.name:
            return True
        bound = bindings.get(within.name)
        return bound is not None and _mentions(bindings, parameter, bound)
    return any(_mentions(bindings, parameter, each) for each in within.parameters)


def most_general(left: Type, right: Type) -> Type:
    return left if _no_more_specific(left, right) else right


def _no_more_specific(left: Type, right: Type) -> bool:
    if left.kind in _UNSPECIFIC:
        return True
    if right.kind in _UNSPECIFIC:
        return False
    left, right = unwrapped(left), unwrapped(right)
    if left.kind is not right.kind:
        return False
    if left.kind is TypeKind.TYPE:
        return True
    if left.kind in _NESTED:
        same = left.name == right.name and len(left.parameters) == len(right.parameters)
        return same and all(map(_no_more_specific, left.parameters, right.parameters))
    return left == right


def substitute(bindings: Bindings, kind: Type, unbound_is_dyn: bool = False) -> Type:
    """The type with its parameters replaced by what they are bound to."""
    if kind.kind is TypeKind.PARAMETER:
        bound = bindings.get(kind.name)
        if bound is not None:
            return substitute(bindings, bound, unbound_is_dyn)
        return DYN if unbound_is_dyn else kind
    if not kind.parameters or kind.kind is TypeKind.WRAPPER:
        return kind
    made = tuple(substitute(bindings, each, unbound_is_dyn) for each in kind.parameters)
    if all(new is old for new, old in zip(made, kind.parameters, strict=True)):
        return kind
    return Type(kind.kind, kind.name, made)


def names_of_parameters(kinds: Iterable[Type]) -> frozenset[str]:
    """The type parameters of a signature."""
    found: set[str] = set()
    pending = list(kinds)
    while pending:
        kind = pending.pop()
        if kind.kind is TypeKind.PARAMETER:
            found.add(kind.name)
        pending += kind.parameters
    return frozenset(found)
