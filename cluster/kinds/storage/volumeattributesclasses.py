"""Volume attributes classes.  Upstream: `ValidateVolumeAttributesClass` in `pkg/apis/storage/validation/validation.go`."""

from __future__ import annotations

from typing import Final

from cluster.api import field
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.kinds.cells import name_and, text
from cluster.kinds.model import Strategy
from cluster.kinds.storage.storageclasses import validate_parameters


def _validate(attributes: Object) -> list[FieldError]:
    errors = [] if attributes.get("driverName") else [field.required("driverName")]
    parameters = attributes.get("parameters") or {}
    if not parameters:
        return [*errors, field.required("parameters", "must contain at least one key/value pair")]
    return errors + validate_parameters("parameters", parameters)


def _validate_update(attributes: Object, old: Object) -> list[FieldError]:
    changed = [name for name in ("driverName", "parameters") if (attributes.get(name) or None) != (old.get(name) or None)]
    return [field.forbidden(name, f"updates to {name} are forbidden.") for name in changed]


STRATEGY: Final = Strategy(validate=_validate, validate_update=_validate_update, cells=name_and(text("driverName")), has_generation=False)
