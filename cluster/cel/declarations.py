"""What an expression may name: variables, types, constants and functions.  Upstream: cel-go `checker/env.go`, `common/decls`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct, field

from cluster.cel.checker_types import names_of_parameters
from cluster.cel.functions import Function, Library, Overload, StaticCost
from cluster.cel.syntax.grammar import RESERVED
from cluster.cel.types import Field, Type, type_of

NO_VALUE: Final = object()
OPTIONAL_SYNTAX_SINCE: Final = 28
CROSS_TYPE_COMPARISONS_SINCE: Final = 28
LITERALS_CHECKED_SINCE: Final = 29
KEYWORD_FIELDS_SINCE: Final = 31
"""The Kubernetes minors from which on the language has more.  Upstream: apiserver `pkg/cel/environment/base.go`."""


class Candidate(Struct, frozen=True):
    """An overload, and the type parameters of its signature."""

    overload: Overload
    parameters: frozenset[str]


class Identity(Struct, frozen=True):
    """What a name stands for: a variable of a type, or a constant or type with its value."""

    name: str
    type: Type
    value: Any = NO_VALUE


class Declarations(Struct, frozen=True):
    """Everything that expressions of one environment may name."""

    minor: int
    functions: Mapping[str, Function]
    candidates: Mapping[str, Sequence[Candidate]]
    estimates: Mapping[str, StaticCost]
    """By the ids of overloads that have one."""
    identities: Mapping[str, Identity] = field(default_factory=dict)
    types: Mapping[str, Type] = field(default_factory=dict)
    """Objects that expressions may make, by name; any mapping that has `get`, names may be without end."""

    def identity(self, name: str) -> Identity | None:
        name = name.removeprefix(".")
        found = self.identities.get(name)
        if found is not None:
            return found
        kind = self.types.get(name)
        return None if kind is None else Identity(name, type_of(kind), kind)

    def field_of(self, kind: Type, name: str) -> Field | None:
        """The field of an object that an expression means; since 1.31 keywords name fields without being escaped."""
        assert kind.fields is not None
        fields = kind.fields()
        found = fields.get(name)
        if found is None and name in RESERVED and self.minor >= KEYWORD_FIELDS_SINCE:
            found = fields.get(f"__{name}__")
        return found


def merged(libraries: Iterable[Library]) -> dict[str, Function]:
    """The functions of all libraries, with their overloads in the order of the libraries; of one id the last counts."""
    functions: dict[str, Function] = {}
    for library in libraries:
        for each in library.functions:
            known = functions.get(each.name)
            functions[each.name] = each if known is None else _joined(known, each)
    return functions


def _joined(first: Function, second: Function) -> Function:
    overloads = {each.id: each for each in (*first.overloads, *second.overloads)}
    return Function(first.name, tuple(overloads.values()), second.cost or first.cost, second.dynamic or first.dynamic)


def candidates(functions: Mapping[str, Function]) -> dict[str, tuple[Candidate, ...]]:
    """The overloads of each function as the checker looks at them."""
    return {
        name: tuple(Candidate(each, names_of_parameters((*each.parameters, each.result))) for each in function.overloads)
        for name, function in functions.items()
    }


def estimates(functions: Mapping[str, Function]) -> dict[str, StaticCost]:
    return {each.id: each.estimate for function in functions.values() for each in function.overloads if each.estimate is not None}
