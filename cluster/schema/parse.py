"""Bodies: JSON and YAML text becomes plain values, within bounds, and what is malformed is refused as upstream words it.

Upstream: `encoding/json` (the scanner's messages), `sigs.k8s.io/json` (duplicate fields), `sigs.k8s.io/yaml`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import chain, compress
from typing import Any, Final

import orjson

from cluster.api.errors import BadRequest
from cluster.api.field import quoted
from cluster.schema.faults import described
from cluster.schema.scan import syntax_error

MAX_DEPTH: Final = 200
"""How deeply a body may nest; below what the encoder can write back."""

_KIND_STRUCT: Final = r'struct { APIVersion string "json:\"apiVersion,omitempty\""; Kind string "json:\"kind,omitempty\"" }'
_nests: Final = frozenset({dict, list}).__contains__
_SURROGATES: Final = re.compile("[\ud800-\udfff]")
_HIDING: Final = re.compile(rb'"[ \t\r\n]+:|\\u00(?:22|3[aA])').search
"""Finds how a text says a quote and a colon after it otherwise than by `":`, so that those do not tell how many names it has."""


def parse_json(data: bytes, kind: str = "", find_duplicates: bool = False) -> tuple[Any, list[str]]:
    """(value, what strict decoding says of duplicate fields: `duplicate field "spec.replicas"`).

    With `kind`, the kind that is expected, the value is an object and messages are those for an object that is created or
    updated; without it they are bare, as for patches.  Raises BadRequest for what is no JSON, and for what nests too deeply.
    """
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        value = _lenient(data, kind)
    if too_deep(value, data):
        raise _malformed(data, kind, "exceeded max depth")
    if kind and not isinstance(value, dict):
        if value is None:
            return {}, []
        raise _malformed(data, kind, not_an_object(value))
    return value, _duplicates(data, value) if find_duplicates else []


def parse_yaml(data: bytes, kind: str = "", find_duplicates: bool = False) -> tuple[Any, list[str]]:
    """As `parse_json`, for the first document of a YAML text; a duplicate is told as upstream's converter tells it."""
    from cluster.schema.yaml_text import load

    try:
        value, repeated = load(data, MAX_DEPTH)
    except ValueError as error:
        raise BadRequest(_unrecognized(data, kind, str(error)) if kind else str(error)) from None
    if kind and not isinstance(value, dict):
        if value is None:
            return {}, []
        raise _malformed(data, kind, not_an_object(value))
    return value, repeated if find_duplicates else []


def too_deep(value: Any, data: bytes | None = None) -> bool:
    """Whether a value nests more than MAX_DEPTH levels; its text, where there is one, mostly tells without a walk."""
    if data is not None and data.count(b"{") + data.count(b"[") <= MAX_DEPTH:
        return False
    level = [value] if _nests(type(value)) else []
    for _ in range(MAX_DEPTH + 1):
        members = list(chain.from_iterable([each.values() if type(each) is dict else each for each in level]))
        level = list(compress(members, map(_nests, map(type, members))))  # most do not: no loop of ours looks at them
        if not level:
            return False
    return True


def _lenient(data: bytes, kind: str) -> Any:
    """What Go's decoder takes and a strict one does not: bytes that are not UTF-8, and halves of surrogate pairs."""
    text = data.decode("utf-8", "replace")
    message = syntax_error(text, MAX_DEPTH)
    if message:
        raise _malformed(data, kind, message)
    try:
        value = json.loads(text)
        return orjson.loads(_SURROGATES.sub("\N{REPLACEMENT CHARACTER}", json.dumps(value, ensure_ascii=False)))
    except (ValueError, RecursionError):
        raise _malformed(data, kind, "json: cannot unmarshal number into Go value of type float64") from None


def not_an_object(value: Any) -> str:
    """What Go says of a document that is no object where one must say its kind."""
    return f"json: cannot unmarshal {described(value)} into Go value of type {_KIND_STRUCT}"


def _malformed(data: bytes, kind: str, why: str) -> BadRequest:
    if not kind:
        return BadRequest(why)
    return BadRequest(_unrecognized(data, kind, f"couldn't get version/kind; json parse error: {why}"))


def _unrecognized(data: bytes, kind: str, why: str) -> str:
    from cluster.schema.decode import unrecognized

    return unrecognized(kind, why, data)


class _Repeated(list[tuple[str, Any]]):
    """An object's members in order, some of them with the same name."""


def _duplicates(data: bytes, value: Any) -> list[str]:
    """What is said of members that an object has twice; a text with as many names as its value has when written holds none."""
    written = orjson.dumps(value)
    if written == data or (data.count(b'":') == written.count(b'":') and not _HIDING(data)):
        return []
    found = False

    def members(pairs: list[tuple[str, Any]]) -> Any:
        nonlocal found
        unique = dict(pairs)
        if len(unique) == len(pairs):
            return unique
        found = True
        return _Repeated(pairs)

    paired = json.loads(data.decode("utf-8", "replace"), object_pairs_hook=members)
    return [f"duplicate field {quoted(path)}" for path in dict.fromkeys(_repeated(paired, ""))] if found else []


def _repeated(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, (dict, _Repeated)):
        seen = set()
        for key, each in value.items() if isinstance(value, dict) else value:
            at = f"{path}.{key}" if path else key
            if key in seen:
                yield at
            seen.add(key)
            yield from _repeated(each, at)
    elif isinstance(value, list):
        for position, each in enumerate(value):
            yield from _repeated(each, f"{path}[{position}]")
