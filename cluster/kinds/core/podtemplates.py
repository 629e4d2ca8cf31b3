"""Pod templates.  Upstream: `pkg/registry/core/podtemplate/strategy.go`."""

from __future__ import annotations

from typing import Any, Final

from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.kinds.cells import container_names, format_labels, name_of
from cluster.kinds.checks import value_of
from cluster.kinds.core import pod_validation
from cluster.kinds.core.pod_defaults import default_template
from cluster.kinds.core.pod_resources import decoded
from cluster.kinds.model import Strategy


def _default(template: Object) -> None:
    inner = template.setdefault("template", {})
    inner.setdefault("metadata", {})
    inner.setdefault("spec", {})
    default_template(inner)


def _validate(template: Object) -> list[FieldError]:
    return pod_validation.template(template.get("template") or {}, "template")


def _cells(template: Object) -> list[Any]:
    names, images = container_names(value_of(template, "template", "spec") or {})
    return [name_of(template), names, images, format_labels(value_of(template, "template", "metadata", "labels"))]


STRATEGY: Final = Strategy(
    default=decoded(_default),
    validate=_validate,
    validate_update=lambda template, old: _validate(template),
    cells=_cells,
)
