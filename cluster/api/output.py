"""What is printed for people: aligned columns, YAML and JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import orjson

from cluster.api.names import Object


def printable(text: str) -> str:
    """What others have named, as a terminal is to have it: anything but printable characters and ends of lines is shown as its escape."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() or each == "\n" else each.encode("unicode_escape").decode() for each in text)


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of columns, aligned as kubectl aligns them; a cell is one line."""
    rows = [[printable(cell).replace("\n", "\\n") for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def as_yaml(objects: Iterable[Object]) -> str:
    """One document each."""
    import yaml

    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    text: str = yaml.dump_all(objects, Dumper=dumper, sort_keys=False, explicit_start=True, default_flow_style=False, width=120)
    return text


def as_json(value: Object | Sequence[Object]) -> str:
    """One object, or a List of them; without a newline at the end."""
    shown = value if isinstance(value, dict) else {"apiVersion": "v1", "kind": "List", "items": value}
    return orjson.dumps(shown, option=orjson.OPT_INDENT_2).decode()
