"""The status of a validating policy: what type checking warns of, and conditions.

Upstream: `pkg/apis/admissionregistration/validation/validation.go`.
"""

from __future__ import annotations

from cluster.api import field
from cluster.api.field import FieldError
from cluster.api.json_path import check_json_path
from cluster.api.names import Object
from cluster.kinds.checks import status_of
from cluster.kinds.conditions import validate_status_conditions


def validate_status(policy: Object, old: Object) -> list[FieldError]:
    status, path = status_of(policy), "status.typeChecking.expressionWarnings"
    errors: list[FieldError] = []
    for position, warning in enumerate((status.get("typeChecking") or {}).get("expressionWarnings") or ()):
        place = field.index(path, position)
        if not warning.get("warning"):
            errors.append(field.required(f"{place}.warning"))
        errors += _validate_reference((warning.get("fieldRef") or "").strip(), f"{place}.fieldRef")
    return errors + validate_status_conditions(status.get("conditions") or (), "status.conditions")


def _validate_reference(reference: str, path: str) -> list[FieldError]:
    if not reference:
        return [field.required(path)]
    try:
        check_json_path(f"{{{reference}}}")
    except ValueError as error:
        return [field.invalid(path, reference, f"invalid JSONPath: {error}")]
    return []
