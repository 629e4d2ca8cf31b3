"""Pod disruption budgets.  Upstream: `pkg/apis/policy/validation/validation.go`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from cluster.api import field, validation
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.kinds.cells import name_and, number
from cluster.kinds.checks import NEGATIVE, judged, nonnegative, spec_of, status_of
from cluster.kinds.model import Strategy
from cluster.kinds.statuses import keep_status, starts_with, status_subresource

_POLICIES: Final = ("AlwaysAllow", "IfHealthyBudget")
_COUNTS: Final = ("disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods")
_NO_STATUS: Final = dict.fromkeys(("disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods"), 0)


def _default(budget: Object) -> None:
    budget.setdefault("spec", {})
    budget["status"] = _NO_STATUS | status_of(budget)


def _amount(path: str, value: Any) -> list[FieldError]:
    """A number that isn't negative, or a percentage of at most 100."""
    if not isinstance(value, str):
        return [field.invalid(path, value, NEGATIVE)] if value < 0 else []
    errors = judged(validation.is_valid_percent, path, value)
    if not errors and int(value.removesuffix("%")) > 100:
        errors.append(field.invalid(path, value, "must not be greater than 100%"))
    return errors


def _shown_spec(spec: Object) -> Object:
    """The spec as upstream's message prints it: its internal type."""
    names = {"MinAvailable": "minAvailable", "Selector": "selector", "MaxUnavailable": "maxUnavailable"}
    shown = {name: spec.get(field_name) for name, field_name in names.items()}
    return shown | {"UnhealthyPodEvictionPolicy": spec.get("unhealthyPodEvictionPolicy")}


def _validate(budget: Object) -> list[FieldError]:
    spec = spec_of(budget)
    errors: list[FieldError] = []
    if spec.get("minAvailable") is not None and spec.get("maxUnavailable") is not None:
        errors.append(field.invalid("spec", _shown_spec(spec), "minAvailable and maxUnavailable cannot be both set"))
    for name in ("minAvailable", "maxUnavailable"):
        if spec.get(name) is not None:
            errors += _amount(f"spec.{name}", spec[name])
    errors += validation.validate_label_selector(spec.get("selector"), "spec.selector")
    policy = spec.get("unhealthyPodEvictionPolicy")
    if policy is not None and policy not in _POLICIES:
        errors.append(field.not_supported("spec.unhealthyPodEvictionPolicy", policy, _POLICIES))
    return errors


def _validate_status(budget: Object, old: Object) -> list[FieldError]:
    return [error for name in _COUNTS for error in nonnegative(f"status.{name}", status_of(budget).get(name))]


def _shown(name: str) -> Callable[[Object], str]:
    return lambda budget: "N/A" if spec_of(budget).get(name) is None else str(spec_of(budget)[name])


STRATEGY: Final = Strategy(
    default=_default,
    prepare_for_create=starts_with(**_NO_STATUS),
    prepare_for_update=keep_status,
    validate=_validate,
    validate_update=lambda budget, old: _validate(budget),
    subresources=status_subresource(_validate_status),
    cells=name_and(_shown("minAvailable"), _shown("maxUnavailable"), number("status", "disruptionsAllowed")),
    allow_unconditional_update=False,
)
