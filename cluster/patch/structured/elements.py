"""What tells the elements of a list apart: the fields that are its keys, or in a set the value itself.

Upstream: structured-merge-diff `fieldpath/element.go`, `typed/helpers.go` (listItemToPathElement).
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Final

import orjson

from cluster.api.equality import OwnEquality
from cluster.api.field import quoted, quoted_list
from cluster.patch.wording import go_value
from cluster.schema.merge_types import ListType

ABSENT: Final = object()


class NoElement(ValueError):
    """What can be no element of such a list; worded as upstream words it."""


class Element(OwnEquality, frozen=True, eq=False):
    """An element by what tells it apart; equal where that is the same, however it is written."""

    key: Hashable
    fields: tuple[tuple[str, Any], ...] | None
    """Of a list with keys; None in a set."""
    value: Any = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Element) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __str__(self) -> str:
        """As a part of a path: `[name="web"]`, `[="finalizer"]`."""
        if self.fields is None:
            return f"[={_shown(self.value)}]"
        return f"[{','.join(f'{name}={_shown(value)}' for name, value in self.fields)}]"


def element_of(kind: ListType, item: Any) -> Element:
    """NoElement."""
    return _keyed(kind, item) if kind.keys else _of_set(item)


def _keyed(kind: ListType, item: Any) -> Element:
    if item is None:
        raise NoElement("associative list with keys may not have a null element")
    if type(item) is not dict:
        raise NoElement("associative list with keys may not have non-map elements")
    fields = []
    for name in kind.keys:
        value = item.get(name, ABSENT)
        if value is ABSENT:
            value = _default(kind, name)
            if value is None:
                continue
        fields.append((name, value))
    if not fields:
        raise NoElement(
            f"associative list with keys has an element that omits all key fields {quoted_list(kind.keys)} "
            "(and doesn't have default values for any key fields)"
        )
    fields.sort(key=lambda each: each[0])
    return Element(tuple((name, _hashable(value)) for name, value in fields), tuple(fields))


def _default(kind: ListType, name: str) -> Any:
    """What an element that lacks a key is taken to have; None where there is nothing."""
    of_element = kind.element.type.map
    if of_element is None:
        raise NoElement(f"couldn't find default value for {name}: associative list may not have non-map types")
    return of_element.defaults.get(name)


def _of_set(item: Any) -> Element:
    if isinstance(item, dict):
        raise NoElement("associative list without keys has an element that's a map type")
    if isinstance(item, list):
        raise NoElement("not supported: associative list with lists as elements")
    if item is None:
        raise NoElement("associative list without keys has an element that's an explicit null")
    return Element(_hashable(item), None, item)


def _hashable(value: Any) -> Hashable:
    """Equal as JSON's values are: `1` is `1.0`, and not `true`."""
    if type(value) is bool:
        return (value,)
    if isinstance(value, (dict, list)):
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    key: Hashable = value
    return key


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, list):
        return f"[{','.join(map(_shown, value))}]"
    if isinstance(value, dict):
        return "".join(f"{name}={_shown(each)}" for name, each in value.items())
    return "null" if value is None else go_value(value)
