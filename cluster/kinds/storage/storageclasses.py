"""Storage classes.  Upstream: `ValidateStorageClass` in `pkg/apis/storage/validation/validation.go`."""

from __future__ import annotations

from typing import Any, Final

from cluster.api import field
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.kinds.cells import age_of, name_of
from cluster.kinds.checks import metadata_of, qualified_name, unchanged
from cluster.kinds.model import Strategy

_DEFAULT_ANNOTATIONS: Final = ("storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class")
_RECLAIM_POLICIES: Final = ("Delete", "Retain")
_BINDING_MODES: Final = ("Immediate", "WaitForFirstConsumer")
_MAX_PARAMETERS: Final = 512
_MAX_PARAMETERS_SIZE: Final = 256 * 1024


def is_default_class(storage_class: Object) -> bool:
    annotations = metadata_of(storage_class).get("annotations") or {}
    return any(annotations.get(name) == "true" for name in _DEFAULT_ANNOTATIONS)


def _default(storage_class: Object) -> None:
    if storage_class.get("reclaimPolicy") is None:
        storage_class["reclaimPolicy"] = "Delete"
    if storage_class.get("volumeBindingMode") is None:
        storage_class["volumeBindingMode"] = "Immediate"


def validate_parameters(path: str, parameters: Object) -> list[FieldError]:
    if len(parameters) > _MAX_PARAMETERS:
        return [field.too_long(path, "", _MAX_PARAMETERS)]
    errors = [field.invalid(path, "", "field can not be empty.")] if "" in parameters else []
    size = sum(len(key.encode()) + len(value.encode()) for key, value in parameters.items())
    return [*errors, field.too_long(path, "", _MAX_PARAMETERS_SIZE)] if size > _MAX_PARAMETERS_SIZE else errors


def _validate(storage_class: Object) -> list[FieldError]:
    provisioner = storage_class.get("provisioner") or ""
    errors = qualified_name("provisioner", provisioner.lower()) if provisioner else [field.required("provisioner")]
    errors += validate_parameters("parameters", storage_class.get("parameters") or {})
    policy, mode = storage_class.get("reclaimPolicy") or "", storage_class.get("volumeBindingMode")
    if policy and policy not in _RECLAIM_POLICIES:
        errors.append(field.not_supported("reclaimPolicy", policy, _RECLAIM_POLICIES))
    if mode not in _BINDING_MODES:
        errors.append(field.not_supported("volumeBindingMode", mode, _BINDING_MODES))
    return errors


def _validate_update(storage_class: Object, old: Object) -> list[FieldError]:
    errors = _validate(storage_class)
    for name in ("parameters", "provisioner", "reclaimPolicy", "volumeBindingMode"):
        errors += unchanged(name, storage_class.get(name), old.get(name))
    return errors


def _cells(storage_class: Object) -> list[Any]:
    name = name_of(storage_class)
    return [
        f"{name} (default)" if is_default_class(storage_class) else name,
        storage_class.get("provisioner") or "",
        storage_class.get("reclaimPolicy") or "Delete",
        storage_class.get("volumeBindingMode") or "Immediate",
        bool(storage_class.get("allowVolumeExpansion")),
        age_of(storage_class),
    ]


STRATEGY: Final = Strategy(default=_default, validate=_validate, validate_update=_validate_update, cells=_cells, has_generation=False)
