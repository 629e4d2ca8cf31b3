"""The standard library: sums, products and signs.  Upstream: cel-go `common/stdlib/standard.go`, `common/types/overflow.go`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

from cluster.cel import costs, times, types
from cluster.cel.functions import Function, Overload
from cluster.cel.types import list_of, parameter
from cluster.cel.values import (
    MAX_INT,
    MAX_TEXT,
    MAX_UINT,
    MIN_INT,
    CelError,
    Duration,
    Growing,
    Joined,
    OwnList,
    Timestamp,
    UInt,
)

_COPIED: Final = 64
"""Up to how many elements lists are joined by a copy."""
_RECEIVERS: Final = frozenset({str, Duration, Timestamp})
_LISTS: Final = (list, tuple, Joined)
_A: Final = parameter("A")

Operation = Callable[[Any, Any], Any]


def no_overload(function: str, operand: Any) -> CelError:
    """Of what has no such operator at all the message has its name."""
    return CelError("no such overload" if type(operand) in _RECEIVERS else f"no such overload: {function}")


def integer(value: int) -> int:
    if MIN_INT <= value <= MAX_INT:
        return value
    raise CelError("integer overflow")


def unsigned(value: int) -> UInt:
    if 0 <= value <= MAX_UINT:
        return UInt(value)
    raise CelError("unsigned integer overflow")


def add_int(left: int, right: int) -> int:
    return integer(left + right)


def subtract_int(left: int, right: int) -> int:
    return integer(left - right)


def multiply_int(left: int, right: int) -> int:
    return integer(left * right)


def divide_int(left: int, right: int) -> int:
    if right == 0:
        raise CelError("division by zero")
    whole = abs(left) // abs(right)
    return integer(whole if (left < 0) == (right < 0) else -whole)


def modulo_int(left: int, right: int) -> int:
    if right == 0:
        raise CelError("modulus by zero")
    if left == MIN_INT and right == -1:
        raise CelError("integer overflow")
    rest = abs(left) % abs(right)
    return -rest if left < 0 else rest


def negate_int(value: int) -> int:
    return integer(-value)


def add_uint(left: int, right: int) -> UInt:
    return unsigned(int(left) + int(right))


def subtract_uint(left: int, right: int) -> UInt:
    return unsigned(int(left) - int(right))


def multiply_uint(left: int, right: int) -> UInt:
    return unsigned(int(left) * int(right))


def divide_uint(left: int, right: int) -> UInt:
    if right == 0:
        raise CelError("division by zero")
    return UInt(int(left) // int(right))


def modulo_uint(left: int, right: int) -> UInt:
    if right == 0:
        raise CelError("modulus by zero")
    return UInt(int(left) % int(right))


def add_double(left: float, right: float) -> float:
    return left + right


def subtract_double(left: float, right: float) -> float:
    return left - right


def multiply_double(left: float, right: float) -> float:
    return left * right


def divide_double(left: float, right: float) -> float:
    if right:
        return left / right
    if not left or left != left or right != right:
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1.0, right)


def negate_double(value: float) -> float:
    return -value


def add_text(left: Any, right: Any) -> Any:
    """Strings, or bytes."""
    if len(left) + len(right) > MAX_TEXT:
        raise CelError(f"text of more than {MAX_TEXT} characters")
    return left + right


def add_list(left: Sequence[Any], right: Sequence[Any]) -> Sequence[Any]:
    if type(left) is Growing:
        left.extend(right)
        return left
    if isinstance(left, OwnList):
        return left.joined(right)
    if not left:
        return right
    if not right:
        return left
    if len(left) + len(right) <= _COPIED:
        return [*left, *right]
    return Joined(left, right)


def add_span(left: Duration, right: Duration) -> Duration:
    return times.span(left.nanoseconds + right.nanoseconds)


def add_moment(left: Timestamp, right: Duration) -> Timestamp:
    return times.moment(left.nanoseconds + right.nanoseconds, left.offset)


def add_to_moment(left: Duration, right: Timestamp) -> Timestamp:
    return add_moment(right, left)


def subtract_span(left: Duration, right: Duration) -> Duration:
    return times.span(left.nanoseconds - right.nanoseconds)


def subtract_moments(left: Timestamp, right: Timestamp) -> Duration:
    return times.span(left.nanoseconds - right.nanoseconds)


def subtract_from_moment(left: Timestamp, right: Duration) -> Timestamp:
    return add_moment(left, times.span(-right.nanoseconds))


def negate_span(value: Duration) -> Duration:
    return times.span(-value.nanoseconds)


def add(left: Any, right: Any) -> Any:
    """Of any types, as all operators below that look at types as they run."""
    if isinstance(left, _LISTS):
        if isinstance(right, _LISTS):
            return add_list(left, right)
        raise CelError("no such overload")
    return _operate("_+_", _ADDITIONS, left, right)


_ADDITIONS: Final[dict[type, dict[type, Operation]]] = {
    int: {int: add_int},
    UInt: {UInt: add_uint},
    float: {float: add_double},
    str: {str: add_text},
    bytes: {bytes: add_text},
    Duration: {Duration: add_span, Timestamp: add_to_moment},
    Timestamp: {Duration: add_moment},
}
_SUBTRACTIONS: Final[dict[type, dict[type, Operation]]] = {
    int: {int: subtract_int},
    UInt: {UInt: subtract_uint},
    float: {float: subtract_double},
    Duration: {Duration: subtract_span},
    Timestamp: {Timestamp: subtract_moments, Duration: subtract_from_moment},
}
_MULTIPLICATIONS: Final[dict[type, dict[type, Operation]]] = {
    int: {int: multiply_int},
    UInt: {UInt: multiply_uint},
    float: {float: multiply_double},
}
_DIVISIONS: Final[dict[type, dict[type, Operation]]] = {
    int: {int: divide_int},
    UInt: {UInt: divide_uint},
    float: {float: divide_double},
}
_MODULI: Final[dict[type, dict[type, Operation]]] = {int: {int: modulo_int}, UInt: {UInt: modulo_uint}}
_NEGATIONS: Final[dict[type, Callable[[Any], Any]]] = {int: negate_int, float: negate_double, Duration: negate_span}


def _operate(name: str, operations: dict[type, dict[type, Operation]], left: Any, right: Any) -> Any:
    of_left = operations.get(type(left))
    if of_left is None:
        raise no_overload(name, left)
    operation = of_left.get(type(right))
    if operation is None:
        raise CelError("no such overload")
    return operation(left, right)


def _operator(name: str, operations: dict[type, dict[type, Operation]]) -> Operation:
    return lambda left, right: _operate(name, operations, left, right)


def negate(value: Any) -> Any:
    operation = _NEGATIONS.get(type(value))
    if operation is None:
        raise CelError("no such overload" if type(value) in (bool, str, Timestamp) else "no such overload: -_")
    return operation(value)


def _of(id_: str, left: types.Type, right: types.Type, result: types.Type, call: Operation) -> Overload:
    return Overload(id_, (left, right), result, call)


def _numeric(name: str, call_int: Operation, call_uint: Operation, call_double: Operation | None = None) -> tuple[Overload, ...]:
    """The overloads of numbers of one type, in upstream's order: double, int, uint."""
    made = [
        _of(f"{name}_int64", types.INT, types.INT, types.INT, call_int),
        _of(f"{name}_uint64", types.UINT, types.UINT, types.UINT, call_uint),
    ]
    if call_double is not None:
        made.insert(0, _of(f"{name}_double", types.DOUBLE, types.DOUBLE, types.DOUBLE, call_double))
    return tuple(made)


_MOMENT, _SPAN = types.TIMESTAMP, types.DURATION
_LIST: Final = list_of(_A)

FUNCTIONS: Final = (
    Function(
        "_+_",
        (
            Overload("add_bytes", (types.BYTES, types.BYTES), types.BYTES, add_text, cost=costs.of_both),
            _of("add_double", types.DOUBLE, types.DOUBLE, types.DOUBLE, add_double),
            _of("add_duration_duration", _SPAN, _SPAN, _SPAN, add_span),
            _of("add_duration_timestamp", _SPAN, _MOMENT, _MOMENT, add_to_moment),
            _of("add_timestamp_duration", _MOMENT, _SPAN, _MOMENT, add_moment),
            _of("add_int64", types.INT, types.INT, types.INT, add_int),
            _of("add_list", _LIST, _LIST, _LIST, add_list),
            Overload("add_string", (types.STRING, types.STRING), types.STRING, add_text, cost=costs.of_both),
            _of("add_uint64", types.UINT, types.UINT, types.UINT, add_uint),
        ),
        dynamic=add,
    ),
    Function("_/_", _numeric("divide", divide_int, divide_uint, divide_double), dynamic=_operator("_/_", _DIVISIONS)),
    Function("_%_", _numeric("modulo", modulo_int, modulo_uint), dynamic=_operator("_%_", _MODULI)),
    Function("_*_", _numeric("multiply", multiply_int, multiply_uint, multiply_double), dynamic=_operator("_*_", _MULTIPLICATIONS)),
    Function(
        "-_",
        (
            Overload("negate_double", (types.DOUBLE,), types.DOUBLE, negate_double),
            Overload("negate_int64", (types.INT,), types.INT, negate_int),
        ),
        dynamic=negate,
    ),
    Function(
        "_-_",
        (
            *_numeric("subtract", subtract_int, subtract_uint, subtract_double),
            _of("subtract_duration_duration", _SPAN, _SPAN, _SPAN, subtract_span),
            _of("subtract_timestamp_duration", _MOMENT, _SPAN, _MOMENT, subtract_from_moment),
            _of("subtract_timestamp_timestamp", _MOMENT, _MOMENT, _SPAN, subtract_moments),
        ),
        dynamic=_operator("_-_", _SUBTRACTIONS),
    ),
)
