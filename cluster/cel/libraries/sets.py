"""Lists as sets: what contains what, what has something in common.  Upstream: cel-go `ext/sets.go`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from time import perf_counter
from typing import Any, Final

from cluster.cel import types
from cluster.cel.estimate_calls import known_size
from cluster.cel.functions import ONE, Estimate, Function, Library, Overload, RuntimeCost, Sized, StaticCost
from cluster.cel.libraries.library_costs import affordable, timely
from cluster.cel.libraries.standard_collections import in_list
from cluster.cel.runtime_types import size_of
from cluster.cel.types import list_of, parameter

_LIST: Final = list_of(parameter("T"))


def _pairs(left: Sequence[Any], right: Sequence[Any]) -> int:
    """What comparing each with each costs."""
    return 1 + len(left) * len(right)


def _found(values: Sequence[Any], within: Sequence[Any]) -> Iterator[bool]:
    """Of each value whether it is there."""
    affordable(_pairs(values, within))
    begun = perf_counter()
    for each in values:
        timely(begun)
        yield in_list(each, within)


def contains(values: Sequence[Any], part: Sequence[Any]) -> bool:
    return all(_found(part, values))


def intersects(left: Sequence[Any], right: Sequence[Any]) -> bool:
    return any(_found(left, right))


def equivalent(left: Sequence[Any], right: Sequence[Any]) -> bool:
    return contains(left, right) and contains(right, left)


def _cost(factor: int) -> RuntimeCost:
    return lambda arguments, _: 1 + size_of(arguments[0]) * size_of(arguments[1]) * factor


def _estimate(factor: int) -> StaticCost:
    def estimated(_: Sized | None, arguments: Sequence[Sized]) -> Estimate:
        return Estimate((known_size(arguments[0]) * known_size(arguments[1])).scaled(factor) + ONE)

    return estimated


def _of(name: str, factor: int, call: Callable[[Sequence[Any], Sequence[Any]], bool]) -> Function:
    id_ = f"list_sets_{name}_list"
    overload = Overload(id_, (_LIST, _LIST), types.BOOL, call, cost=_cost(factor), estimate=_estimate(factor))
    return Function(f"sets.{name}", (overload,))


SETS: Final = Library(
    "cel.lib.ext.sets",
    functions=(_of("contains", 1, contains), _of("equivalent", 2, equivalent), _of("intersects", 1, intersects)),
    since=29,
)
