"""Types of expressions from schemas: what an expression may select of an object, and how large that can be.

Upstream: apiserver `pkg/cel/common/schemas.go` (SchemaDeclType), `pkg/cel/types.go` (names), `pkg/cel/escaping.go`, `pkg/cel/limits.go`,
`pkg/cel/openapi/resolver/refs.go` (what refers to itself is an empty object there).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from cluster.api.names import GroupVersionKind
from cluster.cel import types
from cluster.cel.types import Field, Type
from cluster.schema.cel_values import converter
from cluster.schema.model import INT_OR_STRING, Schema, SchemaSet

MAX_REQUEST_BYTES: Final = 3 * 1024 * 1024
RESERVED: Final = frozenset(
    {
        *("true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "loop"),
        *("package", "namespace", "return", "var", "void", "while"),
    }
)
_SPECIAL: Final = re.compile(r"__|[-./]|[^a-zA-Z0-9_]")
_ESCAPED: Final = {"__": "__underscores__", ".": "__dot__", "-": "__dash__", "/": "__slash__"}
_FORMATS: Final[Mapping[str, tuple[Type, int, int | None]]] = {
    "byte": (types.BYTES, 2, None),
    "duration": (types.DURATION, 3, 32),
    "date": (types.TIMESTAMP, 12, 12),
    "date-time": (types.TIMESTAMP, 21, 32),
}
"""A string's format to its type, and the least and the most bytes that it takes in JSON (None: as many as a request may have)."""
_PLAIN: Final[Mapping[str, tuple[Type, int]]] = {"boolean": (types.BOOL, 4), "number": (types.DOUBLE, 1), "integer": (types.INT, 1)}
_TEXT: Final[Schema] = {"type": "string"}
_ROOT: Final[Schema] = {
    "apiVersion": _TEXT,
    "kind": _TEXT,
    "metadata": {"type": "object", "properties": {"name": _TEXT, "generateName": _TEXT}},
}


def escape(name: str) -> str | None:
    """A field's name as an identifier of expressions; None for one that cannot be."""
    if not name or name[0].isdigit():
        return None
    if name in RESERVED:
        return f"__{name}__"
    parts = _SPECIAL.findall(name)
    if any(each not in _ESCAPED for each in parts):
        return None
    return _SPECIAL.sub(lambda found: _ESCAPED[found[0]], name)


class Facts(Struct, frozen=True, dict=True):
    """What a schema says of a value beyond its type, each made when it is asked for."""

    schema: Schema
    _least: Callable[[], int]
    _most: Callable[[], int | None]

    @cached_property
    def least_bytes(self) -> int:
        """The least that the value takes in JSON."""
        return self._least()

    @cached_property
    def most_elements(self) -> int | None:
        """The most elements of a list or map, or bytes of a string; None for what has no size."""
        return self._most()


def kind_type(schemas: SchemaSet, gvk: GroupVersionKind, name: str) -> Type | None:
    """The type of a kind's objects, called `name`; None where there is no schema of it."""
    definition = schemas.gvk(*gvk)
    return None if definition is None else _Maker(schemas, ()).resource({"$ref": definition}, name)


def schema_type(schemas: SchemaSet, schema: Schema, name: str, *, root: bool = False) -> Type | None:
    """The type of what a schema describes; `root`: of a whole resource, which has a name whatever its schema says."""
    maker = _Maker(schemas, ())
    return maker.resource(schema, name) if root else maker.type(schema, name)


class _Maker(Struct, frozen=True):
    """Makes types below the definitions that it has come through, which a cycle would come back to."""

    schemas: SchemaSet
    above: tuple[str, ...]

    def resource(self, schema: Schema, name: str) -> Type | None:
        maker, schema = self._resolved(schema)
        properties = schema.get("properties") or {}
        named = ((maker._resolved(properties.get("metadata") or {})[1]).get("properties") or {}).keys() >= {"name", "generateName"}
        if not (named and properties.keys() >= _ROOT.keys()):
            schema = {**schema, "properties": {**properties, **_ROOT}}
        return maker.type(schema, name)

    def type(self, schema: Schema, name: str) -> Type | None:
        """The type; None for what expressions are not shown: that of which the schema says nothing."""
        if _is_int_or_string(schema):
            return replace(types.DYN, facts=Facts(schema, lambda: 1, lambda: _most_text(schema)))
        maker, schema = self._resolved(schema)
        if schema.get("x-kubernetes-int-or-string"):
            return replace(types.DYN, facts=Facts(schema, lambda: 1, lambda: _most_text(schema)))
        kind = str(schema.get("type"))
        if kind == "array":
            return maker._list(schema, name)
        if kind == "object":
            return maker._object(schema, name)
        if kind == "string":
            return _string(schema)
        if kind in _PLAIN:
            plain, least = _PLAIN[kind]
            return replace(plain, facts=Facts(schema, lambda: least, lambda: None))
        return None

    def _resolved(self, schema: Schema) -> tuple[_Maker, Schema]:
        """The schema that is meant, and who makes what is below it."""
        reference = schema.get("$ref")
        if reference is None:
            return self, schema
        if reference in self.above:
            return self, {"type": "object"}
        return _Maker(self.schemas, (*self.above, reference)), self.schemas.definition(reference)

    def _list(self, schema: Schema, name: str) -> Type | None:
        element = self._member(schema.get("items"), f"{name}.@idx")
        if element is None:
            return None

        def most() -> int:
            given = schema.get("maxItems")
            return max(0, given) if given is not None else (MAX_REQUEST_BYTES - 2) // (_least(element) + 1)

        return types.list_of(element, Facts(schema, lambda: 2, most))

    def _object(self, schema: Schema, name: str) -> Type | None:
        values = schema.get("additionalProperties")
        if isinstance(values, dict):
            member = self._member(values, f"{name}.@elem")
            if member is None:
                return None

            def most() -> int:
                given = schema.get("maxProperties")
                return max(0, given) if given is not None else (MAX_REQUEST_BYTES - 2) // (_least(member) + 6)

            return types.map_of(types.STRING, member, Facts(schema, lambda: 2, most))
        made = _Fields(self, schema, name)
        return types.object_type(name, made, Facts(schema, made.least_bytes, lambda: None))

    def _member(self, schema: Schema | None, name: str) -> Type | None:
        if schema is None:
            return None
        return self.resource(schema, name) if schema.get("x-kubernetes-embedded-resource") else self.type(schema, name)


class _Fields:
    """The fields of an object, made at the first look."""

    def __init__(self, maker: _Maker, schema: Schema, name: str) -> None:
        self._maker = maker
        self._schema = schema
        self._name = name
        self._made: Mapping[str, Field] | None = None

    def __call__(self) -> Mapping[str, Field]:
        if self._made is None:
            required = frozenset(self._schema.get("required") or ())
            found = {}
            for key, schema in (self._schema.get("properties") or {}).items():
                name = escape(key)
                made = self._maker._member(schema, f"{self._name}.{name}") if name is not None else None
                if name is not None and made is not None:
                    found[name] = Field(name, key, made, key in required, converter(made), null_is_absent=True)
            self._made = found
        return self._made

    def least_bytes(self) -> int:
        """An object is written as `{}` at least, with what it must have and no server fills in."""
        least = 2
        properties = self._schema.get("properties") or {}
        for key in self._schema.get("required") or ():
            schema = properties.get(key)
            if schema is None or "default" in schema:
                continue
            made = self._maker._member(schema, "")
            if made is not None:
                least += len(key) + _least(made) + 4
        return least


def _string(schema: Schema) -> Type:
    text_format = schema.get("format") or ""
    if text_format in _FORMATS:
        made, least, most = _FORMATS[text_format]
        bounded = most if most is not None else schema.get("maxLength", MAX_REQUEST_BYTES - 2)
        return replace(made, facts=Facts(schema, lambda: least, lambda: max(0, bounded)))
    return replace(types.STRING, facts=Facts(schema, lambda: 2, lambda: _most_text(schema)))


def _most_text(schema: Schema) -> int:
    """The most bytes of a string: four for each code point that it may have, or those of its longest value."""
    length = schema.get("maxLength")
    if length is not None:
        return 4 * max(0, int(length))
    values = schema.get("enum")
    if values and schema.get("type") == "string":
        return max((len(each.encode()) for each in values if isinstance(each, str)), default=0)
    return MAX_REQUEST_BYTES - 2


def _least(made: Type) -> int:
    return made.facts.least_bytes if isinstance(made.facts, Facts) else 0


def _is_int_or_string(schema: Schema) -> bool:
    return schema.get("$ref") == INT_OR_STRING or schema.get("format") == "int-or-string"
