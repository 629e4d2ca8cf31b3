"""Mutations of a Deployment as upstream's tables have them: patches of lists and maps, and configurations of templates."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.api.errors import InternalError
from cluster.api.meta import deep_copy
from cluster.api.names import Object
from tests.unit.admission.policy.mutations import MutatingWorld, applied, bound, mutate, mutating, patched
from tests.unit.admission.writes import write

LIVE: Object = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "namespace": "dev", "labels": {"x": "1"}},
    "spec": {
        "replicas": 1,
        "selector": {"matchLabels": {"a": "b"}},
        "template": {
            "metadata": {"labels": {"a": "b"}},
            "spec": {"containers": [{"name": "a", "image": "i"}, {"name": "b", "image": "i"}], "volumes": [{"name": "x", "emptyDir": {}}]},
        },
    },
}
POD = "/spec/template/spec"


def changed(*mutations: Object, live: Object = LIVE, old: Object | None = None, **spec: Any) -> tuple[str, Object]:
    """(what refuses, the Deployment)"""
    operation = "CREATE" if old is None else "UPDATE"
    attributes = write(operation, "deployments.apps", deep_copy(live), old, namespace="dev", name="web")
    said = mutate(attributes, *mutations, **spec)
    assert attributes.object is not None
    return said, attributes.object


def names(made: Object, of: str = "containers") -> list[str]:
    return [each["name"] for each in made["spec"]["template"]["spec"][of]]


@pytest.mark.parametrize(
    ("operations", "expected"),
    [
        (f"op: 'remove', path: '{POD}/containers/1'", ["a"]),
        (f"op: 'copy', from: '{POD}/containers/0', path: '{POD}/containers/-'", ["a", "b", "a"]),
        (f"op: 'move', from: '{POD}/containers/0', path: '{POD}/containers/-'", ["b", "a"]),
        (f"op: 'add', path: '{POD}/containers/0', value: {{'name': 'x'}}", ["x", "a", "b"]),
        (f"op: 'add', path: '{POD}/containers/-', value: {{'name': 'x'}}", ["a", "b", "x"]),
        (f"op: 'add', path: '{POD}/containers/1', value: Object.spec.template.spec.containers{{name: 'x'}}", ["a", "x", "b"]),
        (f"op: 'replace', path: '{POD}/containers/0', value: {{'name': 'x'}}", ["x", "b"]),
        (f"op: 'remove', path: '{POD}/containers/-1'", ["a"]),
    ],
)
def test_elements_of_lists(operations: str, expected: list[str]) -> None:
    said, made = changed(patched(f"[JSONPatch{{{operations}}}]"))
    assert (said, names(made)) == ("", expected)


@pytest.mark.parametrize(
    ("operations", "expected"),
    [
        ("op: 'remove', path: '/metadata/labels/x'", {}),
        ("op: 'copy', from: '/metadata/labels/x', path: '/metadata/labels/y'", {"x": "1", "y": "1"}),
        ("op: 'move', from: '/metadata/labels/x', path: '/metadata/labels/y'", {"y": "1"}),
        ("op: 'add', path: '/metadata/labels/y', value: '2'", {"x": "1", "y": "2"}),
        ("op: 'add', path: '/metadata/labels', value: {'y': '2'}", {"y": "2"}),
        ("op: 'replace', path: '/metadata/labels/y', value: '2'", {"x": "1", "y": "2"}),
        ("op: 'replace', path: '/metadata/labels', value: {'y': '2'}", {"y": "2"}),
        ("op: 'add', path: '/metadata/labels/' + jsonpatch.escapeKey('k8s.io/x~y'), value: 't'", {"x": "1", "k8s.io/x~y": "t"}),
        ("op: 'add', path: '/metadata/labels', value: {'v': Object{field: 'f'}.field}", {"v": "f"}),
        (
            "op: 'add', path: '/metadata/labels', value: {'set': string(has(Object{f: 'v'}.f)), 'unset': string(has(Object{}.f))}",
            {"set": "true", "unset": "false"},
        ),
        (
            "op: 'add', path: '/metadata/labels', value: {'empty': string(Object{} == Object{}), 'same': string(Object{f: 'x'} == "
            "Object{f: 'x'}), 'different': string(Object{f: 'x'} == Object{f: 'y'})}",
            {"empty": "true", "same": "true", "different": "false"},
        ),
        (
            "op: 'add', path: '/metadata/labels', value: {'op': JSONPatch{op: 'o'}.op, 'path': JSONPatch{path: 'p'}.path, 'from': "
            "JSONPatch{from: 'f'}.from, 'value': string(JSONPatch{value: 'v'}.value)}",
            {"op": "o", "path": "p", "from": "f", "value": "v"},
        ),
        (
            "op: 'add', path: '/metadata/labels', value: {'empty': string(JSONPatch{} == JSONPatch{}), 'op': string(JSONPatch{op: 'a'} == "
            "JSONPatch{op: 'b'}), 'value': string(JSONPatch{value: '1'} == JSONPatch{value: 1})}",
            {"empty": "true", "op": "false", "value": "false"},
        ),
    ],
)
def test_members_of_maps(operations: str, expected: Object) -> None:
    said, made = changed(patched(f"[JSONPatch{{{operations}}}]"))
    assert (said, made["metadata"].get("labels") or {}) == ("", expected)


@pytest.mark.parametrize(
    ("expression", "replicas"),
    [
        ("[JSONPatch{op: 'test', path: '/spec/replicas', value: 100}, JSONPatch{op: 'replace', path: '/spec/replicas', value: 3}]", 1),
        ("[JSONPatch{op: 'test', path: '/spec/replicas', value: 1}, JSONPatch{op: 'replace', path: '/spec/replicas', value: 3}]", 3),
        ("[JSONPatch{op: 'replace', path: '/spec/replicas', value: 4}, JSONPatch{op: 'remove', path: '/spec/replicas'}]", 1),
        ("[JSONPatch{op: 'replace', path: '/spec/replicas', value: variables.desired + 1}]", 11),
        ("[JSONPatch{op: 'replace', path: '/spec/replicas', value: request.kind.kind == 'Deployment' ? 10 : 0}]", 10),
        ("[JSONPatch{op: 'replace', path: '/spec/replicas', value: namespaceObject.metadata.name == 'dev' ? 9 : 0}]", 9),
    ],
)
def test_numbers(expression: str, replicas: int) -> None:
    """What is removed has its default again."""
    said, made = changed(patched(expression), variables=[{"name": "desired", "expression": "10"}])
    assert (said, made["spec"]["replicas"]) == ("", replicas)


def test_each_sort_of_mutation_sees_what_the_other_has_made() -> None:
    configuration = applied("Object{spec: Object.spec{replicas: object.spec.replicas + 100}}")
    patch = patched("[JSONPatch{op: 'replace', path: '/spec/replicas', value: object.spec.replicas * 10}]")
    assert changed(configuration, patch)[1]["spec"]["replicas"] == 1010
    assert changed(patch, configuration)[1]["spec"]["replicas"] == 110


def test_types_that_are_wrong_are_found_by_their_names_or_by_what_becomes_of_them() -> None:
    path = f"{POD}/containers/-"
    container = "Object.spec.template.spec.containers{{name: 'x', ports: [Object.spec.template.spec.containers.{}{{{}: 8080}}]}}"
    misnamed = container.format("portsZ", "containerPort")
    said, made = changed(patched(f"[JSONPatch{{op: 'add', path: '{path}', value: {misnamed}}}]"))
    own, expected = '"Object.spec.template.spec.containers.portsZ"', '"Object.spec.template.spec.containers.ports"'
    assert said == f"type mismatch: unexpected type name {own}, expected {expected}, which matches field name path from root Object type"
    assert names(made) == ["a", "b"]
    unknown = container.format("ports", "containerPortZ")
    world = MutatingWorld(mutating("p", patched(f"[JSONPatch{{op: 'add', path: '{path}', value: {unknown}}}]")))
    error = world.refused(write("CREATE", "deployments.apps", deep_copy(LIVE), namespace="dev"))
    assert isinstance(error, InternalError)
    assert error.message.endswith('strict decoding error: unknown field "spec.template.spec.containers[2].ports[0].containerPortZ"')
    loose = "[JSONPatch{op: 'add', path: '/spec/strategy', value: Object.invalid{type: 'Recreate'}}]"
    assert changed(patched(loose))[1]["spec"]["strategy"] == {"type": "Recreate"}


def test_nothing_is_behind_the_end_of_a_list() -> None:
    said, made = changed(patched(f"[JSONPatch{{op: 'replace', path: '{POD}/containers/-', value: {{'name': 'x'}}}}]"))
    assert said == f"JSON Patch: replace operation does not apply: doc is missing key: {POD}/containers/-: missing value"
    assert names(made) == ["a", "b"]


VOLUME = "Object.spec.template.spec.volumes"
TEMPLATE = "Object{{spec: Object.spec{{template: Object.spec.template{{spec: Object.spec.template.spec{{{}}}}}}}}}"


@pytest.mark.parametrize(
    ("said", "volumes"),
    [
        (f"{VOLUME}{{name: 'y'}}", [{"name": "x", "emptyDir": {}}, {"name": "y", "emptyDir": {}}]),
        (f"{VOLUME}{{name: 'x', emptyDir: {VOLUME}.emptyDir{{medium: 'Memory'}}}}", [{"name": "x", "emptyDir": {"medium": "Memory"}}]),
    ],
)
def test_elements_are_told_apart_by_their_keys(said: str, volumes: list[Object]) -> None:
    refused, made = changed(applied(TEMPLATE.format(f"volumes: [{said}]")))
    assert (refused, made["spec"]["template"]["spec"]["volumes"]) == ("", volumes)


def test_the_object_that_is_replaced_may_be_looked_at() -> None:
    even = "oldObject.spec.replicas % 2 == 0 ? oldObject.spec.replicas + 1 : oldObject.spec.replicas"
    old = {**LIVE, "spec": {**LIVE["spec"], "replicas": 2}}
    said, made = changed(applied(f"Object{{spec: Object.spec{{replicas: {even}}}}}"), old=old)
    assert (said, made["spec"]["replicas"]) == ("", 3)


def test_elements_that_are_there_twice_stay_until_one_of_them_is_said() -> None:
    live = deep_copy(LIVE)
    env = [{"name": "test", "value": "a"}, {"name": "test", "value": "b"}, {"name": "foo", "value": "bar"}]
    live["spec"]["template"]["spec"]["containers"][0]["env"] = env
    said, made = changed(applied("Object{spec: Object.spec{replicas: 3}}"), live=live)
    assert (said, made["spec"]["replicas"], made["spec"]["template"]["spec"]["containers"][0]["env"]) == ("", 3, env)
    container = "Object.spec.template.spec.containers"
    modified = TEMPLATE.format(f"containers: [{container}{{name: 'a', env: [{container}.env{{name: 'test', value: 'c'}}]}}]")
    said, made = changed(applied(modified), live=live)
    assert (said, made["spec"]["template"]["spec"]["containers"][0]["env"]) == (
        "",
        [{"name": "test", "value": "c"}, {"name": "foo", "value": "bar"}],
    )


@pytest.mark.parametrize(("conditional", "labels"), [("b", {"env": "prod", "seen": "yes"}), ("a", {"env": "prod"})])
def test_a_condition_may_be_fulfilled_by_a_policy_before_but_not_by_one_after(conditional: str, labels: Object) -> None:
    """`env` is set by the other policy of `a` and `b`."""
    condition = [{"name": "prod", "expression": "object.?metadata.labels['env'].orValue('') == 'prod'"}]
    other = {"a": "b", "b": "a"}[conditional]
    world = MutatingWorld(
        mutating(conditional, applied("Object{metadata: Object.metadata{labels: {'seen': 'yes'}}}"), matchConditions=condition),
        mutating(other, applied("Object{metadata: Object.metadata{labels: {'env': 'prod'}}}")),
    )
    live = deep_copy(LIVE)
    del live["metadata"]["labels"]
    attributes = write("CREATE", "deployments.apps", live, namespace="dev")
    assert world.refused(attributes) is None
    assert attributes.object is not None
    assert attributes.object["metadata"]["labels"] == labels


def test_parameters() -> None:
    world = MutatingWorld()
    world.config_map("dev", "cm1", key="10")
    expression = "Object{spec: Object.spec{replicas: object.spec.replicas + int(params.data['key'])}}"
    world.give_mutating(
        mutating("p", applied(expression), params="v1/ConfigMap"), bound("b", "p", params={"name": "cm1", "namespace": "dev"})
    )
    attributes = write("CREATE", "deployments.apps", deep_copy(LIVE), namespace="dev")
    assert world.refused(attributes) is None
    assert attributes.object is not None
    assert attributes.object["spec"]["replicas"] == 11


@pytest.mark.parametrize(
    ("patch", "got"), [(applied, "must evaluate to Object but got "), (patched, "must evaluate to list(JSONPatch) but got ")]
)
@pytest.mark.parametrize(("expression", "kind"), [("'I am a teapot'", "string"), ("Object.spec.metadata{}", "Object.spec.metadata")])
def test_what_an_expression_must_come_to(patch: Any, got: str, expression: str, kind: str) -> None:
    said, made = changed(patch(expression))
    assert said == f"{got}{kind}"
    assert made == LIVE
