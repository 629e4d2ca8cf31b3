"""YAML and JSON files as plain values, within bounds, and where in its file each value stands.

Suites may be large, so what is read is made of the parser's events at once, by the rules that manifests are read by; where something is,
is found out only when there is something to say of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import orjson
import yaml
from msgspec import Struct

from cluster.schema.parse import MAX_DEPTH, too_deep
from cluster.schema.yaml_text import MERGE, key_of, scalar, tag_of

MAX_BYTES: Final = 64 << 20
MAX_VALUES: Final = 5_000_000
"""Of all documents of a file, with what aliases stand for."""
_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
"""An escape that is JSON's alone."""
_DEEP: Final = f"it nests deeper than {MAX_DEPTH} levels"
Steps = Sequence[str | int]
"""Where a value is in a document: keys and positions."""


class Place(Struct, frozen=True):
    """Where in a file something is, counted from one; `path` is as people write it, e.g. `cases[3].expect`."""

    file: str
    line: int = 0
    column: int = 0
    path: str = ""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{where}: {self.path}" if self.path else where


class Broken(Exception):
    """What is wrong with a suite or with a file that it names, each with its place."""

    def __init__(self, *faults: tuple[Place, str]) -> None:
        super().__init__("\n".join(f"{place}: {why}" for place, why in faults))
        self.faults = faults


class Document(Struct, frozen=True):
    """A document of a file: `position` among those of its text, its value, and the text itself."""

    file: str
    text: bytes
    position: int
    value: Any

    def place(self, path: Steps = (), *, key: bool = False) -> Place:
        """Where the value at a path is, or what there is of the path; with `key`, where its name is."""
        return Place(self.file, *_locate(self.text, self.position, path, key=key), shown(path))

    def broken(self, path: Steps, why: str, *, key: bool = False) -> Broken:
        return Broken((self.place(path, key=key), why))


def shown(path: Steps) -> str:
    text = "".join(f"[{each}]" if isinstance(each, int) else f".{each}" for each in path)
    return text.removeprefix(".")


def read(path: Path) -> list[Document]:
    """All documents of a file, but for empty ones; Broken."""
    file = str(path)
    try:
        with path.open("rb") as opened:
            text = opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise Broken((Place(file), f"it cannot be read: {error.strerror or error}")) from None
    if len(text) > MAX_BYTES:
        raise Broken((Place(file), f"it is larger than {MAX_BYTES >> 20} MiB"))
    return documents(file, text)


def documents(file: str, text: bytes) -> list[Document]:
    """As `read`, of a text."""
    if text.lstrip()[:1] == b"{":
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError:
            pass  # it may be YAML nevertheless, or else it is YAML's parser that says what is wrong
        else:
            if too_deep(value, text):
                raise Broken((Place(file), _DEEP))
            return [Document(file, text, 0, value)]
    try:
        found = list(_Reading(file, text).values())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(file, mark.line + 1, mark.column + 1) if mark is not None else Place(file)
        raise Broken((place, f"it is no YAML: {error.problem or error.context}")) from None
    except (yaml.YAMLError, UnicodeError) as error:
        raise Broken((Place(file), f"it is no YAML: {getattr(error, 'reason', None) or error}")) from None
    return [Document(file, text, position, value) for position, value in enumerate(found) if value is not None]


class _Reading:
    """One text, event by event.  What aliases stand for is shared, and counted as often as it is there."""

    def __init__(self, file: str, text: bytes) -> None:
        self._file = file
        self._events = yaml.parse(text, Loader=_LOADER)
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
            raise self._refused(event, _DEEP)
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
            raise self._refused(event, _DEEP)
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


def _locate(text: bytes, position: int, path: Steps, *, key: bool) -> tuple[int, int]:
    """(line, column) of the value at a path, or of the last that is there on the way to it."""
    try:
        nodes = _nodes(text)
    except yaml.YAMLError:  # JSON may say what YAML does not understand
        return 0, 0
    if position >= len(nodes):
        return 0, 0
    name = node = nodes[position]
    for step in path:
        pair = _child(node, step)
        if pair is None:
            break
        name, node = pair
    mark = (name if key else node).start_mark
    return mark.line + 1, mark.column + 1


@lru_cache(maxsize=4)
def _nodes(text: bytes) -> list[Any]:
    """Made once of a text, however many of its values are asked for."""
    return list(yaml.compose_all(_SURROGATE.sub(rb"\\ufffd", text), Loader=_LOADER))


def _child(node: Any, step: str | int) -> tuple[Any, Any] | None:
    """(the node of its name, its own node)"""
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int):
        return (node.value[step], node.value[step]) if step < len(node.value) else None
    if isinstance(node, yaml.MappingNode):
        return next(((name, value) for name, value in node.value if name.value == step), None)
    return None
