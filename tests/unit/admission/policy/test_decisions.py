"""What becomes of a write that does not hold: messages, reasons, actions, audit annotations; as upstream's tests of validation have it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cluster.api.names import Object
from tests.unit.admission.policy.world import DEAR, PolicyWorld, binding, created, judge, pod, policy

FAILS = "object.none.such == 1"
ERROR = f"expression '{FAILS}' resulted in error: no such key: none"
UNTYPED = "1 + 1"
BAD = "compilation error: must evaluate to bool but got int"
OUT = "validation failed due to running out of cost budget, no further validation rules will be run"


@pytest.mark.parametrize(
    ("validations", "said"),
    [
        (["true"], ""),
        (["true", "object.metadata.name == 'web'"], ""),
        (["false"], "failed expression: false"),
        (["  1 == 2 "], "failed expression: 1 == 2"),
        (["true", "false"], "failed expression: false"),
        (["1 == 2", "2 == 3"], "failed expression: 1 == 2"),
        (["oldObject == null"], ""),
        (["null"], "compilation error: must evaluate to bool but got null_type"),
        (["object.metadata.name"], "compilation error: must evaluate to bool but got dyn"),
    ],
)
def test_validations(validations: list[str], said: str) -> None:
    assert judge(*validations) == said


@pytest.mark.parametrize(
    ("validations", "strict", "lenient"),
    [
        ([FAILS], ERROR, ""),
        ([UNTYPED], BAD, ""),
        ([FAILS, "false"], ERROR, "failed expression: false"),
        (["false", FAILS], "failed expression: false", "failed expression: false"),
        (["true", UNTYPED], BAD, ""),
        (
            ["object.x +"],
            "compilation error: compilation failed: ERROR: <input>:1:11: Syntax error: mismatched input '<EOF>' expecting {'[', '{', '(', "
            "'.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}\n | object.x +\n"
            " | ..........^",
            "",
        ),
    ],
)
def test_what_can_not_be_evaluated_denies_unless_failures_are_to_be_ignored(validations: list[str], strict: str, lenient: str) -> None:
    assert judge(*validations) == strict
    assert judge(*validations, failurePolicy="Ignore") == lenient


LONG = "'x'.lowerAscii() + '" + "y" * 5120 + "'"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"message": " mine "}, "mine"),
        ({"messageExpression": "' made of ' + object.metadata.name + ' '"}, "made of web"),
        ({"message": "mine", "messageExpression": "'made'"}, "made"),
        ({"message": "mine", "messageExpression": "object.none"}, "mine"),
        ({"messageExpression": "object.none"}, "failed expression: false"),
        ({"message": "mine", "messageExpression": "''"}, "mine"),
        ({"message": "mine", "messageExpression": "'  '"}, "mine"),
        ({"message": "mine", "messageExpression": "'two\\nlines'"}, "mine"),
        ({"message": "mine", "messageExpression": "'one line\\n'"}, "one line"),
        ({"message": "mine", "messageExpression": LONG}, "mine"),
        ({"message": "mine", "messageExpression": LONG.replace("'x'", "''")}, "y" * 5120),
        ({"message": "mine", "messageExpression": "1"}, "mine"),
        ({"message": "mine", "messageExpression": "authorizer.path('/a').check('get').reason()"}, "mine"),
        ({"message": "mine", "messageExpression": "dyn(null)"}, "mine"),
        ({"messageExpression": "'ö' + request.userInfo.username"}, "ötina"),
    ],
)
def test_messages(given: Object, said: str) -> None:
    assert judge({"expression": "false", **given}) == said


def test_each_validation_has_its_own_message() -> None:
    world = PolicyWorld(
        policy("p", {"expression": "1 == 2", "messageExpression": "'one'"}, {"expression": "true", "messageExpression": "'two'"},
               {"expression": "3 == 4", "message": "three"}),
        binding("b", "p", "Warn"),
    )  # fmt: skip
    attributes = created()
    world.plugin.validate(attributes)
    failed = "Validation failed for ValidatingAdmissionPolicy 'p' with binding 'b'"
    assert attributes.warnings == [f"{failed}: one", f"{failed}: three"]


@pytest.mark.parametrize(
    ("reason", "code"), [(None, 422), ("Invalid", 422), ("Forbidden", 403), ("Unauthorized", 401), ("RequestEntityTooLarge", 413)]
)
def test_a_denial_has_the_reason_that_the_policy_gives(reason: str | None, code: int) -> None:
    given = {"expression": "false", "message": "no"} | ({"reason": reason} if reason else {})
    error = PolicyWorld(policy("p", given), binding("b", "p")).denial()
    assert error is not None
    message = "ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no"
    assert error.status() == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": f'pods "web" is forbidden: {message}',
        "reason": reason or "Invalid",
        "details": {"name": "web", "kind": "pods", "causes": [{"message": message}]},
        "code": code,
    }


def test_an_error_is_a_denial_for_being_invalid() -> None:
    error = PolicyWorld(policy("p", {"expression": FAILS, "reason": "Forbidden"}), binding("b", "p")).denial()
    assert error is not None
    assert (error.code, error.reason) == (422, "Invalid")


def test_of_several_that_deny_the_first_is_told_of() -> None:
    world = PolicyWorld(
        policy("a", "1 == 1"), policy("b", "2 == 3"), policy("c", "3 == 4"),
        binding("y", "b"), binding("x", "b"), binding("a", "a"), binding("c", "c"),
    )  # fmt: skip
    error = world.denial()
    assert error is not None
    message = "ValidatingAdmissionPolicy 'b' with binding 'x' denied request: failed expression: 2 == 3"
    assert error.message == f'pods "web" is forbidden: {message}'
    assert error.details is not None
    assert error.details["causes"] == [{"message": message}]
    assert [line[:2] for line in world.counted.lines] == [("b", "x"), ("b", "y"), ("c", "c")]


def test_what_has_no_name_yet() -> None:
    error = PolicyWorld(policy("p", "false"), binding("b", "p")).denial(created({"metadata": {"generateName": "web-"}}))
    assert error is not None
    assert error.message.startswith('pods "web-" is forbidden: ')


def told(*actions: str, **given: Any) -> tuple[str, list[str], Any]:
    """(denial, warnings, audit annotation) of a policy."""
    world = PolicyWorld(policy("p", "true", {"expression": "false", "message": "<no>", **given}), binding("b", "p", *actions))
    attributes = created()
    said = world.says(attributes)
    failure = attributes.annotations.get("validation.policy.admission.k8s.io/validation_failure", "null")
    assert "<" not in failure  # as Go writes JSON
    return said, attributes.warnings, json.loads(failure)


def test_actions() -> None:
    warning = "Validation failed for ValidatingAdmissionPolicy 'p' with binding 'b': <no>"
    failure = {"message": "<no>", "policy": "p", "binding": "b", "expressionIndex": 1}
    assert told("Deny") == ("<no>", [], None)
    assert told("Warn") == ("", [warning], None)
    assert told("Audit") == ("", [], [{**failure, "validationActions": ["Audit"]}])
    assert told("Deny", "Audit") == ("<no>", [], [{**failure, "validationActions": ["Deny", "Audit"]}])
    assert told("Audit", "Warn") == ("", [warning], [{**failure, "validationActions": ["Audit", "Warn"]}])


def test_of_several_failures_the_first_is_audited() -> None:
    attributes = created()
    PolicyWorld(policy("p", "1 == 2", "2 == 3"), binding("b", "p", "Audit")).plugin.validate(attributes)
    (failure,) = json.loads(attributes.annotations["validation.policy.admission.k8s.io/validation_failure"])
    assert (failure["expressionIndex"], failure["message"]) == (0, "failed expression: 1 == 2")


@pytest.mark.parametrize("failure_policy", ["Fail", "Ignore"])
def test_an_error_is_acted_upon_as_the_binding_says(failure_policy: str) -> None:
    attributes = created()
    world = PolicyWorld(policy("p", FAILS, failurePolicy=failure_policy), binding("b", "p", "Warn"))
    world.plugin.validate(attributes)
    strict = failure_policy == "Fail"
    assert attributes.warnings == ([f"Validation failed for ValidatingAdmissionPolicy 'p' with binding 'b': {ERROR}"] if strict else [])
    assert world.counted.lines == [("p", "b", "invalid_error", "warn" if strict else "allow")]


@pytest.mark.parametrize(
    ("expression", "actions", "counted"),
    [
        ("true", ["Deny"], []),
        ("false", ["Deny"], [("invalid_error", "deny")]),
        ("false", ["Audit", "Warn"], [("invalid_error", "audit"), ("invalid_error", "warn")]),
        (UNTYPED, ["Deny"], [("compile_error", "deny")]),
        (" && ".join([DEAR] * 2), ["Deny"], [("invalid_error", "deny")]),
    ],
)
def test_what_is_counted(expression: str, actions: list[str], counted: list[tuple[str, str]]) -> None:
    world = PolicyWorld(policy("p", expression), binding("b", "p", *actions))
    world.says()
    assert world.counted.lines == [("p", "b", *each) for each in counted]


# Audit annotations


def annotated(*annotations: tuple[str, str], world: PolicyWorld | None = None, **spec: Any) -> tuple[str, dict[str, str]]:
    world = world or PolicyWorld()
    given = [{"key": key, "valueExpression": expression} for key, expression in annotations]
    world.give(policy("p", *spec.pop("validations", ()), auditAnnotations=given, **spec), binding("b", "p"))
    attributes = created()
    return world.says(attributes), {key: value for key, value in attributes.annotations.items() if key.startswith("p/")}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("'set'", "set"),
        ("' ' + object.metadata.name + ' '", "web"),
        ("null", None),
        ("''", None),
        ("'  '", None),
        ("'" + "é" * 5000 + "y" * 300 + "'", "é" * 5000 + "y" * 240),
    ],
)
def test_audit_annotations(expression: str, value: str | None) -> None:
    assert annotated(("a", expression), ("b", "'b'")) == ("", {"p/b": "b"} | ({} if value is None else {"p/a": value}))


def test_annotations_are_made_of_writes_that_are_denied_too() -> None:
    assert annotated(("a", "'set'"), validations=["false"]) == ("failed expression: false", {"p/a": "set"})


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("'v' + object.none", "expression ''v' + object.none' resulted in error: no such key: none"),
        ("object.metadata.name", "compilation error: must evaluate to one of [string null_type] but got dyn"),
        ("'x' + ", "compilation error: compilation failed: ERROR: <input>:1:7: Syntax error: mismatched input '<EOF>'"),
        ("1", "compilation error: must evaluate to one of [string null_type] but got int"),
        (
            "authorizer.path('/a').check('get').reason()",
            "expression 'authorizer.path('/a').check('get').reason()' resulted in error: no such attribute(s): authorizer",
        ),
    ],
)
def test_annotations_that_can_not_be_made_deny_whatever_the_binding_says(expression: str, why: str) -> None:
    world = PolicyWorld()
    said, made = annotated(("a", expression), ("b", "'b'"), world=world)
    assert said.startswith(why)
    assert made == {"p/b": "b"}
    assert [line[3] for line in world.counted.lines] == ["deny"]
    assert annotated(("a", expression), ("b", "'b'"), failurePolicy="Ignore") == ("", {"p/b": "b"})


def test_values_of_several_bindings_and_parameters_are_joined() -> None:
    world = PolicyWorld(
        policy("p", params="v1/ConfigMap", auditAnnotations=[{"key": "a", "valueExpression": "'v' + params.data.v"}]),
        binding("b", "p", params={"selector": {}}),
        binding("c", "p", params={"name": "two"}),
    )
    for name, value in (("one", "1"), ("two", "2"), ("three", "1")):
        world.config_map("dev", name, v=value)
    attributes = created()
    assert world.says(attributes) == ""
    assert attributes.annotations == {"p/a": "v1, v2"}


def test_a_write_without_a_policy_is_told_nothing() -> None:
    attributes = created()
    PolicyWorld(policy("p", "true"), binding("b", "p", "Audit")).plugin.validate(attributes)
    assert (attributes.annotations, attributes.warnings) == ({}, [])


def test_no_object_is_changed() -> None:
    obj = pod()
    before = json.dumps(obj)
    judge("object.spec.containers.map(c, c.name) == ['c']", attributes=created(obj))
    assert json.dumps(obj) == before
