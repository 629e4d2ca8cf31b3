"""Bodies in Kubernetes' protobuf form, which kubectl's and other Go clients' typed requests are sent in: decoded to plain objects.

Responses are JSON, which those clients accept beside it.  A message is read by the table of its type's fields
(`data/protobuf.json`: number to name, label, type, and whether absence differs from zero), so that no class stands for any type.
Upstream: apimachinery `pkg/runtime/serializer/protobuf`.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final

import orjson

from cluster.api.errors import BadRequest
from cluster.api.meta import format_micro_time, format_time
from cluster.api.names import GroupVersionKind, Object, parse_api_version
from cluster.schema.model import SchemaSet

MAGIC: Final = b"k8s\x00"
_TABLE: Final = Path(__file__).parent / "data" / "protobuf.json"
_META: Final = "k8s.io.apimachinery.pkg.apis.meta.v1."
_EXTENSIONS: Final = "k8s.io.apiextensions_apiserver.pkg.apis.apiextensions.v1."
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_DEPTH: Final = 100

Fields = dict[str, list[Any]]


class _Malformed(ValueError):
    """The bytes are not a message of the type."""


_UNREADABLE: Final = (ValueError, TypeError, AttributeError, IndexError, OverflowError, RecursionError, struct.error)
"""What comes of bytes that end too early, or hold a number where the type has a text: none of it is told apart for the client."""


@cache
def _messages() -> dict[str, Fields]:
    found: dict[str, Fields] = orjson.loads(_TABLE.read_bytes())
    return found


def decode(data: bytes, schemas: SchemaSet, expected: GroupVersionKind) -> Object:
    """The object that a body holds, with its apiVersion and kind; BadRequest for what is none.

    `expected` names the type where the body itself does not.
    """
    try:
        return _decode(data, schemas, expected)
    except _UNREADABLE as error:
        raise BadRequest(f"the body of the request is not a {expected.kind} in protobuf: {error}") from None


def _decode(data: bytes, schemas: SchemaSet, expected: GroupVersionKind) -> Object:
    if not data.startswith(MAGIC):
        raise _Malformed("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]")
    unknown = dict(_records(data[len(MAGIC) :]))
    type_meta = dict(_records(unknown.get(1, b"")))
    api_version = bytes(type_meta.get(1, b"")).decode() or str(expected.group_version)
    kind = bytes(type_meta.get(2, b"")).decode() or expected.kind
    name = _message_name(schemas, api_version, kind)
    if name is None:
        raise BadRequest(f'no kind "{kind}" is registered for version "{api_version}" in scheme "pkg/api/legacyscheme/scheme.go:30"')
    raw = unknown.get(2, b"")
    obj: Object = {"kind": kind, "apiVersion": api_version}
    obj.update(_Reader(schemas).message(name, raw if isinstance(raw, bytes) else b"", 0))
    return obj


def _message_name(schemas: SchemaSet, api_version: str, kind: str) -> str | None:
    if kind in ("DeleteOptions", "CreateOptions", "UpdateOptions", "PatchOptions"):
        return _META + kind
    try:
        group_version = parse_api_version(api_version)
    except ValueError:
        return None
    definition = schemas.gvk(*group_version, kind)
    if definition is None:
        return None
    name = definition.replace("io.k8s.", "k8s.io.", 1).replace("-", "_")
    return name if name in _messages() else None


def _records(data: bytes) -> Iterator[tuple[int, Any]]:
    """(field number, int or bytes) of a message."""
    position, end = 0, len(data)
    while position < end:
        tag, position = _varint(data, position)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value, position = _varint(data, position)
            yield number, value
        elif wire == 2:
            length, position = _varint(data, position)
            if length > end - position:
                raise _Malformed("unexpected EOF")
            yield number, data[position : position + length]
            position += length
        elif wire == 1:
            yield number, struct.unpack_from("<d", data, position)[0]
            position += 8
        elif wire == 5:
            yield number, struct.unpack_from("<f", data, position)[0]
            position += 4
        else:
            raise _Malformed(f"illegal wireType {wire}")


def _varint(data: bytes, position: int) -> tuple[int, int]:
    result = shift = 0
    while True:
        byte = data[position]
        position += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result, position
        shift += 7
        if shift > 63:
            raise _Malformed("integer overflow")


def _signed(value: int) -> int:
    value &= (1 << 64) - 1
    return value - (1 << 64) if value >= 1 << 63 else value


class _Reader:
    """Reads messages, told by the schemas which of their parts JSON writes in line."""

    def __init__(self, schemas: SchemaSet) -> None:
        self._schemas = schemas

    def message(self, name: str, data: bytes, depth: int) -> Any:
        special = _SPECIAL.get(name)
        if special is not None:
            return special(dict(_records(data)))
        fields = _messages().get(name)
        if fields is None or depth > _MAX_DEPTH:
            raise _Malformed(f"cannot read {name}")
        package = name.rpartition(".")[0]
        properties = self._properties(name)
        found: Object = {}
        for number, value in _records(data):
            field = fields.get(str(number))
            if field is None:
                continue
            self._take(found, field, value, package, properties, depth)
        if fields.keys() == {"1"} and fields["1"][0] == "items" and name.endswith("ExtraValue"):
            return found.get("items", [])
        alternative = _ALTERNATIVES.get(name)
        return found if alternative is None else alternative(found)

    # Every field that is no pointer is sent, so a zero value means absence unless the table's fourth column says otherwise; an
    # empty message is there when it is sent at all, as `emptyDir: {}` is.
    def _take(self, found: Object, field: list[Any], value: Any, package: str, properties: Object | None, depth: int) -> None:
        key, label, kind = field[:3]
        if label == "m":
            member, content = self._member(kind, value, package, depth)
            found.setdefault(key, {})[member] = content
            return
        content = self._value(kind, value, package, depth)
        if label == "r":
            found.setdefault(key, []).append(content)
        elif properties is not None and key not in properties and isinstance(content, dict):
            found.update(content)
        elif content is not None and (content or isinstance(content, dict) or len(field) > 3 or kind in _ANYTHING):
            found[key] = content

    def _member(self, kind: str, data: bytes, package: str, depth: int) -> tuple[str, Any]:
        value_kind = kind.partition(",")[2]
        member: str = ""
        content: Any = "" if value_kind in ("string", "bytes") else {}
        for number, value in _records(data):
            if number == 1:
                member = value.decode()
            elif number == 2:
                content = self._value(value_kind, value, package, depth)
        return member, content

    def _value(self, kind: str, value: Any, package: str, depth: int) -> Any:
        if kind == "string":
            return value.decode()
        if kind == "bool":
            return bool(value)
        if kind in ("int32", "int64"):
            return _signed(value)
        if kind == "bytes":
            return base64.b64encode(value).decode()
        if kind == "double":
            return value
        if not isinstance(value, bytes):
            raise _Malformed(f"wrong wireType for {kind}")
        return self.message(kind[1:] if kind.startswith(".") else f"{package}.{kind}", value, depth + 1)

    def _properties(self, name: str) -> Object | None:
        try:
            return self._schemas.definition(name.replace("k8s.io.", "io.k8s.", 1).replace("_", "-")).get("properties")
        except KeyError:
            return None


def _time(fields: dict[int, Any]) -> str | None:
    seconds = _signed(fields.get(1, 0))
    return format_time(_EPOCH + timedelta(seconds=seconds)) if fields else None


def _micro_time(fields: dict[int, Any]) -> str | None:
    if not fields:
        return None
    moment = _EPOCH + timedelta(seconds=_signed(fields.get(1, 0)), microseconds=fields.get(2, 0) // 1000)
    return format_micro_time(moment)


def _int_or_string(fields: dict[int, Any]) -> int | str:
    if fields.get(1, 0):
        return bytes(fields.get(3, b"")).decode()
    return _signed(fields.get(2, 0))


def _raw(fields: dict[int, Any]) -> Any:
    try:
        return orjson.loads(fields.get(1, b"null"))
    except orjson.JSONDecodeError as error:
        raise _Malformed(str(error)) from None


_SPECIAL: Final = {
    _META + "Time": _time,
    _META + "MicroTime": _micro_time,
    _META + "Duration": lambda fields: f"{_signed(fields.get(1, 0)) / 1e9:g}s",
    _META + "FieldsV1": _raw,
    "k8s.io.apimachinery.pkg.api.resource.Quantity": lambda fields: bytes(fields.get(1, b"")).decode(),
    "k8s.io.apimachinery.pkg.util.intstr.IntOrString": _int_or_string,
    "k8s.io.apimachinery.pkg.runtime.RawExtension": _raw,
    _EXTENSIONS + "JSON": _raw,
}
_ANYTHING: Final = ("JSON", "JSONSchemaPropsOrBool")
"""Messages that may stand for false, 0 or an empty text, and say so by being there."""
_ALTERNATIVES: Final[Mapping[str, Callable[[Object], Any]]] = {
    _EXTENSIONS + "JSONSchemaPropsOrArray": lambda found: found.get("jSONSchemas") or found.get("schema"),
    _EXTENSIONS + "JSONSchemaPropsOrBool": lambda found: found.get("schema", found.get("allows", False)),
    _EXTENSIONS + "JSONSchemaPropsOrStringArray": lambda found: found.get("schema", found.get("property", [])),
}
"""Messages that JSON writes as one of their members."""
