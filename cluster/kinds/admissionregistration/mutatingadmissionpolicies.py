"""Mutating admission policies; their expressions are compiled by admission.

Upstream: `pkg/apis/admissionregistration/validation/validation.go`.
"""

from __future__ import annotations

from typing import Final

from cluster.api import field
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.kinds.admissionregistration.matching import (
    default_matching,
    parameter_kind,
    validate_conditions,
    validate_policies,
    validate_rule,
    validate_selectors,
)
from cluster.kinds.cells import count, name_and
from cluster.kinds.checks import spec_of
from cluster.kinds.model import Strategy

_REINVOCATION: Final = ("IfNeeded", "Never")


def _default(policy: Object) -> None:
    spec = policy.setdefault("spec", {})
    if spec.get("failurePolicy") is None:
        spec["failurePolicy"] = "Fail"
    if spec.get("matchConstraints") is not None:
        default_matching(spec["matchConstraints"], "resourceRules")


def _validate(policy: Object) -> list[FieldError]:
    spec = spec_of(policy)
    errors = validate_policies(spec, "spec")
    constraints, path = spec.get("matchConstraints"), "spec.matchConstraints"
    if constraints is None:
        errors.append(field.required(path))
    else:
        errors += validate_policies(constraints, path) + validate_selectors(constraints, path)
        for position, rule in enumerate(constraints.get("resourceRules") or ()):
            errors += validate_rule(rule, field.index(f"{path}.resourceRules", position))
    errors += validate_conditions(spec.get("matchConditions") or [], "spec.matchConditions")
    if not spec.get("mutations"):
        errors.append(field.required("spec.mutations", "mutations must contain at least one item"))
    again = spec.get("reinvocationPolicy")
    if not again:
        errors.append(field.required("spec.reinvocationPolicy"))
    elif again not in _REINVOCATION:
        errors.append(field.not_supported("spec.reinvocationPolicy", again, _REINVOCATION))
    return errors


STRATEGY: Final = Strategy(
    default=_default,
    validate=_validate,
    validate_update=lambda policy, old: _validate(policy),
    cells=name_and(count("spec", "mutations"), parameter_kind),
    allow_unconditional_update=False,
)
