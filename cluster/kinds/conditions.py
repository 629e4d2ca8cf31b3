"""Conditions of a status, of kinds that have them checked.  Upstream: apimachinery `pkg/apis/meta/v1/validation/validation.go`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from cluster.api import field, validation
from cluster.api.field import FieldError
from cluster.api.names import Object

_STATUSES: Final = ("False", "True", "Unknown")
_MAX_REASON: Final = 1024
_MAX_MESSAGE: Final = 32 * 1024
_REASON: Final = "[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?"
_REASON_WORDS: Final = (
    "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric characters or '_,:', and "
    "must end with an alphanumeric character or '_'"
)
_EXAMPLES: Final = ("my_name", "MY_NAME", "MyName", "ReasonA,ReasonB", "ReasonA:ReasonB")


def validate_status_conditions(conditions: Sequence[Object], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    seen: set[str] = set()
    for position, condition in enumerate(conditions):
        place = field.index(path, position)
        kind = condition.get("type") or ""
        if kind in seen:
            errors.append(field.duplicate(f"{place}.type", kind))
        seen.add(kind)
        errors += _validate(condition, place)
    return errors


def _validate(condition: Object, path: str) -> list[FieldError]:
    errors = validation.validate_label_name(condition.get("type") or "", f"{path}.type")
    status, generation = condition.get("status") or "", condition.get("observedGeneration") or 0
    if status not in _STATUSES:
        errors.append(field.not_supported(f"{path}.status", status, _STATUSES))
    if generation < 0:
        errors.append(field.invalid(f"{path}.observedGeneration", generation, "must be greater than or equal to zero"))
    if not condition.get("lastTransitionTime"):
        errors.append(field.required(f"{path}.lastTransitionTime"))
    return errors + _validate_texts(condition, path)


def _validate_texts(condition: Object, path: str) -> list[FieldError]:
    reason, message = condition.get("reason") or "", condition.get("message") or ""
    errors: list[FieldError] = []
    if not reason:
        errors.append(field.required(f"{path}.reason"))
    else:
        if re.fullmatch(_REASON, reason) is None:
            errors.append(field.invalid(f"{path}.reason", reason, validation.regex_error(_REASON_WORDS, _REASON, *_EXAMPLES)))
        if len(reason.encode()) > _MAX_REASON:
            errors.append(field.too_long(f"{path}.reason", "", _MAX_REASON))
    if len(message.encode()) > _MAX_MESSAGE:
        errors.append(field.too_long(f"{path}.message", "", _MAX_MESSAGE))
    return errors
