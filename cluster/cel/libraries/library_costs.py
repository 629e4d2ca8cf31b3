"""What calls of Kubernetes' libraries cost as they run, and what they may cost.  Upstream: apiserver `pkg/cel/library/cost.go`.

Costs are by names of functions, whatever they are called on: `indexOf` is as dear in a list as in a string.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from time import perf_counter
from typing import Any, Final

from cluster.cel.compile_parts import MAX_SECONDS
from cluster.cel.costs import traversal
from cluster.cel.estimate_calls import known_size
from cluster.cel.functions import NOTHING, ONE, STRING_TRAVERSAL, UNKNOWN, Bounds, Estimate, Sized, StaticCost
from cluster.cel.runtime_types import size_of
from cluster.cel.types import Type, TypeKind
from cluster.cel.values import CostExceeded, Joined, key_value

COST_LIMIT: Final = 1_000_000
"""What one evaluation may cost.  Upstream: apiserver `pkg/apis/cel/config.go` (PerCallLimit)."""

_TEXTS: Final = frozenset({TypeKind.STRING, TypeKind.BYTES})
_LISTS: Final = (list, tuple, Joined)


def affordable(cost: int) -> None:
    """Refuses what would be paid for only once it is done, and cannot be."""
    if cost > COST_LIMIT:
        raise CostExceeded


def timely(begun: float) -> None:
    """Ends what is cheap and takes long, as comparing large values with each other may; `begun`: when, by `perf_counter`."""
    if perf_counter() - begun > MAX_SECONDS:
        raise CostExceeded


# As they run


def of_first_and_result(arguments: Sequence[Any], _: Any) -> int:
    """Going through the first argument, and making as much again."""
    return traversal(2 * size_of(arguments[0]))


def of_result(_: Sequence[Any], result: Any) -> int:
    return traversal(2 * size_of(result))


def of_all_values(arguments: Sequence[Any], _: Any) -> int:
    return _deep(arguments[0])


def _deep(value: Any) -> int:
    """1 for each value that a value consists of, a tenth of a text's bytes; nothing for a list itself.

    Of what costs nothing no more is looked at than of what would cost something.
    """
    total = visited = 0
    pending: list[Iterable[Any]] = [(value,)]
    while pending:
        for each in pending.pop():
            visited += 1
            if isinstance(each, str):
                total += (len(each) if each.isascii() else len(each.encode())) // 10
            elif isinstance(each, bytes):
                total += len(each) // 10
            elif isinstance(each, _LISTS):
                pending.append(each)
            elif isinstance(each, dict):
                pending += (map(key_value, each), each.values())
            else:
                total += 1
            affordable(max(total, visited))
    return total


# Beforehand


def of_first_text(_: Sized | None, arguments: Sequence[Sized]) -> Estimate | None:
    """Going through the first argument once."""
    return _traversed(arguments[0])


def of_first_text_twice(_: Sized | None, arguments: Sequence[Sized]) -> Estimate | None:
    return Estimate(known_size(arguments[0]).scaled(2 * STRING_TRAVERSAL))


def of_first_text_kept(_: Sized | None, arguments: Sequence[Sized]) -> Estimate | None:
    """Likewise, with a result as large as the argument."""
    size = known_size(arguments[0])
    return Estimate(size.scaled(STRING_TRAVERSAL), size)


def of_target_kept(target: Sized | None, _: Sequence[Sized]) -> Estimate | None:
    if target is None:
        return None
    size = known_size(target)
    return Estimate(size.scaled(STRING_TRAVERSAL), size)


def _traversed(of: Sized) -> Estimate:
    return Estimate(known_size(of).scaled(STRING_TRAVERSAL))


def fixed(cost: int) -> StaticCost:
    estimate = Estimate(Bounds(cost, cost))
    return lambda _target, _arguments: estimate


def element_type(of: Sized) -> Type | None:
    """What a list is of; None for what is none, or may be any."""
    if of.type.kind is TypeKind.WRAPPER:
        return None
    return of.type.parameters[0] if of.type.parameters else None


def element_size(of: Sized) -> Bounds:
    return of.element_size() or UNKNOWN


def of_target_values(target: Sized | None, _: Sequence[Sized]) -> Estimate | None:
    """1 for each element of a list, and going through those that are texts; of what is no list, going through it."""
    if target is None:
        return None
    kind = element_type(target)
    if kind is None:
        return _traversed(target)
    each = ONE + (element_size(target).scaled(STRING_TRAVERSAL) if kind.kind in _TEXTS else NOTHING)
    return Estimate(known_size(target) * each)
