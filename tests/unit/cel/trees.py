"""Trees as one line of text, every node with its id."""

from __future__ import annotations

import base64
import json

from cluster.cel.syntax.ast import Call, Comprehension, CreateList, CreateMap, CreateObject, Entry, Identifier, Literal, Node, Select
from cluster.cel.values import UInt


def dumped(node: Node) -> str:
    return f"{_inner(node)}#{node.id}"


def _inner(node: Node) -> str:
    match node:
        case Literal():
            return _literal(node.value)
        case Identifier():
            return node.name
        case Select():
            return f"{dumped(node.operand)}.{node.field}{'~test~' if node.test else ''}"
        case Call():
            target = "" if node.target is None else f"{dumped(node.target)}."
            return f"{target}{node.function}({', '.join(map(dumped, node.arguments))})"
        case CreateList():
            return f"[{', '.join('?' * (at in node.optional) + dumped(each) for at, each in enumerate(node.elements))}]"
        case CreateMap():
            return f"{{{', '.join(map(_entry, node.entries))}}}"
        case CreateObject():
            return f"{node.type_name}{{{', '.join(map(_entry, node.entries))}}}"
        case Comprehension():
            variables = ",".join(each for each in (node.variable, node.second) if each)
            parts = [variables, dumped(node.range), node.accumulator]
            parts += [dumped(each) for each in (node.initial, node.condition, node.step, node.result)]
            return f"fold({'; '.join(parts)})"
    raise AssertionError(f"a bare node: {node}")


def _entry(entry: Entry) -> str:
    key = entry.key if isinstance(entry.key, str) else dumped(entry.key)
    return f"{'?' * entry.optional}{key}:{dumped(entry.value)}#{entry.id}"


def _literal(value: object) -> str:
    if isinstance(value, UInt):
        value = {"@uint": int(value)}
    elif isinstance(value, float):
        value = {"@double": f"{value:g}"}
    elif isinstance(value, bytes):
        value = {"@bytes": base64.b64encode(value).decode()}
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
