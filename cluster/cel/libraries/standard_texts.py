"""The standard library: strings and patterns.  Upstream: cel-go `common/stdlib/standard.go`, `common/types/string.go`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from cluster.cel import costs, patterns, types
from cluster.cel.functions import Function, Overload, RuntimeCost
from cluster.cel.libraries.standard_arithmetic import no_overload
from cluster.cel.values import CelError


def _of_strings(call: Callable[[str, str], bool]) -> Callable[[Any, Any], bool]:
    """Looks at types itself: these functions' calls are guarded by no one else."""

    def checked(text: Any, part: Any) -> bool:
        if type(text) is not str or type(part) is not str:
            raise CelError("no such overload")
        return call(text, part)

    return checked


def matches(text: Any, pattern: Any) -> bool:
    if type(text) is not str:
        raise no_overload("matches", text)
    if type(pattern) is not str:
        raise CelError("no such overload")
    return patterns.matches(text, pattern)


def _member(name: str, id_: str, call: Callable[[str, str], bool], cost: RuntimeCost) -> Function:
    checked = _of_strings(call)
    overload = Overload(id_, (types.STRING, types.STRING), types.BOOL, call, member=True, cost=cost, guarded=False)
    return Function(name, (overload,), dynamic=checked)


FUNCTIONS: Final = (
    _member("contains", "contains_string", str.__contains__, costs.of_containing),
    _member("endsWith", "ends_with_string", str.endswith, costs.of_first),
    _member("startsWith", "starts_with_string", str.startswith, costs.of_first),
    Function(
        "matches",
        (
            Overload("matches", (types.STRING, types.STRING), types.BOOL, patterns.matches),
            Overload("matches_string", (types.STRING, types.STRING), types.BOOL, patterns.matches, member=True, cost=costs.of_matching),
        ),
        dynamic=matches,
    ),
)
