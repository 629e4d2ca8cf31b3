"""What others have named reaches the terminal as text, never as commands to it or as lines of its own."""

from __future__ import annotations

import pytest

from cluster.api.output import aligned, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("größer", "größer"),
        ("a\x1b[2Jb", "a\\x1b[2Jb"),
        ("a\r\x07\x00", "a\\r\\x07\\x00"),
        ("\x9b31m", "\\x9b31m"),
        ("abc\u202edef", "abc\\u202edef"),
        ("two\nlines", "two\nlines"),
    ],
)
def test_what_is_not_printable_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_a_cell_makes_no_row() -> None:
    assert aligned([["USER", "VERB"], ["mallory\nadmin", "get"]]) == ["USER             VERB", "mallory\\nadmin   get"]
