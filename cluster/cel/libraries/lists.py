"""Sums, extremes, order and places in lists.  Upstream: apiserver `pkg/cel/library/lists.go`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from cluster.cel import types
from cluster.cel.equality import surely_equal
from cluster.cel.functions import Function, Library, Overload
from cluster.cel.libraries.library_costs import of_all_values, of_target_values
from cluster.cel.libraries.ordering import comparable, compared
from cluster.cel.libraries.standard_arithmetic import add
from cluster.cel.types import Type, list_of, parameter
from cluster.cel.values import CelError, Duration, Timestamp, UInt

_A: Final = parameter("A")
_SUMMABLE: Final[tuple[tuple[str, Type, Any], ...]] = (
    ("int", types.INT, 0),
    ("uint", types.UINT, UInt(0)),
    ("double", types.DOUBLE, 0.0),
    ("duration", types.DURATION, Duration(0)),
)
_COMPARABLE: Final = (
    ("int", types.INT),
    ("uint", types.UINT),
    ("double", types.DOUBLE),
    ("bool", types.BOOL),
    ("duration", types.DURATION),
    ("timestamp", types.TIMESTAMP),
    ("string", types.STRING),
    ("bytes", types.BYTES),
)
_ADDED: Final = frozenset({int, UInt, float, str, bytes, Duration, Timestamp})


def is_sorted(values: Sequence[Any]) -> bool:
    """Whether none comes before the one ahead of it; what has no order with its neighbour is in order."""
    previous: Any = None
    for position, each in enumerate(values):
        if not comparable(each):
            raise CelError("no such overload")
        if position and compared(previous, each) == 1:
            return False
        previous = each
    return True


def _summing(zero: Any) -> Callable[[Sequence[Any]], Any]:
    def total(values: Sequence[Any]) -> Any:
        made = zero
        for each in values:
            if type(each) not in _ADDED:
                raise CelError("no such overload")
            made = add(made, each)
        return made

    return total


def _extreme(name: str, sign: int) -> Callable[[Sequence[Any]], Any]:
    """The least value where the sign is 1, the greatest where it is -1."""

    def chosen(values: Sequence[Any]) -> Any:
        if not len(values):
            raise CelError(f"{name} called on empty list")
        found = values[0]
        for each in values:
            if not comparable(each):
                raise CelError("no such overload")
            if compared(found, each) == sign:
                found = each
        return found

    return chosen


def index_of(values: Sequence[Any], item: Any) -> int:
    """The first place of an item; -1 where it is nowhere."""
    return next((at for at, each in enumerate(values) if surely_equal(each, item)), -1)


def last_index_of(values: Sequence[Any], item: Any) -> int:
    position = index_of(list(values)[::-1], item)
    return len(values) - 1 - position if position >= 0 else -1


def _of(id_: str, parameters: tuple[Type, ...], result: Type, call: Callable[..., Any]) -> Overload:
    return Overload(id_, parameters, result, call, member=True, estimate=of_target_values)


def _compared(name: str, call: Callable[[Sequence[Any]], Any]) -> Function:
    overloads = [_of(f"list_{kind}_{name}_{kind}", (list_of(type_),), type_, call) for kind, type_ in _COMPARABLE]
    return Function(name, tuple(overloads), of_all_values)


LISTS: Final = Library(
    "kubernetes.lists",
    functions=(
        Function(
            "isSorted",
            tuple(_of(f"list_{kind}_is_sorted_bool", (list_of(type_),), types.BOOL, is_sorted) for kind, type_ in _COMPARABLE),
            of_all_values,
        ),
        Function(
            "sum",
            tuple(_of(f"list_{kind}_sum_{kind}", (list_of(type_),), type_, _summing(zero)) for kind, type_, zero in _SUMMABLE),
            of_all_values,
        ),
        _compared("max", _extreme("max", -1)),
        _compared("min", _extreme("min", 1)),
        Function("indexOf", (_of("list_a_index_of_int", (list_of(_A), _A), types.INT, index_of),), of_all_values),
        Function("lastIndexOf", (_of("list_a_last_index_of_int", (list_of(_A), _A), types.INT, last_index_of),), of_all_values),
    ),
)
