"""Resource claim templates.  Upstream: `pkg/registry/resource/resourceclaimtemplate/strategy.go`."""

from __future__ import annotations

from typing import Final

from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.kinds.cells import name_and
from cluster.kinds.checks import unchanged
from cluster.kinds.model import Strategy
from cluster.kinds.resource.resourceclaims import default_requests


def _default(template: Object) -> None:
    spec = template.setdefault("spec", {})
    spec.setdefault("metadata", {})
    default_requests(spec.setdefault("spec", {}))


def _validate_update(template: Object, old: Object) -> list[FieldError]:
    return unchanged("spec", template.get("spec"), old.get("spec"))


STRATEGY: Final = Strategy(default=_default, validate_update=_validate_update, cells=name_and(), has_generation=False)
