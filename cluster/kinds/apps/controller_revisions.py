"""Controller revisions.  Upstream: `pkg/registry/apps/controllerrevision/strategy.go`, `pkg/apis/apps/validation`."""

from __future__ import annotations

from typing import Any, Final

from cluster.api import field
from cluster.api.field import FieldError
from cluster.api.names import Object, parse_api_version
from cluster.kinds.core.pod_rules import immutable, non_negative
from cluster.kinds.model import Strategy
from cluster.kinds.printing import NONE, age


def _default(revision: Object) -> None:
    if revision.get("revision") is None:
        revision["revision"] = 0


def _validate(revision: Object) -> list[FieldError]:
    errors = non_negative(revision.get("revision"), "revision")
    data = revision.get("data")
    if data is None:
        errors.append(field.required("data", "data is mandatory"))
    elif not isinstance(data, dict):
        errors.append(field.required("data", "data must be a valid JSON object"))
    return errors


def _validate_update(revision: Object, old: Object) -> list[FieldError]:
    errors = non_negative(revision.get("revision"), "revision")
    return errors + immutable(revision.get("data"), old.get("data"), "data")


def _cells(revision: Object) -> list[Any]:
    """Name, controller, revision, age."""
    metadata = revision.get("metadata") or {}
    owner = next((each for each in metadata.get("ownerReferences") or () if each.get("controller")), None)
    controller = NONE
    if owner is not None:
        group, kind = parse_api_version(owner.get("apiVersion", "")).group, owner.get("kind", "").lower()
        controller = f"{kind}.{group}/{owner.get('name')}" if group else f"{kind}/{owner.get('name')}"
    return [metadata.get("name", ""), controller, revision.get("revision") or 0, age(metadata.get("creationTimestamp"))]


STRATEGY: Final = Strategy(
    default=_default,
    validate=_validate,
    validate_update=_validate_update,
    has_generation=False,
    cells=_cells,
)
