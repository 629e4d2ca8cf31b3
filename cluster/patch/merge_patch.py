"""JSON merge patch (RFC 7386), as upstream's library applies it."""

from __future__ import annotations

from typing import Any

from cluster.api.meta import deep_copy
from cluster.api.names import Object
from cluster.patch.wording import bad_request, json_type


def apply(obj: Object, patch: Any) -> Object:
    """The object with the patch merged in; BadRequest where the patch is no JSON object."""
    if patch is None:
        raise bad_request("Invalid JSON Patch")
    if not isinstance(patch, dict):
        kind = json_type(patch)
        raise bad_request(f"error decoding patch: json: cannot unmarshal {kind} into Go value of type map[string]interface {{}}")
    merged: Object = _merged(obj, patch)
    return merged


def _merged(value: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return _without_nulls(patch)
    found = dict(value) if isinstance(value, dict) else {}
    for key, each in patch.items():
        if each is None:
            found.pop(key, None)
        else:
            found[key] = _merged(found.get(key), each)
    for key, each in found.items():
        if key not in patch:
            found[key] = deep_copy(each)
    return found


def _without_nulls(value: Any) -> Any:
    """A copy in which objects have no null members; nulls of lists stay."""
    if isinstance(value, dict):
        return {key: _without_nulls(each) for key, each in value.items() if each is not None}
    if isinstance(value, list):
        return [_without_nulls(each) for each in value]
    return value


def same(left: Any, right: Any) -> bool:
    """Whether two JSON values are equal; unlike Python's `==`, true is not 1."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(each, right[key]) for key, each in left.items())
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(same(a, b) for a, b in zip(left, right, strict=True))
    return type(left) is type(right) and bool(left == right)
