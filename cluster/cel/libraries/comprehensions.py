"""Macros over two variables: positions and elements of a list, keys and values of a map.  Upstream: cel-go `ext/comprehensions.go`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from cluster.cel.functions import Function, Library, Macro, Overload
from cluster.cel.syntax.ast import Identifier, Node
from cluster.cel.syntax.errors import MacroError
from cluster.cel.syntax.macros import ACCUMULATOR, OLD_ACCUMULATOR, Expansion, Maker, receiver
from cluster.cel.text import shown
from cluster.cel.types import map_of, parameter
from cluster.cel.values import CelError, GrowingMap, map_key

_INSERT: Final = "cel.@mapInsert"
_K: Final = parameter("K")
_V: Final = parameter("V")
_MAP: Final = map_of(_K, _V)


def insert(target: dict[Any, Any], key: Any, value: Any) -> dict[Any, Any]:
    """A map with one entry more."""
    return insert_all(target, {map_key(key): value})


def insert_all(target: dict[Any, Any], more: Mapping[Any, Any]) -> dict[Any, Any]:
    """A map with more entries, of which it has none yet; one that a fold makes grows itself."""
    made = target if type(target) is GrowingMap else dict(target)
    for key, value in more.items():
        if key in made:
            raise CelError(f"insert failed: key {shown(key)} already exists")
        made[key] = value
    return made


def _variables(arguments: Sequence[Node]) -> tuple[str, str]:
    """The names of both variables; MacroError where they are none, or not two."""
    names = []
    for each in arguments[:2]:
        if not isinstance(each, Identifier):
            raise MacroError(each.id, "argument must be a simple name")
        names.append(each.name)
    first, second = names
    if first == second:
        raise MacroError(arguments[1].id, f"duplicate variable name: {first}")
    for each in arguments[:2]:
        if isinstance(each, Identifier) and each.name in (ACCUMULATOR, OLD_ACCUMULATOR):
            raise MacroError(each.id, "iteration variable overwrites accumulator variable")
    return first, second


def _all(make: Maker, target: Node | None, arguments: Sequence[Node]) -> Node:
    first, second = _variables(arguments)
    initial = make.literal(True)
    condition = make.call("@not_strictly_false", make.accumulator())
    step = make.call("_&&_", make.accumulator(), arguments[2])
    return make.comprehension(receiver(target), first, initial, condition, step, make.accumulator(), second)


def _exists(make: Maker, target: Node | None, arguments: Sequence[Node]) -> Node:
    first, second = _variables(arguments)
    initial = make.literal(False)
    condition = make.call("@not_strictly_false", make.call("!_", make.accumulator()))
    step = make.call("_||_", make.accumulator(), arguments[2])
    return make.comprehension(receiver(target), first, initial, condition, step, make.accumulator(), second)


def _exists_one(make: Maker, target: Node | None, arguments: Sequence[Node]) -> Node:
    first, second = _variables(arguments)
    initial = make.literal(0)
    condition = make.literal(True)
    more = make.call("_+_", make.accumulator(), make.literal(1))
    step = make.call("_?_:_", arguments[2], more, make.accumulator())
    result = make.call("_==_", make.accumulator(), make.literal(1))
    return make.comprehension(receiver(target), first, initial, condition, step, result, second)


Step = Callable[[Maker, str, Node], Node]
"""(maker, first variable, what an element becomes) to the accumulator with it."""


def _transforming(begin: Callable[[Maker], Node], one_more: Step) -> Callable[[Maker, Node | None, Sequence[Node]], Node]:
    """With a choice of elements where there are four arguments."""

    def expansion(make: Maker, target: Node | None, arguments: Sequence[Node]) -> Node:
        first, second = _variables(arguments)
        step = one_more(make, first, arguments[-1])
        if len(arguments) == 4:
            step = make.call("_?_:_", arguments[2], step, make.accumulator())
        initial, condition = begin(make), make.literal(True)
        return make.comprehension(receiver(target), first, initial, condition, step, make.accumulator(), second)

    return expansion


def _listed(make: Maker, _: str, element: Node) -> Node:
    return make.call("_+_", make.accumulator(), make.list_of(element))


def _mapped(make: Maker, key: str, value: Node) -> Node:
    return make.call(_INSERT, make.accumulator(), make.identifier(key), value)


def _entered(make: Maker, _: str, entries: Node) -> Node:
    return make.call(_INSERT, make.accumulator(), entries)


def _begin_list(make: Maker) -> Node:
    return make.list_of()


def _begin_map(make: Maker) -> Node:
    return make.map_of()


_TO_LIST: Final = _transforming(_begin_list, _listed)
_TO_MAP: Final = _transforming(_begin_map, _mapped)
_TO_ENTRIES: Final = _transforming(_begin_map, _entered)
_MACROS: Final[tuple[Macro, ...]] = (
    Expansion("all", True, 3, _all),
    Expansion("exists", True, 3, _exists),
    Expansion("existsOne", True, 3, _exists_one),
    Expansion("exists_one", True, 3, _exists_one),
    *(Expansion("transformList", True, count, _TO_LIST) for count in (3, 4)),
    *(Expansion("transformMap", True, count, _TO_MAP) for count in (3, 4)),
    *(Expansion("transformMapEntry", True, count, _TO_ENTRIES) for count in (3, 4)),
)

COMPREHENSIONS: Final = Library(
    "cel.lib.ext.comprev2",
    functions=(
        Function(
            _INSERT,
            (
                Overload("@mapInsert_map_key_value", (_MAP, _K, _V), _MAP, insert),
                Overload("@mapInsert_map_map", (_MAP, _MAP), _MAP, insert_all),
            ),
        ),
    ),
    macros=_MACROS,
    since=32,
)
