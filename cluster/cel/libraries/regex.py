"""What a pattern finds in a string.  Upstream: apiserver `pkg/cel/library/regex.go`; Go's `regexp` (FindAllString)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

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
    match = _compiled(pattern).search(text)
    return match[0] if match is not None else ""


def find_all(text: str, pattern: str, limit: int = -1) -> list[str]:
    """All matches, or as many as the limit says where it is not negative."""
    found: list[str] = []
    for each in _matches(text, pattern):
        if limit >= 0 and len(found) >= limit:
            break
        found.append(each)
    return found


def _matches(text: str, pattern: str) -> Iterator[str]:
    """An empty match right behind another one is none."""
    end = -1
    for match in _compiled(pattern).finditer(text):
        if match.start() != match.end() or match.start() != end:
            yield match[0]
        end = match.end()


def _compiled(pattern: str) -> Any:
    try:
        return patterns.compiled(pattern)
    except CelError as failure:
        raise CelError(f"Illegal regex: {failure}") from None


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
