"""What mutating policies have besides: `jsonpatch.escapeKey`, and objects that expressions make: `Object{...}` and `JSONPatch{...}`.

Upstream: apiserver `pkg/cel/library/jsonpatch.go`, `pkg/cel/mutation` (jsonpatch.go, typeresolver.go, dynamic/objects.go).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from cluster.cel import types
from cluster.cel.costs import of_first
from cluster.cel.functions import Library
from cluster.cel.libraries.declaring import plain
from cluster.cel.libraries.library_costs import of_first_text_kept
from cluster.cel.runtime_types import type_of
from cluster.cel.text import shown
from cluster.cel.types import Field, Making, Type, TypeKind, object_type
from cluster.cel.values import CelError, Instance

OBJECT: Final = "Object"
JSON_PATCH: Final = "JSONPatch"
_TEXTS: Final = ("op", "from", "path")
_GO_TYPES: Final[Mapping[TypeKind, str]] = {
    TypeKind.NULL: "structpb.NullValue",
    TypeKind.BOOL: "bool",
    TypeKind.INT: "int64",
    TypeKind.UINT: "uint64",
    TypeKind.DOUBLE: "float64",
    TypeKind.BYTES: "[]uint8",
    TypeKind.LIST: "[]ref.Val",
    TypeKind.MAP: "map[ref.Val]ref.Val",
    TypeKind.OBJECT: "map[string]interface {}",
    TypeKind.TIMESTAMP: "time.Time",
    TypeKind.DURATION: "time.Duration",
}
"""What upstream's messages call values."""


class PatchOperation(Instance):
    """A `JSONPatch{...}`: its `op`, `from` and `path`, empty where they are not given, and its `value`, null where it is not."""

    __slots__ = ()

    def __init__(self, name: str, fields: Mapping[str, Any]) -> None:
        for key, value in fields.items():
            if key in _TEXTS and not isinstance(value, str):
                kind = type_of(value)
                found = _GO_TYPES.get(kind.kind, kind.name)
                raise CelError(f"unexpected type {found} for JSONPatchType '{key}' field")
        super().__init__(name, {key: value for key, value in fields.items() if key == "value" or value != ""})

    def __bool__(self) -> bool:
        """It is never nothing, as objects without fields are."""
        return True

    def __missing__(self, key: str) -> Any:
        if key == "value":
            return None
        if key in _TEXTS:
            return ""
        raise CelError(f"unsupported indexer: {shown(key)}")


class _PatchFields(dict[str, Field]):
    """Any other field has a type that nothing is of, and no name."""

    def get(self, name: str, _: Any = None) -> Any:
        return super().get(name) or Field(name, name, Type(TypeKind.OBJECT, ""))


class _AnyField(dict[str, Field]):
    """A field of any name and type."""

    def get(self, name: str, _: Any = None) -> Field:
        return Field(name, name, types.DYN)


_PATCH_FIELDS: Final = _PatchFields(
    {**{name: Field(name, name, types.STRING) for name in _TEXTS}, "value": Field("value", "value", types.DYN)}
)
_ANY_FIELD: Final = _AnyField()
JSON_PATCH_TYPE: Final = object_type(JSON_PATCH, lambda: _PATCH_FIELDS, Making(PatchOperation))
OBJECT_TYPE: Final = object_type(OBJECT, lambda: _ANY_FIELD)


class _MadeTypes(Mapping[str, Type]):
    """`JSONPatch`, `Object`, and `Object.<field>...` for what is in one, which are without end."""

    def __getitem__(self, name: str) -> Type:
        if name == JSON_PATCH:
            return JSON_PATCH_TYPE
        if name == OBJECT:
            return OBJECT_TYPE
        if name.startswith(f"{OBJECT}."):
            return object_type(name, lambda: _ANY_FIELD)
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter((JSON_PATCH, OBJECT))

    def __len__(self) -> int:
        return 2


MADE_TYPES: Final = _MadeTypes()
"""For `Environment`'s `types`."""


def escape_key(key: str) -> str:
    """A key as a part of a JSON pointer."""
    return key.replace("~", "~0").replace("/", "~1")


JSON_PATCHES: Final = Library(
    "kubernetes.jsonpatch",
    functions=(
        plain(
            "jsonpatch.escapeKey",
            "string_jsonpatch_escapeKey_string",
            (types.STRING,),
            types.STRING,
            escape_key,
            of_first,
            of_first_text_kept,
        ),
    ),
)
