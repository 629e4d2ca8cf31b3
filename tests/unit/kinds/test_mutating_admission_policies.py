"""Mutating policies and their bindings: what is filled in, and what is refused in which words.

The cases are those of upstream's `pkg/apis/admissionregistration/validation/validation_test.go`, in our own data.
"""

from __future__ import annotations

import copy
from typing import Any

import pytest

from cluster.api.names import GroupResource, Object
from cluster.kinds.catalog import catalog
from cluster.schema.model import SchemaSet

UNDELETABLE = 'Unsupported value: "DELETE": supported values: "*", "CONNECT", "CREATE", "UPDATE"'
RULE: Object = {"operations": ["CREATE"], "apiGroups": ["a"], "apiVersions": ["v"], "resources": ["r"]}


def strategy(resource: str = "mutatingadmissionpolicies") -> Any:
    found = catalog("1.36", SchemaSet.for_version("1.36").gvks()).by_group_resource(GroupResource("admissionregistration.k8s.io", resource))
    assert found is not None
    return found.strategy


def applied(expression: str) -> Object:
    return {"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": expression}}


def patched(expression: str) -> Object:
    return {"patchType": "JSONPatch", "jsonPatch": {"expression": expression}}


def policy(*mutations: Object, **spec: Any) -> Object:
    whole = {
        "matchConstraints": {"resourceRules": [copy.deepcopy(RULE)]},
        "mutations": [copy.deepcopy(each) for each in mutations or (applied("Object{}"),)],
        "reinvocationPolicy": "Never",
    } | copy.deepcopy(spec)
    made: Object = {"metadata": {"name": "p.example.com"}, "spec": {key: value for key, value in whole.items() if value is not None}}
    strategy().default(made)
    return made


def problems(*mutations: Object, **spec: Any) -> list[str]:
    return [str(error) for error in strategy().validate(policy(*mutations, **spec))]


def test_what_is_not_said_is_filled_in() -> None:
    spec = policy()["spec"]
    assert spec["failurePolicy"] == "Fail"
    assert spec["matchConstraints"] == {
        "matchPolicy": "Equivalent",
        "namespaceSelector": {},
        "objectSelector": {},
        "resourceRules": [{**RULE, "scope": "*"}],
    }


@pytest.mark.parametrize(
    "mutations",
    [
        [applied("Object{metadata: Object.metadata{labels: {'a': 'b'}}, spec: Object.spec{containers: [Object.spec.containers{}]}}")],
        [applied(" \n Object{} \n ")],
        [applied("variables.yes ? Object{} : Object{spec: Object.spec{x: variables.yes}}")],
        [patched("[JSONPatch{op: 'add', path: '/a', value: dyn(Object.a{b: [1]})}]")],
        [patched("variables.yes ? [JSONPatch{op: 'remove', path: '/metadata/labels/' + jsonpatch.escapeKey('a/b')}] : []")],
        [patched("[JSONPatch{}] + [JSONPatch{from: '/a', path: '/b', op: 'move'}]"), applied("Object{}")],
    ],
)
def test_what_is_good(mutations: list[Object]) -> None:
    assert problems(*mutations, variables=[{"name": "yes", "expression": "object.x == 1"}]) == []


def test_parameters_may_be_used_where_there_are_some() -> None:
    mutation = applied("Object{spec: Object.spec{x: params.data.x}}")
    assert problems(mutation, paramKind={"apiVersion": "v1", "kind": "ConfigMap"}) == []
    assert "undeclared reference to 'params'" in problems(mutation)[0]


@pytest.mark.parametrize(
    ("mutation", "expected"),
    [
        ({}, ["patchType: Required value"]),
        ({"patchType": "Foo"}, ['patchType: Unsupported value: "Foo": supported values: "ApplyConfiguration", "JSONPatch"']),
        ({"patchType": "JSONPatch"}, ["jsonPatch: Required value: must be specified when patchType is JSONPatch"]),
        (
            {"patchType": "ApplyConfiguration", "jsonPatch": {"expression": "[JSONPatch{}]"}},
            [
                "applyConfiguration: Required value: must be specified when patchType is ApplyConfiguration",
                'jsonPatch: Invalid value: "{jsonPatch}": must not be specified when patchType is ApplyConfiguration',
            ],
        ),
        (applied(" "), ["applyConfiguration.expression: Required value"]),
        (
            {**patched(""), "applyConfiguration": {"expression": "Object{}"}},
            [
                "jsonPatch.expression: Required value",
                'applyConfiguration: Invalid value: "{applyConfiguration}": must not be specified when patchType is JSONPatch',
            ],
        ),
        (applied("object"), ['applyConfiguration.expression: Invalid value: "object": must evaluate to Object but got dyn']),
        (applied("1"), ['applyConfiguration.expression: Invalid value: "1": must evaluate to Object but got int']),
        (
            applied("Object.spec{}"),
            ['applyConfiguration.expression: Invalid value: "Object.spec{}": must evaluate to Object but got Object.spec'],
        ),
        (patched(" Object{} "), ['jsonPatch.expression: Invalid value: "Object{}": must evaluate to list(JSONPatch) but got Object']),
        (patched("[]"), ['jsonPatch.expression: Invalid value: "[]": must evaluate to list(JSONPatch) but got list(dyn)']),
        (patched("dyn([])"), ['jsonPatch.expression: Invalid value: "dyn([])": must evaluate to list(JSONPatch) but got dyn']),
        (
            patched("JSONPatch{op: 'add'}"),
            ["jsonPatch.expression: Invalid value: \"JSONPatch{op: 'add'}\": must evaluate to list(JSONPatch) but got JSONPatch"],
        ),
        (
            patched("[JSONPatch{op: 1}, JSONPatch{nope: 1}]"),
            [
                'jsonPatch.expression: Invalid value: "[JSONPatch{op: 1}, JSONPatch{nope: 1}]": compilation failed: ERROR: <input>:1:14: '
                "expected type of field 'op' is 'string' but provided type is 'int'\n | [JSONPatch{op: 1}, JSONPatch{nope: 1}]\n | "
                ".............^\nERROR: <input>:1:34: expected type of field 'nope' is '' but provided type is 'int'\n | "
                "[JSONPatch{op: 1}, JSONPatch{nope: 1}]\n | .................................^"
            ],
        ),
        (
            applied("Object{"),
            [
                'applyConfiguration.expression: Invalid value: "Object{": compilation failed: ERROR: <input>:1:8: Syntax error: mismatched '
                "input '<EOF>' expecting {'}', ',', '?', IDENTIFIER, ESC_IDENTIFIER}\n | Object{\n | .......^"
            ],
        ),
        (
            applied("true ? Object{} : Object.x{}"),
            [
                'applyConfiguration.expression: Invalid value: "true ? Object{} : Object.x{}": compilation failed: ERROR: <input>:1:6: '
                "found no matching overload for '_?_:_' applied to '(bool, Object, Object.x)'\n | true ? Object{} : Object.x{}\n | .....^"
            ],
        ),
    ],
)
def test_mutations(mutation: Object, expected: list[str]) -> None:
    assert problems(mutation) == [f"spec.mutations[0].{each}" for each in expected]


def test_objects_are_for_mutations_alone() -> None:
    unknown = "undeclared reference to 'Object' (in container '')"
    condition, variable = {"name": "c", "expression": "Object{} == 1"}, {"name": "v", "expression": "Object{}"}
    for spec in ({"variables": [variable]}, {"matchConditions": [condition]}):
        (found,) = problems(**spec)
        assert unknown in found


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"mutations": []}, ["spec.mutations: Required value: mutations must contain at least one item"]),
        ({"reinvocationPolicy": ""}, ["spec.reinvocationPolicy: Required value"]),
        ({"reinvocationPolicy": "x"}, ['spec.reinvocationPolicy: Unsupported value: "x": supported values: "IfNeeded", "Never"']),
        ({"failurePolicy": "x"}, ['spec.failurePolicy: Unsupported value: "x": supported values: "Fail", "Ignore"']),
        ({"matchConstraints": None}, ["spec.matchConstraints: Required value"]),
        ({"matchConstraints": {"resourceRules": []}}, ["spec.matchConstraints.resourceRules: Required value"]),
        (
            {"matchConstraints": {"resourceRules": [RULE | {"operations": ["DELETE"]}]}},
            [f"spec.matchConstraints.resourceRules.operations: {UNDELETABLE}"],
        ),
        (
            {"variables": [{"name": "1", "expression": "1"}, {"name": "ok", "expression": ""}]},
            [
                'spec.variables[0].name: Invalid value: "1": must be a valid CEL identifier',
                "spec.variables[1].expression: Required value: expression is not specified",
            ],
        ),
        ({"paramKind": {"apiVersion": "v1"}}, ["spec.paramKind.kind: Required value"]),
    ],
)
def test_the_rest(spec: Any, expected: list[str]) -> None:
    assert problems(**spec) == expected


def test_problems_come_in_upstreams_order() -> None:
    found = problems(
        applied("Object{"), {}, failurePolicy="x", variables=[{"name": "a", "expression": "b"}], reinvocationPolicy="",
        matchConditions=[{"name": "", "expression": "true"}],
    )  # fmt: skip
    assert [each.partition(":")[0] for each in found] == [
        "spec.failurePolicy",
        "spec.matchConditions[0].name",
        "spec.variables[0].expression",
        "spec.mutations[0].applyConfiguration.expression",
        "spec.mutations[1].patchType",
        "spec.reinvocationPolicy",
    ]


def test_what_is_stored_is_judged_by_all_that_any_version_knows() -> None:
    """Upstream compares JSON patches with apply configurations that were there, too."""
    old = policy(applied("Object{spec: Object.spec{a: b}}"), matchConditions=[{"name": "c", "expression": "nope"}])
    new = copy.deepcopy(old)
    new["spec"]["mutations"] = [applied("Object{}")]
    assert strategy().validate_update(new, old) == [], "match conditions that are the same are not looked at again"


BINDING: Object = {"metadata": {"name": "b"}, "spec": {"policyName": "p"}}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, []),
        ({"policyName": ""}, ["spec.policyName: Required value"]),
        ({"paramRef": {"name": "x"}}, ["spec.paramRef.parameterNotFoundAction: Required value"]),
        (
            {"matchResources": {"resourceRules": [RULE | {"operations": ["DELETE"]}]}},
            [f"spec.matchResources.resourceRules.operations: {UNDELETABLE}"],
        ),
    ],
)
def test_bindings(spec: Object, expected: list[str]) -> None:
    made = copy.deepcopy(BINDING)
    made["spec"] |= copy.deepcopy(spec)
    strategy("mutatingadmissionpolicybindings").default(made)
    assert [str(error) for error in strategy("mutatingadmissionpolicybindings").validate(made)] == expected
