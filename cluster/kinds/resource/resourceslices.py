"""Resource slices.  Upstream: `pkg/registry/resource/resourceslice/strategy.go`."""

from __future__ import annotations

from typing import Final

from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.kinds.cells import name_and, text
from cluster.kinds.checks import text_at, unchanged, value_of
from cluster.kinds.model import Strategy


def _validate_update(resources: Object, old: Object) -> list[FieldError]:
    """A slice stays with its node, driver and pool."""
    errors: list[FieldError] = []
    for path in (("spec", "driver"), ("spec", "pool", "name"), ("spec", "nodeName")):
        errors += unchanged(".".join(path), value_of(resources, *path), value_of(old, *path))
    return errors


STRATEGY: Final = Strategy(
    validate_update=_validate_update,
    selectable_fields={"spec.nodeName": text_at("spec", "nodeName"), "spec.driver": text_at("spec", "driver")},
    cells=name_and(text("spec", "nodeName"), text("spec", "driver"), text("spec", "pool", "name")),
)
