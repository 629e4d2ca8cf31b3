"""Checker, evaluation and runtime costs agree with what Kubernetes 1.36's own libraries answered."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.cel.recorded_answers import answer, expected, normal, recorded


@pytest.mark.parametrize("question", recorded("standard"), ids=lambda question: question["expr"][:80])
def test_the_standard_library(question: dict[str, Any]) -> None:
    assert normal(answer(question)) == normal(expected(question))
