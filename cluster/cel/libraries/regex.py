"""What a pattern finds in a string.  Upstream: apiserver `pkg/cel/library/regex.go`; Go's `regexp` (FindAllString)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Final

from cluster.cel import patterns, types
from cluster.cel.costs import of_matching
from cluster.cel.estimate_calls import known_size
from cluster.cel.functions import ONE, REGEX_LENGTH, STRING_TRAVERSAL, Bounds, Estimate, Function, Library, Overload, Sized
from cluster.cel.libraries.declaring import member
from cluster.cel.types import list_of
from cluster.cel.values import CelError

_FOUND: Final = list_of(types.STRING)


def find(text: str, pattern: str) -> str:
    """The first match, or an empty string."""
    return next(_matches(text, pattern), "")


def find_all(text: str, pattern: str, limit: int = -1) -> list[str]:
    """All matches, or as many as the limit says where it is not negative."""
    found = _matches(text, pattern)
    return list(found) if limit < 0 else list(itertools.islice(found, limit))


def _matches(text: str, pattern: str) -> Iterator[str]:
    try:
        patterns.compiled(pattern)
    except CelError as failure:
        raise CelError(f"Illegal regex: {failure}") from None
    return patterns.found_in(text, pattern)


def _estimate(target: Sized | None, arguments: Sequence[Sized]) -> Estimate | None:
    """What comes of it may be as many matches as there are characters."""
    if target is None:
        return None
    size = known_size(target)
    cost = (size + ONE).scaled(STRING_TRAVERSAL) * known_size(arguments[0]).scaled(REGEX_LENGTH)
    return Estimate(cost, Bounds(0, size.most))


REGEX: Final = Library(
    "kubernetes.regex",
    functions=(
        member("find", "string_find_string", (types.STRING, types.STRING), types.STRING, find, of_matching, _estimate),
        Function(
            "findAll",
            (
                Overload("string_find_all_string", (types.STRING, types.STRING), _FOUND, find_all, member=True, estimate=_estimate),
                Overload(
                    "string_find_all_string_int",
                    (types.STRING, types.STRING, types.INT),
                    _FOUND,
                    find_all,
                    member=True,
                    estimate=_estimate,
                ),
            ),
            of_matching,
        ),
    ),
)
