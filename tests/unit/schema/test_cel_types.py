"""What expressions may select of objects, by their schemas."""

from __future__ import annotations

import pytest

from cluster.api.names import GroupVersionKind
from cluster.cel.types import Type
from cluster.schema.cel_types import escape, kind_type, schema_type
from cluster.schema.model import SchemaSet

SCHEMAS = SchemaSet.for_version()


def select(made: Type | None, path: str) -> Type | None:
    """What a path of fields leads to; `[]` is an element."""
    for part in path.split("."):
        assert made is not None
        if part == "[]":
            made = made.parameters[-1]
            continue
        assert made.fields is not None, f"{made} has no fields"
        found = made.fields().get(part)
        if found is None:
            return None
        made = found.type
    return made


@pytest.mark.parametrize(
    ("kind", "path", "shown"),
    [
        (("", "v1", "Pod"), "metadata.name", "string"),
        (("", "v1", "Pod"), "metadata.creationTimestamp", "timestamp"),
        (("", "v1", "Pod"), "metadata.labels", "map(string, string)"),
        (("", "v1", "Pod"), "spec.containers", "list(T.spec.containers.@idx)"),
        (("", "v1", "Pod"), "spec.containers.[].ports.[].containerPort", "int"),
        (("", "v1", "Pod"), "spec.containers.[].livenessProbe.httpGet.port", "dyn"),
        (("", "v1", "Pod"), "spec.hostNetwork", "bool"),
        (("", "v1", "Secret"), "data", "map(string, bytes)"),
        (("apps", "v1", "Deployment"), "spec.template.spec.containers.[].env.[].value", "string"),
        (("networking.k8s.io", "v1", "NetworkPolicy"), "spec.ingress.[].from", "list(T.spec.ingress.@idx.from.@idx)"),
    ],
)
def test_a_field_has_the_type_of_its_schema(kind: tuple[str, str, str], path: str, shown: str) -> None:
    assert str(select(kind_type(SCHEMAS, GroupVersionKind(*kind), "T"), path)) == shown


@pytest.mark.parametrize(
    "path",
    ["spec.containers.[].resources.limits", "spec.containers.[].resources.requests", "spec.nothing", "spec.volumes.[].emptyDir.sizeLimit"],
)
def test_what_the_schema_says_no_type_of_is_not_shown(path: str) -> None:
    assert select(kind_type(SCHEMAS, GroupVersionKind("", "v1", "Pod"), "T"), path) is None


def test_a_schema_that_comes_back_to_itself_ends_in_an_object_without_fields() -> None:
    crd = kind_type(SCHEMAS, GroupVersionKind("apiextensions.k8s.io", "v1", "CustomResourceDefinition"), "T")
    ended = select(crd, "spec.versions.[].schema.openAPIV3Schema.not")
    assert ended is not None
    assert ended.fields is not None
    assert ended.fields() == {}


def test_a_kind_without_schema_has_no_type() -> None:
    assert kind_type(SCHEMAS, GroupVersionKind("example.com", "v1", "Thing"), "T") is None


@pytest.mark.parametrize(
    ("name", "escaped"),
    [
        ("replicas", "replicas"),
        ("namespace", "__namespace__"),
        ("namespaces", "namespaces"),
        ("x-kubernetes-validations", "x__dash__kubernetes__dash__validations"),
        ("a.b/c", "a__dot__b__slash__c"),
        ("a__b", "a__underscores__b"),
        ("_", "_"),
        ("1st", None),
        ("$ref", None),
        ("größe", None),
        ("", None),
    ],
)
def test_a_field_is_named_as_an_identifier(name: str, escaped: str | None) -> None:
    assert escape(name) == escaped


@pytest.mark.parametrize(
    ("schema", "most", "least"),
    [
        ({"type": "string"}, 3145726, 2),
        ({"type": "string", "maxLength": 10}, 40, 2),
        ({"type": "string", "enum": ["a", "abc"]}, 3, 2),
        ({"type": "string", "format": "date-time"}, 32, 21),
        ({"type": "string", "format": "byte", "maxLength": 10}, 10, 2),
        ({"type": "array", "items": {"type": "integer"}}, 1572863, 2),
        ({"type": "array", "items": {"type": "integer"}, "maxItems": 5}, 5, 2),
        ({"type": "object", "additionalProperties": {"type": "boolean"}}, 314572, 2),
        ({"type": "object", "properties": {"a": {"type": "integer"}, "bc": {"type": "string"}}, "required": ["a", "bc"]}, None, 16),
        ({"x-kubernetes-int-or-string": True}, 3145726, 1),
        ({"type": "integer"}, None, 1),
    ],
)
def test_how_large_a_value_can_be(schema: dict[str, object], most: int | None, least: int) -> None:
    made = schema_type(SCHEMAS, schema, "T")
    assert made is not None
    assert (made.facts.most_elements, made.facts.least_bytes) == (most, least)


def test_a_resource_has_a_name_whatever_its_schema_says() -> None:
    made = schema_type(SCHEMAS, {"type": "object", "properties": {"spec": {"type": "object"}}}, "T", root=True)
    assert [str(select(made, each)) for each in ("apiVersion", "kind", "metadata.name", "spec")] == ["string"] * 3 + ["T.spec"]
