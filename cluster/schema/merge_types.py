"""How values are merged field by field: what is a whole, what is merged by its members, and what tells the members of a list apart.

Upstream: kube-openapi `pkg/schemaconv` (openapi.go, smd.go), structured-merge-diff `schema/elements.go`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from functools import lru_cache
from typing import Any, Final

from msgspec import Struct, field
from msgspec.structs import replace

from cluster.api.names import GroupVersionKind
from cluster.schema.model import QUANTITY, Schema, SchemaSet

_RAW_EXTENSION: Final = "io.k8s.apimachinery.pkg.runtime.RawExtension"
_NUMBERS: Final = ("integer", "number")


class Scalar(Enum):
    """With the types that its values have in Python."""

    NUMERIC = (int, float)
    STRING = (str,)
    BOOLEAN = (bool,)
    UNTYPED = (str, int, float, bool)
    """Any of them."""

    def __init__(self, *types: type) -> None:
        self.types: Final = types


class ListType(Struct, frozen=True):
    """`keys` are the fields that tell elements apart; a list that is no whole and has none is a set of scalars."""

    element: Reference
    atomic: bool
    keys: tuple[str, ...] = ()


class MapType(Struct, frozen=True):
    """A struct, or a map, whose `members` are of one type each; a struct has no others than its `fields`."""

    fields: Mapping[str, Reference]
    members: Reference | None
    atomic: bool
    defaults: Mapping[str, Any] = field(default_factory=dict)

    def member(self, name: str) -> Reference | None:
        """None for what must not be there."""
        return self.fields.get(name, self.members)


class MergeType(Struct, frozen=True):
    """What a value may be; several of these where its schema does not say."""

    scalar: Scalar | None = None
    list: ListType | None = None
    map: MapType | None = None


class Reference:
    """A type that is made when it is first looked at, as types refer to each other."""

    __slots__ = ("_made", "_maker", "_schema")

    def __init__(self, maker: _Maker | None, schema: Schema, made: MergeType | None = None) -> None:
        self._maker = maker
        self._schema = schema
        self._made = made

    @property
    def type(self) -> MergeType:
        made = self._made
        if made is None:
            assert self._maker is not None, "a type without a maker is made already"
            made = self._made = self._maker.type(self._schema)
        return made

    def become(self, made: MergeType) -> MergeType:
        self._made = made
        return made


def _untyped() -> tuple[MergeType, MergeType]:
    """What nothing is known of: as a whole, and so that its maps are merged."""
    whole, merged = Reference(None, {}), Reference(None, {})
    a_list = ListType(whole, True)
    return (
        whole.become(MergeType(Scalar.UNTYPED, a_list, MapType({}, whole, True))),
        merged.become(MergeType(Scalar.UNTYPED, a_list, MapType({}, merged, False))),
    )


WHOLE, DEDUCED = _untyped()


def merge_type(schemas: SchemaSet, gvk: GroupVersionKind) -> MergeType | None:
    """The type of a kind's objects; None where the schemas lack it."""
    definition = schemas.gvk(*gvk)
    return None if definition is None else _definitions(schemas).definition(definition)


def schema_merge_type(schemas: SchemaSet, schema: Schema) -> MergeType:
    """The type of what a schema describes, whose references are to definitions."""
    return _Maker(_definitions(schemas), False).type(schema)


@lru_cache(maxsize=2)
def _definitions(schemas: SchemaSet) -> _Definitions:
    return _Definitions(schemas)


class _Definitions:
    """The types of definitions, each made once."""

    def __init__(self, schemas: SchemaSet) -> None:
        self.schemas = schemas
        self._made: dict[str, MergeType] = {QUANTITY: MergeType(Scalar.UNTYPED), _RAW_EXTENSION: WHOLE}

    def definition(self, name: str) -> MergeType:
        found = self._made.get(name)
        if found is None:
            defaults = self.schemas.declared_defaults(name)
            found = self._made[name] = _Maker(self, False).inlined(self.schemas.definition(name), defaults)
        return found


class _Maker(Struct, frozen=True):
    """Makes types of schemas; with `open`, what they do not name is kept, and merged as it is."""

    definitions: _Definitions
    open: bool

    def type(self, schema: Schema) -> MergeType:
        name = schema.get("$ref")
        if name is None:
            return self.inlined(schema, {})
        found = self.definitions.definition(name)
        relation = schema.get("x-kubernetes-map-type")
        if relation is None:
            return found
        if found.map is not None:
            return replace(found, map=replace(found.map, atomic=relation == "atomic"))
        return found if found.list is None else replace(found, list=replace(found.list, atomic=relation == "atomic"))

    def inlined(self, schema: Schema, defaults: Mapping[str, Any]) -> MergeType:
        maker = _Maker(self.definitions, True) if schema.get("x-kubernetes-preserve-unknown-fields") is True else self
        kind = schema.get("type")
        if kind == "object":
            return MergeType(map=maker._map(schema, defaults))
        if kind == "array":
            return MergeType(list=maker._list(schema))
        if kind is None:
            return MergeType(Scalar.UNTYPED, maker._list(schema), maker._map(schema, defaults))
        return MergeType(_scalar(str(kind), schema.get("format") or ""))

    def _map(self, schema: Schema, defaults: Mapping[str, Any]) -> MapType:
        properties: Mapping[str, Schema] = schema.get("properties") or {}
        given = {name: each["default"] for name, each in properties.items() if "default" in each}
        fields = {name: Reference(self, each) for name, each in properties.items()}
        return MapType(fields, self._members(schema), schema.get("x-kubernetes-map-type") == "atomic", {**defaults, **given})

    def _members(self, schema: Schema) -> Reference | None:
        """Of a schema that names no fields any may be there."""
        members = schema.get("additionalProperties")
        if isinstance(members, dict):
            return Reference(self, members)
        anything = bool(members) if members is not None else self.open or not schema.get("properties")
        return Reference(None, {}, DEDUCED) if anything else None

    def _list(self, schema: Schema) -> ListType:
        items = schema.get("items")
        element = Reference(self, items) if isinstance(items, dict) else Reference(None, {}, WHOLE)
        kind = schema.get("x-kubernetes-list-type")
        if kind is not None:
            keys = tuple(schema.get("x-kubernetes-list-map-keys") or ()) if kind == "map" else ()
            return ListType(element, kind not in ("map", "set"), keys)
        merged = str(schema.get("x-kubernetes-patch-strategy") or "") in ("merge", "merge,retainKeys")
        key = schema.get("x-kubernetes-patch-merge-key")
        return ListType(element, not merged, (key,) if merged and key else ())


def _scalar(kind: str, text_format: str) -> Scalar:
    if kind in _NUMBERS:
        return Scalar.NUMERIC
    if kind == "boolean":
        return Scalar.BOOLEAN
    return Scalar.STRING if kind == "string" and text_format in ("", "byte") else Scalar.UNTYPED
