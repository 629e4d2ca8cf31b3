"""What persistent volumes and claims share.  Upstream: `pkg/apis/core/validation/validation.go`, `pkg/apis/core/v1/helper`."""

from __future__ import annotations

from typing import Final

from cluster.api import field, validation
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.kinds.checks import judged, metadata_of, spec_of

CLASS_ANNOTATION: Final = "volume.beta.kubernetes.io/storage-class"
ACCESS_MODES: Final = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
VOLUME_MODES: Final = ("Block", "Filesystem")


def storage_class(obj: Object) -> str:
    """The class of a volume or a claim; the beta annotation goes first."""
    annotations = metadata_of(obj).get("annotations") or {}
    if CLASS_ANNOTATION in annotations:
        return str(annotations[CLASS_ANNOTATION])
    return spec_of(obj).get("storageClassName") or ""


def validate_modes(spec: Object) -> list[FieldError]:
    """Access modes, but for there being any."""
    path = "spec.accessModes"
    modes = spec.get("accessModes") or []
    errors = [field.not_supported(path, each, ACCESS_MODES) for each in modes if each not in ACCESS_MODES]
    if "ReadWriteOncePod" in modes and any(each in ACCESS_MODES and each != "ReadWriteOncePod" for each in modes):
        errors.append(field.forbidden(path, "may not use ReadWriteOncePod with other access modes"))
    return errors


def validate_class_and_mode(spec: Object) -> list[FieldError]:
    name, mode = spec.get("storageClassName") or "", spec.get("volumeMode")
    errors = judged(validation.is_dns1123_subdomain, "spec.storageClassName", name) if name else []
    if mode is not None and mode not in VOLUME_MODES:
        errors.append(field.not_supported("spec.volumeMode", mode, VOLUME_MODES))
    return errors
