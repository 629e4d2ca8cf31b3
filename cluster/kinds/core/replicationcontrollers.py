"""Replication controllers.  Upstream: `pkg/registry/core/replicationcontroller/strategy.go`."""

from __future__ import annotations

from typing import Any, Final

from cluster.api import field
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.kinds.cells import age_of, container_names, format_labels, name_of
from cluster.kinds.checks import metadata_of, nonnegative, spec_of, status_of, value_of
from cluster.kinds.core import pod_validation
from cluster.kinds.core.pod_defaults import default_template
from cluster.kinds.core.pod_resources import decoded
from cluster.kinds.model import Strategy, SubresourceStrategy

_COUNTS: Final = ("replicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas", "observedGeneration")


def _default(controller: Object) -> None:
    """Selector and labels are the template's, unless they are given."""
    spec = controller.setdefault("spec", {})
    template = spec.get("template")
    if template is not None:
        template.setdefault("spec", {})
        default_template(template)
        labels = metadata_of(template).get("labels")
        if labels and not spec.get("selector"):
            spec["selector"] = dict(labels)
        metadata = controller.setdefault("metadata", {})
        if labels and not metadata.get("labels"):
            metadata["labels"] = dict(labels)
    if spec.get("replicas") is None:
        spec["replicas"] = 1
    controller["status"] = {"replicas": 0} | status_of(controller)


def _prepare_for_create(controller: Object) -> None:
    controller["status"] = {"replicas": 0}


def _keep_status(controller: Object, old: Object) -> None:
    controller["status"] = status_of(old)


def _keep_spec(controller: Object, old: Object) -> None:
    controller["spec"] = spec_of(old)


def _validate(controller: Object) -> list[FieldError]:
    spec = spec_of(controller)
    errors = nonnegative("spec.minReadySeconds", spec.get("minReadySeconds"))
    selector, template = spec.get("selector") or {}, spec.get("template")
    if not selector:
        errors.append(field.required("spec.selector"))
    errors += nonnegative("spec.replicas", spec.get("replicas"))
    path = "spec.template"
    if template is None:
        return [*errors, field.required(path)]
    labels = metadata_of(template).get("labels") or {}
    if not selector.items() <= labels.items():
        errors.append(field.invalid(f"{path}.metadata.labels", labels or None, "`selector` does not match template `labels`"))
    errors += pod_validation.template(template, path)
    policy = value_of(template, "spec", "restartPolicy")
    if policy != "Always":
        errors.append(field.not_supported(f"{path}.spec.restartPolicy", policy or "", ("Always",)))
    if value_of(template, "spec", "activeDeadlineSeconds") is not None:
        message = "activeDeadlineSeconds in ReplicationController is not Supported"
        errors.append(field.forbidden(f"{path}.spec.activeDeadlineSeconds", message))
    return errors


def _validate_status(controller: Object, old: Object) -> list[FieldError]:
    status = status_of(controller)
    counts = {name: status.get(name) or 0 for name in _COUNTS}
    errors = [error for name in _COUNTS for error in nonnegative(f"status.{name}", counts[name])]
    above = [name for name in _COUNTS[1:4] if counts[name] > counts["replicas"]]
    errors += [field.invalid(f"status.{name}", counts[name], "cannot be greater than status.replicas") for name in above]
    if counts["availableReplicas"] > counts["readyReplicas"]:
        errors.append(field.invalid("status.availableReplicas", counts["availableReplicas"], "cannot be greater than readyReplicas"))
    return errors


def _cells(controller: Object) -> list[Any]:
    spec, status = spec_of(controller), status_of(controller)
    names, images = container_names(value_of(spec, "template", "spec") or {})
    counts = [spec.get("replicas") or 0, status.get("replicas") or 0, status.get("readyReplicas") or 0]
    return [name_of(controller), *counts, age_of(controller), names, images, format_labels(spec.get("selector"))]


STRATEGY: Final = Strategy(
    default=decoded(_default),
    prepare_for_create=_prepare_for_create,
    prepare_for_update=_keep_status,
    validate=_validate,
    validate_update=lambda controller, old: _validate(controller),
    subresources={"status": SubresourceStrategy(_keep_spec, _validate_status)},
    selectable_fields={"status.replicas": lambda controller: str(status_of(controller).get("replicas") or 0)},
    cells=_cells,
)
