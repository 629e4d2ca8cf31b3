"""Flow schemas.  Upstream: `pkg/apis/flowcontrol/v1/defaults.go`, `pkg/apis/flowcontrol/validation`."""

from __future__ import annotations

from typing import Any, Final

from cluster.api import field
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.kinds.cells import age_of, name_of
from cluster.kinds.checks import spec_of, status_of, value_of
from cluster.kinds.model import Strategy
from cluster.kinds.printing import NONE
from cluster.kinds.statuses import keep_status, reset_status, status_subresource

_PRECEDENCE: Final = 1000
_MAX_PRECEDENCE: Final = 10000
_METHODS: Final = ("ByNamespace", "ByUser")


def _default(schema: Object) -> None:
    spec = schema.setdefault("spec", {})
    if not spec.get("matchingPrecedence"):
        spec["matchingPrecedence"] = _PRECEDENCE
    schema.setdefault("status", {})


def _validate(schema: Object) -> list[FieldError]:
    spec = spec_of(schema)
    precedence = spec.get("matchingPrecedence") or 0
    errors: list[FieldError] = []
    if precedence <= 0:
        errors.append(field.invalid("spec.matchingPrecedence", precedence, "must be a positive value"))
    if precedence > _MAX_PRECEDENCE:
        errors.append(field.invalid("spec.matchingPrecedence", precedence, f"must not be greater than {_MAX_PRECEDENCE}"))
    method = value_of(spec, "distinguisherMethod", "type")
    if spec.get("distinguisherMethod") is not None and method not in _METHODS:
        errors.append(field.not_supported("spec.distinguisherMethod.type", {"Type": method or ""}, _METHODS))
    if not value_of(spec, "priorityLevelConfiguration", "name"):
        errors.append(field.required("spec.priorityLevelConfiguration.name", "must reference a priority level"))
    return errors


def _cells(schema: Object) -> list[Any]:
    spec = spec_of(schema)
    method = spec.get("distinguisherMethod")
    dangling = next((each.get("status") or "" for each in status_of(schema).get("conditions") or () if each.get("type") == "Dangling"), "?")
    return [
        name_of(schema),
        value_of(spec, "priorityLevelConfiguration", "name") or "",
        spec.get("matchingPrecedence") or 0,
        NONE if method is None else method.get("type") or "",
        age_of(schema),
        dangling,
    ]


STRATEGY: Final = Strategy(
    default=_default,
    prepare_for_create=reset_status,
    prepare_for_update=keep_status,
    validate=_validate,
    validate_update=lambda schema, old: _validate(schema),
    subresources=status_subresource(),
    cells=_cells,
)
