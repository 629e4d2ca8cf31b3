"""Resource claims.  Upstream: `pkg/registry/resource/resourceclaim/strategy.go`, `pkg/apis/resource/v1/defaults.go`."""

from __future__ import annotations

from typing import Final

from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.kinds.cells import name_and
from cluster.kinds.checks import metadata_of, spec_of, status_of, unchanged, value_of
from cluster.kinds.model import Strategy, SubresourceStrategy
from cluster.kinds.resource.claim_authorization import authorize_status, device_key
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


def _prepare_status(claim: Object, old: Object) -> None:
    """The status alone may change; what is told of devices goes with their allocation."""
    _STATUS.prepare_for_update(claim, old)
    status = status_of(claim)
    gone = _allocated(old) - _allocated(claim)
    kept = [each for each in status.get("devices") or () if device_key(each) not in gone]
    status.pop("devices", None)
    if kept:
        status["devices"] = kept


def _allocated(claim: Object) -> set[tuple[str, ...]]:
    return {device_key(each) for each in value_of(status_of(claim), "allocation", "devices", "results") or ()}


_STATUS: Final = status_subresource(lambda claim, old: unchanged("spec", spec_of(claim), spec_of(old)))["status"]
STRATEGY: Final = Strategy(
    default=_default,
    prepare_for_create=reset_status,
    prepare_for_update=keep_status,
    validate_update=_validate_update,
    subresources={"status": SubresourceStrategy(_prepare_status, _STATUS.validate_update, authorize_status)},
    cells=name_and(_state),
    has_generation=False,
)
