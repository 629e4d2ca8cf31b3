"""Certificate signing requests: strategy, status and approval.

Upstream: `pkg/registry/certificates/certificates/strategy.go`, printers.  The rules are in `csr_validation`.
"""

from __future__ import annotations

from typing import Any, Final

from cluster.api import meta, validation
from cluster.api.names import Object
from cluster.api.user import UserInfo
from cluster.kinds.cells import age_of, name_of
from cluster.kinds.certificates import csr_validation
from cluster.kinds.checks import spec_of, status_of, text_at
from cluster.kinds.model import Strategy, SubresourceStrategy
from cluster.kinds.printing import NONE, human_duration

_REQUESTER: Final = ("username", "uid", "groups", "extra")


def _default(request: Object) -> None:
    request.setdefault("spec", {})
    request.setdefault("status", {})


def _prepare_for_create(request: Object) -> None:
    """Nobody says who asks but the server, and nobody creates an approved request."""
    request["spec"] = {key: value for key, value in spec_of(request).items() if key not in _REQUESTER}
    request["status"] = {}


def _prepare_with_user(request: Object, user: UserInfo) -> None:
    spec = request["spec"]
    if user.name:
        spec["username"] = user.name
    if user.uid:
        spec["uid"] = user.uid
    if user.groups:
        spec["groups"] = list(user.groups)
    if user.extra:
        spec["extra"] = {key: list(values) for key, values in user.extra.items()}


def _prepare_for_update(request: Object, old: Object) -> None:
    request["spec"] = spec_of(old)
    request["status"] = status_of(old)


def _prepare_status(request: Object, old: Object) -> None:
    """Everything but the approval may change."""
    request["spec"] = spec_of(old)
    conditions = list(status_of(request).get("conditions") or ())
    for kind in csr_validation.APPROVAL:
        places = [i for i, each in enumerate(conditions) if each.get("type") == kind]
        before = [each for each in status_of(old).get("conditions") or () if each.get("type") == kind]
        if len(places) == len(before):
            for place, condition in zip(places, before, strict=True):
                conditions[place] = condition
    _stamp(request, conditions, old)


def _prepare_approval(request: Object, old: Object) -> None:
    """Nothing but the conditions may change."""
    conditions = list(status_of(request).get("conditions") or ())
    request["spec"] = spec_of(old)
    request["status"] = dict(status_of(old))
    _stamp(request, conditions, old)


def _stamp(request: Object, conditions: list[Object], old: Object) -> None:
    """Sets the times of conditions that have none; a transition keeps its time while the status stays."""
    before = {
        (each.get("type"), each.get("status")): each["lastTransitionTime"]
        for each in reversed(status_of(old).get("conditions") or [])
        if each.get("lastTransitionTime")
    }
    now = meta.now()
    stamped = []
    for condition in conditions:
        times = {
            "lastUpdateTime": condition.get("lastUpdateTime") or now,
            "lastTransitionTime": condition.get("lastTransitionTime") or before.get((condition.get("type"), condition.get("status")), now),
        }
        stamped.append(condition | times)
    status = {key: value for key, value in status_of(request).items() if key != "conditions" and value != ""}
    if stamped:
        status["conditions"] = stamped
    request["status"] = status


def _condition(request: Object) -> str:
    types = {each.get("type") for each in status_of(request).get("conditions") or ()}
    shown = "Denied" if "Denied" in types else "Approved" if "Approved" in types else "Pending"
    if "Failed" in types:
        shown += ",Failed"
    return f"{shown},Issued" if status_of(request).get("certificate") else shown


def _cells(request: Object) -> list[Any]:
    spec = spec_of(request)
    seconds = spec.get("expirationSeconds")
    duration = NONE if seconds is None else human_duration(seconds)
    signer = spec.get("signerName") or NONE
    return [name_of(request), age_of(request), signer, spec.get("username") or "", duration, _condition(request)]


STRATEGY: Final = Strategy(
    default=_default,
    prepare_for_create=_prepare_for_create,
    prepare_with_user=_prepare_with_user,
    prepare_for_update=_prepare_for_update,
    validate=csr_validation.validate,
    validate_update=csr_validation.validate_update,
    validate_name=validation.path_segment_name,
    subresources={
        "status": SubresourceStrategy(_prepare_status, csr_validation.validate_status),
        "approval": SubresourceStrategy(_prepare_approval, csr_validation.validate_approval),
    },
    selectable_fields={"spec.signerName": text_at("spec", "signerName")},
    cells=_cells,
    has_generation=False,
)
