"""Rules as policies and custom resources have them: types, errors, estimates, results and costs are those of Kubernetes 1.36."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.cel.recorded_answers import normal
from tests.unit.cel.rules import answered, expected, rules


def label(question: dict[str, Any]) -> str:
    return f"{question['expr'][:60]} {' '.join(sorted(question.get('types', {}).values()))}"


@pytest.mark.parametrize("question", rules(), ids=label)
def test_a_rule_is_answered_as_kubernetes_answers_it(question: dict[str, Any]) -> None:
    assert normal(answered(question)) == normal(expected(question))
