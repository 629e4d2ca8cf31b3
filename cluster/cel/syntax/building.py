"""What a reading of a text builds: numbered nodes, calls that macros expand, and what is wrong with them.

Upstream: cel-go `parser/helper.go`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from cluster.cel.functions import Macro
from cluster.cel.syntax.ast import Call, Node
from cluster.cel.syntax.errors import NOWHERE, MacroError, Problem
from cluster.cel.syntax.macros import Maker
from cluster.cel.syntax.recovery import GivenUp

MAX_NODES: Final = 200_000
"""More than any text has whose macros copy nothing; each `optMap` in a chain doubles what is before it."""


class Builder:
    """Numbers nodes; keeps where they begin and the calls that macros replaced."""

    def __init__(self, macros: Iterable[Macro]) -> None:
        self._macros = {(each.name, each.member, each.arguments): each for each in macros}
        self._next = 1
        self.offsets: dict[int, int] = {}
        self.calls: dict[int, Call] = {}
        self.problems: list[Problem] = []

    def id(self, offset: int) -> int:
        made = self._next
        if made > MAX_NODES:
            raise GivenUp(f"expression is too large: more than {MAX_NODES} parts once its macros are expanded")
        self._next += 1
        self.offsets[made] = offset
        return made

    def fail(self, offset: int, message: str) -> Node:
        """What stands where there is a problem."""
        self.problems.append((offset, message))
        return Node(self.id(offset))

    def call(self, node: int, function: str, arguments: list[Node], target: Node | None = None) -> Node:
        """A call, or what a macro makes of it."""
        member = target is not None
        macro = self._macros.get((function, member, len(arguments))) or self._macros.get((function, member, -1))
        call = Call(node, function, target, arguments)
        if macro is None:
            return call
        try:
            made = macro.expand(Maker(self, node, macro.name), target, arguments)
        except MacroError as failure:
            offset = self.offsets.get(failure.node, NOWHERE)
            self._forget(node)
            return self.fail(offset, failure.message)
        if made is None:
            return call
        self.calls[made.id] = call
        self._forget(node)
        return made

    def chain(self, function: str, terms: Sequence[Node], nodes: Sequence[int]) -> Node:
        """A balanced tree of an operator for which it does not matter; `nodes` are the ids of the operators between the terms."""
        return self._balanced(function, terms, nodes, 0, len(nodes) - 1)

    def _balanced(self, function: str, terms: Sequence[Node], nodes: Sequence[int], low: int, high: int) -> Node:
        middle = (low + high + 1) // 2
        left = terms[middle] if middle == low else self._balanced(function, terms, nodes, low, middle - 1)
        right = terms[middle + 1] if middle == high else self._balanced(function, terms, nodes, middle + 1, high)
        return Call(nodes[middle], function, None, [left, right])

    def _forget(self, node: int) -> None:
        """A macro's own call is no node."""
        self.offsets.pop(node, None)
        if node == self._next - 1:
            self._next -= 1
