"""The standard library: conversions of types.  Upstream: cel-go `common/stdlib/standard.go`, ConvertToType of each type; Go's `strconv`."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, Final

from cluster.cel import costs, times, types
from cluster.cel.floats import general
from cluster.cel.functions import Function, Overload
from cluster.cel.runtime_types import type_of
from cluster.cel.types import Type, parameter
from cluster.cel.types import type_of as type_type
from cluster.cel.values import MAX_INT, MAX_UINT, MIN_INT, CelError, Duration, Timestamp, UInt

_INT: Final = r"(?a)[+-]?[0-9]+"
_UINT: Final = r"(?a)[0-9]+"
_DECIMAL: Final = r"(?a)[+-]?(?:[0-9](?:_?[0-9])*\.?(?:[0-9](?:_?[0-9])*)?|\.[0-9](?:_?[0-9])*)(?:[eE][+-]?[0-9]+)?"
_HEXADECIMAL: Final = r"(?a)[+-]?0[xX]_?[0-9a-fA-F_]*\.?[0-9a-fA-F_]*[pP][+-]?[0-9]+"
_SPECIAL: Final = r"(?ai)[+-]?(?:inf|infinity)|nan"
_BOOLS: Final = {
    **dict.fromkeys(("1", "t", "T", "true", "TRUE", "True"), True),
    **dict.fromkeys(("0", "f", "F", "false", "FALSE", "False"), False),
}
_LONGEST_NUMBER: Final = 400
"""Longer texts are no ints of 64 bits without leading zeros; Python would take long for them."""


def _unconvertible(source: Type, target: Type) -> CelError:
    return CelError(f"type conversion error from '{source.name}' to '{target.name}'")


def identity(value: Any) -> Any:
    return value


def double_to_int(value: float) -> int:
    if not math.isfinite(value) or value <= float(MIN_INT) or value >= float(MAX_INT):
        raise CelError("integer overflow")
    return int(value)


def double_to_uint(value: float) -> UInt:
    if not math.isfinite(value) or value < 0 or value >= float(MAX_UINT):
        raise CelError("unsigned integer overflow")
    return UInt(value)


def string_to_int(value: str) -> int:
    if re.fullmatch(_INT, value):
        number = _number(value)
        if MIN_INT <= number <= MAX_INT:
            return number
    raise _unconvertible(types.STRING, types.INT)


def string_to_uint(value: str) -> UInt:
    if re.fullmatch(_UINT, value):
        number = _number(value)
        if number <= MAX_UINT:
            return UInt(number)
    raise _unconvertible(types.STRING, types.UINT)


def _number(value: str) -> int:
    return int(value) if len(value) <= _LONGEST_NUMBER else MAX_UINT + 1


def string_to_double(value: str) -> float:
    if re.fullmatch(_SPECIAL, value):
        return float(value)
    number = math.inf
    if re.fullmatch(_DECIMAL, value):
        number = float(value)
    elif re.fullmatch(_HEXADECIMAL, value):
        try:
            number = float.fromhex(value.replace("_", ""))
        except (ValueError, OverflowError):
            number = math.inf
    if math.isinf(number):
        raise _unconvertible(types.STRING, types.DOUBLE)
    return number


def string_to_bool(value: str) -> bool:
    found = _BOOLS.get(value)
    if found is None:
        raise _unconvertible(types.STRING, types.BOOL)
    return found


def int_to_uint(value: int) -> UInt:
    if value < 0:
        raise CelError("unsigned integer overflow")
    return UInt(value)


def uint_to_int(value: UInt) -> int:
    if value > MAX_INT:
        raise CelError("integer overflow")
    return int(value)


def bytes_to_string(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise CelError("invalid UTF-8 in bytes, cannot convert to string") from None


def bool_to_string(value: bool) -> str:
    return "true" if value else "false"


def number_to_string(value: int) -> str:
    return str(int(value))


def string_to_duration(value: str) -> Duration:
    span = times.parse_span(value)
    if span is None:
        raise _unconvertible(types.STRING, types.DURATION)
    return Duration(span)


def int_to_duration(_: int) -> Duration:
    """Declared, and done by no one."""
    raise _unconvertible(types.INT, types.DURATION)


def string_to_timestamp(value: str) -> Timestamp:
    moment = times.parse_moment(value)
    if moment is None:
        raise _unconvertible(types.STRING, types.TIMESTAMP)
    return moment


def int_to_timestamp(value: int) -> Timestamp:
    return times.moment(value * times.SECOND)


def timestamp_to_int(value: Timestamp) -> int:
    return value.nanoseconds // times.SECOND


def duration_to_int(value: Duration) -> int:
    return value.nanoseconds


_A: Final = parameter("A")
_NAMES: Final = {
    "bool": types.BOOL,
    "bytes": types.BYTES,
    "double": types.DOUBLE,
    "duration": types.DURATION,
    "int64": types.INT,
    "string": types.STRING,
    "timestamp": types.TIMESTAMP,
    "uint64": types.UINT,
}
_CONVERSIONS: Final[tuple[tuple[str, str, tuple[tuple[str, Callable[[Any], Any]], ...]], ...]] = (
    ("bool", "bool", (("bool", identity), ("string", string_to_bool))),
    ("bytes", "bytes", (("bytes", identity), ("string", str.encode))),
    ("double", "double", (("double", identity), ("int64", float), ("string", string_to_double), ("uint64", float))),
    ("duration", "duration", (("duration", identity), ("int64", int_to_duration), ("string", string_to_duration))),
    (
        "int",
        "int64",
        (
            ("int64", identity),
            ("double", double_to_int),
            ("duration", duration_to_int),
            ("string", string_to_int),
            ("timestamp", timestamp_to_int),
            ("uint64", uint_to_int),
        ),
    ),
    (
        "string",
        "string",
        (
            ("string", identity),
            ("bool", bool_to_string),
            ("bytes", bytes_to_string),
            ("double", general),
            ("duration", times.text),
            ("int64", number_to_string),
            ("timestamp", times.text),
            ("uint64", number_to_string),
        ),
    ),
    ("timestamp", "timestamp", (("timestamp", identity), ("int64", int_to_timestamp), ("string", string_to_timestamp))),
    ("uint", "uint64", (("uint64", identity), ("double", double_to_uint), ("int64", int_to_uint), ("string", string_to_uint))),
)
_TRAVERSALS: Final = frozenset({"string_to_bytes", "bytes_to_string"})

CONVERSIONS: Final = frozenset({*(name for name, _, _ in _CONVERSIONS), "type", "dyn"})
"""The functions whose calls with a constant are constants."""


def _conversion(name: str, target: str, sources: tuple[tuple[str, Callable[[Any], Any]], ...]) -> Function:
    made = []
    for source, call in sources:
        id_ = f"{source}_to_{target}"
        cost = costs.of_first if id_ in _TRAVERSALS else None
        made.append(Overload(id_, (_NAMES[source],), _NAMES[target], call, cost=cost))
    return Function(name, tuple(made))


FUNCTIONS: Final = (
    Function("type", (Overload("type", (_A,), type_type(_A), type_of),), dynamic=type_of),
    Function("dyn", (Overload("to_dyn", (_A,), types.DYN, identity),), dynamic=identity),
    *(_conversion(*each) for each in _CONVERSIONS),
)
