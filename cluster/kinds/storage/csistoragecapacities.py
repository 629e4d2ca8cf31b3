"""CSI storage capacities.  Upstream: `ValidateCSIStorageCapacity` in `pkg/apis/storage/validation/validation.go`."""

from __future__ import annotations

from typing import Final

from cluster.api import quantity, validation
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.kinds.cells import created_at, name_of
from cluster.kinds.checks import dns1123_subdomain, unchanged
from cluster.kinds.core.pod_resources import decoded
from cluster.kinds.core.quantities import validate_nonnegative
from cluster.kinds.model import Strategy


def _default(capacity: Object) -> None:
    for name in ("capacity", "maximumVolumeSize"):
        if capacity.get(name) is not None:
            capacity[name] = quantity.canonical(capacity[name])


def _validate(capacity: Object) -> list[FieldError]:
    errors = validation.validate_label_selector(capacity.get("nodeTopology"), "nodeTopology")
    errors += dns1123_subdomain("storageClassName", capacity.get("storageClassName") or "")
    for name in ("capacity", "maximumVolumeSize"):
        if capacity.get(name) is not None:
            errors += validate_nonnegative(name, capacity[name])
    return errors


def _validate_update(capacity: Object, old: Object) -> list[FieldError]:
    errors = _validate(capacity) + unchanged("nodeTopology", capacity.get("nodeTopology"), old.get("nodeTopology"))
    return errors + unchanged("storageClassName", capacity.get("storageClassName"), old.get("storageClassName"))


STRATEGY: Final = Strategy(
    default=decoded(_default),
    validate=_validate,
    validate_update=_validate_update,
    cells=lambda capacity: [name_of(capacity), created_at(capacity)],
    allow_unconditional_update=False,
    has_generation=False,
)
