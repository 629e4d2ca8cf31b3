"""Checker, evaluation and runtime costs agree with what Kubernetes 1.36's own libraries answered."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.cel import compile as compiler
from tests.unit.cel.recorded_answers import answer, expected, normal, recorded


@pytest.mark.parametrize("question", [*recorded("standard"), *recorded("checking")], ids=lambda question: question["expr"][:80])
def test_answers_are_upstreams(question: dict[str, Any]) -> None:
    assert normal(answer(question)) == normal(expected(question))


def differences() -> list[str]:
    questions = recorded("generated")
    assert len(questions) > 500
    return [each["expr"] for each in questions if normal(answer(each)) != normal(expected(each))]


def test_seven_hundred_expressions_that_were_made_up() -> None:
    assert differences() == []


def test_loops_count_what_the_folds_count_that_they_stand_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiler, "_LOOPS", {})
    assert differences() == []
