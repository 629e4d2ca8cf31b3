"""Apply configurations: what they may not say, in upstream's words."""

import pytest

from cluster.api.meta import deep_copy
from cluster.api.names import GroupVersionKind, Object
from cluster.patch import apply_configuration
from cluster.patch.apply_configuration import NotApplied
from cluster.patch.wording import Foreign
from cluster.schema.merge_types import DEDUCED, merge_type, schema_merge_type
from cluster.schema.model import SchemaSet

SCHEMAS = SchemaSet.for_version("1.36")
POD, DEPLOYMENT, BINDING = (
    merge_type(SCHEMAS, GroupVersionKind(group, "v1", kind)) for group, kind in (("", "Pod"), ("apps", "Deployment"), ("", "Binding"))
)
NULL = Foreign("NULL_VALUE", "0", "structpb.NullValue")
LIVE: Object = {"metadata": {"name": "web", "labels": {"a": "b"}}, "spec": {"containers": [{"name": "a", "image": "x"}, {"name": "b"}]}}
_PATCH = "failed to convert patch object to typed object: "
_WHOLE = "invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: "


def test_what_is_said_is_put_in_and_the_rest_stays() -> None:
    assert POD is not None
    before = deep_copy(LIVE)
    made = apply_configuration.apply(
        POD, LIVE, {"metadata": {"labels": {"c": "d"}}, "spec": {"containers": [{"name": "b", "image": "y"}, {"name": "c", "image": "z"}]}}
    )
    assert made == {
        "metadata": {"name": "web", "labels": {"a": "b", "c": "d"}},
        "spec": {"containers": [{"name": "a", "image": "x"}, {"name": "b", "image": "y"}, {"name": "c", "image": "z"}]},
    }
    assert before == LIVE


def container(**fields: object) -> Object:
    return {"spec": {"containers": [{"name": "a", **fields}]}}


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (container(args=["x"]), f"{_WHOLE}.spec.containers[0].args"),
        (container(args=["x"], command=[]), f"{_WHOLE}.spec.containers[0].args, .spec.containers[0].command"),
        ({"spec": {"nodeSelector": {"a": "b"}}}, f"{_WHOLE}.spec.nodeSelector"),
        ({"spec": {"tolerations": [{"key": "a"}]}}, f"{_WHOLE}.spec.tolerations"),
        ({"spec": {"foo": 1, "bar": 2}}, f"{_PATCH}.spec.foo: field not declared in schema"),
        (
            {"spec": {"foo": 1}, "bar": 2},
            f"{_PATCH}errors:\n  .spec.foo: field not declared in schema\n  .bar: field not declared in schema",
        ),
        ({"spec": "a"}, f"{_PATCH}.spec: expected map, got &{{a}}"),
        ({"spec": [{"a": [True, None, 1.5]}]}, f"{_PATCH}.spec: expected map, got &{{[map[a:[true <nil> 1.5]]]}}"),
        ({"spec": {"containers": {}}}, f"{_PATCH}.spec.containers: expected list, got &{{map[]}}"),
        ({"spec": {"nodeName": 1}}, f"{_PATCH}.spec.nodeName: expected string, got &value.valueUnstructured{{Value:1}}"),
        (
            {"spec": {"nodeName": {"b": ["x", None], "a": 1.5}}},
            f'{_PATCH}.spec.nodeName: expected string, got &value.valueUnstructured{{Value:map[string]interface {{}}{{"a":1.5, '
            '"b":[]interface {}{"x", interface {}(nil)}}}',
        ),
        ({"spec": {"priority": "1"}}, f"{_PATCH}.spec.priority: expected numeric (int or float), got string"),
        ({"spec": {"priority": True}}, f"{_PATCH}.spec.priority: expected numeric (int or float), got bool"),
        ({"spec": {"hostPID": "yes"}}, f"{_PATCH}.spec.hostPID: expected boolean, got &{{yes}}"),
        ({"metadata": {"creationTimestamp": {"a": 1}}}, f"{_PATCH}.metadata.creationTimestamp: expected any scalar, got &{{map[a:1]}}"),
        (container(name=None) | {"metadata": {"labels": {"a": []}}},
         f"{_PATCH}.metadata.labels.a: expected string, got &value.valueUnstructured{{Value:[]interface {{}}{{}}}}"),
        ({"spec": {"nodeName": NULL}}, f"{_PATCH}.spec.nodeName: expected string, got &value.valueUnstructured{{Value:0}}"),
        ({"spec": {"priority": NULL}}, f"{_PATCH}.spec.priority: expected numeric (int or float), got structpb.NullValue"),
        ({"spec": {"hostPID": NULL}}, f"{_PATCH}.spec.hostPID: expected boolean, got &{{NULL_VALUE}}"),
        ({"spec": {"containers": NULL}}, f"{_PATCH}.spec.containers: expected list, got &{{NULL_VALUE}}"),
        (
            {"spec": {"containers": [{"name": "a"}, {"name": "a"}]}},
            f'{_PATCH}.spec.containers: duplicate entries for key [name="a"]',
        ),
        (
            {"spec": {"containers": [{"name": "a", "ports": [{"containerPort": 80}, {"containerPort": 80, "protocol": "TCP"}]}]}},
            f'{_PATCH}.spec.containers[name="a"].ports: duplicate entries for key [containerPort=80,protocol="TCP"]',
        ),
        ({"spec": {"containers": [1]}}, f"{_PATCH}.spec.containers: element 0: associative list with keys may not have non-map elements"),
        (
            {"spec": {"containers": [None]}},
            f"{_PATCH}.spec.containers: element 0: associative list with keys may not have a null element",
        ),
        (
            {"spec": {"imagePullSecrets": [{}, {}]}},
            f'{_PATCH}.spec.imagePullSecrets: duplicate entries for key [name=""]',
        ),
        (
            {"metadata": {"ownerReferences": [{"name": "a"}, {"name": "b"}]}},
            f'{_PATCH}.metadata.ownerReferences: duplicate entries for key [uid=""]',
        ),
        (
            {"metadata": {"finalizers": ["a", None]}},
            f"{_PATCH}.metadata.finalizers: element 1: associative list without keys has an element that's an explicit null",
        ),
        ({"metadata": {"finalizers": ["a", "a"]}}, f'{_PATCH}.metadata.finalizers: duplicate entries for key [="a"]'),
    ],
)  # fmt: skip
def test_what_may_not_be_said(said: Object, why: str) -> None:
    assert POD is not None
    with pytest.raises(NotApplied) as refused:
        apply_configuration.apply(POD, LIVE, said)
    assert str(refused.value) == why


def test_a_struct_that_is_a_whole_may_not_be_said_either() -> None:
    assert DEPLOYMENT is not None
    assert BINDING is not None
    for kind, said, path in ((DEPLOYMENT, {"spec": {"selector": {}}}, ".spec.selector"), (BINDING, {"target": {"name": "n"}}, ".target")):
        with pytest.raises(NotApplied) as refused:
            apply_configuration.apply(kind, {}, said)
        assert str(refused.value) == f"{_WHOLE}{path}"


def test_an_object_whose_elements_can_not_be_told_apart_takes_none() -> None:
    element = {"type": "object", "properties": {"id": {"type": "string"}, "other": {"type": "string"}}}
    listed = {"type": "array", "items": element, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["id"]}
    kind = schema_merge_type(SCHEMAS, {"type": "object", "properties": {"a": listed, "b": {"type": "string"}}})
    with pytest.raises(NotApplied) as refused:
        apply_configuration.apply(kind, {"a": [{"other": "x"}]}, {"b": "c"})
    assert str(refused.value) == (
        "failed to convert original object to typed object: .a: element 0: associative list with keys has an element that omits all key "
        """fields ["id"] (and doesn't have default values for any key fields)"""
    )


def test_what_is_nested_too_deeply_is_refused() -> None:
    deep: Object = {}
    for _ in range(500):
        deep = {"a": deep}
    with pytest.raises(NotApplied, match="exceeded max depth"):
        apply_configuration.apply(DEDUCED, {}, {"spec": deep})
