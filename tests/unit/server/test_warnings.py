"""Warning headers: what they can hold, and how much of it."""

from __future__ import annotations

import pytest

from cluster.server.response import Response
from cluster.server.responses import add_warnings, bounded


@pytest.mark.parametrize(
    ("warnings", "headers"),
    [
        (["plain"], ['299 - "plain"']),
        (['a "quoted" \\ text'], ['299 - "a \\"quoted\\" \\\\ text"']),
        (["once", "once", "twice"], ['299 - "once"', '299 - "twice"']),
        (["", "a\nb", "a\tb", "a\x7fb", "a\x85b", "\ud800", "good"], ['299 - "good"']),
    ],
)
def test_a_warning_is_quoted_and_what_is_no_text_is_left_out(warnings: list[str], headers: list[str]) -> None:
    response = Response()
    add_warnings(response, warnings)
    assert response.headers.getlist("Warning") == headers


def test_a_header_is_utf_8() -> None:
    response = Response()
    add_warnings(response, ["für 日本"])
    assert response.headers["Warning"].encode("latin-1").decode() == '299 - "für 日本"'


def test_warnings_are_cut_once_they_are_too_many() -> None:
    few = [f"{number:02d}" + "x" * 1000 for number in range(4)]
    assert bounded(few) == few
    many = [f"{number:02d}" + "x" * 1000 for number in range(40)]
    assert bounded(many) == [each[:256] for each in many[:16]]
    mixed = ["short", "y" * 4100, "z" * 300]
    assert bounded(mixed) == ["short", "y" * 256, "z" * 256]
