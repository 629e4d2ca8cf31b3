"""What one mutation makes of an object: its expression's JSON patch, or its apply configuration.

Upstream: apiserver `pkg/admission/plugin/policy/mutating/patch/{json_patch,smd}.go`, `dispatcher.go` (dispatchOne).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from admission.objects import Objects
from admission.policy.made_values import Given, Unconvertible, check_size, configuration_of, json_of, misnamed
from cluster.api.errors import InternalError
from cluster.api.names import GroupVersionKind, Object
from cluster.cel.libraries.jsonpatch import JSON_PATCH_TYPE, OBJECT, OBJECT_TYPE, PatchOperation
from cluster.cel.types import Type, list_of
from cluster.cel.values import Instance
from cluster.patch import apply_configuration, json_patch
from cluster.patch.wording import json_type
from cluster.schema.merge_types import merge_type
from cluster.schema.parse import too_deep

_UNQUOTABLE: Final = re.compile(r"[\x00-\x07\x0b\x0e-\x1f\x7f]")
"""Characters that Go quotes in another way than JSON."""
_FRACTION: Final = re.compile(r"json: cannot unmarshal number -?[0-9]+\.[0-9]+ into Go (?:struct field \S+|value) of type (int32|int64)")


class MutationFailed(Exception):
    """The mutation can not be made, which refuses the write unless failures are to be ignored; worded as upstream words it."""


Mutate = Callable[[Objects, GroupVersionKind, Object, Any, Given], Object]
"""(objects, the kind, an object of it, what the expression came to, what that was given) to a new object of the kind, decoded.

Raises MutationFailed, and InternalError for what is no object any more.
"""


def patched(objects: Objects, kind: GroupVersionKind, obj: Object, made: Sequence[PatchOperation], given: Given) -> Object:
    """A patch that asks for a value which is not there changes nothing."""
    _check_size(made)
    operations = [_operation(each, given) for each in made]
    try:
        found = json_patch.applied(obj, operations)
    except json_patch.TestFailed:
        return dict(obj)
    except json_patch.NotApplied as error:
        raise MutationFailed(f"JSON Patch: {error}") from None
    if not isinstance(found, dict):
        raise InternalError.of(f"couldn't get version/kind; json parse error: json: cannot unmarshal {json_type(found)} into Go value")
    if too_deep(found):
        raise InternalError.of("exceeded max depth")
    try:
        return objects.decode_strictly(kind, found)
    except ValueError as error:
        raise InternalError.of(str(error)) from None


def _operation(made: PatchOperation, given: Given) -> Object:
    operation: Object = {"op": _text(made["op"]), "path": _text(made["path"])}
    if made["from"]:
        operation["from"] = _text(made["from"])
    if "value" not in made:
        return operation
    value = made["value"]
    if isinstance(value, Instance) and not isinstance(value, PatchOperation):
        _check_names(value, value.type_name)
    try:
        operation["value"] = json_of(value, given)
    except Unconvertible as error:
        raise MutationFailed(f"JSONPath valueExpression evaluated to a type that could not marshal to JSON: {error}") from None
    return operation


def _text(text: str) -> str | None:
    return None if _UNQUOTABLE.search(text) else text


def configured(objects: Objects, kind: GroupVersionKind, obj: Object, made: Instance, given: Given) -> Object:
    _check_size(made)
    _check_names(made, OBJECT)
    try:
        configuration = configuration_of(made, given)
    except Unconvertible as error:
        raise MutationFailed(str(error)) from None
    configuration |= {"apiVersion": str(kind.group_version), "kind": kind.kind}
    shown = f"{kind.group}/{kind.version}, Kind={kind.kind}"
    merged_by = merge_type(objects.schemas, kind) if objects.kind(kind) is not None else None
    if merged_by is None:
        why = f"failed to convert patch object to typed object: no corresponding type for {shown}"
        raise MutationFailed(f"error applying patch: {why}")
    try:
        merged = apply_configuration.apply(merged_by, obj, configuration)
    except apply_configuration.NotApplied as error:
        raise MutationFailed(f"error applying patch: {error}") from None
    try:
        return objects.decode_strictly(kind, merged)
    except ValueError as error:
        raise MutationFailed(f"unable to convert unstructured object to {shown}: {_unconverted(str(error))}") from None


def _unconverted(why: str) -> str:
    """A fraction where there must be none, as a conversion that knows no fields words it."""
    found = _FRACTION.fullmatch(why)
    return why if found is None else f"cannot convert float64 to {found[1]}"


def _check_size(made: Any) -> None:
    try:
        check_size(made)
    except Unconvertible as error:
        raise MutationFailed(str(error)) from None


def _check_names(made: Instance, path: str) -> None:
    wrong = misnamed(made, path)
    if wrong:
        raise MutationFailed("type mismatch: " + "\n".join(wrong))


class Patching(Struct, frozen=True):
    """A patchType: the field of a mutation that has its expression, what that must come to, and what is made of it."""

    field: str
    result: Type
    mutate: Mutate


PATCHING: Final[Mapping[str, Patching]] = {
    "ApplyConfiguration": Patching("applyConfiguration", OBJECT_TYPE, configured),
    "JSONPatch": Patching("jsonPatch", list_of(JSON_PATCH_TYPE), patched),
}
