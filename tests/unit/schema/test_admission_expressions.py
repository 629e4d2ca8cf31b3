"""Expressions that many policies have are compiled once, as long as they mean the same."""

from __future__ import annotations

import pytest

from cluster.cel import types
from cluster.cel.environment import STORED
from cluster.schema.admission_expressions import Composition, ExpressionError, checked
from cluster.schema.admission_variables import Uses

USES = Uses(authorizer=True)
TEXT = "variables.x.startsWith('a')"


def composed(**variables: str) -> Composition:
    made = Composition()
    for name, text in variables.items():
        made.declare(name, text, USES)
    return made


def test_what_means_the_same_is_one() -> None:
    first, second = composed(x="'a'"), composed(x="'b' + 'c'")
    assert first.compile(TEXT, USES, [types.BOOL]) is second.compile(TEXT, USES, [types.BOOL])
    assert first.compile("true", USES) is second.compile("true", USES)


def test_variables_of_other_types_are_others() -> None:
    assert composed(x="'a'").check(TEXT, USES, [types.BOOL], STORED) == types.BOOL
    with pytest.raises(ExpressionError, match="found no matching overload for 'startsWith'"):
        composed(x="1").check(TEXT, USES, [types.BOOL], STORED)
    assert composed(x="object").check(TEXT, USES, [types.BOOL], STORED) == types.BOOL


def test_only_what_was_declared_before_is_there() -> None:
    made = composed(y="1")
    with pytest.raises(ExpressionError, match="undefined field 'x'"):
        made.check(TEXT, USES, [types.BOOL], STORED)
    made.check_variable("x", "'a'", USES, STORED)
    assert made.check(TEXT, USES, [types.BOOL], STORED) == types.BOOL
    with pytest.raises(ExpressionError, match="undeclared reference to 'variables'"):
        checked(STORED, USES, TEXT, (types.BOOL,))


@pytest.mark.parametrize("length", [10, 5000])
def test_errors_are_told_each_time(length: int) -> None:
    text = f"{'1' * length}_"
    for _ in range(2):
        with pytest.raises(ExpressionError, match="compilation failed"):
            checked(STORED, USES, text, ())


def test_the_result_wanted_counts() -> None:
    made = composed()
    assert made.check("'a'", USES, [types.STRING], STORED) == types.STRING
    with pytest.raises(ExpressionError, match="must evaluate to bool but got string"):
        made.check("'a'", USES, [types.BOOL], STORED)
