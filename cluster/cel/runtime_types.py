"""What values are as an expression runs: their types, their sizes, and whether a parameter takes them.

Upstream: cel-go `common/types/types.go` (IsAssignableRuntimeType), `interpreter/runtimecost.go` (actualSize).
"""

from __future__ import annotations

from typing import Any, Final

from cluster.cel import types
from cluster.cel.types import Type, TypeKind
from cluster.cel.values import Duration, Growing, GrowingMap, Instance, Joined, Opaque, Optional_, OwnList, Timestamp, UInt, key_value


class _Failed:
    """An argument or a result that there is none of."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "FAILED"


FAILED: Final = _Failed()
"""What costs are computed with in place of what failed."""

LIST: Final = types.list_of(types.DYN)
MAP: Final = types.map_of(types.DYN, types.DYN)
OPTIONAL: Final = types.opaque("optional_type")

_TYPES: Final[dict[type, Type]] = {
    str: types.STRING,
    dict: MAP,
    list: LIST,
    bool: types.BOOL,
    int: types.INT,
    type(None): types.NULL,
    float: types.DOUBLE,
    UInt: types.UINT,
    bytes: types.BYTES,
    tuple: LIST,
    Joined: LIST,
    Growing: LIST,
    GrowingMap: MAP,
    Duration: types.DURATION,
    Timestamp: types.TIMESTAMP,
    Optional_: OPTIONAL,
    Type: types.TYPE,
}
_GO_TYPES: Final[dict[TypeKind, str]] = {
    TypeKind.NULL: "types.Null",
    TypeKind.BOOL: "types.Bool",
    TypeKind.INT: "types.Int",
    TypeKind.UINT: "types.Uint",
    TypeKind.DOUBLE: "types.Double",
    TypeKind.STRING: "types.String",
    TypeKind.BYTES: "types.Bytes",
    TypeKind.DURATION: "types.Duration",
    TypeKind.TIMESTAMP: "types.Timestamp",
    TypeKind.LIST: "*types.baseList",
    TypeKind.MAP: "*types.baseMap",
    TypeKind.TYPE: "*types.Type",
}
_SIZED: Final = frozenset({str, bytes, list, dict, tuple, Joined, Growing, GrowingMap})


def type_of(value: Any) -> Type:
    """The type that `type()` gives; what lists and maps are of is not known as an expression runs."""
    found = _TYPES.get(type(value))
    if found is not None:
        return found
    if isinstance(value, Opaque):
        return types.opaque(value.type_name)
    if isinstance(value, Instance):
        return Type(TypeKind.OBJECT, value.type_name)
    if isinstance(value, dict):
        return MAP
    if isinstance(value, OwnList):
        return LIST
    raise TypeError(f"no value of an expression: {type(value).__name__}")


def type_name(value: Any) -> str:
    """The name of a value's type, as messages have it."""
    return type_of(value).name


def go_type(value: Any) -> str:
    """The name of a value's type in Go, which some messages show."""
    if isinstance(value, Optional_):
        return "*types.Optional"
    if isinstance(value, Opaque):
        return value.go_type()
    return _GO_TYPES.get(type_of(value).kind, type_name(value))


def size_of(value: Any) -> int:
    """What costs take for the size of a value: characters, bytes, elements, or 1."""
    kind = type(value)
    if kind in _SIZED:
        return len(value)
    if kind is Optional_ and value.present:
        return size_of(value.value)
    if isinstance(value, (dict, OwnList)):
        return 1 if isinstance(value, Instance) else len(value)
    return value.size() if isinstance(value, Opaque) else 1


def accepts(parameter: Type, value: Any) -> bool:
    """Whether a parameter takes a value: of lists and maps the first element is looked at."""
    kind = parameter.kind
    if kind is TypeKind.DYN or kind is TypeKind.PARAMETER:
        return True
    if kind is TypeKind.WRAPPER:
        return value is None or accepts(parameter.parameters[0], value)
    if kind is TypeKind.OBJECT and parameter.fields is not None:
        return isinstance(value, dict)
    if type_name(value) != parameter.name:
        return False
    if kind is TypeKind.LIST:
        return not len(value) or accepts(parameter.element, value[0])
    if kind is TypeKind.MAP and value:
        key = next(iter(value))
        return accepts(parameter.parameters[0], key_value(key)) and accepts(parameter.parameters[1], value[key])
    return True
