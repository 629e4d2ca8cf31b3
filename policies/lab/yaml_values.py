"""YAML as plain values: suites may be large, so they are made of the parser's events at once, by the rules that manifests are read by."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import yaml

from cluster.schema.parse import MAX_DEPTH
from cluster.schema.yaml_text import MERGE, key_of, scalar, tag_of
from policies.lab.documents import DEEP, Broken, Place

MAX_VALUES: Final = 5_000_000
"""Of all documents of a file, with what aliases stand for."""
LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def values(file: str, text: bytes) -> list[Any]:
    """Of all documents of a file, None for those that are empty; Broken."""
    try:
        return list(_Reading(file, text).values())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(file, mark.line + 1, mark.column + 1) if mark is not None else Place(file)
        raise Broken((place, f"it is no YAML: {error.problem or error.context}")) from None
    except (yaml.YAMLError, UnicodeError) as error:
        raise Broken((Place(file), f"it is no YAML: {getattr(error, 'reason', None) or error}")) from None


class _Reading:
    """One text, event by event.  What aliases stand for is shared, and counted as often as it is there."""

    def __init__(self, file: str, text: bytes) -> None:
        self._file = file
        self._events = yaml.parse(text, Loader=LOADER)
        self._anchors: dict[str, tuple[Any, int, int]] = {}
        self._open: set[str] = set()
        self._plain: dict[str, Any] = {}
        self._count = 0

    def values(self) -> Iterator[Any]:
        for event in self._events:
            if type(event) is yaml.DocumentStartEvent:
                self._anchors.clear()
                yield self._value(next(self._events), 0)[0]

    def _value(self, event: Any, depth: int) -> tuple[Any, int]:
        """(the value, how many levels it has)"""
        self._count += 1
        if self._count > MAX_VALUES:
            raise self._refused(event, f"it has more than {MAX_VALUES} values, with what aliases stand for")
        kind = type(event)
        if kind is yaml.ScalarEvent:
            value = self._scalar(event)
            if event.anchor is not None:
                self._anchors[event.anchor] = value, 1, 0
            return value, 0
        if kind is yaml.AliasEvent:
            return self._alias(event, depth)
        if depth >= MAX_DEPTH:
            raise self._refused(event, DEEP)
        anchor, before = event.anchor, self._count
        if anchor is not None:
            self._open.add(anchor)
        value, levels = self._mapping(depth) if kind is yaml.MappingStartEvent else self._sequence(depth)
        if anchor is not None:
            self._open.discard(anchor)
            self._anchors[anchor] = value, self._count - before + 1, levels
        return value, levels

    def _scalar(self, event: Any) -> Any:
        text: str = event.value
        if event.tag is None or event.tag == "!":
            if not event.implicit[0]:
                return text
            plain = self._plain
            if text in plain:
                return plain[text]
            tag = tag_of(text)
        else:
            plain, tag = {}, event.tag
        try:
            value = plain[text] = text if tag == MERGE else scalar(text, tag)
        except ValueError as error:
            raise self._refused(event, str(error)) from None
        return value

    def _alias(self, event: Any, depth: int) -> tuple[Any, int]:
        if event.anchor in self._open:
            raise self._refused(event, f'alias "{event.anchor}" stands for what it is a part of')
        known = self._anchors.get(event.anchor)
        if known is None:
            raise self._refused(event, f'alias "{event.anchor}" stands for nothing above it')
        value, count, levels = known
        self._count += count
        if depth + levels > MAX_DEPTH:
            raise self._refused(event, DEEP)
        return value, levels

    def _sequence(self, depth: int) -> tuple[list[Any], int]:
        found, levels = [], 0
        for event in self._events:
            if type(event) is yaml.SequenceEndEvent:
                break
            value, below = self._value(event, depth + 1)
            levels = max(levels, below)
            found.append(value)
        return found, levels + 1

    def _mapping(self, depth: int) -> tuple[dict[str, Any], int]:
        found: dict[str, Any] = {}
        merged: list[tuple[Any, Any]] = []
        levels = 0
        for event in self._events:
            if type(event) is yaml.MappingEndEvent:
                break
            if type(event) is yaml.ScalarEvent and event.implicit[0] and event.value == "<<":
                value, below = self._value(next(self._events), depth + 1)
                merged.append((event, value))
                continue
            key = self._key(event, depth)
            if key in found:
                raise self._refused(event, f'key "{key}" is there twice')
            found[key], below = self._value(next(self._events), depth + 1)
            levels = max(levels, below)
        for event, value in merged:
            self._merge(event, found, value)
        return found, levels + 1

    def _key(self, event: Any, depth: int) -> str:
        value, _ = self._value(event, depth)
        try:
            return key_of(value)
        except ValueError as error:
            raise self._refused(event, str(error)) from None

    def _merge(self, event: Any, found: dict[str, Any], value: Any) -> None:
        for each in value if isinstance(value, list) else [value]:
            if not isinstance(each, dict):
                raise self._refused(event, 'only mappings can be merged by "<<"')
            for key, member in each.items():
                found.setdefault(key, member)

    def _refused(self, event: Any, why: str) -> Broken:
        mark = event.start_mark
        return Broken((Place(self._file, mark.line + 1, mark.column + 1), why))
