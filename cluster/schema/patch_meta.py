"""How strategic merge patch treats each field: the strategy and merge key that a kind's schema names.

Upstream: apimachinery `pkg/util/strategicpatch/meta.go`, `third_party/forked/golang/json`.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from cluster.api.names import GroupVersionKind
from cluster.schema.model import Schema, SchemaSet

_FREE: Final[Schema] = {}


class Field(Struct, frozen=True):
    """A field's strategy (`merge`, `replace` or empty), whether it clears keys that are not named, its key, and what it holds."""

    strategy: str
    merge_key: str
    members: PatchMeta


class PatchMeta(Struct, frozen=True):
    """The fields of one struct, or of a value of which nothing is known."""

    schemas: SchemaSet
    schema: Schema
    name: str

    def field(self, key: str) -> Field:
        """The field of that name; ValueError where the struct has none."""
        properties = self.schema.get("properties")
        if properties is None:
            members = self.schema.get("additionalProperties")
            return Field("", "", self._resolve(members if isinstance(members, dict) else _FREE))
        described = properties.get(key)
        if described is None:
            raise ValueError(f'unable to find api field in struct {self.name} for the json field "{key}"')
        strategies = described.get("x-kubernetes-patch-strategy", "").split(",")
        strategy = next((each for each in strategies if each != "retainKeys"), "")
        return Field(strategy, described.get("x-kubernetes-patch-merge-key", ""), self._resolve(described))

    def _resolve(self, schema: Schema) -> PatchMeta:
        if schema.get("type") == "array":
            schema = schema["items"]
        name = schema.get("$ref")
        if name is None:
            return PatchMeta(self.schemas, schema, "map")
        return PatchMeta(self.schemas, self.schemas.definition(name), name.rsplit(".", 1)[-1])


def patch_meta(schemas: SchemaSet, gvk: GroupVersionKind) -> PatchMeta:
    """The metadata of a kind; KeyError where the schemas lack it."""
    definition = schemas.gvk(*gvk)
    if definition is None:
        raise KeyError(str(gvk))
    return PatchMeta(schemas, schemas.definition(definition), gvk.kind)
