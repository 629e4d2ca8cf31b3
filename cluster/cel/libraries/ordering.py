"""Which of two values comes first, as the functions of lists ask.  Upstream: cel-go `common/types` (Compare of each)."""

from __future__ import annotations

from typing import Any, Final

from cluster.cel.equality import compare_numbers
from cluster.cel.values import CelError, Duration, Timestamp, UInt

_NUMBERS: Final = frozenset({int, UInt, float})
_OTHERS: Final = frozenset({bool, str, bytes, Duration, Timestamp})


def comparable(value: Any) -> bool:
    """Whether a value is of a type that has an order."""
    kind = type(value)
    return kind in _NUMBERS or kind in _OTHERS


def compare(left: Any, right: Any) -> int:
    """-1, 0 or 1; CelError for what is not of one type, numbers of any types being of one, and for NaN."""
    kind, other = type(left), type(right)
    if kind in _NUMBERS and other in _NUMBERS:
        if left != left or right != right:
            raise CelError("NaN values cannot be ordered")
        return compare_numbers(left, right)
    if kind is other and kind in _OTHERS:
        return int(left > right) - int(left < right)
    raise CelError("no such overload")


def compared(left: Any, right: Any) -> int | None:
    """As `compare`; None for what has no order."""
    try:
        return compare(left, right)
    except CelError:
        return None
