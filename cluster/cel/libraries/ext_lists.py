"""Parts of lists, order, repetition.  Upstream: cel-go `ext/lists.go`, version 3.

What costs as much as the square of a list's length is refused before it is done, where no evaluation may cost so much.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any, Final

from cluster.cel import types
from cluster.cel.equality import surely_equal
from cluster.cel.estimate_calls import known_size
from cluster.cel.functions import MOST, ONE, STRING_TRAVERSAL, Bounds, Estimate, Function, Library, Overload, RuntimeCost, Sized, StaticCost
from cluster.cel.libraries.library_costs import affordable, timely
from cluster.cel.libraries.ordering import comparable, compared
from cluster.cel.libraries.standard_arithmetic import no_overload
from cluster.cel.runtime_types import FAILED, go_type, size_of, type_of
from cluster.cel.syntax.ast import Call, Comprehension, CreateList, Identifier, Literal, Node, Select
from cluster.cel.syntax.errors import MacroError
from cluster.cel.syntax.macros import Expansion, Maker, receiver
from cluster.cel.text import declared
from cluster.cel.types import Type, list_of, parameter
from cluster.cel.values import CelError, Duration, Joined, Timestamp, UInt

_T: Final = parameter("T")
_LIST: Final = list_of(_T)
_DYNAMIC: Final = list_of(types.DYN)
_INPUT: Final = "@__sortBy_input__"
_CALL: Final = 11
"""The call, and the list that it makes."""
_MOST_ELEMENTS: Final = 1 << 20
"""Of a flattened list: its parts may be the same many times over, which costs nothing to make."""
_COMPARABLE: Final = (
    types.INT,
    types.UINT,
    types.DOUBLE,
    types.BOOL,
    types.DURATION,
    types.TIMESTAMP,
    types.STRING,
    types.BYTES,
)
_LISTS: Final = (list, tuple, Joined)
_ADDED: Final = frozenset({int, UInt, float, str, bytes, Duration, Timestamp})
"""What can be added without being a list."""


def slice_of(values: Sequence[Any], start: int, end: int) -> list[Any]:
    shown = f"cannot slice({start}, {end})"
    if start < 0 or end < 0:
        raise CelError(f"{shown}, negative indexes not supported")
    if start > end:
        raise CelError(f"{shown}, start index must be less than or equal to end index")
    if len(values) < end:
        raise CelError(f"{shown}, list is length {len(values)}")
    return list(values[start:end])


def flatten(values: Any, *depths: Any) -> list[Any]:
    """A list whose lists, and theirs down to a depth, 1 if none is given, are replaced by their elements.

    Types are looked at here: what is declared is more than what is taken.
    """
    if not isinstance(values, _LISTS) or any(type(each) is not int for each in depths):
        raise CelError(f"no such overload: {declared(type_of(values))}.flatten({', '.join(declared(type_of(each)) for each in depths)})")
    depth = depths[0] if depths else 1
    if depth < 0:
        raise CelError("level must be non-negative")
    made: list[Any] = []
    pending = [(iter(values), depth)]
    while pending:
        elements, left = pending[-1]
        for each in elements:
            if left and isinstance(each, _LISTS):
                pending.append((iter(each), left - 1))
                break
            made.append(each)
            if len(made) > _MOST_ELEMENTS:
                raise CelError(f"list of more than {_MOST_ELEMENTS} elements")
        else:
            pending.pop()
    return made


def range_of(count: int) -> list[int]:
    affordable(count)
    return list(range(count))


def reverse(values: Sequence[Any]) -> list[Any]:
    return list(values)[::-1]


def distinct(values: Sequence[Any]) -> list[Any]:
    affordable(2 * len(values) ** 2)
    made: list[Any] = []
    begun = perf_counter()
    for each in values:
        if not any(_same(each, other, begun) for other in made):
            made.append(each)
    return made


def _same(left: Any, right: Any, begun: float) -> bool:
    timely(begun)
    return surely_equal(left, right)


def sort(values: Sequence[Any]) -> list[Any]:
    return sort_by(values, values)


def sort_by(values: Sequence[Any], keys: Sequence[Any]) -> list[Any]:
    """The values in the order of their keys."""
    begun = perf_counter()
    if len(values) != len(keys):
        raise CelError(
            "@sortByAssociatedKeys() expected a list of the same size as the associated keys list, "
            f"but got {len(values)} and {len(keys)} elements respectively"
        )
    if not len(keys):
        return list(values)
    ordered = list(keys)
    if not comparable(ordered[0]):
        raise CelError("list elements must be comparable")
    if any(type(each) is not type(ordered[0]) for each in ordered):
        raise CelError("list elements must have the same type")
    order = functools.cmp_to_key(lambda left, right: _order(left, right, begun))
    items = list(values)
    return [items[at] for at in sorted(range(len(items)), key=lambda at: order(ordered[at]))]


def _order(left: Any, right: Any, begun: float) -> int:
    timely(begun)
    return compared(left, right) or 0


def _sort_by(make: Maker, target: Node | None, arguments: Sequence[Node]) -> Node:
    """The target becomes a variable, so that it is evaluated once: sorted by its keys, which `map` makes."""
    input_ = make.identifier(_INPUT)
    sorted_ = receiver(target)
    if not isinstance(sorted_, (CreateList, Select, Identifier, Comprehension, Call)):
        raise MacroError(sorted_.id, "sortBy can only be applied to a list, identifier, comprehension, call or select expression")
    mapped = make.copy(input_)
    variable = make.variable(arguments[0], "argument is not an identifier")
    initial, condition = make.list_of(), make.literal(True)
    step = make.call("_+_", make.accumulator(), make.list_of(arguments[1]))
    keys = make.comprehension(mapped, variable, initial, condition, step, make.accumulator())
    sorting = make.member_call("@sortByAssociatedKeys", make.copy(input_), keys)
    return make.comprehension(make.list_of(), "#unused", sorted_, make.literal(False), input_, sorting, accumulator=_INPUT)


# Costs as they run


def _of_result(_: Sequence[Any], result: Any) -> int:
    return size_of(result) + _CALL


def _of_flattening(arguments: Sequence[Any], _: Any) -> int:
    """Upstream computes with floats, and with what is no number not at all; what is negative overflows."""
    depth = 1
    if len(arguments) == 2:
        depth = arguments[1]
        if type(depth) is not int:
            found = "*types.Err" if depth is FAILED else go_type(depth)
            raise CelError(f"internal error: interface conversion: ref.Val is {found}, not types.Int")
    return (int(float(size_of(arguments[0])) * float(depth)) + _CALL) & MOST


def _no_list(found: str, method: str) -> CelError:
    """Upstream does not look at what it computes a cost of."""
    return CelError(f"internal error: interface conversion: {found} is not traits.Lister: missing method {method}")


def _of_comparing(position: int) -> RuntimeCost:
    """Each element of a list with each."""

    def cost(arguments: Sequence[Any], _: Any) -> int:
        values = arguments[position]
        if values is FAILED:
            raise _no_list("*types.Err", "Add")
        if not isinstance(values, _LISTS):
            raise _no_list(go_type(values), "Contains" if type(values) in _ADDED else "Add")
        factor = 2.0
        if len(values) and type(values[0]) in (str, bytes):
            factor += STRING_TRAVERSAL
        return int(float(len(values) ** 2) * factor) + _CALL

    return cost


# Costs beforehand


def _making(factor: float, size: Bounds) -> Estimate:
    return Estimate(size.scaled(factor) + ONE + Bounds(10, 10), size)


def _constant(of: Sized, otherwise: int) -> int:
    """The number that an argument is, nothing for a negative one."""
    if isinstance(of.node, Literal) and type(of.node.value) is int:
        return max(of.node.value, 0)
    return otherwise


def _slice_estimate(target: Sized | None, arguments: Sequence[Sized]) -> Estimate | None:
    if target is None:
        return None
    size = (_constant(arguments[1], known_size(target).most) - _constant(arguments[0], 0)) & MOST
    return _making(1, Bounds(size, size))


def _flatten_estimate(target: Sized | None, arguments: Sequence[Sized]) -> Estimate | None:
    if target is None:
        return None
    depth = _constant(arguments[0], MOST) if arguments else 1
    return _making(float(depth), known_size(target))


def _range_estimate(_: Sized | None, arguments: Sequence[Sized]) -> Estimate | None:
    size = _constant(arguments[0], MOST)
    return _making(1, Bounds(size, size))


def _whole_estimate(target: Sized | None, _: Sequence[Sized]) -> Estimate | None:
    return None if target is None else _making(1, known_size(target))


def _distinct_estimate(target: Sized | None, _: Sequence[Sized]) -> Estimate | None:
    return None if target is None else _making(2.0, known_size(target) * known_size(target))


def _sorting_estimate(kind: Type, by_keys: bool) -> StaticCost:
    factor = 2.0 + (STRING_TRAVERSAL if kind in (types.STRING, types.BYTES) else 0.0)

    def estimated(target: Sized | None, arguments: Sequence[Sized]) -> Estimate | None:
        compared_ = arguments[0] if by_keys else target
        if compared_ is None:
            return None
        return _making(factor, known_size(compared_) * known_size(compared_))

    return estimated


# Declarations


Costs = tuple[RuntimeCost, StaticCost]


def _of(id_: str, parameters: tuple[Type, ...], result: Type, call: Callable[..., Any], costs: Costs) -> Overload:
    cost, estimate = costs
    return Overload(id_, parameters, result, call, member=True, cost=cost, estimate=estimate)


def _only_lists(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
    """One function for all overloads looks at nothing but whether it is called on a list."""

    def checked(values: Any, *keys: Any) -> Any:
        if not isinstance(values, _LISTS):
            raise no_overload(name, values)
        return call(values, *keys)

    return checked


_FLATTENING: Final = (_of_flattening, _flatten_estimate)

EXT_LISTS: Final = Library(
    "cel.lib.ext.lists",
    functions=(
        Function("slice", (_of("list_slice", (_LIST, types.INT, types.INT), _LIST, slice_of, (_of_result, _slice_estimate)),)),
        Function(
            "flatten",
            (
                _of("list_flatten", (list_of(_LIST),), _LIST, flatten, _FLATTENING),
                _of("list_flatten_int", (_DYNAMIC, types.INT), _DYNAMIC, flatten, _FLATTENING),
            ),
            dynamic=flatten,
        ),
        Function(
            "sort",
            tuple(
                _of(
                    f"list_{each.name}_sort",
                    (list_of(each),),
                    list_of(each),
                    sort,
                    (_of_comparing(0), _sorting_estimate(each, by_keys=False)),
                )
                for each in _COMPARABLE
            ),
            dynamic=_only_lists("sort", sort),
        ),
        Function(
            "@sortByAssociatedKeys",
            tuple(
                _of(
                    f"list_{each.name}_sortByAssociatedKeys",
                    (_LIST, list_of(each)),
                    _LIST,
                    sort_by,
                    (_of_comparing(1), _sorting_estimate(each, by_keys=True)),
                )
                for each in _COMPARABLE
            ),
            dynamic=_only_lists("@sortByAssociatedKeys", sort_by),
        ),
        Function(
            "lists.range",
            (Overload("lists_range", (types.INT,), list_of(types.INT), range_of, cost=_of_result, estimate=_range_estimate),),
        ),
        Function("reverse", (_of("list_reverse", (_LIST,), _LIST, reverse, (_of_result, _whole_estimate)),)),
        Function("distinct", (_of("list_distinct", (_LIST,), _LIST, distinct, (_of_comparing(0), _distinct_estimate)),)),
    ),
    macros=(Expansion("sortBy", True, 2, _sort_by),),
    since=34,
)
