"""Volume attachments.  Upstream: `ValidateVolumeAttachment` in `pkg/apis/storage/validation/validation.go`."""

from __future__ import annotations

from typing import Final

from cluster.api import field
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.kinds.cells import flag, name_and, text
from cluster.kinds.checks import dns1123_subdomain, spec_of, status_of, unchanged
from cluster.kinds.model import Strategy
from cluster.kinds.statuses import keep_status, starts_with, status_subresource

_ONE_SOURCE: Final = "must specify exactly one of inlineVolumeSpec and persistentVolumeName"


def _default(attachment: Object) -> None:
    attachment.setdefault("spec", {}).setdefault("source", {})
    attachment["status"] = {"attached": False} | status_of(attachment)


def _validate(attachment: Object) -> list[FieldError]:
    spec = spec_of(attachment)
    errors = [] if spec.get("attacher") else [field.required("spec.attacher")]
    source, path = spec.get("source") or {}, "spec.source"
    inline, name = source.get("inlineVolumeSpec"), source.get("persistentVolumeName")
    if inline is None and name is None:
        errors.append(field.required(path, _ONE_SOURCE))
    elif inline is not None and name is not None:
        errors.append(field.forbidden(path, _ONE_SOURCE))
    elif name == "":
        errors.append(field.required(f"{path}.persistentVolumeName", "must specify non empty persistentVolumeName"))
    errors += dns1123_subdomain("spec.nodeName", spec.get("nodeName") or "")
    return errors + (dns1123_subdomain("spec.source.persistentVolumeName", name) if name else [])


def _validate_update(attachment: Object, old: Object) -> list[FieldError]:
    return _validate(attachment) + unchanged("spec", _shown(spec_of(attachment)), _shown(spec_of(old)))


def _shown(spec: Object) -> Object:
    """The spec as upstream's message prints it: its internal type."""
    source = spec.get("source") or {}
    sources = {"PersistentVolumeName": source.get("persistentVolumeName"), "InlineVolumeSpec": source.get("inlineVolumeSpec")}
    return {"Attacher": spec.get("attacher") or "", "Source": sources, "NodeName": spec.get("nodeName") or ""}


STRATEGY: Final = Strategy(
    default=_default,
    prepare_for_create=starts_with(attached=False),
    prepare_for_update=keep_status,
    validate=_validate,
    validate_update=_validate_update,
    subresources=status_subresource(),
    cells=name_and(
        text("spec", "attacher"),
        text("spec", "source", "persistentVolumeName"),
        text("spec", "nodeName"),
        flag("status", "attached"),
    ),
    allow_unconditional_update=False,
    has_generation=False,
)
