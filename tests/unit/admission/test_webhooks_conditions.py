"""Match conditions, with evaluators in memory: what they say of a webhook, and what becomes of those that fail."""

from __future__ import annotations

from typing import Any

import pytest

from admission.webhooks.conditions import BUDGET, BudgetExceeded, EvaluationError, Evaluator, Subject
from cluster.api.errors import Forbidden
from tests.unit.admission.hooks import HookWorld, Watching, allow, configuration, hook, rule
from tests.unit.admission.writes import TINA, write

NAME = "hook.example.com"
OUT = "validation failed due to running out of cost budget, no further validation rules will be run"


def compile_condition(expression: str) -> Evaluator:
    """`true`, `false`, `error`, `costs <n>`; `bad` is no expression."""
    if expression == "bad":
        raise EvaluationError("compilation error: bad")

    def evaluate(subject: Subject, budget: int) -> tuple[bool, int]:
        if expression.startswith("costs"):
            cost = int(expression.split()[1])
            if cost > budget:
                raise BudgetExceeded
            return True, cost
        if expression == "error":
            raise EvaluationError(f"expression '{expression}' resulted in error: no such key")
        return expression == "true", 1

    return evaluate


def conditions(*expressions: str) -> list[dict[str, str]]:
    return [{"name": f"c{position}", "expression": each} for position, each in enumerate(expressions)]


ERROR = "expression 'error' resulted in error: no such key"
BAD = "compilation error: bad"
HALF = f"costs {BUDGET // 2}"


@pytest.mark.parametrize(
    ("expressions", "asked", "refusal"),
    [
        (["true"], True, None),
        (["true", "true"], True, None),
        (["true", "false"], False, None),
        (["false", "true"], False, None),
        (["error"], False, ERROR),
        (["error", "true"], False, ERROR),
        (["error", "false"], False, None),
        (["bad", "false"], False, None),
        (["false", "error"], False, None),
        (["error", "error"], False, ERROR),
        (["error", "bad"], False, f"[{ERROR}, {BAD}]"),
        (["bad"], False, BAD),
        ([HALF, HALF], True, None),
        ([HALF, HALF, "costs 2"], False, OUT),
        (["false", f"costs {BUDGET}"], False, OUT),
    ],
)
@pytest.mark.parametrize("policy", ["Fail", "Ignore"])
@pytest.mark.parametrize("mutating", [False, True])
def test_conditions(expressions: list[str], asked: bool, refusal: str | None, policy: str, mutating: bool) -> None:
    """One that is false says no; else one that fails is for the failure policy: refused, or not asked."""
    world = HookWorld(hook_example_com=lambda request: allow())
    given = configuration("c", hook(NAME, matchConditions=conditions(*expressions), failurePolicy=policy))
    attributes = write("CREATE", "pods", {"metadata": {"name": "p"}}, namespace="dev")

    def run() -> None:
        if mutating:
            world.mutating(given, conditions=compile_condition).admit(attributes)
        else:
            world.validating(given, conditions=compile_condition).validate(attributes)

    if refusal is not None and policy == "Fail":
        with pytest.raises(Forbidden) as raised:
            run()
        assert raised.value.message == f'pods "p" is forbidden: {refusal}'
    else:
        run()
    assert bool(world.asked) is asked


@pytest.mark.parametrize("policy", ["Fail", "Ignore"])
def test_a_server_without_conditions_lets_nothing_pass_that_depends_on_them(policy: str) -> None:
    world = HookWorld(hook_example_com=lambda request: allow())
    given = configuration("c", hook(NAME, rule(resources="pods"), matchConditions=conditions("true"), failurePolicy=policy))
    for plugin, phase in ((world.validating(given), "validate"), (world.mutating(given), "admit")):
        with pytest.raises(Forbidden, match='match conditions can not be evaluated by this server: remove "true"'):
            getattr(plugin, phase)(write("CREATE", "pods", {"metadata": {"name": "p"}}, namespace="dev"))
        getattr(plugin, phase)(write("CREATE", "configmaps", {"metadata": {"name": "p"}}, namespace="dev"))
    assert world.asked == []


def test_conditions_look_at_what_the_webhook_would_be_asked() -> None:
    seen: list[Subject] = []

    def compile_looking(expression: str) -> Evaluator:
        def look(subject: Subject, budget: int) -> tuple[bool, int]:
            seen.append(subject)
            return True, 0

        return look

    world = HookWorld(hook_example_com=lambda request: allow())
    new, old = ({"metadata": {"name": "p", "labels": {"v": each}}} for each in ("new", "old"))
    attributes = write("UPDATE", "pods", new, old, namespace="dev")
    world.validating(configuration("c", hook(NAME, matchConditions=conditions("x"))), conditions=compile_looking).validate(attributes)
    (subject,) = seen
    request: dict[str, Any] = dict(world.asked[0][1]["request"])
    for sent_alone in ("uid", "object", "oldObject"):
        request.pop(sent_alone)
    assert (subject.object, subject.old_object, subject.user) == (new, old, TINA)
    assert {**subject.request, "operation": str(subject.request["operation"])} == request


def test_expressions_are_compiled_once_and_only_when_they_are_needed() -> None:
    compiled: list[str] = []

    def compile_noted(expression: str) -> Evaluator:
        compiled.append(expression)
        return compile_condition(expression)

    world = HookWorld(hook_example_com=lambda request: allow())
    plugin = world.validating(
        configuration("c", hook(NAME, rule(resources="pods"), matchConditions=conditions("true"))), conditions=compile_noted
    )
    plugin.validate(write("CREATE", "configmaps", {"metadata": {"name": "p"}}, namespace="dev"))
    assert compiled == []
    for _ in range(3):
        plugin.validate(write("CREATE", "pods", {"metadata": {"name": "p"}}, namespace="dev"))
    assert compiled == ["true"]


def test_what_conditions_say_is_counted_and_told() -> None:
    world = HookWorld(hook_example_com=lambda request: allow())
    given = configuration("c", hook(NAME, matchConditions=conditions("error", "false")))
    attributes = write("CREATE", "pods", {"metadata": {"name": "p"}}, namespace="dev")
    attributes.observer = watching = Watching()
    world.validating(given, conditions=compile_condition).validate(attributes)
    assert world.counted.lines == [
        ("judged", NAME, "validating", "CREATE", 1),
        ("excluded", NAME, "validate", "CREATE"),
    ]
    assert [(each.part, each.outcome, each.message) for each in watching.judgements] == [("webhooks[0].matchConditions", "skipped", "c1")]
