"""The standard library: operators, types and functions that every expression has.  Upstream: cel-go `common/stdlib/standard.go`."""

from __future__ import annotations

from typing import Any, Final, NoReturn

from cluster.cel import types
from cluster.cel.functions import Function, Library, Overload
from cluster.cel.libraries import (
    standard_arithmetic,
    standard_collections,
    standard_comparisons,
    standard_conversions,
    standard_texts,
    standard_times,
)
from cluster.cel.runtime_types import LIST, MAP
from cluster.cel.syntax.macros import STANDARD_MACROS
from cluster.cel.types import list_of, map_of, parameter
from cluster.cel.values import CelError

_A: Final = parameter("A")
_B: Final = parameter("B")


def compiled(*_: Any) -> NoReturn:
    """What the compiler makes closures of itself, and no program calls."""
    raise CelError("no such overload")


def negation(value: Any) -> bool:
    if type(value) is not bool:
        raise CelError("no such overload")
    return not value


def _operator(name: str, *overloads: Overload) -> Function:
    return Function(name, overloads)


_LOGIC: Final = (
    _operator("_?_:_", Overload("conditional", (types.BOOL, _A, _A), _A, compiled)),
    _operator("_&&_", Overload("logical_and", (types.BOOL, types.BOOL), types.BOOL, compiled)),
    _operator("_||_", Overload("logical_or", (types.BOOL, types.BOOL), types.BOOL, compiled)),
    Function("!_", (Overload("logical_not", (types.BOOL,), types.BOOL, negation),), dynamic=negation),
    _operator("@not_strictly_false", Overload("not_strictly_false", (types.BOOL,), types.BOOL, compiled)),
    _operator("_==_", Overload("equals", (_A, _A), types.BOOL, compiled)),
    _operator("_!=_", Overload("not_equals", (_A, _A), types.BOOL, compiled)),
)
_INDEX: Final = _operator(
    "_[_]",
    Overload("index_list", (list_of(_A), types.INT), _A, compiled),
    Overload("index_map", (map_of(_A, _B), _A), _B, compiled),
)

STANDARD: Final = Library(
    "cel.lib.std",
    functions=(
        *_LOGIC,
        *standard_arithmetic.FUNCTIONS,
        *standard_comparisons.FUNCTIONS,
        _INDEX,
        *standard_collections.FUNCTIONS,
        *standard_conversions.FUNCTIONS,
        *standard_texts.FUNCTIONS,
        *standard_times.FUNCTIONS,
    ),
    macros=STANDARD_MACROS,
    types={
        each.name: each
        for each in (
            types.BOOL,
            types.BYTES,
            types.DOUBLE,
            types.DURATION,
            types.INT,
            LIST,
            MAP,
            types.NULL,
            types.STRING,
            types.TIMESTAMP,
            types.TYPE,
            types.UINT,
        )
    },
)
