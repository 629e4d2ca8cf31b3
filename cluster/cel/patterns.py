"""Regular expressions of RE2, whose errors are worded as Go's.  Upstream: Go's `regexp/syntax`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final

import re2

from cluster.cel.values import CelError

_KEPT: Final = 64
"""How many patterns stay compiled, each with up to `_MEMORY` bytes."""
_MEMORY: Final = 4 << 20
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


def matcher(pattern: str) -> Callable[[str], bool]:
    """Whether the pattern is found in a text.  RE2 is asked itself: the module makes a match of it, at many times the cost."""
    match: Callable[..., list[tuple[int, int]]] = compiled(pattern)._regexp.Match
    anchor = re2._re2.RE2.Anchor.UNANCHORED

    def found(text: str) -> bool:
        encoded = text.encode()
        return match(anchor, encoded, 0, len(encoded))[0][0] >= 0

    return found


def matches(text: str, pattern: str) -> bool:
    return matcher(pattern)(text)
