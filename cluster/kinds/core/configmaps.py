"""Config maps.  Upstream: `ValidateConfigMap` in `pkg/apis/core/validation/validation.go`."""

from __future__ import annotations

from typing import Final

from cluster.api import field, validation
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.kinds.cells import name_and
from cluster.kinds.checks import judged
from cluster.kinds.model import Strategy

MAX_SIZE: Final = 1024 * 1024
"""Bytes of all values of a config map or secret together."""

SET_IMMUTABLE: Final = "field is immutable when `immutable` is set"


def _validate(config: Object) -> list[FieldError]:
    data, binary = config.get("data") or {}, config.get("binaryData") or {}
    errors: list[FieldError] = []
    for key in data:
        path = f"data[{key}]"
        errors += judged(validation.is_config_map_key, path, key)
        if key in binary:
            errors.append(field.invalid(path, key, "duplicate of key present in binaryData"))
    for key in binary:
        errors += judged(validation.is_config_map_key, f"binaryData[{key}]", key)
    size = sum(len(value.encode()) for value in data.values()) + sum(decoded_size(value) for value in binary.values())
    if size > MAX_SIZE:
        errors.append(field.too_long("[]", "", MAX_SIZE))
    return errors


def decoded_size(encoded: str) -> int:
    """How many bytes a base64 text stands for."""
    return len(encoded) * 3 // 4 - encoded[-2:].count("=")


def immutable_errors(obj: Object, old: Object, *fields: str) -> list[FieldError]:
    """What may not change once an object is marked immutable: the mark and the given maps."""
    if not old.get("immutable"):
        return []
    errors = [] if obj.get("immutable") else [field.forbidden("immutable", SET_IMMUTABLE)]
    changed = [name for name in fields if (obj.get(name) or {}) != (old.get(name) or {})]
    return errors + [field.forbidden(name, SET_IMMUTABLE) for name in changed]


def _validate_update(config: Object, old: Object) -> list[FieldError]:
    return immutable_errors(config, old, "data", "binaryData") + _validate(config)


STRATEGY: Final = Strategy(
    validate=_validate,
    validate_update=_validate_update,
    cells=name_and(lambda config: len(config.get("data") or ()) + len(config.get("binaryData") or ())),
    has_generation=False,
)
