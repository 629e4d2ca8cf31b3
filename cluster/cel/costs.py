"""What calls cost as they run, where it depends on how large something is.  Upstream: cel-go `interpreter/runtimecost.go`.

A factor of 0.1 a character is rounded up, in whole numbers: ceil(n * 0.1) is (n + 9) // 10.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from cluster.cel.runtime_types import size_of

LIST_COST: Final = 10
MAP_COST: Final = 30
OBJECT_COST: Final = 40


def traversal(size: int) -> int:
    """Looking at each character once."""
    return (size + 9) // 10


def matching(size: int, pattern_size: int) -> int:
    """Looking for a pattern: a text that is empty still costs what the pattern does."""
    return traversal(size + 1) * ((pattern_size + 3) // 4)


def of_first(arguments: Sequence[Any], _: Any) -> int:
    return traversal(size_of(arguments[0]))


def of_both(arguments: Sequence[Any], _: Any) -> int:
    return traversal(size_of(arguments[0]) + size_of(arguments[1]))


def of_smaller(arguments: Sequence[Any], _: Any) -> int:
    return traversal(min(size_of(arguments[0]), size_of(arguments[1])))


def of_containing(arguments: Sequence[Any], _: Any) -> int:
    return traversal(size_of(arguments[0])) * traversal(size_of(arguments[1]))


def of_matching(arguments: Sequence[Any], _: Any) -> int:
    return matching(size_of(arguments[0]), size_of(arguments[1]))


def of_elements(arguments: Sequence[Any], _: Any) -> int:
    return size_of(arguments[1])
