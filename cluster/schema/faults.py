"""What is wrong with a body that could not be decoded, in the words of upstream's JSON decoder.

This walks schema and value together, with paths, only after a fault is known to exist.  Upstream: `sigs.k8s.io/json`,
`encoding/json`, and the UnmarshalJSON methods of Quantity, IntOrString, Time and MicroTime.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from cluster.api.field import quoted
from cluster.api.meta import parse_time
from cluster.api.quantity import FORMAT_WRONG, parse
from cluster.schema.model import INT_OR_STRING, MICRO_TIME, QUANTITY, Schema, SchemaSet

_MAX_PROBLEMS: Final = 100
_GO_TYPES: Final = {"boolean": "bool", "string": "string", "number": "float64"}
_LAYOUT: Final = "2006-01-02T15:04:05Z07:00"
_MICRO_LAYOUT: Final = "2006-01-02T15:04:05.000000Z07:00"
MICRO_TIME_SHAPE: Final = re.compile(r"[^.]*\.\d{6}(?:Z|[+-]\d\d:\d\d)", re.ASCII).fullmatch
"""A MicroTime has exactly six digits of fraction."""
_BASE64_CHARS: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")


def described(value: Any) -> str:
    """A JSON value's type as Go's decoder names it."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, str):
        return "string"
    if isinstance(value, (int, float)):
        return "number"
    return "array" if isinstance(value, list) else "object"


def first_mismatch(schemas: SchemaSet, definition: str, value: Any) -> str:
    """The message for the first value that is not of its field's type; empty where all are."""
    if not isinstance(value, dict):
        return f"json: cannot unmarshal {described(value)} into Go value of type {go_name(definition)}"
    return next(_Walk(schemas).mismatches({"$ref": definition}, value, "", ()), "")


def strict_problems(schemas: SchemaSet, definition: str, value: Any, duplicates: Sequence[str] = ()) -> list[str]:
    """What parsing said of duplicates, then `unknown field "c.d"`; at most 100 of them."""
    found = [*duplicates, *(f"unknown field {quoted(path)}" for path in _Walk(schemas).unknown({"$ref": definition}, value, ""))]
    return list(dict.fromkeys(found))[:_MAX_PROBLEMS]


def go_name(definition: str) -> str:
    """The Go type of a definition: `v1.PodSpec`."""
    return ".".join(definition.split(".")[-2:])


class _Walk:
    def __init__(self, schemas: SchemaSet) -> None:
        self._schemas = schemas

    def _go_type(self, schema: Schema) -> str:
        if "$ref" in schema:
            return go_name(schema["$ref"])
        kind = schema.get("type", "")
        if kind == "array":
            return "[]" + self._go_type(schema["items"])
        if kind == "object":
            return "map[string]" + self._go_type(schema.get("additionalProperties") or {})
        if kind == "integer":
            return str(schema.get("format", "int64"))
        if schema.get("format") == "byte":
            return "[]uint8"
        return _GO_TYPES.get(kind, "interface {}")

    def mismatches(self, schema: Schema, value: Any, struct: str, path: tuple[str, ...]) -> Iterator[str]:
        """Messages in the order of the document; `struct` and `path` name the field as Go's decoder does."""
        name = schema.get("$ref", "")
        if name in (QUANTITY, INT_OR_STRING, MICRO_TIME) or name.endswith(".Time"):
            yield from _scalar_faults(name, value)
            return
        resolved = self._schemas.definition(name) if name else schema
        kind = resolved.get("type")
        wrong = f"into Go struct field {struct}.{'.'.join(path)} of type {self._go_type(schema)}"
        if value is None:
            return
        if kind == "array":
            if isinstance(value, list):
                for each in value:
                    yield from self.mismatches(resolved["items"], each, struct, path)
                return
        elif kind == "object":
            if isinstance(value, dict):
                yield from self._members(name, resolved, value, struct, path)
                return
        elif kind == "integer":
            message = _integer_fault(value, resolved.get("format", "int64"))
            if message:
                yield f"json: cannot unmarshal {message} {wrong}"
            return
        elif kind == "string" and isinstance(value, str):
            if resolved.get("format") == "byte":
                yield from _base64_faults(value)
            return
        elif kind is None or {"boolean": isinstance(value, bool), "number": described(value) == "number"}.get(kind):
            return
        yield f"json: cannot unmarshal {described(value)} {wrong}"

    def _members(self, name: str, schema: Schema, value: dict[str, Any], struct: str, path: tuple[str, ...]) -> Iterator[str]:
        members = schema.get("additionalProperties")
        if isinstance(members, dict):
            for each in value.values():
                yield from self.mismatches(members, each, struct, path)
            return
        properties = schema.get("properties", {})
        for key, each in value.items():
            if key in properties:
                yield from self.mismatches(properties[key], each, name.split(".")[-1], (*path, key))

    def unknown(self, schema: Schema, value: Any, path: str) -> Iterator[str]:
        """The paths of fields that the schema lacks."""
        from cluster.schema.decode import FREE

        name = schema.get("$ref", "")
        if name in FREE:
            return
        resolved = self._schemas.definition(name) if name else schema
        if isinstance(value, list) and "items" in resolved:
            for position, each in enumerate(value):
                yield from self.unknown(resolved["items"], each, f"{path}[{position}]")
        elif isinstance(value, dict) and resolved.get("type") == "object":
            members = resolved.get("additionalProperties")
            properties = resolved.get("properties", {})
            for key, each in value.items():
                at = f"{path}.{key}" if path else key
                described_by = members if isinstance(members, dict) else properties.get(key)
                if described_by is not None:
                    yield from self.unknown(described_by, each, at)
                elif name:
                    yield at


def _integer_fault(value: Any, size: str) -> str:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return described(value)
    limit = 2**31 if size == "int32" else 2**63
    if isinstance(value, float):
        return f"number {_go_float(value)}"
    return "" if -limit <= value < limit else f"number {value}"


def _go_float(value: float) -> str:
    return repr(value)


def _scalar_faults(name: str, value: Any) -> Iterator[str]:
    if value is None:
        return
    if name == QUANTITY:
        if not isinstance(value, (str, int, float)) or isinstance(value, bool):
            yield FORMAT_WRONG
            return
        try:
            parse(value)
        except ValueError as error:
            yield str(error)
    elif name == INT_OR_STRING:
        message = "" if isinstance(value, str) else _integer_fault(value, "int32")
        if message:
            yield f"json: cannot unmarshal {message} into Go value of type int32"
    elif not isinstance(value, str):
        yield f"json: cannot unmarshal {described(value)} into Go value of type string"
    else:
        yield from _time_faults(value, _MICRO_LAYOUT if name == MICRO_TIME else _LAYOUT)


def _time_faults(value: str, layout: str) -> Iterator[str]:
    """What Go's time.Parse says: where the text departs from the layout."""
    try:
        parse_time(value)
        if layout == _LAYOUT or MICRO_TIME_SHAPE(value):
            return
    except (ValueError, OverflowError):
        pass
    fraction = (r"\.\d{6}", ".000000") if layout == _MICRO_LAYOUT else (r"(?:\.\d+)?", "")
    parts = (
        (r"\d{4}", "2006"), ("-", "-"), (r"\d\d", "01"), ("-", "-"), (r"\d\d", "02"), ("T", "T"), (r"\d\d", "15"), (":", ":"),
        (r"\d\d", "04"), (":", ":"), (r"\d\d", "05"), fraction, (r"Z|[+-]\d\d:\d\d", "Z07:00"),
    )  # fmt: skip
    position = 0
    for pattern, shown in parts:
        match = re.compile(pattern, re.ASCII).match(value, position)
        if match is None:
            yield f"parsing time {quoted(value)} as {quoted(layout)}: cannot parse {quoted(value[position:])} as {quoted(shown)}"
            return
        position = match.end()
    if position < len(value):
        yield f"parsing time {quoted(value)}: extra text: {quoted(value[position:])}"
        return
    month = int(value[5:7])
    if not 1 <= month <= 12:
        what = "month"
    elif int(value[11:13]) > 23:
        what = "hour"
    elif int(value[14:16]) > 59:
        what = "minute"
    elif int(value[17:19]) > 59:
        what = "second"
    else:
        what = "day"
    yield f"parsing time {quoted(value)}: {what} out of range"


def _base64_faults(value: str) -> Iterator[str]:
    """What Go's standard base64 decoding says: the offset of the first byte that cannot be."""
    seen = 0
    position = 0
    for position, char in enumerate(value):
        if char in "\r\n":
            continue
        if char in _BASE64_CHARS:
            seen += 1
            continue
        rest = value[position + 1 :].replace("\r", "").replace("\n", "")
        if char != "=" or seen % 4 < 2:
            yield f"illegal base64 data at input byte {position}"
        elif seen % 4 == 2 and not rest.startswith("="):
            yield f"illegal base64 data at input byte {len(value) if not rest else position + 1}"
        elif rest.strip("=") or len(rest) > (1 if seen % 4 == 2 else 0):
            yield f"illegal base64 data at input byte {position + (2 if seen % 4 == 2 else 1)}"
        return
    if seen % 4:
        yield f"illegal base64 data at input byte {len(value) - seen % 4}"
