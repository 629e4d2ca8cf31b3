"""What is wrong with an expression, and how it is shown: the message, the line, and a pointer into it.

Upstream: cel-go `common/error.go`, `common/errors.go`, `common/source.go`.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Sequence
from typing import Final

NOWHERE: Final = -1
"""The offset of an error that is of no place in the text."""
BEFORE: Final = -2
"""The offset of one that upstream shows a column before the text: of what is missing, and of a text that is empty."""
MAX_REPORTED: Final = 100
MAX_SNIPPET_BYTES: Final = 16384

Problem = tuple[int, str]
"""An offset in code points, and a message."""


class SyntaxErrors(Exception):
    """A text that is no expression; `problems` has all that is wrong with it, as they were found."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(problems[0][1] if problems else "")
        self.problems = list(problems)


class MacroError(Exception):
    """A macro's arguments are none; raised by its expansion, with the node that is to blame."""

    def __init__(self, node: int, message: str) -> None:
        super().__init__(message)
        self.node = node
        self.message = message


def render(text: str, problems: Iterable[Problem]) -> str:
    """All problems, from the top of the text to its end, each with its line and a pointer; at most 100."""
    starts = line_starts(text)
    found = [(*position(starts, offset), message) for offset, message in problems]
    kept = sorted(found[:MAX_REPORTED], key=lambda each: each[:2])
    shown = [_shown(text, starts, *each) for each in kept]
    if len(found) > MAX_REPORTED:
        shown.append(f"{len(found) - MAX_REPORTED} more errors were truncated")
    return "\n".join(shown)


def line_starts(text: str) -> list[int]:
    """The offsets at which lines begin."""
    starts = [0]
    found = text.find("\n")
    while found >= 0:
        starts.append(found + 1)
        found = text.find("\n", found + 1)
    return starts


def position(starts: list[int], offset: int) -> tuple[int, int]:
    """Line from 1 and column from 0; of what is nowhere, -1 both."""
    if offset < 0:
        return (1, -1) if offset == BEFORE else (-1, -1)
    line = bisect.bisect_right(starts, offset)
    return line, offset - starts[line - 1]


def _shown(text: str, starts: list[int], line: int, column: int, message: str) -> str:
    head = f"ERROR: <input>:{line}:{column + 1}: {message}"
    if line < 1 or not text:
        return head
    snippet = text[starts[line - 1] : starts[line] - 1 if line < len(starts) else len(text)].replace("\t", " ")
    if len(snippet.encode("utf-8", "replace")) > MAX_SNIPPET_BYTES:
        return head
    column = max(column, 0)
    dots = "".join("\uff0e" if character > "\x7f" else "." for character in snippet[:column])
    pointer = "\uff3e" if column < len(snippet) and snippet[column] > "\x7f" else "^"
    return f"{head}\n | {snippet}\n | {dots}{pointer}"
