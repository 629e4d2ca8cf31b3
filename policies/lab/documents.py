"""YAML and JSON files as plain values, within bounds, and where in its file each value stands, which is found out when it is asked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import orjson
from msgspec import Struct

from cluster.schema.parse import MAX_DEPTH, too_deep

MAX_BYTES: Final = 64 << 20
DEEP: Final = f"it nests deeper than {MAX_DEPTH} levels"
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
        from policies.lab.yaml_places import locate

        return Place(self.file, *locate(self.text, self.position, path, key=key), shown(path))

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
                raise Broken((Place(file), DEEP))
            return [Document(file, text, 0, value)]
    from policies.lab.yaml_values import values  # where all is JSON, YAML need not be loaded

    return [Document(file, text, position, value) for position, value in enumerate(values(file, text)) if value is not None]
