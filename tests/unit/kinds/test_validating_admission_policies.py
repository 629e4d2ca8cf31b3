"""Validating policies and their bindings: what is filled in, what is refused in which words, and what is let be as it was stored.

The cases are those of upstream's `pkg/apis/admissionregistration/validation/validation_test.go`, in our own data.
"""

from __future__ import annotations

import copy
from typing import Any

import pytest

from cluster.api.names import GroupResource, Object
from cluster.kinds.catalog import catalog
from cluster.schema.model import SchemaSet

RULE: Object = {"operations": ["CREATE"], "apiGroups": ["a"], "apiVersions": ["v"], "resources": ["r"]}
TRUE: Object = {"expression": "object.x < 100"}
SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an "
    "alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
LABEL = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an "
    "alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"
)
NAME_PART = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. "
    "'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
OPEN = "compilation failed: ERROR: <input>:1:19: Syntax error: missing ']' at '<EOF>'\n | object.x in [1, 2,\n | ..................^"


def strategy(resource: str = "validatingadmissionpolicies", version: str = "1.36") -> Any:
    found = catalog(version, SchemaSet.for_version(version).gvks()).by_group_resource(
        GroupResource("admissionregistration.k8s.io", resource)
    )
    assert found is not None
    return found.strategy


def policy(*validations: Object, **spec: Any) -> Object:
    matching = {"resourceRules": [copy.deepcopy(RULE)]}
    whole = {"matchConstraints": matching, "validations": [dict(each) for each in validations or (TRUE,)]} | copy.deepcopy(spec)
    made: Object = {"metadata": {"name": "p.example.com"}, "spec": {key: value for key, value in whole.items() if value is not None}}
    strategy().default(made)
    return made


def problems(*validations: Object, **spec: Any) -> list[str]:
    return [str(error) for error in strategy().validate(policy(*validations, **spec))]


def test_what_is_not_said_is_filled_in() -> None:
    spec = policy()["spec"]
    assert spec["failurePolicy"] == "Fail"
    rules = [{**RULE, "scope": "*"}]
    assert spec["matchConstraints"] == {
        "matchPolicy": "Equivalent",
        "namespaceSelector": {},
        "objectSelector": {},
        "resourceRules": rules,
    }


def test_a_policy_as_it_should_be_is_not_refused() -> None:
    assert problems() == []
    whole = policy(
        {"expression": "variables.x < params.most", "messageExpression": "'x is ' + string(variables.x)", "reason": "Forbidden"},
        paramKind={"apiVersion": "rules.example.com/v1", "kind": "Rule"},
        variables=[{"name": "x", "expression": "object.x + 1"}, {"name": "y", "expression": "variables.x"}],
        matchConditions=[{"name": "a.b/c", "expression": " params.on && authorizer.requestResource.check('get').allowed() "}],
        auditAnnotations=[{"key": "x", "valueExpression": "object.x == 1 ? 'one' : 'many'"}, {"key": "y", "valueExpression": "null"}],
    )
    assert strategy().validate(whole) == []


@pytest.mark.parametrize(
    ("spec", "causes"),
    [
        ({"failurePolicy": "Odd"}, ['failurePolicy: Unsupported value: "Odd": supported values: "Fail", "Ignore"']),
        ({"matchConstraints": None}, ["matchConstraints: Required value"]),
        (
            {"validations": None},
            [
                f"{each}: Required value: validations or auditAnnotations must contain at least one item"
                for each in ("validations", "auditAnnotations")
            ],
        ),
        ({"paramKind": {}}, ["paramKind.apiVersion: Required value", "paramKind.kind: Required value"]),
        ({"paramKind": {"apiVersion": "v1", "kind": "Rule"}}, []),
        (
            {"paramKind": {"apiVersion": "test.example.com", "kind": "Rule"}},
            [f'paramKind.apiVersion: Invalid value: "test.example.com": {LABEL}'],
        ),
        (
            {"paramKind": {"apiVersion": "a/b/c", "kind": "R"}},
            ['paramKind.apiVersion: Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c'],
        ),
        ({"paramKind": {"apiVersion": "a/", "kind": "R"}}, ['paramKind.apiVersion: Invalid value: "a/": version must be specified']),
        (
            {"paramKind": {"apiVersion": "!!!/v1", "kind": "!!!"}},
            [
                f'paramKind.apiVersion: Invalid value: "!!!": {SUBDOMAIN}',
                f'paramKind.kind: Invalid value: "!!!": may have mixed case, but should otherwise match: {LABEL}',
            ],
        ),
        (
            {"matchConditions": [{"expression": "true"}, {"name": "a", "expression": " "}, {"name": "a", "expression": "true"}]},
            [
                "matchConditions[0].name: Required value",
                "matchConditions[1].expression: Required value",
                'matchConditions[2].name: Duplicate value: "a"',
            ],
        ),
        (
            {"matchConditions": [{"name": f"n{number}", "expression": "true"} for number in range(65)]},
            ["matchConditions: Too many: 65: must have at most 64 items"],
        ),
    ],
)  # fmt: skip
def test_specs(spec: Object, causes: list[str]) -> None:
    assert problems(**spec) == [f"spec.{each}" for each in causes]


@pytest.mark.parametrize(
    ("resources", "causes"),
    [
        ({"resourceRules": []}, ["resourceRules: Required value"]),
        ({"resourceRules": [{**RULE, "apiVersions": []}]}, ["resourceRules[0].apiVersions: Required value"]),
        (
            {"resourceRules": [{**RULE, "resourceNames": ["/./.", "a", "a"]}]},
            [
                """resourceRules[0].resourceNames[0]: Invalid value: "/./.": may not contain '/'""",
                'resourceRules[0].resourceNames[2]: Duplicate value: "a"',
            ],
        ),
        ({"matchPolicy": "Odd"}, ['matchPolicy: Unsupported value: "Odd": supported values: "Equivalent", "Exact"']),
        (
            {"resourceRules": [{**RULE, "operations": []}], "excludeResourceRules": [{**RULE, "operations": ["PATCH"]}]},
            [
                "resourceRules[0].operations: Required value",
                'excludeResourceRules[0].operations[0]: Unsupported value: "PATCH": supported values: "*", "CONNECT", "CREATE", "DELETE", '
                '"UPDATE"',
            ],
        ),
        (
            {"namespaceSelector": {"matchExpressions": [{"key": "a", "operator": "In"}]}},
            ["namespaceSelector.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'"],
        ),
    ],
)
def test_match_resources_of_policies_and_of_bindings(resources: Object, causes: list[str]) -> None:
    assert problems(matchConstraints={"resourceRules": [RULE], **resources}) == [f"spec.matchConstraints.{each}" for each in causes]
    given = binding_problems(matchResources={"resourceRules": [RULE], **resources})
    assert given == [f"spec.matchResources.{each}" for each in causes if each != "resourceRules: Required value"]


@pytest.mark.parametrize(
    ("validation", "causes"),
    [
        ({"expression": ""}, ["expression: Required value: expression is not specified"]),
        ({"expression": " "}, ["expression: Required value: expression is not specified"]),
        ({"expression": "object.x in [1, 2,"}, [f'expression: Invalid value: "object.x in [1, 2,": {OPEN}']),
        ({"expression": "1"}, ['expression: Invalid value: "1": must evaluate to bool but got int']),
        (
            {"expression": "params.x == 1"},
            [
                """expression: Invalid value: "params.x == 1": compilation failed: ERROR: <input>:1:1: undeclared reference to 'params' """
                "(in container '')\n | params.x == 1\n | ^"
            ],
        ),
        ({**TRUE, "messageExpression": " "}, ['messageExpression: Invalid value: " ": must be non-empty if specified']),
        ({**TRUE, "messageExpression": "object.x in [1, 2,"}, [f'messageExpression: Invalid value: "object.x in [1, 2,": {OPEN}']),
        ({**TRUE, "messageExpression": "0 == 0"}, ['messageExpression: Invalid value: "0 == 0": must evaluate to string but got bool']),
        (
            {**TRUE, "messageExpression": "authorizer.path('/').check('a').reason()"},
            [
                """messageExpression: Invalid value: "authorizer.path('/').check('a').reason()": compilation failed: ERROR: <input>:1:1: """
                "undeclared reference to 'authorizer' (in container '')\n | authorizer.path('/').check('a').reason()\n | ^"
            ],
        ),
        ({**TRUE, "message": " \n "}, ['message: Invalid value: " \\n ": must be non-empty if specified']),
        ({**TRUE, "message": "a\r\nb"}, ['message: Invalid value: "a\\r\\nb": must not contain line breaks']),
        ({**TRUE, "message": "\nno\n"}, []),
        (
            {**TRUE, "reason": "Unauthorized"},
            ['reason: Unsupported value: "Unauthorized": supported values: "Forbidden", "Invalid", "RequestEntityTooLarge"'],
        ),
    ],
)
def test_validations(validation: Object, causes: list[str]) -> None:
    assert problems(TRUE, validation) == [f"spec.validations[1].{each}" for each in causes]


@pytest.mark.parametrize(
    ("variables", "validation", "causes"),
    [
        ([{"name": "a", "expression": "1"}], "variables.a == 1", []),
        ([{"name": " ", "expression": ""}], "true", ["variables[0].name: Required value: name is not specified",
                                                       "variables[0].expression: Required value: expression is not specified"]),
        ([{"name": "4ever", "expression": "1"}], "true", ['variables[0].name: Invalid value: "4ever": must be a valid CEL identifier']),
        ([{"name": "var", "expression": "1"}], "true", ['variables[0].name: Invalid value: "var": must be a valid CEL identifier']),
        ([{"name": "a", "expression": "114 + '514'"}], "variables.a == 1",
         ["""variables[0].expression: Invalid value: "114 + '514'": compilation failed: ERROR: <input>:1:5: found no matching overload """
          "for '_+_' applied to '(int, string)'\n | 114 + '514'\n | ....^"]),
        ([{"name": "a", "expression": "'x'"}], "variables.b == 2",
         ['validations[0].expression: Invalid value: "variables.b == 2": compilation failed: ERROR: <input>:1:10: undefined field '
          "'b'\n | variables.b == 2\n | .........^"]),
        ([{"name": "a", "expression": "variables.b"}, {"name": "b", "expression": "1"}], "true",
         ["""variables[0].expression: Invalid value: "variables.b": compilation failed: ERROR: <input>:1:10: undefined field 'b'\n"""
          " | variables.b\n | .........^"]),
        ([], "variables.a == 1",
         ["""validations[0].expression: Invalid value: "variables.a == 1": compilation failed: ERROR: <input>:1:1: undeclared reference """
          "to 'variables' (in container '')\n | variables.a == 1\n | ^"]),
    ],
)  # fmt: skip
def test_variables(variables: list[Object], validation: str, causes: list[str]) -> None:
    assert problems({"expression": validation}, variables=variables) == [f"spec.{each}" for each in causes]


def test_conditions_know_parameters_and_no_variables() -> None:
    conditions = [{"name": "a", "expression": "params.x && variables.a"}]
    variables, kind = [{"name": "a", "expression": "true"}], {"apiVersion": "v1", "kind": "ConfigMap"}
    (cause,) = problems(matchConditions=conditions, variables=variables, paramKind=kind)
    assert cause.startswith('spec.matchConditions[0].expression: Invalid value: "params.x && variables.a": compilation failed: ')
    assert "undeclared reference to 'variables'" in cause


@pytest.mark.parametrize(
    ("annotations", "causes"),
    [
        ([{"key": "config/@", "valueExpression": "'x'"}],
         ['[0].key: Invalid value: "p.example.com/config/@": a valid label key must consist of alphanumeric characters']),
        ([{"key": "@", "valueExpression": "'x'"}], [f'[0].key: Invalid value: "p.example.com/@": {NAME_PART}']),
        ([{"key": "a", "valueExpression": "'x'"}, {"key": "a", "valueExpression": "'y'"}], ['[1].key: Duplicate value: "a"']),
        ([{"key": "a", "valueExpression": "true"}],
         ['[0].valueExpression: Invalid value: "true": must evaluate to one of [string null_type] but got bool']),
        ([{"key": "a", "valueExpression": "object.x in [1, 2, "}], [f'[0].valueExpression: Invalid value: "object.x in [1, 2, ": {OPEN}']),
        ([{"key": "a", "valueExpression": " "}], ["[0].valueExpression: Required value: valueExpression is not specified"]),
        ([{"key": "a", "valueExpression": "'" + "x" * 5119 + "'"}],
         ["[0].valueExpression: Required value: must not exceed 5120 bytes in length"]),
    ],
)  # fmt: skip
def test_audit_annotations(annotations: list[Object], causes: list[str]) -> None:
    found = problems(auditAnnotations=annotations)
    assert len(found) == len(causes)
    for each, cause in zip(found, causes, strict=True):
        if "/config/@" in cause:  # the rest is told of the whole of it
            assert each.startswith('spec.auditAnnotations[0].key: Invalid value: "p.example.com/config/@": ')
        else:
            assert each == f"spec.auditAnnotations{cause}"


def test_annotations_are_not_too_many() -> None:
    given = [{"key": f"k{number}", "valueExpression": "'x'"} for number in range(21)]
    (cause,) = problems(auditAnnotations=given)
    assert cause.startswith('spec.auditAnnotations: Invalid value: [{"Key":"k0","ValueExpression":"\'x\'"},{"Key":"k1",')
    assert cause.endswith(": must not have more than 20 auditAnnotations")
    assert problems(auditAnnotations=given[1:]) == []


def test_annotations_alone_are_enough() -> None:
    assert problems(validations=None, auditAnnotations=[{"key": "a", "valueExpression": "'x'"}]) == []


# Updates

NEW = "!format.named('dns1123Label').hasValue()"
"""Which Kubernetes knows since 1.31: 1.31 takes it for stored ones, as 1.30 would not know it."""


def test_expressions_are_those_that_the_version_before_knows() -> None:
    made = policy({"expression": NEW})
    assert strategy(version="1.32").validate(made) == []
    (error,) = strategy(version="1.31").validate(made)
    assert "undeclared reference to 'format'" in str(error)


@pytest.mark.parametrize(
    "spec",
    [
        {"validations": [{"expression": NEW}]},
        {"validations": [{**TRUE, "messageExpression": f"{NEW} ? 'a' : 'b'"}]},
        {"auditAnnotations": [{"key": "a", "valueExpression": f"{NEW} ? 'a' : 'b'"}]},
        {"matchConditions": [{"name": "a", "expression": NEW}]},
    ],
)
def test_an_expression_that_is_stored_may_stay(spec: Object) -> None:
    stored = policy(**spec)
    old = strategy(version="1.31")
    assert len(old.validate(stored)) == 1
    assert old.validate_update(stored, stored) == []
    changed = policy(**{**spec, "failurePolicy": "Ignore", "paramKind": {"apiVersion": "v1", "kind": "ConfigMap"}})
    assert old.validate_update(changed, stored) == []
    assert len(old.validate_update(changed, policy())) == 1


def test_conditions_that_stay_are_not_looked_at() -> None:
    """They may be none any more, as where they had parameters in another version."""
    wrong = [{"name": "a", "expression": "params.x"}]
    stored = policy(matchConditions=wrong)
    assert strategy().validate_update(policy(matchConditions=wrong, failurePolicy="Ignore"), stored) == []
    (error,) = strategy().validate_update(policy(matchConditions=[*wrong, {"name": "b", "expression": "true"}]), stored)
    assert "undeclared reference to 'params'" in str(error)
    with_kind = policy(matchConditions=wrong, paramKind={"apiVersion": "v1", "kind": "ConfigMap"})
    (error,) = strategy().validate_update(stored, with_kind)
    assert "undeclared reference to 'params'" in str(error)


def test_names_that_are_for_manifests_are_warned_of() -> None:
    made = policy()
    assert strategy().warnings(made, None) == []
    made["metadata"]["name"] = "p.static.k8s.io"
    (warning,) = strategy().warnings(made, made)
    reserved = "are reserved for static manifest-based configurations and cannot be managed via the API"
    assert warning == f'metadata.name: names ending with ".static.k8s.io" {reserved}'
    assert strategy(version="1.35").warnings(made, None) == []


# Status


def test_the_status_is_kept_by_updates_and_reset_for_new_ones() -> None:
    status = {"observedGeneration": 2}
    made = {**policy(), "status": dict(status)}
    strategy().prepare_for_create(made)
    assert made["status"] == {}
    strategy().prepare_for_update(made, {**policy(), "status": status})
    assert made["status"] == status


@pytest.mark.parametrize(
    ("warning", "causes"),
    [
        ({"fieldRef": "spec.validations[0].expression", "warning": "x"}, []),
        ({"fieldRef": " spec.x['a.b'].y[*] ", "warning": "x"}, []),
        ({"fieldRef": "spec.validations[foo].expression", "warning": "x"},
         ['fieldRef: Invalid value: "spec.validations[foo].expression": invalid JSONPath: invalid array index foo']),
        ({"fieldRef": "", "warning": ""}, ["warning: Required value", "fieldRef: Required value"]),
    ],
)  # fmt: skip
def test_warnings_of_type_checking(warning: Object, causes: list[str]) -> None:
    status = {"typeChecking": {"expressionWarnings": [warning]}}
    found = strategy().subresources["status"].validate_update({**policy(), "status": status}, policy())
    assert [str(error) for error in found] == [f"status.typeChecking.expressionWarnings[0].{each}" for each in causes]


def test_conditions_of_the_status() -> None:
    good = {"type": "Ready", "status": "True", "reason": "Fine", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"}
    bad = {"type": "Ready", "status": "Odd", "reason": "no reason", "observedGeneration": -1, "message": "x" * 32769}
    found = strategy().subresources["status"].validate_update({**policy(), "status": {"conditions": [good, bad]}}, policy())
    words = "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric characters or '_,:'"
    shown = [str(error).removeprefix("status.conditions[1].") for error in found]
    assert [each for each in shown if not each.startswith("reason")] == [
        'type: Duplicate value: "Ready"',
        'status: Unsupported value: "Odd": supported values: "False", "True", "Unknown"',
        "observedGeneration: Invalid value: -1: must be greater than or equal to zero",
        "lastTransitionTime: Required value",
        "message: Too long: may not be more than 32768 bytes",
    ]
    (reason,) = (each for each in shown if each.startswith("reason"))
    assert reason.startswith(f'reason: Invalid value: "no reason": {words}')
    assert strategy().subresources["status"].validate_update({**policy(), "status": {"conditions": [{**good, "reason": ""}]}}, policy())


# Bindings


def binding_problems(resource: str = "validatingadmissionpolicybindings", **spec: Any) -> list[str]:
    given = {"policyName": "p", "validationActions": ["Deny"]} | copy.deepcopy(spec)
    made: Object = {"metadata": {"name": "b"}, "spec": given}
    strategy(resource).default(made)
    return [str(error) for error in strategy(resource).validate(made)]


EXCLUSIVE = "Forbidden: name and selector are mutually exclusive"


@pytest.mark.parametrize(
    ("spec", "causes"),
    [
        ({}, []),
        ({"policyName": ""}, ["policyName: Required value"]),
        ({"policyName": "!"}, [f'policyName: Invalid value: "!": {SUBDOMAIN}']),
        ({"paramRef": {"name": "a", "parameterNotFoundAction": "Deny"}}, []),
        ({"paramRef": {"selector": {}, "namespace": "n", "parameterNotFoundAction": "Allow"}}, []),
        (
            {"paramRef": {"name": "a", "selector": {}, "parameterNotFoundAction": "Deny"}},
            [f"paramRef.name: {EXCLUSIVE}", f"paramRef.selector: {EXCLUSIVE}"],
        ),
        ({"paramRef": {"name": "a"}}, ["paramRef.parameterNotFoundAction: Required value"]),
        (
            {"paramRef": {"name": "a/b", "parameterNotFoundAction": "Odd"}},
            [
                """paramRef.name: Invalid value: "a/b": may not contain '/'""",
                'paramRef.parameterNotFoundAction: Unsupported value: "Odd": supported values: "Deny", "Allow"',
            ],
        ),
        (
            {"paramRef": {"parameterNotFoundAction": "Deny"}},
            ["paramRef: Required value: one of name or selector must be specified"],
        ),
        ({"validationActions": []}, ["validationActions: Required value: at least one validation action is required"]),
        ({"validationActions": ["Deny", "Deny"]}, ['validationActions[1]: Duplicate value: "Deny"']),
        (
            {"validationActions": ["Odd"]},
            ['validationActions[0]: Unsupported value: "Odd": supported values: "Audit", "Deny", "Warn"'],
        ),
    ],
)
def test_bindings(spec: Object, causes: list[str]) -> None:
    assert binding_problems(**spec) == [f"spec.{each}" for each in causes]


def test_bindings_of_mutating_policies_delete_nothing() -> None:
    rules = {"resourceRules": [{**RULE, "operations": ["CREATE", "DELETE"]}]}
    given = binding_problems("mutatingadmissionpolicybindings", matchResources=rules)
    supported = '"*", "CONNECT", "CREATE", "UPDATE"'
    assert given == [f'spec.matchResources.resourceRules.operations: Unsupported value: "DELETE": supported values: {supported}']
