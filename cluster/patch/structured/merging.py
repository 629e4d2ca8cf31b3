"""One value merged into another of its type.  Upstream: structured-merge-diff `typed/merge.go`.

Both are of their type (`validation`), so that nothing can go wrong here.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from cluster.patch.structured.elements import ABSENT, Element, element_of
from cluster.patch.structured.validation import part_of
from cluster.schema.merge_types import ListType, MapType, MergeType

List = list[Any]


def merge(kind: MergeType, live: Any, said: Any) -> Any:
    """What is live, with what is said put into it; a new value over parts that may be shared with both.

    What is empty, or null, where it would be merged by members says nothing of what is there.
    """
    if live is ABSENT or live is None:
        return live if said is ABSENT else said
    if said is ABSENT:
        return live
    part = part_of(kind, said)
    if isinstance(part, MapType) and not part.atomic and _may_be_none(said, dict):
        return _merged_maps(part, live if isinstance(live, dict) else {}, said)
    if isinstance(part, ListType) and not part.atomic and _may_be_none(said, list):
        return _merged_lists(part, live if isinstance(live, list) else [], said)
    return said


def _may_be_none(value: Any, kind: type) -> bool:
    return value is None or isinstance(value, kind)


def _merged_maps(kind: MapType, live: dict[str, Any], said: dict[str, Any] | None) -> Any:
    if not live or not said:
        return live or said
    merged = dict(live)
    for name, each in said.items():
        member = kind.member(name)
        if member is None:
            continue  # it is not there, or its value would not be of its type
        merged[name] = merge(member.type, live.get(name, ABSENT), each)
    return merged


def _merged_lists(kind: ListType, live: List, said: List | None) -> Any:
    if not live or not said:
        return live or said
    return _Lists(kind, live, said).merged()


class _Lists:
    """Two lists that are merged by element: what only one has stays, in between what both have in the order of what is said."""

    def __init__(self, kind: ListType, live: List, said: List) -> None:
        self._type = kind.element.type
        self._live = live
        self._live_elements = [element_of(kind, each) for each in live]
        self._said_elements = [element_of(kind, each) for each in said]
        self._said = dict(zip(self._said_elements, said, strict=True))
        self._known: dict[Element, Any] = {}
        for element, each in zip(self._live_elements, live, strict=True):
            self._known[element] = None if element in self._known else each  # of what is there twice none is merged with what is said
        self._merged: set[Element] = set()

    def merged(self) -> List:
        live, said = self._live_elements, self._said_elements
        shared = deque(each for each in said if each in self._known)
        made: List = []
        at, to = 0, 0
        while at < len(live) or to < len(said):
            if at < len(live):
                element, more = live[at], to < len(said)
                here = more and element == said[to]
                if element not in self._said:
                    made.append(self._live[at])
                    at += 1
                    continue
                if more and not here and shared and element != shared[0]:
                    at += 1  # it comes where what is said has it
                    continue
                if here or element in self._merged:
                    at += 1
            if to < len(said):
                element = said[to]
                made.append(self._put(element))
                to += 1
                if shared and shared[0] == element:
                    shared.popleft()
        return made

    def _put(self, element: Element) -> Any:
        self._merged.add(element)
        return merge(self._type, self._known.get(element, ABSENT), self._said[element])
