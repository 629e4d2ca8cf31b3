"""What an observer is told of policies: every part that was looked at, and what it came to."""

from __future__ import annotations

from typing import Any

from tests.unit.admission.hooks import Watching, rule
from tests.unit.admission.policy.world import PolicyWorld, binding, created, policy

Told = tuple[str, str, str, str]


def told(world: PolicyWorld) -> list[Told]:
    attributes = created()
    attributes.observer = watching = Watching()
    world.says(attributes)
    assert {each.plugin for each in watching.judgements} == {"ValidatingAdmissionPolicy"}
    return [(f"{each.policy}/{each.binding}", each.part, each.outcome, each.message) for each in watching.judgements]


def test_every_part_that_was_looked_at() -> None:
    spec: Any = {
        "matchConditions": [{"name": "c", "expression": "object.metadata.name == 'web'"}],
        "variables": [{"name": "unseen", "expression": "1"}, {"name": "name", "expression": "string(object.metadata.name)"}],
        "auditAnnotations": [{"key": "a", "valueExpression": "'told'"}, {"key": "b", "valueExpression": "'' + object.none"}],
    }
    validations = [
        "variables.name == 'web'",
        {"expression": "variables.name != 'web'", "messageExpression": "'not ' + variables.name"},
        "object.none == 1",
        "true",
    ]
    world = PolicyWorld(policy("p", *validations, **spec), binding("b", "p"))
    failed = "resulted in error: no such key: none"
    assert told(world) == [
        ("p/", "matchConstraints", "matched", ""),
        ("p/b", "matchConditions[0]", "true", ""),
        ("p/b", "variables[1]", "evaluated", ""),
        ("p/b", "validations[0]", "true", ""),
        ("p/b", "validations[1]", "false", ""),
        ("p/b", "validations[2]", "error", f"expression 'object.none == 1' {failed}"),
        ("p/b", "validations[3]", "true", ""),
        ("p/b", "variables[1]", "evaluated", ""),
        ("p/b", "validations[1].messageExpression", "evaluated", "not web"),
        ("p/b", "auditAnnotations[0]", "evaluated", "told"),
        ("p/b", "auditAnnotations[1]", "error", f"expression ''' + object.none' {failed}"),
    ]


def test_what_was_passed_over() -> None:
    nothing = {"matchLabels": {"no": "such"}}
    world = PolicyWorld(
        policy("a", "true", rules=[rule(resources="services")]), binding("a", "a"),
        policy("b", "true", constraints={"objectSelector": nothing}), binding("b", "b"),
        policy("c", "true"), binding("c", "c", resources={"namespaceSelector": nothing}), binding("d", "c", resources={}),
        policy("e", "true", matchConditions=[{"name": "x", "expression": "false"}]), binding("e", "e"),
        policy("f", "true"),
    )  # fmt: skip
    assert [each[:3] for each in told(world)] == [
        ("a/", "matchConstraints", "skipped"),
        ("b/", "matchConstraints", "skipped"),
        ("c/", "matchConstraints", "matched"),
        ("c/c", "matchResources", "skipped"),
        ("c/d", "matchResources", "matched"),
        ("c/d", "validations[0]", "true"),
        ("e/", "matchConstraints", "matched"),
        ("e/e", "matchConditions[0]", "false"),
    ]


def test_what_could_not_be_applied() -> None:
    world = PolicyWorld(
        policy("p", "true", params="v1/Nothing"), binding("p", "p"),
        policy("q", "true", params="v1/ConfigMap"), binding("q", "q", params={"name": "none"}),
        policy("r", "variables.x == 1", variables=[{"name": "x", "expression": "object.none"}]), binding("r", "r"),
    )  # fmt: skip
    failed = 'composited variable "x" fails to evaluate: no such key: none'
    assert told(world) == [
        ("p/", "matchConstraints", "matched", ""),
        ("p/", "paramKind", "error", "failed to find resource referenced by paramKind: '/v1, Kind=Nothing'"),
        ("q/", "matchConstraints", "matched", ""),
        ("q/q", "paramRef", "error", "no params found for policy binding with `Deny` parameterNotFoundAction"),
        ("r/", "matchConstraints", "matched", ""),
        ("r/r", "variables[0]", "error", failed),
        ("r/r", "validations[0]", "error", f"expression 'variables.x == 1' resulted in error: {failed}"),
    ]
