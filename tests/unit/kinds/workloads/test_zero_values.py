"""The fields of a pod that are not stored when they hold nothing."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import pytest

from cluster.api.names import Object
from cluster.kinds.core.pod_zero_values import HOLDERS, drop_zero_values
from cluster.schema.model import Schema, SchemaSet, versions


def _structure(schemas: SchemaSet, schema: Schema) -> str:
    """The definition of a property's objects, empty where they have no fields of their own."""
    name = (schema["items"] if schema.get("type") == "array" else schema).get("$ref", "")
    return name if name and "properties" in schemas.definition(name) else ""


def _holders(schemas: SchemaSet, definition: str, seen: set[str]) -> Iterator[str]:
    seen.add(definition)
    for name, schema in schemas.definition(definition)["properties"].items():
        inner = _structure(schemas, schema)
        if inner:
            yield name
        if inner and inner not in seen:
            yield from _holders(schemas, inner, seen)


def test_every_field_that_holds_objects_in_any_version_is_known() -> None:
    found = {name for version in versions() for name in _holders(SchemaSet.for_version(version), "io.k8s.api.core.v1.PodSpec", set())}
    assert found - {"options"} == HOLDERS


FULL_OPTIONS = {"flexVolume": {"options": {"user": "", "items": {"user": ""}}}}


@pytest.mark.parametrize(
    ("spec", "stored"),
    [
        ({"hostNetwork": False, "hostUsers": False}, {"hostUsers": False}),
        ({"nodeSelector": {"role": ""}, "affinity": None}, {"nodeSelector": {"role": ""}}),
        ({"containers": [{"args": [], "image": "", "resources": {"limits": {}}}]}, {"containers": [{"image": "", "resources": {}}]}),
        ({"containers": [{"env": [{"name": "A", "value": ""}]}]}, {"containers": [{"env": [{"name": "A"}]}]}),
        ({"volumes": [{"nfs": {"server": "s", "readOnly": False}}]}, {"volumes": [{"nfs": {"server": "s"}}]}),
        ({"volumes": [FULL_OPTIONS]}, {"volumes": [FULL_OPTIONS]}),
    ],
)
def test_what_holds_nothing_is_dropped_where_upstream_has_no_pointer(spec: Object, stored: Object) -> None:
    found = copy.deepcopy(spec)
    drop_zero_values(found)
    assert found == stored
