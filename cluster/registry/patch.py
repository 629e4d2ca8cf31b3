"""Patch: an update whose new object is the old one, changed.  Upstream: apiserver `pkg/endpoints/handlers/patch.go`."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import orjson
from msgspec import Struct

from cluster.api.errors import BadRequest, Invalid
from cluster.api.field import invalid
from cluster.api.names import GroupKind, GroupVersionKind, Object
from cluster.registry.metadata import match_name
from cluster.registry.registry import IGNORE, STRICT, Call, Registry
from cluster.schema.parse import parse_json

JSON_PATCH: Final = "application/json-patch+json"
MERGE_PATCH: Final = "application/merge-patch+json"
STRATEGIC_PATCH: Final = "application/strategic-merge-patch+json"
_MISMATCH: Final = re.compile(r"json: cannot unmarshal (\w+).* into Go .* of type (\S+)")
_GO_KINDS: Final = {"number": "int64", "array": "slice", "object": "map"}


class Patch(Struct, frozen=True):
    """A patch as it was sent: its media type and its decoded body."""

    media_type: str
    body: Any
    problems: tuple[str, ...] = ()
    """What strict decoding has against the body itself."""


def parse(call: Call, media_type: str, data: bytes) -> Patch:
    """The patch in a request's body, looked at as closely as the call's fieldValidation wants; BadRequest."""
    strict = call.field_validation != IGNORE
    try:
        body, duplicates = parse_json(data, find_duplicates=strict)
    except BadRequest as error:
        if media_type == STRATEGIC_PATCH or not strict:
            raise
        raise BadRequest(f"error decoding patch: {error.message}") from None
    if media_type != JSON_PATCH or not strict:
        return Patch(media_type, body, tuple(duplicates))
    unknown = _checked_operations(body)
    return Patch(media_type, body, tuple(f"json patch {each}" for each in (*duplicates, *unknown)))


def _checked_operations(body: Any) -> list[str]:
    """The members of operations that no operation has; BadRequest for what is no list of operations."""
    if not isinstance(body, list):
        raise _undecodable(body, "value of type []handlers.jsonPatchOp")
    unknown: list[str] = []
    for position, operation in enumerate(body):
        if not isinstance(operation, dict):
            raise _undecodable(operation, "value of type handlers.jsonPatchOp")
        for key, value in operation.items():
            if key in ("op", "path", "from"):
                if value is not None and not isinstance(value, str):
                    raise _undecodable(value, f"struct field jsonPatchOp.{key} of type string")
            elif key != "value":
                unknown.append(f'unknown field "[{position}].{key}"')
    return unknown


def _undecodable(value: Any, wanted: str) -> BadRequest:
    from cluster.patch.wording import json_type

    return BadRequest(f"error decoding patch: json: cannot unmarshal {json_type(value)} into Go {wanted}")


def apply(registry: Registry, gvk: GroupVersionKind, patch: Patch, obj: Object) -> Object:
    """The patched object, not yet decoded; a StatusError where the patch is none or does not fit the object."""
    from cluster.patch import json_patch, merge_patch, strategic
    from cluster.schema.patch_meta import patch_meta

    if patch.media_type == JSON_PATCH:
        return json_patch.apply(obj, patch.body)
    if patch.media_type == MERGE_PATCH:
        return merge_patch.apply(obj, patch.body)
    return strategic.apply(obj, patch.body, patch_meta(registry.schemas, gvk))


def maker(registry: Registry, call: Call, gvk: GroupVersionKind, name: str, patch: Patch) -> Callable[[Object | None], Object]:
    """What `update` calls with the object as it is; the patched object is decoded as one that was sent would be."""

    def make(existing: Object | None) -> Object:
        assert existing is not None
        obj = _decoded(registry, call, gvk, patch, apply(registry, gvk, patch, existing))
        match_name(obj, name)
        return obj

    return make


def _decoded(registry: Registry, call: Call, gvk: GroupVersionKind, patch: Patch, patched: Object) -> Object:
    """The patched object, decoded; Invalid, with the patch as the field at fault, where it is none of its kind."""
    try:
        result = registry.decoder(gvk).decode(patched, call.field_validation != IGNORE)
    except BadRequest as error:
        why = error.message.partition(f" cannot be handled as a {gvk.kind}: ")[2] or error.message
        raise _unfit(patch, patched, _unconvertible(why) if patch.media_type == STRATEGIC_PATCH else why) from None
    problems = [*patch.problems, *result.problems]
    if problems and call.field_validation == STRICT:
        raise _unfit(patch, patched, f"strict decoding error: {', '.join(problems)}")
    call.warnings += [each for each in problems if each not in call.warnings]
    return result.object


def _unfit(patch: Patch, patched: Object, why: str) -> Invalid:
    from cluster.patch.wording import go_value

    shown = go_value(patch.body) if patch.media_type == STRATEGIC_PATCH else orjson.dumps(patched).decode()
    return Invalid.of(GroupKind("", ""), "", [invalid("patch", shown, why)])


def _unconvertible(why: str) -> str:
    """A mismatch as the converter of a strategic merge patch words it, which knows no field."""
    found = _MISMATCH.fullmatch(why)
    if found is None:
        return why
    kind = _GO_KINDS.get(found[1], found[1])
    wanted = found[2]
    if wanted.startswith("[]"):
        return f"cannot restore slice from {kind}"
    if wanted.startswith("map["):
        return f"cannot restore map from {kind}"
    return f"cannot restore struct from: {kind}" if "." in wanted else f"unrecognized type: {wanted}"
