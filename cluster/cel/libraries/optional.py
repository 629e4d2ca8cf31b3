"""Optional values: `a.?b`, `a[?b]`, and what is done with them.  Upstream: cel-go `cel/library.go` (OptionalTypes, version 2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from cluster.cel import types
from cluster.cel.equality import is_zero
from cluster.cel.functions import Function, Library, Overload
from cluster.cel.libraries.standard import compiled
from cluster.cel.runtime_types import OPTIONAL
from cluster.cel.syntax.ast import Node
from cluster.cel.syntax.macros import Expansion, Maker, receiver
from cluster.cel.text import shown
from cluster.cel.types import list_of, map_of, optional_of, parameter
from cluster.cel.values import NONE, CelError, Optional_

_K: Final = parameter("K")
_V: Final = parameter("V")
_OPTIONAL: Final = optional_of(_V)
_LIST: Final = list_of(_V)
_MAP: Final = map_of(_K, _V)


def of_non_zero(value: Any) -> Optional_:
    return NONE if is_zero(value) else Optional_(value)


def value_of(optional: Optional_) -> Any:
    if not optional.present:
        raise CelError("optional.none() dereference")
    return optional.value


def first(values: Sequence[Any]) -> Optional_:
    return Optional_(values[0]) if len(values) else NONE


def last(values: Sequence[Any]) -> Optional_:
    return Optional_(values[len(values) - 1]) if len(values) else NONE


def present_ones(values: Sequence[Any]) -> list[Any]:
    found = []
    for each in values:
        if not isinstance(each, Optional_):
            raise CelError(f"value {shown(each)} is not optional")
        if each.present:
            found.append(each.value)
    return found


def _mapped(make: Maker, target: Node | None, arguments: Sequence[Node], name: str, wrapped: bool) -> Node:
    """`present ? with the value as variable: the expression : none`."""
    variable = make.variable(arguments[0], f"{name}() variable name must be a simple identifier")
    optional = receiver(target)
    present = make.member_call("hasValue", optional)
    range_ = make.list_of()
    value = make.member_call("value", make.copy(optional))
    condition = make.literal(False)
    step = make.identifier(variable)
    made = make.comprehension(range_, "#unused", value, condition, step, arguments[1], accumulator=variable)
    if wrapped:
        made = make.call("optional.of", made)
    return make.call("_?_:_", present, made, make.call("optional.none"))


def _map(make: Maker, target: Node | None, arguments: Sequence[Node]) -> Node:
    return _mapped(make, target, arguments, "optMap", True)


def _flat_map(make: Maker, target: Node | None, arguments: Sequence[Node]) -> Node:
    return _mapped(make, target, arguments, "optFlatMap", False)


def _member(name: str, id_: str, parameters: tuple[types.Type, ...], result: types.Type, call: Any) -> Function:
    return Function(name, (Overload(id_, parameters, result, call, member=True),))


def _global(name: str, id_: str, parameters: tuple[types.Type, ...], result: types.Type, call: Any) -> Function:
    return Function(name, (Overload(id_, parameters, result, call),))


OPTIONALS: Final = Library(
    "cel.lib.optional",
    functions=(
        _global("optional.of", "optional_of", (_V,), _OPTIONAL, Optional_),
        _global("optional.ofNonZeroValue", "optional_ofNonZeroValue", (_V,), _OPTIONAL, of_non_zero),
        _global("optional.none", "optional_none", (), _OPTIONAL, lambda: NONE),
        _member("value", "optional_value", (_OPTIONAL,), _V, value_of),
        _member("hasValue", "optional_hasValue", (_OPTIONAL,), types.BOOL, lambda optional: optional.present),
        _member("or", "optional_or_optional", (_OPTIONAL, _OPTIONAL), _OPTIONAL, compiled),
        _member("orValue", "optional_orValue_value", (_OPTIONAL, _V), _V, compiled),
        _global("_?._", "select_optional_field", (types.DYN, types.STRING), _OPTIONAL, compiled),
        Function(
            "_[?_]",
            (
                Overload("list_optindex_optional_int", (_LIST, types.INT), _OPTIONAL, compiled),
                Overload("optional_list_optindex_optional_int", (optional_of(_LIST), types.INT), _OPTIONAL, compiled),
                Overload("map_optindex_optional_value", (_MAP, _K), _OPTIONAL, compiled),
                Overload("optional_map_optindex_optional_value", (optional_of(_MAP), _K), _OPTIONAL, compiled),
            ),
        ),
        Function(
            "_[_]",
            (
                Overload("optional_list_index_int", (optional_of(_LIST), types.INT), _OPTIONAL, compiled),
                Overload("optional_map_index_value", (optional_of(_MAP), _K), _OPTIONAL, compiled),
            ),
        ),
        _member("last", "list_last", (_LIST,), _OPTIONAL, last),
        _member("first", "list_first", (_LIST,), _OPTIONAL, first),
        _global("optional.unwrap", "optional_unwrap", (list_of(_OPTIONAL),), _LIST, present_ones),
        _member("unwrapOpt", "optional_unwrapOpt", (list_of(_OPTIONAL),), _LIST, present_ones),
    ),
    macros=(Expansion("optMap", True, 2, _map), Expansion("optFlatMap", True, 2, _flat_map)),
    types={"optional_type": OPTIONAL},
    since=28,
)
