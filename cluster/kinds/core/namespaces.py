"""Namespaces.  Upstream: `pkg/registry/core/namespace/strategy.go`."""

from __future__ import annotations

from typing import Final

from cluster.api import field, validation
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.kinds.cells import name_and, text
from cluster.kinds.checks import finalizer_name, metadata_of, spec_of, status_of, text_at
from cluster.kinds.model import Strategy, SubresourceStrategy

NAME_LABEL: Final = "kubernetes.io/metadata.name"
FINALIZER: Final = "kubernetes"


def _label(namespace: Object) -> None:
    """The label that tells a namespace's name can't be changed: it is set again on every write."""
    metadata = namespace.setdefault("metadata", {})
    if metadata.get("name"):
        metadata["labels"] = (metadata.get("labels") or {}) | {NAME_LABEL: metadata["name"]}


def _default(namespace: Object) -> None:
    _label(namespace)
    if not namespace.get("spec"):
        namespace["spec"] = {}
    namespace["status"] = {"phase": "Active"} | {key: value for key, value in status_of(namespace).items() if value}


def _prepare_for_create(namespace: Object) -> None:
    """A generated name is known only now."""
    _label(namespace)
    namespace["status"] = {"phase": "Active"}
    finalizers = spec_of(namespace).get("finalizers") or []
    if FINALIZER not in finalizers:
        finalizers = [*finalizers, FINALIZER]
    namespace["spec"] = spec_of(namespace) | {"finalizers": finalizers}


def _prepare_for_update(namespace: Object, old: Object) -> None:
    spec = {key: value for key, value in spec_of(namespace).items() if key != "finalizers"}
    if "finalizers" in spec_of(old):
        spec["finalizers"] = old["spec"]["finalizers"]
    namespace["spec"] = spec
    _keep_status(namespace, old)


def _validate(namespace: Object) -> list[FieldError]:
    """Upstream names no index of a finalizer here."""
    finalizers = spec_of(namespace).get("finalizers") or ()
    return [error for each in finalizers for error in finalizer_name("spec.finalizers", each)]


def _keep_spec(namespace: Object, old: Object) -> None:
    namespace["spec"] = spec_of(old)


def _keep_status(namespace: Object, old: Object) -> None:
    namespace["status"] = status_of(old)


def _validate_status(namespace: Object, old: Object) -> list[FieldError]:
    phase = status_of(namespace).get("phase", "")
    if not metadata_of(namespace).get("deletionTimestamp"):
        if phase != "Active":
            return [field.invalid("status.Phase", phase, "may only be 'Active' if `deletionTimestamp` is empty")]
    elif phase != "Terminating":
        return [field.invalid("status.Phase", phase, "may only be 'Terminating' if `deletionTimestamp` is not empty")]
    return []


def _validate_finalize(namespace: Object, old: Object) -> list[FieldError]:
    finalizers = spec_of(namespace).get("finalizers") or ()
    return [error for i, each in enumerate(finalizers) for error in finalizer_name(field.index("spec.finalizers", i), each)]


STRATEGY: Final = Strategy(
    default=_default,
    prepare_for_create=_prepare_for_create,
    prepare_for_update=_prepare_for_update,
    validate=_validate,
    validate_update=lambda namespace, old: _validate(namespace),
    validate_name=validation.name_is_dns_label,
    subresources={
        "status": SubresourceStrategy(_keep_spec, _validate_status),
        "finalize": SubresourceStrategy(_keep_status, _validate_finalize),
    },
    selectable_fields={"status.phase": text_at("status", "phase")},
    cells=name_and(text("status", "phase")),
    has_generation=False,
)
