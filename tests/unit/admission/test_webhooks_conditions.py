"""Match conditions of webhooks: what they say, what becomes of those that fail, and what expressions look at."""

from __future__ import annotations

from typing import Any

import pytest

from admission.expressions import conditions as conditions_module
from cluster.api.errors import Forbidden
from cluster.schema.admission_expressions import shared
from tests.unit.admission.hooks import HookWorld, Watching, allow, configuration, hook, rule
from tests.unit.admission.writes import write

NAME = "hook.example.com"
OUT = "validation failed due to running out of cost budget, no further validation rules will be run"
POD = {"metadata": {"name": "p"}}


def conditions(*expressions: str) -> list[dict[str, str]]:
    return [{"name": f"c{position}", "expression": each} for position, each in enumerate(expressions)]


FAILS = "object.none.such == 1"
ERROR = f"expression '{FAILS}' resulted in error: no such key: none"
BAD = "compilation error: must evaluate to bool but got int"
DEAR = "authorizer.path('/a').check('get').allowed() || !authorizer.path('/b').check('get').allowed()"
"""Costs 700,000 of the 2,500,000 that all conditions may cost together."""


@pytest.mark.parametrize(
    ("expressions", "asked", "refusal"),
    [
        (["true"], True, None),
        (["true", "1 == 1"], True, None),
        (["true", "false"], False, None),
        (["false", "true"], False, None),
        ([FAILS], False, ERROR),
        ([FAILS, "true"], False, ERROR),
        ([FAILS, "false"], False, None),
        (["1", "false"], False, None),
        (["false", FAILS], False, None),
        ([FAILS, FAILS], False, ERROR),
        ([FAILS, "1"], False, f"[{ERROR}, {BAD}]"),
        (["1"], False, BAD),
        ([DEAR] * 3, True, None),
        ([DEAR] * 4, False, OUT),
        (["false", *[DEAR] * 4], False, OUT),
    ],
)
@pytest.mark.parametrize("policy", ["Fail", "Ignore"])
@pytest.mark.parametrize("mutating", [False, True])
def test_conditions(expressions: list[str], asked: bool, refusal: str | None, policy: str, mutating: bool) -> None:
    """One that is false says no; else one that fails is for the failure policy: refused, or not asked."""
    world = HookWorld(hook_example_com=lambda request: allow())
    given = configuration("c", hook(NAME, matchConditions=conditions(*expressions), failurePolicy=policy))
    attributes = write("CREATE", "pods", dict(POD), namespace="dev")

    def run() -> None:
        if mutating:
            world.mutating(given).admit(attributes)
        else:
            world.validating(given).validate(attributes)

    if refusal is not None and policy == "Fail":
        with pytest.raises(Forbidden) as raised:
            run()
        assert raised.value.message == f'pods "p" is forbidden: {refusal}'
    else:
        run()
    assert bool(world.asked) is asked


@pytest.mark.parametrize(
    "expression",
    [
        "object.metadata.labels.v == 'new' && oldObject.metadata.labels.v == 'old'",
        "request.operation == 'UPDATE' && request.namespace == 'dev' && request.name == 'p' && !request.dryRun",
        "request.kind == request.requestKind && request.resource.resource == 'pods' && request.userInfo.username == 'tina'",
        "namespaceObject == null",
        "authorizer.requestResource.check('update').allowed() && !authorizer.requestResource.check('delete').allowed()",
        "authorizer.group('apps').resource('deployments').namespace('dev').check('get').reason() == ''",
    ],
)
def test_what_conditions_look_at(expression: str) -> None:
    world = HookWorld(hook_example_com=lambda request: allow())
    world.rights = {"tina update pods dev/p"}
    new, old = ({"metadata": {"name": "p", "labels": {"v": each}}} for each in ("new", "old"))
    plugin = world.validating(configuration("c", hook(NAME, matchConditions=conditions(expression))))
    plugin.validate(write("UPDATE", "pods", new, old, namespace="dev"))
    assert world.hosts() == [NAME]


@pytest.mark.parametrize("name", ["params", "variables"])
def test_conditions_of_webhooks_know_neither_parameters_nor_variables(name: str) -> None:
    world = HookWorld()
    with pytest.raises(Forbidden, match=f"undeclared reference to '{name}'"):
        world.validating(configuration("c", hook(NAME, matchConditions=conditions(f"{name}.a == 1")))).validate(
            write("CREATE", "pods", dict(POD), namespace="dev")
        )


def test_an_object_is_looked_at_in_the_version_that_the_webhook_wants() -> None:
    world = HookWorld(hook_example_com=lambda request: allow())
    expression = "object.apiVersion == 'autoscaling/v1' && request.kind.version == 'v1' && request.resource.version == 'v2'"
    attributes = write("CREATE", "pods", {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {}, "spec": {}})
    group = "autoscaling"
    attributes.resource = attributes.resource._replace(group=group, version="v2", resource="horizontalpodautoscalers")
    attributes.kind = attributes.kind._replace(group=group, version="v2", kind="HorizontalPodAutoscaler")
    rules = rule("*", "horizontalpodautoscalers", group, "v1")
    world.validating(configuration("c", hook(NAME, rules, matchConditions=conditions(expression)))).validate(attributes)
    assert world.hosts() == [NAME]


def test_expressions_are_compiled_once_and_only_when_they_are_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[str] = []

    def noted(minor: int, uses: Any, text: str, expected: Any) -> Any:
        compiled.append(text)
        return shared(minor, uses, text, expected)

    monkeypatch.setattr(conditions_module, "shared", noted)
    world = HookWorld(hook_example_com=lambda request: allow())
    plugin = world.validating(configuration("c", hook(NAME, rule(resources="pods"), matchConditions=conditions("true"))))
    plugin.validate(write("CREATE", "configmaps", dict(POD), namespace="dev"))
    assert compiled == []
    for _ in range(3):
        plugin.validate(write("CREATE", "pods", dict(POD), namespace="dev"))
    assert compiled == ["true"]


def test_what_conditions_say_is_counted_and_told() -> None:
    world = HookWorld(hook_example_com=lambda request: allow())
    given = configuration("c", hook(NAME, matchConditions=conditions(FAILS, "false", FAILS)))
    attributes = write("CREATE", "pods", dict(POD), namespace="dev")
    attributes.observer = watching = Watching()
    world.validating(given).validate(attributes)
    assert world.counted.lines == [
        ("judged", "webhook", NAME, "validating", "CREATE", 1),
        ("excluded", NAME, "validate", "CREATE"),
    ]
    where = "webhooks[0].matchConditions"
    assert [(each.part, each.outcome, each.message) for each in watching.judgements] == [
        (f"{where}[0]", "error", ERROR),
        (f"{where}[1]", "false", ""),
        (f"{where}[2]", "error", ERROR),
        (where, "skipped", "c1"),
    ]


def test_conditions_that_hold_are_not_counted() -> None:
    world = HookWorld(hook_example_com=lambda request: allow())
    world.validating(configuration("c", hook(NAME, matchConditions=conditions("true")))).validate(write("CREATE", "pods", dict(POD)))
    assert [line[0] for line in world.counted.lines] == ["called"]
