"""The values of expressions, as Python has them, and what has no Python type of its own.

| CEL | Python |
|---|---|
| bool, int, double, string, bytes, null | bool, int, float, str, bytes, None |
| uint | UInt |
| list, map, objects of a schema | list (or tuple), dict, dict |
| google.protobuf.Duration, Timestamp | Duration, Timestamp |
| type | `types.Type` |
| optional | Optional_ |
| opaque (quantity, ip, ...) | a class of its library, a subclass of Opaque |

An int is 64 bits wide: whoever computes one checks its range.  bool is a subclass of int in Python and no number in CEL: whoever
tells values apart looks at `type(value)`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Final

MIN_INT: Final = -(1 << 63)
MAX_INT: Final = (1 << 63) - 1
MAX_UINT: Final = (1 << 64) - 1


class UInt(int):
    """An unsigned integer of 64 bits."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, order=True)
class Duration:
    """A span of time in nanoseconds, of 64 bits."""

    nanoseconds: int


@dataclass(frozen=True, slots=True, order=True)
class Timestamp:
    """A moment, in nanoseconds since the epoch, of the years 1 to 9999."""

    nanoseconds: int


@dataclass(frozen=True, slots=True)
class Optional_:  # noqa: N801 - typing has the plain name
    """An optional value; NONE is the one that is absent."""

    value: Any = None
    present: bool = True


NONE: Final = Optional_(None, False)


class Opaque:
    """A value of a library's own type; equal by its class's `__eq__`."""

    __slots__ = ()
    type_name: ClassVar[str] = ""
    """As `type()` shows it, e.g. `kubernetes.Quantity`."""


class CelError(Exception):
    """An evaluation that failed; `&&` and `||` may absorb it.  The message is cel-go's: `no such key: x`, `division by zero`."""


class CostExceeded(Exception):
    """The evaluation was stopped by its budget; nothing absorbs it."""

    def __init__(self) -> None:
        super().__init__("operation cancelled: actual cost limit exceeded")
