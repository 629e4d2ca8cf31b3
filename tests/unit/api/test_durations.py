"""Durations as Go writes and reads them."""

from __future__ import annotations

import re

import pytest

from cluster.api.durations import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("10s", 10), ("1m20s", 80), ("1h0m0s", 3600), ("1.5h", 5400), ("300ms", 0.3), ("-2m", -120), ("+5s", 5), (".5s", 0.5)],
)
def test_a_duration_is_read(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", 'time: invalid duration ""'),
        ("5", 'time: missing unit in duration "5"'),
        ("5 s", 'time: unknown unit " s" in duration "5 s"'),
        ("1y", 'time: unknown unit "y" in duration "1y"'),
        ("s", 'time: invalid duration "s"'),
        ("300y0", 'time: unknown unit "y" in duration "300y0"'),
        ("99999999999h", 'time: invalid duration "99999999999h"'),
        ("\u0665s", 'time: invalid duration "\u0665s"'),
    ],
)
def test_what_is_no_duration_is_refused_as_go_refuses_it(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"), (10, "10s"), (80, "1m20s"), (300, "5m0s"), (3600, "1h0m0s"), (1.5, "1.5s"), (0.25, "250ms"), (0.0015, "1.5ms"),
        (0.000005, "5\u00b5s"), (-61, "-1m1s"), (90061.5, "25h1m1.5s"),
    ],
)  # fmt: skip
def test_a_duration_is_written(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
