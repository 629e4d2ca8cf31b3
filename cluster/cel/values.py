"""The values of expressions, as Python has them, and what has no Python type of its own.

| CEL | Python |
|---|---|
| bool, int, double, string, bytes, null | bool, int, float, str, bytes, None |
| uint | UInt |
| list | list, tuple or Joined |
| map, objects of a schema | dict |
| google.protobuf.Duration, Timestamp | Duration, Timestamp |
| type | `types.Type` |
| optional | Optional_ |
| opaque (quantity, ip, ...) | a class of its library, a subclass of Opaque |

An int is 64 bits wide: whoever computes one checks its range.  bool is a subclass of int in Python and no number in CEL: whoever
tells values apart looks at `type(value)`.  In the keys of a dict `True` would be `1`, and lists are no keys: see `new_key`,
`map_key`, `key_value`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from typing import Any, ClassVar, Final, overload

from msgspec import Struct

from cluster.api.equality import OwnEquality

MIN_INT: Final = -(1 << 63)
MAX_INT: Final = (1 << 63) - 1
MAX_UINT: Final = (1 << 64) - 1
MAX_TEXT: Final = 1 << 24
"""The most characters or bytes that a function may make; costs alone would not keep memory from running out."""
MAX_ELEMENTS: Final = 1 << 31


class UInt(int):
    """An unsigned integer of 64 bits."""

    __slots__ = ()


class Duration(Struct, frozen=True, order=True):
    """A span of time in nanoseconds, of 64 bits."""

    nanoseconds: int


class Timestamp(OwnEquality, frozen=True, eq=False):
    """A moment, in nanoseconds since the epoch, of the years 1 to 9999."""

    nanoseconds: int
    offset: int = 0
    """Seconds east of UTC, by which alone its text is written."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Timestamp) and self.nanoseconds == other.nanoseconds

    def __hash__(self) -> int:
        return hash(self.nanoseconds)

    def __lt__(self, other: Timestamp) -> bool:
        return self.nanoseconds < other.nanoseconds

    def __le__(self, other: Timestamp) -> bool:
        return self.nanoseconds <= other.nanoseconds

    def __gt__(self, other: Timestamp) -> bool:
        return self.nanoseconds > other.nanoseconds

    def __ge__(self, other: Timestamp) -> bool:
        return self.nanoseconds >= other.nanoseconds


class BoolKey(Enum):
    """A bool as a key of a map."""

    FALSE = False
    TRUE = True


def map_key(value: Any) -> Any:
    """A value as a dict has it for a key."""
    return BoolKey(value) if type(value) is bool else value


class LostKey:
    """A list or a map as a key of a map, which no look-up finds again."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


def new_key(value: Any) -> Any:
    """A value as the key of what is new in a dict."""
    return LostKey(value) if isinstance(value, (list, tuple, dict, Joined, Optional_)) else map_key(value)


def key_value(key: Any) -> Any:
    """The value that a dict's key is."""
    return key.value if type(key) is BoolKey or type(key) is LostKey else key


class Joined(Sequence[Any]):
    """Lists one after the other, joined without a copy: a few additions can make what no memory has room for."""

    __slots__ = ("_first", "_length", "_second")

    def __init__(self, first: Sequence[Any], second: Sequence[Any]) -> None:
        self._first = first
        self._second = second
        self._length = len(first) + len(second)
        if self._length > MAX_ELEMENTS:
            raise CelError(f"list of more than {MAX_ELEMENTS} elements")

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> list[Any]: ...
    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(self._length))]
        if not 0 <= index < self._length:
            raise IndexError(index)
        at: Sequence[Any] = self
        while type(at) is Joined:
            before = len(at._first)
            at, index = (at._first, index) if index < before else (at._second, index - before)
        return at[index]

    def __iter__(self) -> Iterator[Any]:
        pending: list[Sequence[Any]] = [self]
        while pending:
            at = pending.pop()
            if type(at) is Joined:
                pending += (at._second, at._first)
            else:
                yield from at


class Growing(list[Any]):
    """The list that a fold makes, which nothing else sees before it is done: adding to it extends it."""

    __slots__ = ()


class GrowingMap(dict[Any, Any]):
    """The map that a fold makes, likewise."""

    __slots__ = ()


class OwnList(list[Any]):
    """A list whose equality and addition are its own, e.g. of a schema with `x-kubernetes-list-type: set`."""

    __slots__ = ()

    def equals(self, other: Sequence[Any]) -> bool:
        raise NotImplementedError

    def joined(self, other: Sequence[Any]) -> Sequence[Any]:
        raise NotImplementedError

    def replaced(self, elements: Iterable[Any]) -> OwnList:
        """A list like this with other elements."""
        raise NotImplementedError


class Instance(dict[str, Any]):
    """An object that an expression has made; a field that was not given is null."""

    __slots__ = ("type_name",)

    def __init__(self, type_name: str, fields: dict[str, Any]) -> None:
        super().__init__(fields)
        self.type_name = type_name

    def __missing__(self, key: str) -> None:
        return None


class Optional_(Struct, frozen=True):  # noqa: N801 - typing has the plain name
    """An optional value; NONE is the one that is absent."""

    value: Any = None
    present: bool = True


NONE: Final = Optional_(None, False)


class Opaque(OwnEquality, frozen=True, eq=False):
    """A value of a library's own type; equal by its class's `__eq__`."""

    type_name: ClassVar[str] = ""
    """As `type()` shows it, e.g. `kubernetes.Quantity`."""

    def size(self) -> int:
        """What costs take for its size."""
        return 1

    def is_zero(self) -> bool:
        """Whether `optional.ofNonZeroValue` leaves it out."""
        return False

    def go_type(self) -> str:
        """The name of its type in Kubernetes, which some messages show."""
        return f"cel.{type(self).__name__}"


class CelError(Exception):
    """An evaluation that failed; `&&` and `||` may absorb it.  The message is cel-go's: `no such key: x`, `division by zero`."""

    cost: int = 0
    """What the evaluation had cost, once it has ended with this."""


class CostExceeded(Exception):
    """The evaluation was stopped by its budget; nothing absorbs it."""

    cost: int = 0
    """What it had cost by then, more than the limit."""

    def __init__(self) -> None:
        super().__init__("operation cancelled: actual cost limit exceeded")
