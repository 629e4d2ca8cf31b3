"""What expressions may cost: one alone, all of a policy together, its conditions, its messages, its annotations."""

from __future__ import annotations

import time

import pytest

from cluster.api.errors import Timeout
from cluster.api.names import Object
from tests.unit.admission.policy.world import DEAR, PolicyWorld, binding, created, judge, pod, policy

OUT = "validation failed due to running out of cost budget, no further validation rules will be run"
TOO_DEAR = f"{DEAR} && {DEAR}"
"""1,400,000, of which one expression may cost 1,000,000."""
STOPPED = "operation cancelled: actual cost limit exceeded"


def test_one_expression_may_not_cost_too_much() -> None:
    assert judge(TOO_DEAR) == f"expression '{TOO_DEAR}' resulted in error: {STOPPED}"
    assert judge(TOO_DEAR, failurePolicy="Ignore") == ""
    assert judge(DEAR, DEAR) == ""


def test_what_takes_long_is_stopped() -> None:
    numbers = f"[{', '.join(map(str, range(100)))}]"
    slow = f"{numbers}.all(x, {numbers}.all(y, {numbers}.all(z, {numbers}.all(w, x + y + z + w >= 0))))"
    began = time.monotonic()
    assert judge(slow).endswith(STOPPED)
    assert time.monotonic() - began < 20


@pytest.mark.parametrize(
    ("expression", "pattern", "said"),
    [
        ("!text.matches('^(a+)+$')", "", ""),
        ("text.find('(a|aa)+c') == ''", "", ""),
        ("!text.matches(pattern)", "^(a|aa)+$", ""),
        ("[1, 2, 3, 4, 5, 6, 7, 8, 9, 0].all(x, [1, 2].all(y, !text.matches(pattern)))", "^(a|aa)+(a|aa)+$", STOPPED),
        ("!text.matches(pattern)", "(a*)*" * 2000, STOPPED),
        ("text.find(pattern) == ''", "(a*)*" * 2000, STOPPED),
        ("text.findAll(pattern).size() == 0", "(a*)*" * 2000, STOPPED),
        ("!text.matches(pattern)", "(a{1000}){1000}", "error parsing regexp: invalid repeat count: `{1000}`"),
    ],
)
def test_a_pattern_that_takes_long_is_stopped_before_it_is_looked_for(expression: str, pattern: str, said: str) -> None:
    given = created(pod(annotations={"text": "a" * 200_000 + "b", "pattern": pattern}))
    began = time.monotonic()
    for name in ("text", "pattern"):
        expression = expression.replace(name, f"object.metadata.annotations.{name}")
    assert judge(expression, attributes=given).endswith(said)
    assert bool(judge(expression, attributes=given)) is bool(said)
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(("count", "said"), [(14, ""), (15, OUT)])
def test_all_expressions_of_a_policy_share_a_budget(count: int, said: str) -> None:
    assert judge(*[DEAR] * count) == said
    assert judge(*[DEAR] * count, failurePolicy="Ignore") == ""


def test_a_budget_that_is_spent_denies_though_a_validation_failed_before() -> None:
    assert judge("false", *[DEAR] * 15) == OUT
    world = PolicyWorld(policy("p", *[DEAR] * 15), binding("b", "p"))
    world.says()
    assert world.counted.lines == [("p", "b", "out_of_budget", "deny")]


def test_each_binding_has_a_budget_of_its_own() -> None:
    world = PolicyWorld(policy("p", *[DEAR] * 14), binding("b", "p"), binding("c", "p"))
    assert world.says() == ""


def conditions(*expressions: str) -> list[Object]:
    return [{"name": f"c{position}", "expression": each} for position, each in enumerate(expressions)]


@pytest.mark.parametrize(("count", "said"), [(3, "failed expression: false"), (4, OUT)])
def test_conditions_have_a_budget_of_their_own(count: int, said: str) -> None:
    assert judge("false", matchConditions=conditions(*[DEAR] * count)) == said
    assert judge(*[DEAR] * 14, matchConditions=conditions(*[DEAR] * 3)) == ""
    assert judge("true", matchConditions=conditions(*[DEAR] * 4), failurePolicy="Ignore") == ""


def test_a_question_that_is_asked_again_costs_the_same_and_is_not_asked_again() -> None:
    world = PolicyWorld()
    assert judge(*[DEAR] * 14, world=world) == ""
    assert world.questions == ["tina get /a", "tina get /b"]


COSTLY = "[" + ", ".join(["'x'"] * 100) + "]"
MESSAGE = f"{COSTLY}.map(a, {COSTLY}.map(b, a + b).join('')).join('')"


def message(expression: str, made: str) -> Object:
    return {"expression": expression, "messageExpression": made}


def test_messages_count_whether_they_are_wanted_or_not() -> None:
    """Twelve could cost 12,000,000; that they cost less is seen by making them."""
    cheap = [message("true", "'cheap'")] * 12
    assert judge(*cheap) == ""
    assert judge(*[DEAR] * 13, *cheap) == ""
    large = message("true", "'" + "x" * 900 + "'.matches('" + "(a|b)" * 150 + "') ? 'a' : 'b'")
    said = judge(*[DEAR] * 14, *[large] * 12)
    assert said == f"failed messageExpression: {OUT}"
    assert judge(*[DEAR] * 14, *[large] * 12, failurePolicy="Ignore") == ""


def test_a_message_that_costs_too_much_is_none() -> None:
    deep = f"{COSTLY}.map(a, {COSTLY}.map(b, {COSTLY}.map(c, a + b + c).join('')).join('')).join('')"
    assert judge({**message("false", deep), "message": "mine"}) == "mine"


@pytest.mark.parametrize(("count", "said", "told"), [(22, "failed expression: false", 22), (23, OUT, 0)])
def test_annotations_have_a_budget_of_their_own_and_say_nothing_where_it_is_spent(count: int, said: str, told: int) -> None:
    """Each costs 450,500."""
    text, pattern = "x" * 9000, "(a|b)" * 400
    given = [{"key": f"k{number}", "valueExpression": f"'{text}'.matches('{pattern}') ? 'a' : 'b'"} for number in range(count)]
    world = PolicyWorld(policy("p", "false", *[DEAR] * 14, auditAnnotations=given), binding("b", "p"))
    attributes = created()
    assert world.says(attributes) == said
    assert len(attributes.annotations) == told


def test_a_write_that_nobody_waits_for_is_not_judged() -> None:
    attributes = created()
    attributes.deadline = time.monotonic() - 1
    with pytest.raises(Timeout, match="request did not complete within requested timeout"):
        PolicyWorld(policy("p", "true"), binding("b", "p")).plugin.validate(attributes)
