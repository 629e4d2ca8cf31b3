"""Mutations by apply configurations: what they may say of an object, and how what they may not is refused."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.api.names import Object
from tests.unit.admission.policy.mutations import applied, mutate, of_config_map, patched
from tests.unit.admission.policy.world import created, pod
from tests.unit.admission.writes import write

_PATCH = "error applying patch: failed to convert patch object to typed object: "
_WHOLE = "error applying patch: invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: "
DEPLOYMENT: Object = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "namespace": "dev"},
    "spec": {
        "selector": {"matchLabels": {"a": "b"}},
        "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "a", "image": "x"}]}},
    },
}


def of_spec(fields: str) -> str:
    return f"Object{{spec: Object.spec{{{fields}}}}}"


def deployment(expression: str) -> tuple[str, Any]:
    attributes = write("CREATE", "deployments.apps", {**DEPLOYMENT}, namespace="dev")
    return mutate(attributes, applied(expression)), attributes.object


def test_containers_are_merged_by_their_names() -> None:
    made = created(pod() | {"spec": {"containers": [{"name": "a", "image": "x"}, {"name": "b", "image": "y"}]}})
    containers = (
        "object.spec.containers.filter(c, c.name == 'b').map(c, Object.spec.containers{name: c.name, image: 'mirror/' + c.image}) + "
        "[Object.spec.containers{name: 'sidecar', image: 's'}]"
    )
    assert mutate(made, applied(of_spec(f"containers: {containers}"))) == ""
    assert made.object is not None
    assert [(each["name"], each["image"]) for each in made.object["spec"]["containers"]] == [
        ("a", "x"),
        ("b", "mirror/y"),
        ("sidecar", "s"),
    ]
    assert made.object["spec"]["containers"][2]["imagePullPolicy"] == "Always", "defaults are filled in again"


@pytest.mark.parametrize(
    ("fields", "path", "value"),
    [
        ("replicas: 2", ("replicas",), 2),
        ("replicas: 2.0", ("replicas",), 2),
        ("replicas: optional.of(3)", ("replicas",), 3),
        ("?replicas: optional.none()", ("replicas",), 1),
        ("replicas: optional.none()", ("replicas",), 1),
        ("strategy: optional.of(Object.spec.strategy{type: 'Recreate'})", ("strategy",), {"type": "Recreate"}),
        ("strategy: Object.spec.strategy{type: string}", ("strategy", "type"), "string"),
        ("template: Object.spec.template{metadata: Object.spec.template.metadata{labels: {'c': 'd'}}}",
         ("template", "metadata", "labels"), {"a": "b", "c": "d"}),
        ("template: Object.spec.template{metadata: Object.spec.template.metadata{labels: object.spec.selector.matchLabels}}",
         ("template", "metadata", "labels"), {"a": "b"}),
        ("template: Object.spec.template{metadata: Object.spec.template.metadata{annotations: {?'x': optional.none(), 'y': 'z'}}}",
         ("template", "metadata", "annotations"), {"y": "z"}),
        ("template: Object.spec.template{spec: Object.spec.template.spec{containers: object.spec.template.spec.containers}}",
         ("template", "spec", "containers", 0, "name"), "a"),
    ],
)  # fmt: skip
def test_what_is_said_is_there(fields: str, path: tuple[Any, ...], value: Any) -> None:
    said, made = deployment(of_spec(fields))
    assert said == ""
    found = made["spec"]
    for step in path:
        found = found[step]
    assert found == value


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        (of_spec("strategy: Object.spec.strategy{type: null}"),
         f"{_PATCH}.spec.strategy.type: expected string, got &value.valueUnstructured{{Value:0}}"),
        (of_spec("replicas: null"), f"{_PATCH}.spec.replicas: expected numeric (int or float), got structpb.NullValue"),
        (of_spec("paused: null"), f"{_PATCH}.spec.paused: expected boolean, got &{{NULL_VALUE}}"),
        ("Object{spec: null}", f"{_PATCH}.spec: expected map, got &{{NULL_VALUE}}"),
        (of_spec("replicas: 2.5"), "unable to convert unstructured object to apps/v1, Kind=Deployment: cannot convert float64 to int32"),
        (of_spec("replicas: 2u"), f"{_PATCH}.spec.replicas: expected numeric (int or float), got uint64"),
        (of_spec("replicas: '2'"), f"{_PATCH}.spec.replicas: expected numeric (int or float), got string"),
        (of_spec("strategy: Object.spec.strategy{type: 1}"),
         f"{_PATCH}.spec.strategy.type: expected string, got &value.valueUnstructured{{Value:1}}"),
        (of_spec("strategy: Object.spec.strategy{type: b'ab'}"),
         f"{_PATCH}.spec.strategy.type: expected string, got &value.valueUnstructured{{Value:[]uint8{{0x61, 0x62}}}}"),
        (of_spec("strategy: Object.spec.strategy{type: duration('1h')}"),
         f"{_PATCH}.spec.strategy.type: expected string, got &value.valueUnstructured{{Value:3600000000000}}"),
        (of_spec("strategy: Object.spec.strategy{type: timestamp('2024-01-01T00:00:00Z')}"),
         f"{_PATCH}.spec.strategy.type: expected string, got "
         "&value.valueUnstructured{Value:time.Date(2024, time.January, 1, 0, 0, 0, 0, time.UTC)}"),
        (of_spec("template: {'metadata': {'labels': {'x': 'y'}}}"),
         f"{_PATCH}.spec.template.metadata: expected map, got &{{map[labels:{{x: y}}]}}"),
        ("Object{metadata: {'labels': {'x': 'y'}}}", f"{_PATCH}.metadata.labels: expected map, got &{{map[x:y]}}"),
        ("Object{metadata: Object.metadata{labels: {1: 'y'}}}",
         f"{_PATCH}.metadata: expected map, got &{{fail to convert field \"labels\": map key '\\x01' is of type types.Int, not string}}"),
        ("Object{metadata: {1: 'y'}}", "invalid return type: *dynamic.ObjectVal"),
        (of_spec("template: Object.spec.template{spec: Object.spec.template.spec{containers: [{'name': 'a', 'image': 'z'}]}}"),
         f"{_PATCH}.spec.template.spec.containers: element 0: associative list with keys may not have non-map elements"),
        (of_spec("template: Object.spec.template{spec: Object.spec.template.spec{containers: [[Object.spec.template.spec.containers{}]]}}"),
         f"{_PATCH}.spec.template.spec.containers: element 0: associative list with keys may not have non-map elements"),
        (of_spec("template: Object.spec.wrong{}"),
         'type mismatch: unexpected type name "Object.spec.wrong", expected "Object.spec.template", which matches field name path from '
         "root Object type"),
        (of_spec("template: Object.spec.wrong{}, strategy: Object.y{}"),
         'type mismatch: unexpected type name "Object.spec.wrong", expected "Object.spec.template", which matches field name path from '
         'root Object type\nunexpected type name "Object.y", expected "Object.spec.strategy", which matches field name path from root '
         "Object type"),
        (of_spec("template: Object.spec.template{spec: Object.spec.template.spec{containers: [Object.spec.containers{}]}}"),
         'type mismatch: unexpected type name "Object.spec.containers", expected "Object.spec.template.spec.containers", which matches '
         "field name path from root Object type"),
        (of_spec("foo: 1"), f"{_PATCH}.spec.foo: field not declared in schema"),
        (of_spec("selector: Object.spec.selector{matchLabels: {'x': 'y'}}"), f"{_WHOLE}.spec.selector"),
        (of_spec("template: Object.spec.template{spec: Object.spec.template.spec{containers: [Object.spec.template.spec.containers{"
                 "name: 'a', args: ['x'], command: ['y']}]}}"),
         f"{_WHOLE}.spec.template.spec.containers[0].args, .spec.template.spec.containers[0].command"),
        ("Object{metadata: object.nope}",
         "expression 'Object{metadata: object.nope}' resulted in error: no such key: nope"),
        ("1/0 == 1 ? Object{} : Object{}", "expression '1/0 == 1 ? Object{} : Object{}' resulted in error: division by zero"),
        ("Object{metadata: Object.metadata{creationTimestamp: 'today'}}",
         'unable to convert unstructured object to apps/v1, Kind=Deployment: parsing time "today" as "2006-01-02T15:04:05Z07:00": cannot '
         'parse "today" as "2006"'),
        ("Object{", "compilation failed: ERROR: <input>:1:8: Syntax error: mismatched input '<EOF>' expecting {'}', ',', '?', IDENTIFIER, "
         "ESC_IDENTIFIER}\n | Object{\n | .......^"),
    ],
)  # fmt: skip
def test_what_is_refused(expression: str, why: str) -> None:
    said, made = deployment(expression)
    assert said == why
    assert made == DEPLOYMENT, "a mutation that can not be made changes nothing"


def test_sets_are_joined_in_the_order_of_what_is_said() -> None:
    attributes = of_config_map()
    first, second = (applied(f"Object{{metadata: Object.metadata{{finalizers: {each}}}}}") for each in ("['x/y', 'z/y']", "['x/z', 'x/y']"))
    assert mutate(attributes, first, second) == ""
    assert attributes.object is not None
    assert attributes.object["metadata"]["finalizers"] == ["x/z", "x/y", "z/y"]


def test_an_object_keeps_its_kind() -> None:
    attributes = of_config_map()
    assert mutate(attributes, applied("Object{kind: 'Foo', apiVersion: 'x/y', metadata: Object.metadata{name: 'other'}}")) == ""
    assert attributes.object is not None
    assert (attributes.object["kind"], attributes.object["apiVersion"]) == ("ConfigMap", "v1")
    assert attributes.object["metadata"]["name"] == "other"


@pytest.mark.parametrize(
    ("first", "next_one", "why"),
    [
        ("[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]", f"[{', '.join(['%s'] * 10)}]", "the value is larger than 3145728 bytes"),
        ("1", "{'a': dyn(" * 25 + "%s" + ")}" * 25, "the value is nested more than 200 levels"),
    ],
)
def test_what_would_be_too_much_is_refused(first: str, next_one: str, why: str) -> None:
    """Variables hold each other without a copy, so that a few make what no memory has room for."""
    expressions = [first, *(next_one.replace("%s", f"variables.v{number}") for number in range(10))]
    variables = [{"name": f"v{number}", "expression": each} for number, each in enumerate(expressions)]
    assert mutate(of_config_map(), applied("Object{data: Object.data{a: variables.v10}}"), variables=variables) == why
    assert mutate(of_config_map(), patched("[JSONPatch{op: 'add', path: '/data/a', value: variables.v10}]"), variables=variables).endswith(
        why
    )
