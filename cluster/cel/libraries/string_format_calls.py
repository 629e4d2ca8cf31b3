"""Calls of `format` whose clauses and values are both written out: what is wrong with them is known before they run.

Upstream: cel-go `ext/formatting.go` (stringFormatValidator).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from cluster.cel.checker_types import unwrapped
from cluster.cel.libraries.string_format import WRONG, clause
from cluster.cel.syntax.ast import Call, CreateList, CreateMap, Literal, Node
from cluster.cel.types import Type, TypeKind
from cluster.cel.values import CelError

_INTEGERS: Final = frozenset({TypeKind.INT, TypeKind.UINT})
_TAKEN: Final[Mapping[str, frozenset[TypeKind]]] = {
    "s": frozenset(
        {
            TypeKind.LIST,
            TypeKind.MAP,
            TypeKind.INT,
            TypeKind.UINT,
            TypeKind.DOUBLE,
            TypeKind.BOOL,
            TypeKind.STRING,
            TypeKind.TIMESTAMP,
            TypeKind.BYTES,
            TypeKind.DURATION,
            TypeKind.TYPE,
            TypeKind.NULL,
        }
    ),
    "d": _INTEGERS,
    "f": frozenset({TypeKind.DOUBLE, TypeKind.STRING}),
    "e": frozenset({TypeKind.DOUBLE, TypeKind.STRING}),
    "b": _INTEGERS | {TypeKind.BOOL},
    "x": _INTEGERS | {TypeKind.STRING, TypeKind.BYTES},
    "X": _INTEGERS | {TypeKind.STRING, TypeKind.BYTES},
    "o": _INTEGERS,
}
"""The types of which a clause's values may be; dyn is not looked at."""


def mistaken_format(node: Node, types: Mapping[int, Type]) -> list[tuple[int, str]]:
    """(node, what is wrong with it) of a call with constant clauses and a list that is written out; empty for any other node."""
    if not isinstance(node, Call) or node.function != "format" or not isinstance(node.target, Literal):
        return []
    if type(node.target.value) is not str or len(node.arguments) != 1 or not isinstance(node.arguments[0], CreateList):
        return []
    elements = node.arguments[0].elements
    try:
        used = _clauses(node.target.value, elements, types)
    except _Mistake as mistake:
        return [(mistake.node, str(mistake))]
    except CelError as failure:
        return [(node.id, str(failure))]
    if len(elements) > used:
        return [(node.id, f"too many arguments supplied to string.format (expected {used}, got {len(elements)})")]
    return []


class _Mistake(Exception):
    """What is wrong with a value, and where it is."""

    def __init__(self, node: int, message: str) -> None:
        super().__init__(message)
        self.node = node


def _clauses(text: str, elements: Sequence[Node], types: Mapping[int, Type]) -> int:
    """How many clauses there are."""
    at = used = 0
    while (at := text.find("%", at)) >= 0:
        if text.startswith("%%", at):
            at += 2
            continue
        if at + 1 < len(text) and used >= len(elements):
            raise CelError(f"index {used} out of range")
        letter, _, at = clause(text, at)
        bad = _untaken(letter, elements[used], types)
        if bad is not None:
            raise _Mistake(bad.id, f"error during formatting: {WRONG[letter]}{unwrapped(types[bad.id]).name}")
        used += 1
    return used


def _untaken(letter: str, node: Node, types: Mapping[int, Type]) -> Node | None:
    """The node whose value a clause does not take; of `%s` parts of lists and maps are looked at as well."""
    kind = unwrapped(types[node.id]).kind
    if kind is not TypeKind.DYN and kind not in _TAKEN[letter]:
        return node
    if letter != "s":
        return None
    found = (_untaken(letter, each, types) for each in _parts(node))
    return next((each for each in found if each is not None), None)


def _parts(node: Node) -> Sequence[Node]:
    if isinstance(node, CreateList):
        return node.elements
    if isinstance(node, CreateMap):
        return [each for entry in node.entries for each in (entry.key, entry.value) if isinstance(each, Node)]
    return ()
