"""The checker of histories finds what is wrong, and passes what is right."""

from __future__ import annotations

import random

import pytest

from tests.integration.storage.linearizability import Operation, linearizable, violations


def operation(began: int, ended: int, kind: str, expected: int, result: int) -> Operation:
    return Operation("r", began, ended, kind, expected, result)


@pytest.mark.parametrize(
    ("history", "legal"),
    [
        pytest.param([], True, id="nothing"),
        pytest.param([operation(0, 1, "read", 0, 0), operation(2, 3, "swapped", 0, 5), operation(4, 5, "read", 0, 5)], True, id="in turn"),
        pytest.param([operation(0, 1, "swapped", 0, 5), operation(2, 3, "read", 0, 0)], False, id="stale read"),
        pytest.param([operation(0, 3, "swapped", 0, 5), operation(1, 2, "read", 0, 0)], True, id="read beside a write: before"),
        pytest.param([operation(0, 3, "swapped", 0, 5), operation(1, 2, "read", 0, 5)], True, id="read beside a write: after"),
        pytest.param(
            [operation(0, 9, "swapped", 0, 5), operation(1, 2, "read", 0, 5), operation(3, 4, "read", 0, 0)], False, id="back in time"
        ),
        pytest.param([operation(0, 5, "swapped", 0, 5), operation(0, 5, "swapped", 0, 6)], False, id="lost update"),
        pytest.param([operation(0, 5, "swapped", 0, 5), operation(0, 5, "refused", 0, 5)], True, id="one of two refused"),
        pytest.param([operation(0, 1, "refused", 0, 0)], False, id="refused without cause"),
        pytest.param([operation(0, 1, "read", 0, 7)], False, id="out of thin air"),
        pytest.param([operation(0, 9, "swapped", 5, 6), operation(1, 8, "swapped", 0, 5)], True, id="order against the call"),
    ],
)
def test_a_history_is_judged(history: list[Operation], legal: bool) -> None:
    assert linearizable(history) is legal


def random_history(seed: int, count: int) -> list[Operation]:
    """Operations of eight clients on one register, each taking effect at a moment within its time."""
    choose = random.Random(seed)
    state, history = 0, []
    for moment in range(10, 10 + 10 * count, 10):
        kind = choose.choice(["read", "swapped", "refused"])
        began, ended = moment - choose.randrange(1, 80), moment + choose.randrange(1, 80)
        if kind == "swapped":
            history.append(Operation("r", began, ended, kind, state, moment))
            state = moment
        else:
            history.append(Operation("r", began, ended, kind, state + 1, state))
    return history


@pytest.mark.parametrize("seed", range(10))
def test_a_long_legal_history_passes_and_one_lie_in_it_is_found(seed: int) -> None:
    history = random_history(seed, 600)
    assert violations(history) == []
    writes = [each for each in history if each.kind == "swapped"]
    late = max(each.ended for each in history) + 1
    lie = Operation("r", late, late + 1, "read", 0, writes[len(writes) // 2].result)
    assert violations([*history, lie]) == ["r"]
