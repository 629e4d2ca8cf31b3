"""The CEL specification's own tests: all that Kubernetes' expressions can say, answered as Kubernetes 1.36 answers it."""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests.unit.cel.recorded_answers import normal
from tests.unit.cel.rules import answered, expected, specification

CASES = specification()
OMITTED_FILES: Final = {
    "bindings_ext": "Kubernetes has no cel.bind",
    "block_ext": "cel.block is what optimizers write, and no policy",
    "encoders_ext": "Kubernetes has no base64 functions",
    "math_ext": "Kubernetes has no math functions",
    "enums": "enums are of protocol buffers",
    "proto2": "objects of Kubernetes' expressions are of schemas, not of protocol buffers",
    "proto2_ext": "extensions are of protocol buffers",
    "proto3": "objects of Kubernetes' expressions are of schemas, not of protocol buffers",
    "unknowns": "the file has no case",
    "wrappers": "wrappers are of protocol buffers",
}
OMITTED_CASES: Final = {
    "messages of protocol buffers are made or taken, which Kubernetes' expressions cannot": 359,
    "functions are declared, which Kubernetes' expressions cannot": 5,
    "names are found in a container, of which Kubernetes' expressions have none": 2,
}
"""What is left out of the files that are here, and how many cases that are."""
ANSWERED_DIFFERENTLY: Final = 188
"""Cases of which Kubernetes makes something else than the specification wants."""


@pytest.mark.parametrize("question", CASES, ids=lambda question: question["name"])
def test_a_case_is_answered_as_kubernetes_answers_it(question: dict[str, Any]) -> None:
    assert normal(answered(question)) == normal(expected(question))


def test_no_case_is_left_out_but_for_a_reason() -> None:
    files = {each["name"].partition("/")[0] for each in CASES}
    assert len(files) + len(OMITTED_FILES) == 29
    assert len(CASES) + sum(OMITTED_CASES.values()) == 1777
    assert sum("spec" in each for each in CASES) == ANSWERED_DIFFERENTLY
