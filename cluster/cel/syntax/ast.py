"""The tree of an expression.  Upstream: cel-go `common/ast/expr.go`.

Macros are expanded as they are parsed, so that checker, costs and compiler know eight sorts of node; `Comprehension.macro` only tells the
compiler which one it came from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct, field


class Node(Struct):
    """`id` is unique within an expression, by which positions, types and references are found."""

    id: int


class Literal(Node):
    """`value` is a CEL value: None, bool, int, UInt, float, str or bytes."""

    value: Any


class Identifier(Node):
    name: str


class Select(Node):
    """`operand.field`, or with `test` whether it is there: `has(operand.field)`."""

    operand: Node
    field: str
    test: bool = False


class Call(Node):
    """A function or operator; `target` is the receiver of a member call."""

    function: str
    target: Node | None
    arguments: list[Node]


class CreateList(Node):
    elements: list[Node]
    optional: frozenset[int] = frozenset()
    """The positions of elements that are there if their value is: `[?x]`."""


class Entry(Struct):
    """Of a map or an object; `key` is a node or a field's name."""

    id: int
    key: Node | str
    value: Node
    optional: bool = False


class CreateMap(Node):
    entries: list[Entry]


class CreateObject(Node):
    type_name: str
    entries: list[Entry]


class Comprehension(Node):
    """A fold over a list or the keys of a map; with `second`, over positions and elements, or keys and values."""

    range: Node
    variable: str
    second: str
    accumulator: str
    initial: Node
    condition: Node
    step: Node
    result: Node
    macro: str = ""
    """`all`, `exists`, `exists_one`, `map`, `filter`, ...; empty for what is no macro's."""


class Tree(Struct, frozen=True):
    """An expression as it was parsed."""

    text: str
    root: Node
    offsets: Mapping[int, int]
    """A node's id to where it begins, in code points."""
    macros: Mapping[int, Call] = field(default_factory=dict)
    """A node's id to the call that it was expanded from."""


def children(node: Node) -> Sequence[Node]:
    """The nodes right below."""
    match node:
        case Select():
            return (node.operand,)
        case Call():
            return (node.target, *node.arguments) if node.target is not None else node.arguments
        case CreateList():
            return node.elements
        case CreateMap() | CreateObject():
            return [each for entry in node.entries for each in (entry.key, entry.value) if isinstance(each, Node)]
        case Comprehension():
            return (node.range, node.initial, node.condition, node.step, node.result)
    return ()
