"""Claims that pods and stateful sets are to be given: the rules for their specs, at any path.

Upstream: `ValidatePersistentVolumeClaimSpec` of `pkg/apis/core/validation/validation.go`.
"""

from __future__ import annotations

from typing import Final

from cluster.api import field, quantity, validation
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.kinds.core.pod_rules import dns_label, dns_subdomain

_MODES: Final = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
_VOLUME_MODES: Final = ("Block", "Filesystem")
_OWN_METADATA: Final = ("name", "generateName", "namespace", "finalizers", "ownerReferences")


def claim_template(template: Object, path: str) -> list[FieldError]:
    """An ephemeral volume's template: of its metadata labels and annotations alone count."""
    metadata, where = template.get("metadata") or {}, f"{path}.metadata"
    errors = validation.validate_annotations(metadata.get("annotations"), f"{where}.annotations")
    errors += validation.validate_labels(metadata.get("labels"), f"{where}.labels")
    errors += [field.forbidden(f"{where}.{name}", "cannot be set") for name in _OWN_METADATA if metadata.get(name)]
    return errors + claim_spec(template.get("spec") or {}, f"{path}.spec")


def claim_spec(spec: Object, path: str) -> list[FieldError]:
    """The spec of a claim that is to be made."""
    errors = _access_modes(spec, f"{path}.accessModes")
    where, storage = f"{path}.resources[storage]", ((spec.get("resources") or {}).get("requests") or {}).get("storage")
    if storage is None:
        errors.append(field.required(where))
    elif quantity.compare(storage, 0) <= 0:
        errors.append(field.invalid(where, storage, "must be greater than zero"))
    for name in ("storageClassName", "volumeAttributesClassName"):
        if spec.get(name):
            errors += dns_subdomain(spec[name], f"{path}.{name}")
    if spec.get("volumeMode") not in (None, *_VOLUME_MODES):
        errors.append(field.not_supported(f"{path}.volumeMode", spec["volumeMode"], _VOLUME_MODES))
    for name in ("dataSource", "dataSourceRef"):
        if spec.get(name) is not None:
            errors += _source(spec[name], f"{path}.{name}")
    return errors


def _access_modes(spec: Object, path: str) -> list[FieldError]:
    modes = spec.get("accessModes") or []
    errors = [] if modes else [field.required(path, "at least 1 access mode is required")]
    if spec.get("selector") is not None:
        errors += validation.validate_label_selector(spec["selector"], path.removesuffix("accessModes") + "selector")
    errors += [field.not_supported(path, mode, _MODES) for mode in modes if mode not in _MODES]
    if "ReadWriteOncePod" in modes and {*modes} & {*_MODES[:3]}:
        errors.append(field.forbidden(path, "may not use ReadWriteOncePod with other access modes"))
    return errors


def _source(source: Object, path: str) -> list[FieldError]:
    kind, group = source.get("kind") or "", source.get("apiGroup") or ""
    errors = [field.required(f"{path}.{name}") for name in ("name", "kind") if not source.get(name)]
    if group:
        errors += dns_subdomain(group, f"{path}.apiGroup")
    elif kind != "PersistentVolumeClaim":
        errors.append(field.invalid(path, kind, "must be 'PersistentVolumeClaim' when referencing the default apiGroup"))
    return errors + (dns_label(source["namespace"], f"{path}.namespace") if source.get("namespace") else [])
