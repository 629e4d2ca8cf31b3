"""The standard library: which value comes before another.  Upstream: cel-go `common/stdlib/standard.go`, `common/types/compare.go`."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, Final

from cluster.cel import costs, types
from cluster.cel.equality import compare_numbers
from cluster.cel.functions import Function, Overload
from cluster.cel.libraries.standard_arithmetic import no_overload
from cluster.cel.types import Type
from cluster.cel.values import CelError, Duration, Timestamp, UInt

Comparison = Callable[[Any, Any], bool]

_NUMBERS: Final = frozenset({int, UInt, float})
_OTHERS: Final = frozenset({bool, str, bytes, Duration, Timestamp})
_NAMES: Final[tuple[tuple[str, Type], ...]] = (
    ("bool", types.BOOL),
    ("int64", types.INT),
    ("uint64", types.UINT),
    ("double", types.DOUBLE),
    ("string", types.STRING),
    ("bytes", types.BYTES),
    ("timestamp", types.TIMESTAMP),
    ("duration", types.DURATION),
)
_MIXED: Final = {"int64": ("double", "uint64"), "uint64": ("double", "int64"), "double": ("int64", "uint64")}
_SIGNS: Final[tuple[tuple[str, str, Comparison], ...]] = (
    ("_<_", "less", operator.lt),
    ("_<=_", "less_equals", operator.le),
    ("_>_", "greater", operator.gt),
    ("_>=_", "greater_equals", operator.ge),
)


def _of_numbers(compare: Comparison) -> Comparison:
    """Numbers of which one is a double; NaN is before and after nothing."""

    def compared(left: Any, right: Any) -> bool:
        if left != left or right != right:
            raise CelError("NaN values cannot be ordered")
        return compare(compare_numbers(left, right), 0)

    return compared


def _of_any(name: str, compare: Comparison) -> Comparison:
    of_numbers = _of_numbers(compare)

    def compared(left: Any, right: Any) -> bool:
        kind, other = type(left), type(right)
        if kind in _NUMBERS and other in _NUMBERS:
            return of_numbers(left, right)
        if kind is other and kind in _OTHERS:
            return compare(left, right)
        if kind in _NUMBERS or kind in _OTHERS:
            raise CelError("no such overload")
        raise no_overload(name, left)

    return compared


def _overloads(name: str, compare: Comparison) -> tuple[Overload, ...]:
    """In upstream's order: after each number's own those with the other numbers."""
    made = []
    kinds = dict(_NAMES)
    of_doubles = _of_numbers(compare)
    for short, kind in _NAMES:
        call = of_doubles if short == "double" else compare
        cost = costs.of_smaller if short in ("string", "bytes") else None
        made.append(Overload(f"{name}_{short}", (kind, kind), types.BOOL, call, cost=cost))
        for other in _MIXED.get(short, ()):
            call = of_doubles if "double" in (short, other) else compare
            made.append(Overload(f"{name}_{short}_{other}", (kind, kinds[other]), types.BOOL, call))
    return tuple(made)


FUNCTIONS: Final = tuple(Function(sign, _overloads(name, compare), dynamic=_of_any(sign, compare)) for sign, name, compare in _SIGNS)
