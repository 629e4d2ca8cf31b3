"""The standard library: sizes, and what lists and maps contain.  Upstream: cel-go `common/stdlib/standard.go`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from cluster.cel import costs, types
from cluster.cel.equality import surely_equal
from cluster.cel.functions import Function, Overload
from cluster.cel.libraries.standard_arithmetic import no_overload
from cluster.cel.types import list_of, map_of, parameter
from cluster.cel.values import CelError, Joined, map_key

_LISTS: Final = (list, tuple, Joined)
_A: Final = parameter("A")
_B: Final = parameter("B")
_LIST: Final = list_of(_A)
_MAP: Final = map_of(_A, _B)
_SIZED: Final = (str, bytes, list, tuple, dict, Joined)


def size(value: Any) -> int:
    if isinstance(value, _SIZED):
        return len(value)
    raise no_overload("size", value)


def in_list(value: Any, collection: Sequence[Any]) -> bool:
    if type(value) is str:
        return value in collection
    return any(surely_equal(value, each) for each in collection)


def in_map(value: Any, collection: Mapping[Any, Any]) -> bool:
    try:
        return map_key(value) in collection
    except TypeError:
        return False


def contained(value: Any, collection: Any) -> bool:
    if isinstance(collection, dict):
        return in_map(value, collection)
    if isinstance(collection, _LISTS):
        return in_list(value, collection)
    raise CelError("no such overload")


def _sizes() -> tuple[Overload, ...]:
    made = []
    for name, kind in (("bytes", types.BYTES), ("list", _LIST), ("map", _MAP), ("string", types.STRING)):
        made.append(Overload(f"size_{name}", (kind,), types.INT, len))
        made.append(Overload(f"{name}_size", (kind,), types.INT, len, member=True))
    return tuple(made)


FUNCTIONS: Final = (
    Function(
        "@in",
        (
            Overload("in_list", (_A, _LIST), types.BOOL, in_list, cost=costs.of_elements),
            Overload("in_map", (_A, _MAP), types.BOOL, in_map),
        ),
        dynamic=contained,
    ),
    Function("size", _sizes(), dynamic=size),
)
