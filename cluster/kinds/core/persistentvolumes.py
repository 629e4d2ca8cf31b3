"""Persistent volumes.  Upstream: `ValidatePersistentVolume` in `pkg/apis/core/validation/validation.go`."""

from __future__ import annotations

from typing import Any, Final

from cluster.api import field, meta, quantity
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.kinds.cells import access_modes, age_of, name_of
from cluster.kinds.checks import metadata_of, spec_of, status_of, unchanged
from cluster.kinds.core.pod_resources import canonical_resource_list, decoded
from cluster.kinds.core.volumes import storage_class, validate_class_and_mode, validate_modes
from cluster.kinds.model import Strategy, SubresourceStrategy
from cluster.kinds.printing import UNSET

_PLAIN: Final = frozenset(
    {
        "accessModes",
        "capacity",
        "claimRef",
        "mountOptions",
        "nodeAffinity",
        "persistentVolumeReclaimPolicy",
        "storageClassName",
        "volumeAttributesClassName",
        "volumeMode",
    }
)
"""Fields of the spec that aren't a volume source."""

_RECLAIM_POLICIES: Final = ("Delete", "Recycle", "Retain")


def _default(volume: Object) -> None:
    spec = volume.setdefault("spec", {})
    canonical_resource_list(spec.get("capacity"))
    if not spec.get("persistentVolumeReclaimPolicy"):
        spec["persistentVolumeReclaimPolicy"] = "Retain"
    if spec.get("volumeMode") is None:
        spec["volumeMode"] = "Filesystem"
    host_path = spec.get("hostPath")
    if host_path is not None and host_path.get("type") is None:
        host_path["type"] = ""
    status = volume.setdefault("status", {})
    if not status.get("phase"):
        status["phase"] = "Pending"


def _sources(spec: Object) -> list[str]:
    return [name for name in spec if name not in _PLAIN and spec[name] is not None]


def _validate_capacity(path: str, amount: str) -> list[FieldError]:
    errors: list[FieldError] = []
    if quantity.compare(amount, "0") < 0:
        errors.append(field.invalid(path, quantity.parse(amount).value(), "must be a valid resource quantity"))
    return errors if quantity.compare(amount, "0") > 0 else [*errors, field.invalid(path, amount, "must be greater than zero")]


def _validate(volume: Object) -> list[FieldError]:
    spec = spec_of(volume)
    errors = [] if spec.get("accessModes") else [field.required("spec.accessModes")]
    errors += validate_modes(spec)
    capacity = spec.get("capacity") or {}
    if not capacity:
        errors.append(field.required("spec.capacity"))
    if "storage" not in capacity or len(capacity) > 1:
        errors.append(field.not_supported("spec.capacity", dict(sorted(capacity.items())) or None, ("storage",)))
    for resource, amount in capacity.items():
        errors += _validate_capacity(field.key("spec.capacity", resource), amount)
    policy = spec.get("persistentVolumeReclaimPolicy") or ""
    if policy and policy not in _RECLAIM_POLICIES:
        errors.append(field.not_supported("spec.persistentVolumeReclaimPolicy", policy, _RECLAIM_POLICIES))
    sources = _sources(spec)
    errors += [field.forbidden(f"spec.{name}", "may not specify more than 1 volume type") for name in sources[1:]]
    if not sources:
        errors.append(field.required("spec", "must specify a volume type"))
    if policy == "Recycle" and (spec.get("hostPath") or {}).get("path", "").rstrip("/") == "" and spec.get("hostPath"):
        errors.append(field.forbidden("spec.persistentVolumeReclaimPolicy", "may not be 'recycle' for a hostPath mount of '/'"))
    return errors + validate_class_and_mode(spec)


def _validate_update(volume: Object, old: Object) -> list[FieldError]:
    spec, before = spec_of(volume), spec_of(old)
    errors = _validate(volume)
    if {name: spec[name] for name in _sources(spec)} != {name: before[name] for name in _sources(before)}:
        errors.append(field.forbidden("spec.persistentvolumesource", "spec.persistentvolumesource is immutable after creation"))
    return errors + unchanged("volumeMode", spec.get("volumeMode"), before.get("volumeMode"))


def _prepare_for_create(volume: Object) -> None:
    volume["status"] = {"phase": "Pending", "lastPhaseTransitionTime": meta.now()}


def _keep_status(volume: Object, old: Object) -> None:
    volume["status"] = status_of(old)


def _prepare_status(volume: Object, old: Object) -> None:
    """A phase that changes takes the time along."""
    volume["spec"] = spec_of(old)
    status, before = volume.setdefault("status", {}), status_of(old)
    time, old_time = status.get("lastPhaseTransitionTime"), before.get("lastPhaseTransitionTime")
    if status.get("phase") == before.get("phase"):
        if not time and old_time:
            status["lastPhaseTransitionTime"] = old_time
    elif not time or time == old_time:
        status["lastPhaseTransitionTime"] = meta.now()


def _cells(volume: Object) -> list[Any]:
    spec, status = spec_of(volume), status_of(volume)
    claim = spec.get("claimRef")
    phase = "Terminating" if metadata_of(volume).get("deletionTimestamp") else status.get("phase") or ""
    attributes, mode = spec.get("volumeAttributesClassName"), spec.get("volumeMode")
    return [
        name_of(volume),
        (spec.get("capacity") or {}).get("storage", "0"),
        access_modes(spec.get("accessModes")),
        spec.get("persistentVolumeReclaimPolicy") or "",
        phase,
        f"{claim.get('namespace') or ''}/{claim.get('name') or ''}" if claim else "",
        storage_class(volume),
        UNSET if attributes is None else attributes,
        status.get("reason") or "",
        age_of(volume),
        UNSET if mode is None else mode,
    ]


STRATEGY: Final = Strategy(
    default=decoded(_default),
    prepare_for_create=_prepare_for_create,
    prepare_for_update=_keep_status,
    validate=_validate,
    validate_update=_validate_update,
    subresources={"status": SubresourceStrategy(_prepare_status)},
    cells=_cells,
    has_generation=False,
)
