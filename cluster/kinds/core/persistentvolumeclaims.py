"""Persistent volume claims.  Upstream: `ValidatePersistentVolumeClaim` in `pkg/apis/core/validation/validation.go`."""

from __future__ import annotations

import difflib
import json
from typing import Any, Final

from cluster.api import field, quantity, validation
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.kinds.cells import access_modes, age_of, name_of
from cluster.kinds.checks import dns1123_label, dns1123_subdomain, metadata_of, spec_of, status_of, unchanged, value_of
from cluster.kinds.core.pod_resources import canonical_resource_list, decoded
from cluster.kinds.core.volumes import CLASS_ANNOTATION, storage_class, validate_class_and_mode, validate_modes
from cluster.kinds.model import Strategy, SubresourceStrategy
from cluster.kinds.printing import UNSET

_FIXED: Final = "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"


def _default(claim: Object) -> None:
    spec = claim.setdefault("spec", {})
    resources = spec.setdefault("resources", {})
    for amounts in (resources.get("requests"), resources.get("limits"), status_of(claim).get("capacity")):
        canonical_resource_list(amounts)
    for name in ("dataSource", "dataSourceRef"):
        if spec.get(name):
            spec[name].setdefault("apiGroup", None)
    if spec.get("volumeMode") is None:
        spec["volumeMode"] = "Filesystem"
    status = claim.setdefault("status", {})
    if not status.get("phase"):
        status["phase"] = "Pending"


def _normalize_sources(claim: Object) -> None:
    """`dataSource` and `dataSourceRef` follow each other."""
    spec = claim["spec"]
    source, reference = spec.get("dataSource"), spec.get("dataSourceRef")
    if source and not reference:
        spec["dataSourceRef"] = dict(source)
    elif reference and not source and not reference.get("namespace"):
        spec["dataSource"] = {key: value for key, value in reference.items() if key != "namespace"}


def _prepare_for_create(claim: Object) -> None:
    claim["status"] = {"phase": "Pending"}
    _normalize_sources(claim)


def _prepare_for_update(claim: Object, old: Object) -> None:
    claim["status"] = status_of(old)
    _normalize_sources(claim)


def _keep_spec(claim: Object, old: Object) -> None:
    claim["spec"] = spec_of(old)


def _validate(claim: Object) -> list[FieldError]:
    spec = spec_of(claim)
    errors = [] if spec.get("accessModes") else [field.required("spec.accessModes", "at least 1 access mode is required")]
    errors += validation.validate_label_selector(spec.get("selector"), "spec.selector")
    errors += validate_modes(spec)
    path = "spec.resources[storage]"
    amount = value_of(spec, "resources", "requests", "storage")
    if amount is None:
        errors.append(field.required(path))
    elif quantity.compare(amount, "0") <= 0:
        errors.append(field.invalid(path, str(amount), "must be greater than zero"))
    errors += validate_class_and_mode(spec)
    for name in ("dataSource", "dataSourceRef"):
        if spec.get(name):
            errors += _validate_source(spec[name], f"spec.{name}")
    return errors


def _validate_source(source: Object, path: str) -> list[FieldError]:
    errors = [field.required(f"{path}.{name}") for name in ("name", "kind") if not source.get(name)]
    group, kind, namespace = source.get("apiGroup") or "", source.get("kind") or "", source.get("namespace") or ""
    if not group and kind != "PersistentVolumeClaim":
        errors.append(field.invalid(path, kind, "must be 'PersistentVolumeClaim' when referencing the default apiGroup"))
    if group:
        errors += dns1123_subdomain(f"{path}.apiGroup", group)
    return errors + (dns1123_label(f"{path}.namespace", namespace) if namespace else [])


def _comparable(spec: Object, bound: bool) -> Object:
    """What of a claim's spec may not change."""
    kept = {name: value for name, value in spec.items() if name not in ("volumeName", "storageClassName")}
    if bound:
        kept.pop("volumeAttributesClassName", None)
        resources = dict(kept.get("resources") or {})
        resources["requests"] = {key: value for key, value in (resources.get("requests") or {}).items() if key != "storage"}
        kept["resources"] = resources
    return kept


def _validate_update(claim: Object, old: Object) -> list[FieldError]:
    spec, before = spec_of(claim), spec_of(old)
    errors = _validate(claim)
    annotation = (metadata_of(claim).get("annotations") or {}).get(CLASS_ANNOTATION)
    old_annotation = (metadata_of(old).get("annotations") or {}).get(CLASS_ANNOTATION)
    name, old_name = spec.get("storageClassName"), before.get("storageClassName")
    upgraded = name is not None and old_name is None and (old_annotation is None or name == old_annotation)
    if not (upgraded and old_annotation is not None and annotation in (None, old_annotation)):
        errors += unchanged(f"metadata.annotations.{CLASS_ANNOTATION}", annotation or "", old_annotation or "")
    bound = status_of(claim).get("phase") == "Bound"
    changed = _comparable(spec, bound) != _comparable(before, bound)
    changed = changed or (bool(before.get("volumeName")) and spec.get("volumeName") != before["volumeName"])
    if changed or (name != old_name and not upgraded):
        errors.append(field.forbidden("spec", f"{_FIXED}\n{_difference(before, spec)}"))
    errors += _validate_size(claim, old)
    return errors + unchanged("volumeMode", spec.get("volumeMode"), before.get("volumeMode"))


def _difference(before: Object, spec: Object) -> str:
    """What changed, as upstream's message prints it: a unified difference of the internal type."""
    texts = [json.dumps(_internal(each), indent=1, ensure_ascii=False).splitlines() for each in (before, spec)]
    lines = list(difflib.unified_diff(texts[0], texts[1], n=3, lineterm=""))
    return "".join(f"{line}\n" for line in lines[2:])


def _internal(spec: Object) -> Object:
    resources = spec.get("resources") or {}
    amounts = {name.capitalize(): dict(sorted(resources[name].items())) if resources.get(name) else None for name in ("limits", "requests")}
    return {
        "AccessModes": spec.get("accessModes"),
        "Selector": spec.get("selector"),
        "Resources": amounts,
        "VolumeName": spec.get("volumeName") or "",
        "StorageClassName": spec.get("storageClassName"),
        "VolumeMode": spec.get("volumeMode"),
        **{name[0].upper() + name[1:]: _internal_source(spec.get(name), name) for name in ("dataSource", "dataSourceRef")},
        "VolumeAttributesClassName": spec.get("volumeAttributesClassName"),
    }


def _internal_source(source: Object | None, name: str) -> Object | None:
    if source is None:
        return None
    shown = {"APIGroup": source.get("apiGroup"), "Kind": source.get("kind") or "", "Name": source.get("name") or ""}
    return shown if name == "dataSource" else {**shown, "Namespace": source.get("namespace")}


def _validate_size(claim: Object, old: Object) -> list[FieldError]:
    """A claim shrinks only to what its volume has, so that a failed expansion can be undone."""
    size, old_size = (value_of(each, "spec", "resources", "requests", "storage") for each in (claim, old))
    capacity = value_of(old, "status", "capacity", "storage") or "0"
    if size is None or old_size is None or quantity.compare(size, old_size) >= 0 or quantity.compare(size, capacity) > 0:
        return []
    return [field.forbidden("spec.resources.requests.storage", "field can not be less than status.capacity")]


def _cells(claim: Object) -> list[Any]:
    spec, status = spec_of(claim), status_of(claim)
    phase = "Terminating" if metadata_of(claim).get("deletionTimestamp") else status.get("phase") or ""
    volume = spec.get("volumeName") or ""
    attributes, mode = spec.get("volumeAttributesClassName"), spec.get("volumeMode")
    return [
        name_of(claim),
        phase,
        volume,
        (status.get("capacity") or {}).get("storage", "0") if volume else "",
        access_modes(status.get("accessModes")) if volume else "",
        storage_class(claim),
        UNSET if attributes is None else attributes,
        age_of(claim),
        UNSET if mode is None else mode,
    ]


STRATEGY: Final = Strategy(
    default=decoded(_default),
    prepare_for_create=_prepare_for_create,
    prepare_for_update=_prepare_for_update,
    validate=_validate,
    validate_update=_validate_update,
    subresources={"status": SubresourceStrategy(_keep_spec)},
    cells=_cells,
    has_generation=False,
)
