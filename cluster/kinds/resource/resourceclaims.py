"""Resource claims.  Upstream: `pkg/registry/resource/resourceclaim/strategy.go`, `pkg/apis/resource/v1/defaults.go`."""

from __future__ import annotations

from typing import Final

from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.kinds.cells import name_and
from cluster.kinds.checks import metadata_of, spec_of, status_of, unchanged, value_of
from cluster.kinds.model import Strategy
from cluster.kinds.statuses import keep_status, reset_status, status_subresource


def default_requests(spec: Object) -> None:
    """A request is for exactly one device unless it says otherwise."""
    for request in value_of(spec, "devices", "requests") or ():
        for each in (request.get("exactly"), *(request.get("firstAvailable") or ())):
            if each is None:
                continue
            each.setdefault("allocationMode", "ExactCount")
            if each["allocationMode"] == "ExactCount" and not each.get("count"):
                each["count"] = 1


def _default(claim: Object) -> None:
    default_requests(claim.setdefault("spec", {}))
    claim.setdefault("status", {})


def _validate_update(claim: Object, old: Object) -> list[FieldError]:
    return unchanged("spec", claim.get("spec"), old.get("spec"))


def _state(claim: Object) -> str:
    deleted = bool(metadata_of(claim).get("deletionTimestamp"))
    states = ["deleted"] if deleted else []
    if status_of(claim).get("allocation") is None:
        states += [] if deleted else ["pending"]
    else:
        states.append("allocated")
        states += ["reserved"] if status_of(claim).get("reservedFor") else []
    return ",".join(states)


STRATEGY: Final = Strategy(
    default=_default,
    prepare_for_create=reset_status,
    prepare_for_update=keep_status,
    validate_update=_validate_update,
    subresources=status_subresource(lambda claim, old: unchanged("spec", spec_of(claim), spec_of(old))),
    cells=name_and(_state),
    has_generation=False,
)
