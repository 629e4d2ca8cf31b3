"""What calls of the functions of strings may cost, and how large what they make may be.

Upstream: apiserver `pkg/cel/library/cost.go` (EstimateCallCost).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from cluster.cel.estimate_calls import known_size
from cluster.cel.functions import MOST, NOTHING, STRING_TRAVERSAL, Bounds, Estimate, Sized
from cluster.cel.libraries.library_costs import element_size, element_type
from cluster.cel.syntax.ast import Literal


def replacing(target: Sized | None, arguments: Sequence[Sized]) -> Estimate | None:
    if target is None or len(arguments) < 2:
        return None
    size, old, new = known_size(target), known_size(arguments[0]), known_size(arguments[1])
    least_count, least_kept = _fewest(size.least, old.most, new.least)
    most_count, most_kept = _most(size.most, old.least, new.most)
    result = Bounds(least_count, most_count) * new + Bounds(least_kept, most_kept)
    return Estimate(size.scaled(2 * STRING_TRAVERSAL), result)


def _most(size: int, old: int, new: int) -> tuple[int, int]:
    """(how many replacements, how much is kept) where the least of the old and the most of the new make the longest result."""
    if old == 0:
        return min(size + 1, MOST), size
    return (0, size) if new <= old else (_parts(size, old), 0)


def _fewest(size: int, old: int, new: int) -> tuple[int, int]:
    """Likewise for the shortest."""
    if old == 0:
        return min(size + 1, MOST), size
    return (0, size) if old <= new else (_parts(size, old), 0)


def _parts(size: int, each: int) -> int:
    """How many of one size are in another, as upstream counts with floats."""
    return min(math.ceil(float(size) / float(each)), MOST)


def splitting(target: Sized | None, arguments: Sequence[Sized]) -> Estimate | None:
    """At most so many parts as there are characters, or as the limit says."""
    if target is None:
        return None
    size = known_size(target)
    most = size.most
    if len(arguments) > 1:
        limit = arguments[1].node
        if isinstance(limit, Literal) and type(limit.value) is int:
            most = limit.value & MOST
    return Estimate(size.scaled(2 * STRING_TRAVERSAL), Bounds(0, most))


def joining(target: Sized | None, arguments: Sequence[Sized]) -> Estimate | None:
    if target is None:
        return None
    count = known_size(target)
    size = NOTHING if element_type(target) is None else count * element_size(target)
    if arguments:
        separators = Bounds(max(count.least - 1, 0), max(count.most - 1, 0))
        size += known_size(arguments[0]) * separators
    return Estimate(size.scaled(STRING_TRAVERSAL), size)
