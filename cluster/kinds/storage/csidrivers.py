"""CSI drivers.  Upstream: `pkg/apis/storage/v1/defaults.go`, `ValidateCSIDriver` in `pkg/apis/storage/validation`."""

from __future__ import annotations

from typing import Any, Final

from cluster.api import field
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.kinds.cells import age_of, name_of
from cluster.kinds.checks import spec_of, unchanged
from cluster.kinds.model import Strategy
from cluster.kinds.printing import NONE, UNSET

_DEFAULTS: Final = {
    "attachRequired": True,
    "podInfoOnMount": False,
    "storageCapacity": False,
    "fsGroupPolicy": "ReadWriteOnceWithFSType",
    "requiresRepublish": False,
    "seLinuxMount": False,
}
_GROUP_POLICIES: Final = ("File", "None", "ReadWriteOnceWithFSType")
_MODES: Final = ("Persistent", "Ephemeral")


def _default(driver: Object) -> None:
    spec = driver.setdefault("spec", {})
    for name, value in _DEFAULTS.items():
        if spec.get(name) is None:
            spec[name] = value
    if not spec.get("volumeLifecycleModes"):
        spec["volumeLifecycleModes"] = ["Persistent"]


def _validate(driver: Object) -> list[FieldError]:
    spec = spec_of(driver)
    errors: list[FieldError] = []
    policy, period = spec.get("fsGroupPolicy"), spec.get("nodeAllocatableUpdatePeriodSeconds")
    if policy is not None and policy not in _GROUP_POLICIES:
        errors.append(field.not_supported("spec.fsGroupPolicy", policy, _GROUP_POLICIES))
    unknown = [mode for mode in spec.get("volumeLifecycleModes") or () if mode not in _MODES]
    errors += [field.not_supported("spec.volumeLifecycleModes", mode, _MODES) for mode in unknown]
    if period is not None and period < 10:
        message = "must be greater than or equal to 10 seconds"
        errors.append(field.invalid("spec.nodeAllocatableUpdatePeriodSeconds", period, message))
    return errors


def _validate_update(driver: Object, old: Object) -> list[FieldError]:
    spec, before = spec_of(driver), spec_of(old)
    errors = _validate(driver) + unchanged("spec.attachedRequired", spec.get("attachRequired"), before.get("attachRequired"))
    return errors + unchanged("spec.volumeLifecycleModes", spec.get("volumeLifecycleModes"), before.get("volumeLifecycleModes"))


def _cells(driver: Object) -> list[Any]:
    spec = spec_of(driver)
    requests = spec.get("tokenRequests")
    attach = spec.get("attachRequired")
    return [
        name_of(driver),
        True if attach is None else attach,
        bool(spec.get("podInfoOnMount")),
        bool(spec.get("storageCapacity")),
        UNSET if requests is None else ",".join(each.get("audience") or "" for each in requests),
        bool(spec.get("requiresRepublish")),
        ",".join(spec.get("volumeLifecycleModes") or ()) or NONE,
        age_of(driver),
    ]


STRATEGY: Final = Strategy(
    default=_default,
    validate=_validate,
    validate_update=_validate_update,
    cells=_cells,
    allow_unconditional_update=False,
    has_generation=False,
)
