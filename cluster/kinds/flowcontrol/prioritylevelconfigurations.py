"""Priority levels.  Upstream: `pkg/apis/flowcontrol/v1/defaults.go`, `pkg/apis/flowcontrol/validation`."""

from __future__ import annotations

from typing import Any, Final

from cluster.api import field
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.kinds.cells import age_of, name_of
from cluster.kinds.checks import spec_of, value_of
from cluster.kinds.model import Strategy
from cluster.kinds.printing import NONE
from cluster.kinds.statuses import keep_status, reset_status, status_subresource

_TYPES: Final = ("Exempt", "Limited")
_QUEUING: Final = {"queues": 64, "handSize": 8, "queueLengthLimit": 50}
_SHARES: Final = 30
_OLD_VERSIONS: Final = ("/v1beta1", "/v1beta2")
_OLD_SHARES: Final = "assuredConcurrencyShares"


def _default(level: Object) -> None:
    """The v1beta1 and v1beta2 versions call the shares assured, not nominal."""
    spec = level.setdefault("spec", {})
    for name, shares in (("exempt", 0), ("limited", _SHARES)):
        part = spec.get(name)
        if part is None:
            continue
        named = _OLD_SHARES if name == "limited" and level.get("apiVersion", "").endswith(_OLD_VERSIONS) else "nominalConcurrencyShares"
        if part.get(named) is None:
            part[named] = shares
        if part.get("lendablePercent") is None:
            part["lendablePercent"] = 0
    queuing = value_of(spec, "limited", "limitResponse", "queuing")
    if queuing is not None:
        for name, value in _QUEUING.items():
            queuing[name] = queuing.get(name) or value
    level.setdefault("status", {})


def _validate(level: Object) -> list[FieldError]:
    spec = spec_of(level)
    kind = spec.get("type") or ""
    if kind not in _TYPES:
        return [field.not_supported("spec.type", kind, _TYPES)]
    if kind == "Exempt" and spec.get("limited") is not None:
        return [field.forbidden("spec.limited", "must be nil if the type is not Limited")]
    if kind == "Limited" and spec.get("exempt") is not None:
        return [field.forbidden("spec.exempt", "must be nil if the type is Limited")]
    if kind == "Limited" and spec.get("limited") is None:
        return [field.required("spec.limited", "must not be empty when type is Limited")]
    return []


def _cells(level: Object) -> list[Any]:
    limited = spec_of(level).get("limited")
    shown: list[Any] = [NONE] * 4
    if limited is not None:
        shown[0] = limited.get("nominalConcurrencyShares", limited.get(_OLD_SHARES))
        queuing = value_of(limited, "limitResponse", "queuing")
        if queuing is not None:
            shown[1:] = [queuing.get(name) or 0 for name in _QUEUING]
    return [name_of(level), spec_of(level).get("type") or "", *shown, age_of(level)]


STRATEGY: Final = Strategy(
    default=_default,
    prepare_for_create=reset_status,
    prepare_for_update=keep_status,
    validate=_validate,
    validate_update=lambda level, old: _validate(level),
    subresources=status_subresource(),
    cells=_cells,
)
