"""The OpenAPI v2 document in protobuf, the one form in which kubectl reads it.

kubectl asks for it when it validates by itself, which it does for kinds that nobody patches: access reviews and the like.
Upstream: gnostic-models `openapiv2/OpenAPIv2.proto` says which number each field has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from cluster.api.names import Object

Encode = Callable[[Any], bytes]
Fields = Mapping[str, tuple[int, Encode | type[bool]]]
"""A field's JSON name to its number, and how its value is written; a flag is no message, so it has no function."""
_LENGTH_DELIMITED: Final = 2


def encode(document: Object) -> bytes:
    """A v2 document, as `cluster.schema.openapi.v2_document` makes it, as a message `Document`."""
    return _DOCUMENT(document)


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def _member(number: int, data: bytes) -> bytes:
    """A string or a message as a field."""
    return _varint(number << 3 | _LENGTH_DELIMITED) + _varint(len(data)) + data


def _flag(number: int, value: bool) -> bytes:
    return _varint(number << 3) + (b"\1" if value else b"\0")


def _text(value: Any) -> bytes:
    return str(value).encode()


def _any(value: Any) -> bytes:
    """A value of no fixed type: as YAML, of which JSON is a part."""
    return _member(2, orjson.dumps(value))


def _wrapped(number: int, inner: Encode) -> Encode:
    """A message that holds one of several others."""
    return lambda value: _member(number, inner(value))


def _message(fields: Fields, extensions: int = 0) -> Encode:
    """Fields by their JSON names; a list is written member by member, `x-` fields as named values where the message has those."""

    def write(value: Mapping[str, Any]) -> bytes:
        found: list[bytes] = []
        for name, member in value.items():
            if name in fields:
                number, how = fields[name]
                if how is bool:
                    found.append(_flag(number, member))
                else:
                    found += [_member(number, how(each)) for each in (member if isinstance(member, list) else (member,))]
            elif extensions and name.startswith("x-"):
                found.append(_member(extensions, _member(1, _text(name)) + _member(2, _any(member))))
        return b"".join(found)

    return write


def _named(inner: Encode, number: int = 1) -> Encode:
    """A mapping: a list of pairs, each a message of a name and a value."""
    return lambda value: b"".join(_member(number, _member(1, _text(name)) + _member(2, inner(each))) for name, each in value.items())


def _schema(value: Mapping[str, Any]) -> bytes:
    return _SCHEMA(value)


def _additional_properties(value: Any) -> bytes:
    return _flag(2, value) if isinstance(value, bool) else _member(1, _schema(value))


_SCHEMA: Final = _message(
    {
        "$ref": (1, _text),
        "format": (2, _text),
        "title": (3, _text),
        "description": (4, _text),
        "default": (5, _any),
        "uniqueItems": (16, bool),
        "required": (19, _text),
        "enum": (20, _any),
        "additionalProperties": (21, _additional_properties),
        "type": (22, _wrapped(1, _text)),
        "items": (23, _wrapped(1, _schema)),
        "allOf": (24, _schema),
        "properties": (25, _named(_schema)),
    },
    extensions=31,
)
_BODY: Final = _message({"description": (1, _text), "name": (2, _text), "in": (3, _text), "required": (4, bool), "schema": (5, _schema)})
_IN_URL: Final[Fields] = {"required": (1, bool), "in": (2, _text), "description": (3, _text), "name": (4, _text)}
_QUERY: Final = _message({**_IN_URL, "type": (6, _text), "format": (7, _text), "uniqueItems": (20, bool)})
_PATH: Final = _message({**_IN_URL, "type": (5, _text), "format": (6, _text), "uniqueItems": (19, bool)})
_PARAMETERS: Final[Mapping[str, Encode]] = {
    "body": _wrapped(1, _BODY),
    "query": _wrapped(2, _wrapped(3, _QUERY)),
    "path": _wrapped(2, _wrapped(4, _PATH)),
}


def _parameter(value: Mapping[str, Any]) -> bytes:
    return _member(1, _PARAMETERS[value["in"]](value))


_RESPONSE: Final = _message({"description": (1, _text), "schema": (2, _wrapped(1, _schema))})
_OPERATION: Final = _message(
    {
        "tags": (1, _text),
        "description": (3, _text),
        "operationId": (5, _text),
        "produces": (6, _text),
        "consumes": (7, _text),
        "parameters": (8, _parameter),
        "responses": (9, _named(_wrapped(1, _RESPONSE))),
        "schemes": (10, _text),
    },
    extensions=13,
)
_METHODS: Final = {"get": 2, "put": 3, "post": 4, "delete": 5, "options": 6, "head": 7, "patch": 8}
_PATH_ITEM: Final = _message({**{name: (number, _OPERATION) for name, number in _METHODS.items()}, "parameters": (9, _parameter)})
_API_KEY: Final = _message({"type": (1, _text), "name": (2, _text), "in": (3, _text), "description": (4, _text)})
_SCOPES: Final = _message({"value": (1, _text)})
_DOCUMENT: Final = _message(
    {
        "swagger": (1, _text),
        "info": (2, _message({"title": (1, _text), "version": (2, _text)})),
        "paths": (8, _named(_PATH_ITEM, number=2)),
        "definitions": (9, _named(_schema)),
        "security": (12, _named(lambda scopes: _SCOPES({"value": scopes}))),
        "securityDefinitions": (13, _named(_wrapped(2, _API_KEY))),
    }
)
