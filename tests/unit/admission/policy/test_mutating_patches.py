"""Mutations by JSON patches: values of expressions as JSON, and what does not apply, or leaves no object."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.api.errors import InternalError
from tests.unit.admission.policy.mutations import MutatingWorld, config_map, mutate, mutating, of_config_map, patched
from tests.unit.admission.policy.world import created
from tests.unit.admission.writes import write

_MARSHAL = "JSONPath valueExpression evaluated to a type that could not marshal to JSON: "


def operation(op: str, path: str, value: str = "", source: str = "") -> str:
    value, source = (f", {name}: {given}" if given else "" for name, given in (("value", value), ("from", repr(source) if source else "")))
    return f"JSONPatch{{op: {op!r}, path: {path!r}{source}{value}}}"


def adding(value: str, path: str = "/data/x") -> str:
    return f"[{operation('add', path, value)}]"


@pytest.mark.parametrize(
    ("value", "made"),
    [
        ("'y'", "y"),
        ("null", ""),
        ("duration('90s')", "90s"),
        ("timestamp('2024-01-01T00:00:00Z')", "2024-01-01T00:00:00Z"),
        ("b'ab'", "YWI="),
        ("optional.of('o')", "o"),
        ("9007199254740993", "9007199254740993"),
        ("JSONPatch{op: 'a', path: 'b'}.op", "a"),
        ("JSONPatch{op: 'a', path: 'b'}.value", ""),
        ("string(has(JSONPatch{op: 'a'}.value))", "false"),
        ("object.data.k + request.userInfo.username", "vtina"),
        ("namespaceObject.metadata.labels.team", "shop"),
        ("jsonpatch.escapeKey('a/b~c')", "a~1b~0c"),
        ("Object.x == Object.x ? 'same' : ''", "same"),
    ],
)
def test_values(value: str, made: str) -> None:
    if value.startswith("Object.x =="):
        value = value.replace("Object.x", "Object.x{a: 1}")
    attributes = of_config_map()
    assert mutate(attributes, patched(adding(value))) == ""
    assert attributes.object == config_map(x=made)


@pytest.mark.parametrize(
    ("value", "made"),
    [
        ("Object.data{a: 'b'}", {"a": "b"}),
        ("Object.data{a: b'ab'}", {"a": "YWI="}),
        ("{'a': 'b', ?'c': optional.none()}", {"a": "b"}),
        ("object.data", {"k": "v"}),
    ],
)
def test_whole_maps(value: str, made: Any) -> None:
    attributes = of_config_map()
    assert mutate(attributes, patched(adding(value, "/data"))) == ""
    assert attributes.object == config_map() | {"data": made}


@pytest.mark.parametrize(
    ("value", "image"),
    [
        ("Object.spec.containers{name: 'b', image: 'q', ports: [Object.spec.containers.ports{containerPort: 80}]}", "q"),
        ("{'name': dyn('b'), 'image': dyn('q'), 'ports': dyn([{'containerPort': 80.0}])}", "q"),
        ("{'name': dyn('b'), 'image': object.spec.containers[0].image, 'ports': dyn([Object.spec.containers.ports{containerPort: 80}])}",
         "registry/web:1"),
    ],
)  # fmt: skip
def test_objects_within_lists(value: str, image: str) -> None:
    attributes = created()
    assert mutate(attributes, patched(adding(value, "/spec/containers/-"))) == ""
    assert attributes.object is not None
    made = attributes.object["spec"]["containers"][1]
    assert (made["image"], made["ports"]) == (image, [{"containerPort": 80, "protocol": "TCP"}])


@pytest.mark.parametrize(
    ("expression", "made"),
    [
        (f"[{operation('test', '/data/k', repr('v'))}, {operation('add', '/data/x', repr('y'))}]", {"k": "v", "x": "y"}),
        (f"[{operation('add', '/data/x', repr('y'))}, {operation('test', '/data/k', repr('z'))}]", {"k": "v"}),
        (f"[{operation('move', '/data/z', source='/data/k')}]", {"z": "v"}),
        (f"[{operation('copy', '/data/z', source='/data/k')}]", {"k": "v", "z": "v"}),
        (f"[{operation('copy', '/data/z', source='/data/none')}]", {"k": "v", "z": ""}),
        (f"[{operation('replace', '', 'object')}]", {"k": "v"}),
        (f"[{operation('remove', '/kind')}]", {"k": "v"}),
        ("[JSONPatch{op: 'replace', path: '/data/k'}]", {"k": ""}),
        ("[JSONPatch{op: 'add', path: '/data/x', ?value: optional.none()}]", {"k": "v", "x": ""}),
        ("has(object.data.zz) ? [JSONPatch{op: 'add', path: '/data/x', value: 'q'}] : []", {"k": "v"}),
    ],
)
def test_operations(expression: str, made: Any) -> None:
    attributes = of_config_map()
    assert mutate(attributes, patched(expression)) == ""
    assert attributes.object == config_map() | {"data": made}


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        (adding("string"), f"{_MARSHAL}type conversion not supported for 'type'"),
        (adding("quantity('1')"), f"{_MARSHAL}type conversion error from 'Quantity' to '*structpb.Value'"),
        (adding("optional.none()"), f"{_MARSHAL}optional.none() dereference"),
        (adding("JSONPatch{op: 'a'}"), f"{_MARSHAL}cannot convert to native type: *structpb.Value"),
        (adding("{1: 'b'}"), f"{_MARSHAL}unsupported type conversion from 'int' to string"),
        (adding("{true: 'b'}"), f"{_MARSHAL}type conversion error from bool to 'string'"),
        (adding("0.0 / 0.0"), f"{_MARSHAL}json: error calling MarshalJSON for type *structpb.Value: proto: google.protobuf.Value cannot "
         "have NaN value"),
        (adding("Object.data{a: null}"), f"{_MARSHAL}proto: invalid type: structpb.NullValue"),
        (adding("Object.data{a: timestamp('2024-01-01T00:00:00Z')}"), f"{_MARSHAL}proto: invalid type: time.Time"),
        (adding("Object.data{a: {'x': {'y': 'z'}}}"), f"{_MARSHAL}proto: invalid type: map[ref.Val]ref.Val"),
        (adding("Object.data{a: {1: 'y'}}"), f"{_MARSHAL}fail to convert field \"a\": map key '\\x01' is of type types.Int, not string"),
        (adding("Object.data{a: Object.c{}}"),
         'type mismatch: unexpected type name "Object.c", expected "Object.data.a", which matches field name path from root Object type'),
        (f"[{operation('remove', '/data/zz')}]",
         "JSON Patch: error in remove for path: '/data/zz': Unable to remove nonexistent key: zz: missing value"),
        (adding("'q'", "/zz/a/b"), 'JSON Patch: add operation does not apply: doc is missing path: "/zz/a/b": missing value'),
        ("[JSONPatch{path: '/a'}]", "JSON Patch: Unexpected kind: "),
        ("[JSONPatch{op: 'add'}]", 'JSON Patch: add operation does not apply: doc is missing path: "": missing value'),
        ("[JSONPatch{op: object.data.k, path: '/a'}]", "JSON Patch: Unexpected kind: v"),
        (f"[{operation('move', '/data/z')}]",
         "JSON Patch: move operation failed to decode from: operation, missing from field: missing value"),
        (f"[{operation('replace', '', repr('a'))}]", "JSON Patch: replace operation value must be object or array: %!w(<nil>)"),
        ("[JSONPatch{op: 'add', path: '/data/\\x07', value: 'q'}]", "JSON Patch: add operation failed to decode path: missing value"),
        ("[JSONPatch{op: dyn(1), path: '/a'}]",
         "expression '[JSONPatch{op: dyn(1), path: '/a'}]' resulted in error: unexpected type int64 for JSONPatchType 'op' field"),
    ],
)  # fmt: skip
def test_what_does_not_apply(expression: str, why: str) -> None:
    attributes = of_config_map()
    assert mutate(attributes, patched(expression)) == why
    assert attributes.object == config_map()


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        (adding("1", "/metadata/annotations"),
         "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.annotations of type map[string]string"),
        (adding("1"), "json: cannot unmarshal number into Go struct field ConfigMap.data of type string"),
        (adding("1.5"), "json: cannot unmarshal number into Go struct field ConfigMap.data of type string"),
        (adding("Object.x{a: ['x']}", "/data"), "json: cannot unmarshal array into Go struct field ConfigMap.data of type string"),
        (adding("'b'", "/foo"), 'strict decoding error: unknown field "foo"'),
        (f"[{operation('add', '/foo', '1')}, {operation('add', '/metadata/bar', '1')}, {operation('add', '/aaa', '1')}]",
         'strict decoding error: unknown field "aaa", unknown field "foo", unknown field "metadata.bar"'),
        (f"[{operation('replace', '/kind', repr('Foo'))}]",
         'no kind "Foo" is registered for version "v1" in scheme "pkg/api/legacyscheme/scheme.go:30"'),
        (f"[{operation('replace', '/apiVersion', repr('v2'))}]",
         'no kind "ConfigMap" is registered for version "v2" in scheme "pkg/api/legacyscheme/scheme.go:30"'),
    ],
)  # fmt: skip
def test_what_is_no_object_any_more_is_an_error_of_the_server_whatever_the_policy_lets_pass(expression: str, why: str) -> None:
    for failure in ("Fail", "Ignore"):
        attributes, world = of_config_map(), MutatingWorld()
        world.give_mutating(mutating("p", patched(expression), failurePolicy=failure))
        error = world.refused(attributes)
        assert isinstance(error, InternalError)
        assert error.message == f"Internal error occurred: {why}"
        assert attributes.object == config_map()


def test_connections_are_patched_too() -> None:
    options = {"apiVersion": "v1", "kind": "PodExecOptions", "command": ["x"], "stdout": True}
    attributes = write("CONNECT", "pods/exec", options, namespace="dev", name="web")
    attributes.kind = attributes.kind._replace(kind="PodExecOptions")
    exec_rule = {"operations": ["CONNECT"], "resources": ["pods/exec"], "apiGroups": [""], "apiVersions": ["v1"], "scope": "*"}
    assert mutate(attributes, patched(adding("true", "/stdin")), rules=[exec_rule]) == ""
    assert attributes.object is not None
    assert (attributes.object["stdin"], attributes.object["command"]) == (True, ["x"])
