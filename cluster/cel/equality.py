"""When two values are equal, and which are zero.  Upstream: cel-go `common/types` (Equal, IsZeroValue of each), `compare.go`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from cluster.cel.times import MIN_MOMENT
from cluster.cel.types import Type
from cluster.cel.values import MAX_INT, MAX_UINT, MIN_INT, CelError, Duration, Joined, Opaque, Optional_, OwnList, Timestamp, UInt

_PLAIN: Final = frozenset({str, bool, int, UInt, bytes, type(None), Duration, Timestamp})
"""Of which two of one type are equal if Python says so."""
_NUMBERS: Final = frozenset({int, UInt, float})
_MISSING: Final = object()


def equal(left: Any, right: Any) -> bool:
    """Values of any types; numbers are compared as numbers, what has different types otherwise is not equal.

    Raises CelError where a library's value is compared with one of another type.
    """
    kind, other = type(left), type(right)
    if kind is other and kind in _PLAIN:
        return bool(left == right)
    if kind in _NUMBERS:
        return other in _NUMBERS and _same_number(left, right)
    if kind is str or kind is bool or left is None:
        return False
    if isinstance(left, dict):
        return isinstance(right, dict) and _same_maps(left, right)
    if isinstance(left, (list, tuple, Joined)):
        return isinstance(right, (list, tuple, Joined)) and _same_lists(left, right)
    if isinstance(left, Type):
        return isinstance(right, Type) and left.name == right.name
    if isinstance(left, Optional_):
        return isinstance(right, Optional_) and _same_optionals(left, right)
    return isinstance(left, Opaque) and right is not None and bool(left == right)


def surely_equal(left: Any, right: Any) -> bool:
    """What cannot be compared is not."""
    try:
        return equal(left, right)
    except CelError:
        return False


def _maybe_equal(left: Any, right: Any) -> bool:
    """As elements are compared: what cannot be is no difference."""
    try:
        return equal(left, right)
    except CelError:
        return True


def _same_number(left: Any, right: Any) -> bool:
    if type(left) is float and type(right) is float:
        return bool(left == right)
    return compare_numbers(left, right) == 0


def compare_numbers(left: Any, right: Any) -> int:
    """-1, 0 or 1 for numbers of any types, none of them NaN; an int beside a double is rounded to one, as upstream does it."""
    if type(left) is float and type(right) is not float:
        return -_compare_to_double(right, left)
    if type(right) is float and type(left) is not float:
        return _compare_to_double(left, right)
    return int(left > right) - int(left < right)


def _compare_to_double(whole: int, double: float) -> int:
    if double != double:
        return 1
    least, most = (0, MAX_UINT) if type(whole) is UInt else (MIN_INT, MAX_INT)
    if double < least:
        return 1
    if double > float(most):
        return -1
    rounded = float(whole)
    return (rounded > double) - (rounded < double)


def _same_lists(left: Sequence[Any], right: Sequence[Any]) -> bool:
    if isinstance(left, OwnList):
        return left.equals(right)
    return len(left) == len(right) and all(map(_maybe_equal, left, right))


def _same_maps(left: Mapping[Any, Any], right: Mapping[Any, Any]) -> bool:
    if len(left) != len(right):
        return False
    for key, value in left.items():
        other = right.get(key, _MISSING)
        if other is _MISSING or not _maybe_equal(value, other):
            return False
    return True


def _same_optionals(left: Optional_, right: Optional_) -> bool:
    if not (left.present and right.present):
        return left.present == right.present
    return equal(left.value, right.value)


def is_zero(value: Any) -> bool:
    """Whether a value is its type's zero or empty one; null is."""
    if isinstance(value, Duration):
        return value.nanoseconds == 0
    if isinstance(value, Timestamp):
        return value.nanoseconds == MIN_MOMENT
    if isinstance(value, Opaque):
        return value.is_zero()
    if isinstance(value, (Type, Optional_)):
        return False
    return not value
