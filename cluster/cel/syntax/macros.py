"""What is expanded as it is parsed: the standard macros, and what they and those of libraries make nodes with.

Upstream: cel-go `parser/macro.go`, `parser/helper.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

from msgspec import Struct

from cluster.cel.functions import Macro
from cluster.cel.syntax.ast import Call, Comprehension, CreateList, CreateMap, CreateObject, Entry, Identifier, Literal, Node, Select
from cluster.cel.syntax.errors import NOWHERE, MacroError

ACCUMULATOR: Final = "@result"
"""The variable of a fold; no expression can name it."""
OLD_ACCUMULATOR: Final = "__result__"
"""What it was once called, and what no variable of a macro may be called since."""


class Numbering(Protocol):
    """Who numbers the nodes of an expression."""

    @property
    def offsets(self) -> Mapping[int, int]: ...

    def id(self, offset: int) -> int: ...


class Maker:
    """Makes nodes at the place of the macro's call, each with an id of its own in the order in which they are made.

    Ids count (by them programs find types, and upstream their costs): make nodes in the order in which upstream's expansion does,
    arguments before their call.
    """

    def __init__(self, numbering: Numbering, call: int, macro: str) -> None:
        self._numbering = numbering
        self._offset = numbering.offsets.get(call, NOWHERE)
        self._macro = macro

    def _id(self) -> int:
        return self._numbering.id(self._offset)

    def literal(self, value: Any) -> Node:
        return Literal(self._id(), value)

    def list_of(self, *elements: Node) -> Node:
        return CreateList(self._id(), list(elements))

    def map_of(self, *entries: Entry) -> Node:
        return CreateMap(self._id(), list(entries))

    def entry(self, key: Node, value: Node, optional: bool = False) -> Entry:
        return Entry(self._id(), key, value, optional)

    def identifier(self, name: str) -> Node:
        return Identifier(self._id(), name)

    def accumulator(self) -> Node:
        return Identifier(self._id(), ACCUMULATOR)

    def call(self, function: str, *arguments: Node) -> Node:
        return Call(self._id(), function, None, list(arguments))

    def member_call(self, function: str, target: Node, *arguments: Node) -> Node:
        return Call(self._id(), function, target, list(arguments))

    def select(self, operand: Node, field: str) -> Node:
        return Select(self._id(), operand, field)

    def presence_test(self, operand: Node, field: str) -> Node:
        return Select(self._id(), operand, field, True)

    def comprehension(
        self,
        range_: Node,
        variable: str,
        initial: Node,
        condition: Node,
        step: Node,
        result: Node,
        second: str = "",
        accumulator: str = ACCUMULATOR,
    ) -> Node:
        return Comprehension(self._id(), range_, variable, second, accumulator, initial, condition, step, result, self._macro)

    def copy(self, node: Node) -> Node:
        """The same expression with ids of its own, at its own place."""
        made = self._numbering.id(self._numbering.offsets.get(node.id, NOWHERE))
        match node:
            case Literal():
                return Literal(made, node.value)
            case Identifier():
                return Identifier(made, node.name)
            case Select():
                return Select(made, self.copy(node.operand), node.field, node.test)
            case Call():
                arguments = [self.copy(each) for each in node.arguments]
                return Call(made, node.function, None if node.target is None else self.copy(node.target), arguments)
            case CreateList():
                return CreateList(made, [self.copy(each) for each in node.elements], node.optional)
            case CreateMap():
                return CreateMap(made, [self._copy_entry(each) for each in node.entries])
            case CreateObject():
                return CreateObject(made, node.type_name, [self._copy_entry(each) for each in node.entries])
            case Comprehension():
                parts = [self.copy(each) for each in (node.range, node.initial, node.condition, node.step, node.result)]
                range_, initial, condition, step, result = parts
                return Comprehension(
                    made, range_, node.variable, node.second, node.accumulator, initial, condition, step, result, node.macro
                )
        return Node(made)

    def _copy_entry(self, entry: Entry) -> Entry:
        made = self._id()
        key = self.copy(entry.key) if isinstance(entry.key, Node) else entry.key
        return Entry(made, key, self.copy(entry.value), entry.optional)

    def variable(self, node: Node, message: str = "argument must be a simple name") -> str:
        """The name that an argument gives to a variable; MacroError where it is no name, or the accumulator's."""
        if not isinstance(node, Identifier):
            raise MacroError(node.id, message)
        if node.name in (ACCUMULATOR, OLD_ACCUMULATOR):
            raise MacroError(node.id, "iteration variable overwrites accumulator variable")
        return node.name


class Expansion(Struct, frozen=True):
    """A macro by what it is expanded with: (maker, target or None, arguments) to a node, or to None where it does not apply."""

    name: str
    member: bool
    arguments: int
    expansion: Callable[[Maker, Node | None, Sequence[Node]], Node | None]

    def expand(self, make: Maker, target: Node | None, arguments: Sequence[Node]) -> Node | None:
        return self.expansion(make, target, arguments)


def receiver(target: Node | None) -> Node:
    """The target of a member's macro, which has one."""
    assert target is not None
    return target


def _has(make: Maker, _: Node | None, arguments: Sequence[Node]) -> Node:
    tested = arguments[0]
    if not isinstance(tested, Select):
        raise MacroError(tested.id, "invalid argument to has() macro")
    return make.presence_test(tested.operand, tested.field)


def _all(make: Maker, target: Node | None, arguments: Sequence[Node]) -> Node:
    variable = make.variable(arguments[0])
    initial = make.literal(True)
    condition = make.call("@not_strictly_false", make.accumulator())
    step = make.call("_&&_", make.accumulator(), arguments[1])
    return make.comprehension(receiver(target), variable, initial, condition, step, make.accumulator())


def _exists(make: Maker, target: Node | None, arguments: Sequence[Node]) -> Node:
    variable = make.variable(arguments[0])
    initial = make.literal(False)
    condition = make.call("@not_strictly_false", make.call("!_", make.accumulator()))
    step = make.call("_||_", make.accumulator(), arguments[1])
    return make.comprehension(receiver(target), variable, initial, condition, step, make.accumulator())


def _exists_one(make: Maker, target: Node | None, arguments: Sequence[Node]) -> Node:
    variable = make.variable(arguments[0])
    initial = make.literal(0)
    condition = make.literal(True)
    more = make.call("_+_", make.accumulator(), make.literal(1))
    step = make.call("_?_:_", arguments[1], more, make.accumulator())
    result = make.call("_==_", make.accumulator(), make.literal(1))
    return make.comprehension(receiver(target), variable, initial, condition, step, result)


def _map(make: Maker, target: Node | None, arguments: Sequence[Node]) -> Node:
    variable = make.variable(arguments[0], "argument is not an identifier")
    initial = make.list_of()
    condition = make.literal(True)
    step = make.call("_+_", make.accumulator(), make.list_of(arguments[-1]))
    if len(arguments) == 3:
        step = make.call("_?_:_", arguments[1], step, make.accumulator())
    return make.comprehension(receiver(target), variable, initial, condition, step, make.accumulator())


def _filter(make: Maker, target: Node | None, arguments: Sequence[Node]) -> Node:
    variable = make.variable(arguments[0], "argument is not an identifier")
    initial = make.list_of()
    condition = make.literal(True)
    step = make.call("_+_", make.accumulator(), make.list_of(arguments[0]))
    step = make.call("_?_:_", arguments[1], step, make.accumulator())
    return make.comprehension(receiver(target), variable, initial, condition, step, make.accumulator())


STANDARD_MACROS: Final[tuple[Macro, ...]] = (
    Expansion("has", False, 1, _has),
    Expansion("all", True, 2, _all),
    Expansion("exists", True, 2, _exists),
    Expansion("exists_one", True, 2, _exists_one),
    Expansion("map", True, 2, _map),
    Expansion("map", True, 3, _map),
    Expansion("filter", True, 2, _filter),
)
