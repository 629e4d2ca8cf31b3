"""Pod templates.  Upstream: `pkg/registry/core/podtemplate/strategy.go`."""

from __future__ import annotations

from typing import Any, Final

from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.kinds.apps.workload_printing import container_cells, labels_cell
from cluster.kinds.core import pod_validation
from cluster.kinds.core.pod_defaults import default_template
from cluster.kinds.core.pod_resources import decoded
from cluster.kinds.core.pod_warnings import template_warnings
from cluster.kinds.model import Strategy


def _default(pod_template: Object) -> None:
    if pod_template.get("template") is None:
        pod_template["template"] = {}
    default_template(pod_template["template"])


def _validate(pod_template: Object) -> list[FieldError]:
    return pod_validation.template(pod_template.get("template") or {}, "template")


def _validate_update(pod_template: Object, old: Object) -> list[FieldError]:  # the old one doesn't matter
    return _validate(pod_template)


def _warnings(pod_template: Object, old: Object | None) -> list[str]:
    return template_warnings("template", pod_template.get("template") or {}) if old is None else []


def _cells(pod_template: Object) -> list[Any]:
    """Name, containers, images, pod labels."""
    template = pod_template.get("template") or {}
    labels = (template.get("metadata") or {}).get("labels")
    return [(pod_template.get("metadata") or {}).get("name", ""), *container_cells(template), labels_cell(labels)]


STRATEGY: Final = Strategy(
    default=decoded(_default),
    validate=_validate,
    validate_update=_validate_update,
    warnings=_warnings,
    cells=_cells,
)
