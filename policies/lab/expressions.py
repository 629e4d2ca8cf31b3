"""The expressions of policies, and the values of what they look at: each name with the fields behind it, as they are in one write."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from cluster.api.names import Object
from cluster.cel.syntax import ast
from cluster.cel.syntax.errors import SyntaxErrors
from cluster.cel.syntax.parser import parse

ABSENT: Final = "(absent)"
_INDEX: Final = "_[_]"
_MOST: Final = 20


def expression_of(policy: Object, part: str) -> str:
    """The expression of a part of a policy's spec: `validations[0]`, `validations[0].messageExpression`, `variables[2]`."""
    head, _, field = part.partition(".")
    name, _, position = head.removesuffix("]").partition("[")
    members = (policy.get("spec") or {}).get(name) or ()
    if not position.isdigit() or int(position) >= len(members):
        return ""
    member = members[int(position)]
    if field:
        return str(member.get(field) or "")
    for each in ("expression", "valueExpression"):
        if member.get(each):
            return str(member[each])
    return str(next((member[each]["expression"] for each in ("applyConfiguration", "jsonPatch") if member.get(each)), ""))


def values_in(expression: str, roots: Mapping[str, Any]) -> dict[str, Any]:
    """By their text, in the order in which they stand there; nothing for what is no expression."""
    try:
        tree = parse(expression, escaped_names=True)
    except SyntaxErrors:
        return {}
    found: dict[str, Any] = {}
    for text, steps in _chains(tree.root):
        if steps[0] in roots and text not in found and len(found) < _MOST:
            found[text] = _value(roots, steps)
    return found


def _chains(node: ast.Node) -> Iterator[tuple[str, list[Any]]]:
    chain = _chain(node)
    if chain is not None:
        yield chain
        return
    for child in ast.children(node):
        yield from _chains(child)


def _chain(node: ast.Node) -> tuple[str, list[Any]] | None:
    """(the text, name and fields) of a name with the fields behind it; None for anything else."""
    match node:
        case ast.Identifier():
            return node.name, [node.name]
        case ast.Select():
            below = _chain(node.operand)
            return None if below is None else (f"{below[0]}.{node.field}", [*below[1], node.field])
        case ast.Call() if node.function == _INDEX and isinstance(node.arguments[1], ast.Literal):
            below, key = _chain(node.arguments[0]), node.arguments[1].value
            return None if below is None else (f"{below[0]}[{key!r}]", [*below[1], key])
    return None


def _value(roots: Mapping[str, Any], steps: list[Any]) -> Any:
    value: Any = roots
    for step in steps:
        if (isinstance(value, Mapping) and step in value) or (isinstance(value, list) and isinstance(step, int) and 0 <= step < len(value)):
            value = value[step]
        else:
            return ABSENT
    return value
