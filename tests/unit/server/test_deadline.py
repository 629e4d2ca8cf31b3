"""The time that a client gives a request, as Go reads durations."""

from __future__ import annotations

import pytest

from cluster.api.errors import BadRequest
from cluster.server.deadline import parse_timeout


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("", 0),
        ("0", 0),
        ("0s", 0),
        ("1s", 1),
        ("1m30s", 90),
        ("1.5h", 5400),
        (".5s", 0.5),
        ("250ms", 0.25),
        ("+2s", 2),
        ("-2s", 0),
        ("5us", 5e-6),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_timeout(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("soon", 'invalid duration "soon"'),
        ("5", 'missing unit in duration "5"'),
        ("5d", 'unknown unit "d" in duration "5d"'),
        ("-", 'invalid duration "-"'),
        ("1s ", 'unknown unit "s " in duration "1s "'),
    ],
)
def test_what_is_no_duration_is_refused(text: str, why: str) -> None:
    with pytest.raises(BadRequest) as refused:
        parse_timeout(text)
    assert refused.value.message == f"invalid timeout specified in the request URL - time: {why}"
