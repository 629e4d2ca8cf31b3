"""Whether a value is of its type.  Upstream: structured-merge-diff `typed/validate.go`, `typed/helpers.go`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from cluster.patch.structured.elements import Element, NoElement, element_of
from cluster.patch.wording import go_syntax, go_type, go_value
from cluster.schema.merge_types import ListType, MapType, MergeType, Scalar
from cluster.schema.parse import MAX_DEPTH

_NOTHING: Final = ()


class NotOfType(ValueError):
    """All that is wrong with a value; worded as upstream words it."""

    def __init__(self, problems: Problems) -> None:
        told = [f"{path}: {why}" if path else why for path, why in problems]
        super().__init__(told[0] if len(told) == 1 else "\n".join(("errors:", *(f"  {each}" for each in told))))


Problems = Sequence[tuple[str, str]]
"""(path, why)"""


def check(kind: MergeType, value: Any, *, duplicates: bool = False) -> None:
    """NotOfType; `duplicates`: whether lists may have what tells their elements apart twice."""
    problems = _problems(kind, value, duplicates, 0)
    if problems:
        raise NotOfType(problems)


Part = Scalar | ListType | MapType


def part_of(kind: MergeType, value: Any) -> Part | None:
    """What a value of a type that may be several is taken for; None for a type that nothing can be."""
    if isinstance(value, dict):
        if kind.map is not None:
            return kind.map
    elif isinstance(value, list):
        if kind.list is not None:
            return kind.list
    elif isinstance(value, (str, int, float)) and kind.scalar is not None:
        return kind.scalar
    return kind.map or kind.scalar or kind.list


def _problems(kind: MergeType, value: Any, duplicates: bool, depth: int) -> Problems:
    """Paths begin below the value; whoever is above puts its own step before them, so that what is right pays for none."""
    if depth > MAX_DEPTH:
        return [("", "exceeded max depth")]
    part = part_of(kind, value)
    if type(part) is MapType:
        return _map_problems(part, value, duplicates, depth + 1)
    if type(part) is ListType:
        return _list_problems(part, value, duplicates, depth + 1)
    why = _scalar_problem(part, value) if isinstance(part, Scalar) else ""
    return [("", why)] if why else _NOTHING


def _map_problems(kind: MapType, value: Any, duplicates: bool, depth: int) -> Problems:
    if value is None:
        return _NOTHING
    if not isinstance(value, dict):
        return [("", f"expected map, got &{{{go_value(value)}}}")]
    problems: list[tuple[str, str]] = []
    for name, each in value.items():
        member = kind.fields.get(name) or kind.members
        if member is None:
            problems.append((f".{name}", "field not declared in schema"))
            break
        of_member = member.type
        if of_member.scalar is not None and type(each) in of_member.scalar.types:
            continue
        found = _problems(of_member, each, duplicates, depth)
        if found:
            problems += _below(f".{name}", found)
    return problems


def _list_problems(kind: ListType, value: Any, duplicates: bool, depth: int) -> Problems:
    if value is None:
        return _NOTHING
    if not isinstance(value, list):
        return [("", f"expected list, got &{{{go_value(value)}}}")]
    of_element = kind.element.type
    problems: list[tuple[str, str]] = []
    seen: set[Element] = set()
    for position, each in enumerate(value):
        step: Element | str = f"[{position}]"
        if not kind.atomic:
            try:
                step = element = element_of(kind, each)
            except NoElement as error:
                problems.append(("", f"element {position}: {error}"))
                break
            if element in seen and not duplicates:
                problems.append(("", f"duplicate entries for key {element}"))
            seen.add(element)
        found = _problems(of_element, each, duplicates, depth)
        if found:
            problems += _below(str(step), found)
    return problems


def _below(step: str, problems: Problems) -> Problems:
    return [(step + path, why) for path, why in problems]


def _scalar_problem(kind: Scalar, value: Any) -> str:
    """Empty for what is one; null is any."""
    if value is None or type(value) in kind.types:
        return ""
    if kind is Scalar.NUMERIC:
        return f"expected numeric (int or float), got {go_type(value)}"
    if kind is Scalar.STRING:
        return f"expected string, got &value.valueUnstructured{{Value:{go_syntax(value)}}}"
    return f"expected {'boolean' if kind is Scalar.BOOLEAN else 'any scalar'}, got &{{{go_value(value)}}}"
