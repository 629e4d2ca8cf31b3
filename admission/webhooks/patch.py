"""What a webhook's patch makes of an object.

Upstream: apiserver `pkg/admission/plugin/webhook/mutating/dispatcher.go` (callAttrMutatingHook).
"""

from __future__ import annotations

from typing import Any

from admission.objects import Objects
from cluster.api.errors import BadRequest, InternalError, StatusError
from cluster.api.names import GroupVersionKind, Object
from cluster.patch import json_patch
from cluster.patch.merge_patch import same
from cluster.patch.wording import json_type
from cluster.schema.parse import parse_json

Patch = list[dict[str, Any]]


def decoded(data: bytes) -> Patch:
    """The operations; ValueError for what is no patch."""
    try:
        value, _ = parse_json(data)
    except BadRequest as error:
        raise ValueError(error.message) from None
    if value is None:
        return []
    if not isinstance(value, list):
        raise ValueError(f"json: cannot unmarshal {json_type(value)} into Go value of type jsonpatch.Patch")
    for operation in value:
        if not isinstance(operation, dict):
            raise ValueError(f"json: cannot unmarshal {json_type(operation)} into Go value of type jsonpatch.Operation")
    return value


def patched(objects: Objects, kind: GroupVersionKind, obj: Object, patch: Patch) -> tuple[Object, bool]:
    """(a new object with its defaults, whether the patch changed anything); InternalError where it does not apply, or leaves no object."""
    try:
        made = json_patch.apply(obj, patch)
    except StatusError as error:
        raise InternalError.of(error.__cause__ or error.message) from None
    changed = not same(made, obj)
    if changed:
        made = _decoded_object(objects, kind, made)
        changed = not same(made, obj)
        if "metadata" in obj:
            made.setdefault("metadata", {})
    objects.default(kind, made)
    return made, changed


def _decoded_object(objects: Objects, kind: GroupVersionKind, made: Object) -> Object:
    try:
        return objects.decode(kind, made)
    except StatusError as error:
        raise InternalError.of(error.message) from None
