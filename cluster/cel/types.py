"""Types of expressions, and how cel-go shows them.  Upstream: cel-go `common/types/types.go`, `checker/format.go`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Final

from msgspec import Struct

from cluster.api.equality import OwnEquality


class TypeKind(Enum):
    """What sort of type; a Type's `name` and `parameters` say the rest."""

    DYN = "dyn"
    ANY = "google.protobuf.Any"
    """As DYN, but nothing to loop over, and never of the type of what is written beside it in a list."""
    ERROR = "!error!"
    NULL = "null"
    BOOL = "bool"
    INT = "int"
    UINT = "uint"
    DOUBLE = "double"
    STRING = "string"
    BYTES = "bytes"
    DURATION = "google.protobuf.Duration"
    TIMESTAMP = "google.protobuf.Timestamp"
    LIST = "list"
    MAP = "map"
    OBJECT = "object"
    OPAQUE = "opaque"
    TYPE = "type"
    PARAMETER = "parameter"
    WRAPPER = "wrapper"


class Type(OwnEquality, frozen=True, eq=False):
    """A type; equal by value, objects by name."""

    kind: TypeKind
    name: str
    parameters: tuple[Type, ...] = ()
    fields: Callable[[], Mapping[str, Field]] | None = None
    """Of an object: its fields, made when they are first looked at (schemas refer to each other)."""
    facts: Any = None
    """What the schema says of it that costs and equality need; which `cluster.schema.cel_types` fills."""

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return isinstance(other, Type) and self.kind is other.kind and self.name == other.name and self.parameters == other.parameters

    def __hash__(self) -> int:
        return hash((self.kind, self.name, self.parameters))

    def __str__(self) -> str:
        if self.kind is TypeKind.WRAPPER:
            return f"wrapper({self.parameters[0]})"
        if self.kind is TypeKind.TYPE:
            return f"type({self.parameters[0]})" if self.parameters else "type"
        if self.kind is TypeKind.NULL:
            return "null"
        if self.parameters:
            return f"{self.name}({', '.join(str(each) for each in self.parameters)})"
        return _SHOWN.get(self.name, self.name)

    @property
    def element(self) -> Type:
        """Of a list; dyn where it is not said."""
        return self.parameters[0] if self.parameters else DYN


class Making(Struct, frozen=True):
    """The `facts` of an object that expressions make in a way of its own."""

    make: Callable[[str, dict[str, Any]], Any]
    """(type's name, fields) to a value; raises CelError for fields that it does not take."""


class Field(Struct, frozen=True):
    """A field of an object.  `name` is how expressions name it (escaped), `key` how the object has it."""

    name: str
    key: str
    type: Type
    required: bool = False
    convert: Callable[[Any], Any] | None = None
    """What makes a value of expressions of what the object has, e.g. a Timestamp of a string; raises CelError.  None: it is one."""
    null_is_absent: bool = False


_SHOWN: Final = {
    "google.protobuf.Any": "any",
    "google.protobuf.Duration": "duration",
    "google.protobuf.Timestamp": "timestamp",
    "null_type": "null",
}

DYN: Final = Type(TypeKind.DYN, "dyn")
ANY: Final = Type(TypeKind.ANY, "google.protobuf.Any")
ERROR: Final = Type(TypeKind.ERROR, "!error!")
NULL: Final = Type(TypeKind.NULL, "null_type")
BOOL: Final = Type(TypeKind.BOOL, "bool")
INT: Final = Type(TypeKind.INT, "int")
UINT: Final = Type(TypeKind.UINT, "uint")
DOUBLE: Final = Type(TypeKind.DOUBLE, "double")
STRING: Final = Type(TypeKind.STRING, "string")
BYTES: Final = Type(TypeKind.BYTES, "bytes")
DURATION: Final = Type(TypeKind.DURATION, "google.protobuf.Duration")
TIMESTAMP: Final = Type(TypeKind.TIMESTAMP, "google.protobuf.Timestamp")
TYPE: Final = Type(TypeKind.TYPE, "type")


def list_of(element: Type, facts: Any = None) -> Type:
    return Type(TypeKind.LIST, "list", (element,), facts=facts)


def map_of(key: Type, value: Type, facts: Any = None) -> Type:
    return Type(TypeKind.MAP, "map", (key, value), facts=facts)


def type_of(instance: Type) -> Type:
    """The type of a type."""
    return Type(TypeKind.TYPE, "type", (instance,))


def parameter(name: str) -> Type:
    """A type parameter of a function, e.g. `A`."""
    return Type(TypeKind.PARAMETER, name)


def wrapper_of(wrapped: Type) -> Type:
    """A nullable primitive."""
    return Type(TypeKind.WRAPPER, "wrapper", (wrapped,))


def opaque(name: str, *parameters: Type) -> Type:
    """A library's own type, e.g. `kubernetes.Quantity`."""
    return Type(TypeKind.OPAQUE, name, parameters)


def optional_of(value: Type) -> Type:
    return Type(TypeKind.OPAQUE, "optional_type", (value,))


def object_type(name: str, fields: Callable[[], Mapping[str, Field]], facts: Any = None) -> Type:
    return Type(TypeKind.OBJECT, name, (), fields, facts)
