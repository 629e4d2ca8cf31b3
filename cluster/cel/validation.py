"""Constants that are mistaken: durations, timestamps and patterns that are none, and lists and maps of several types.

Upstream: cel-go `cel/validator.go`, `ext/formatting.go`; Kubernetes looks at all but the last since 1.29.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, cast

from cluster.cel import patterns
from cluster.cel.checker_types import equivalent, optional_value
from cluster.cel.libraries.standard_conversions import int_to_timestamp, string_to_duration, string_to_timestamp
from cluster.cel.libraries.string_format_calls import mistaken_format
from cluster.cel.syntax.ast import Call, CreateList, CreateMap, Literal, Node, Tree, children
from cluster.cel.syntax.errors import NOWHERE, Problem
from cluster.cel.types import Type
from cluster.cel.values import CelError, Duration, Timestamp


def mistaken_literals(tree: Tree, types: Mapping[int, Type], arguments: bool) -> list[Problem]:
    """What is wrong with constants of an expression whose types are known; `arguments`: of functions', too."""
    found: list[tuple[int, str]] = []
    formatted: set[int] = set()
    for node in _all(tree.root):
        if arguments and (node.id in formatted or (isinstance(node, Call) and node.function == "format")):
            formatted.update(each.id for each in children(node))
        if isinstance(node, CreateList) and node.id not in formatted:
            found += _mixed_list(node, types)
        elif isinstance(node, CreateMap) and node.id not in formatted:
            found += _mixed_map(node, types)
        elif arguments and isinstance(node, Call):
            found += _mistaken_arguments(node)
            found += mistaken_format(node, types)
    return [(tree.offsets.get(node, NOWHERE), message) for node, message in found]


def _all(root: Node) -> Iterator[Node]:
    pending = [root]
    while pending:
        node = pending.pop()
        yield node
        pending += reversed(children(node))


def _duration(value: Any) -> Duration:
    if type(value) is not str:
        raise CelError("no such overload")
    return string_to_duration(value)


def _timestamp(value: Any) -> Timestamp:
    if type(value) is int:
        return int_to_timestamp(value)
    if type(value) is not str:
        raise CelError("no such overload")
    return string_to_timestamp(value)


_CHECKS: Final[Mapping[str, Callable[[Any], object]]] = {"duration": _duration, "timestamp": _timestamp, "matches": patterns.compiled}


def _mistaken_arguments(node: Call) -> list[tuple[int, str]]:
    """The first argument is looked at; of `matches(text, pattern)` it is the text, as upstream does it."""
    if node.function not in _CHECKS or not node.arguments:
        return []
    argument = node.arguments[0]
    if not isinstance(argument, Literal):
        return []
    try:
        _CHECKS[node.function](argument.value)
    except CelError:
        return [(argument.id, f"invalid {node.function} argument")]
    return []


def _mismatch(node: Node, expected: Type, found: Type) -> tuple[int, str]:
    return node.id, f"expected type '{expected}' but found '{found}'"


def _value(node: Node, optional: bool, types: Mapping[int, Type]) -> Type:
    kind = types[node.id]
    return (optional_value(kind) or kind) if optional else kind


def _mixed_list(node: CreateList, types: Mapping[int, Type]) -> list[tuple[int, str]]:
    expected: Type | None = None
    for position, each in enumerate(node.elements):
        kind = _value(each, position in node.optional, types)
        if expected is None:
            expected = kind
        elif not equivalent(expected, kind):
            return [_mismatch(each, expected, kind)]
    return []


def _mixed_map(node: CreateMap, types: Mapping[int, Type]) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    expected: tuple[Type, Type] | None = None
    for entry in node.entries:
        key = cast(Node, entry.key)
        kinds = types[key.id], _value(entry.value, entry.optional, types)
        if expected is None:
            expected = kinds
            continue
        for each, wanted, kind in zip((key, entry.value), expected, kinds, strict=True):
            if not equivalent(wanted, kind):
                found.append(_mismatch(each, wanted, kind))
    return found
