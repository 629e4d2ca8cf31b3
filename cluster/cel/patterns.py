"""Regular expressions of RE2, whose errors are worded as Go's.  Upstream: Go's `regexp/syntax`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Any, Final

import re2

from cluster.cel.compile_parts import MAX_SECONDS
from cluster.cel.values import CelError, CostExceeded

_KEPT: Final = 64
"""How many patterns stay compiled, each with up to `_MEMORY` bytes."""
_MEMORY: Final = 4 << 20
_MOST_STEPS: Final = 200_000_000
"""So many instructions, those of a pattern for each byte of a text, take a second or two at the worst."""
_ERRORS: Final = {
    "missing ]": "missing closing ]",
    "missing )": "missing closing )",
    "no argument for repetition operator": "missing argument to repetition operator",
    "bad repetition operator": "invalid nested repetition operator",
    "invalid repetition size": "invalid repeat count",
    "trailing \\": "trailing backslash at end of expression",
    "invalid named capture group": "invalid named capture",
    "invalid perl operator": "invalid or unsupported Perl syntax",
}
"""RE2's words to Go's, where they differ."""


@functools.lru_cache(maxsize=_KEPT)
def compiled(pattern: str) -> Any:
    """A pattern of RE2; CelError for a text that is none."""
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MEMORY
    try:
        return re2.compile(pattern, options)
    except re2.error as failure:
        raise CelError(_explained(failure.args[0])) from None
    except UnicodeEncodeError:
        raise CelError("error parsing regexp: invalid UTF-8") from None


def _explained(message: bytes | str) -> str:
    text = message.decode("utf-8", "replace") if isinstance(message, bytes) else message
    what, _, where = text.partition(": ")
    if what == "trailing \\":
        where = ""
    if what.startswith("pattern too large"):
        what, where = "expression too large", ""
    return f"error parsing regexp: {_ERRORS.get(what, what)}: `{where}`"


_Search = Callable[[bytes, int], tuple[int, int]]
"""(text, from where) to where a match begins and ends; -1 where there is none."""


def _searching(pattern: str) -> _Search:
    """RE2 is asked itself: the module makes an object of a match, at many times the cost."""
    program = compiled(pattern)._regexp
    match: Callable[..., list[tuple[int, int]]] = program.Match
    anchor, longest = re2._re2.RE2.Anchor.UNANCHORED, _MOST_STEPS // max(1, program.ProgramSize())

    def search(encoded: bytes, position: int) -> tuple[int, int]:
        size = len(encoded)
        if size > longest:
            raise CostExceeded
        return match(anchor, encoded, position, size)[0]

    return search


def matcher(pattern: str) -> Callable[[str], bool]:
    """Whether the pattern is found in a text."""
    search = _searching(pattern)
    return lambda text: search(text.encode(), 0)[0] >= 0


def found_in(text: str, pattern: str) -> Iterator[str]:
    """All matches, from left to right; an empty one right behind another is none.  Upstream: Go's `regexp` (allMatches)."""
    search, encoded = _searching(pattern), text.encode()
    position, last, deadline = 0, -1, perf_counter() + MAX_SECONDS
    while position <= len(encoded):
        if perf_counter() > deadline:
            raise CostExceeded
        begin, end = search(encoded, position)
        if begin < 0:
            return
        if end != position or begin != last:
            yield encoded[begin:end].decode()
        last = end
        position = _behind(encoded, position) if end == position else end


def _behind(encoded: bytes, position: int) -> int:
    """Where the next character begins."""
    position += 1
    while position < len(encoded) and encoded[position] & 0xC0 == 0x80:
        position += 1
    return position


def matches(text: str, pattern: str) -> bool:
    return matcher(pattern)(text)
