"""Validating admission policies; their expressions are compiled by admission.

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
from cluster.kinds.statuses import keep_status, reset_status, status_subresource


def _default(policy: Object) -> None:
    spec = policy.setdefault("spec", {})
    if spec.get("failurePolicy") is None:
        spec["failurePolicy"] = "Fail"
    if spec.get("matchConstraints") is not None:
        default_matching(spec["matchConstraints"], "resourceRules")
    policy.setdefault("status", {})


def _validate(policy: Object) -> list[FieldError]:
    spec = spec_of(policy)
    errors = validate_policies(spec, "spec")
    constraints, path = spec.get("matchConstraints"), "spec.matchConstraints"
    if constraints is None:
        errors.append(field.required(path))
    else:
        errors += validate_policies(constraints, path) + validate_selectors(constraints, path)
        if not constraints.get("resourceRules"):
            errors.append(field.required(f"{path}.resourceRules"))
        for position, rule in enumerate(constraints.get("resourceRules") or ()):
            errors += validate_rule(rule, field.index(f"{path}.resourceRules", position))
    errors += validate_conditions(spec.get("matchConditions") or [], "spec.matchConditions")
    if not spec.get("validations") and not spec.get("auditAnnotations"):
        message = "validations or auditAnnotations must contain at least one item"
        errors += [field.required(f"spec.{name}", message) for name in ("validations", "auditAnnotations")]
    for position, each in enumerate(spec.get("validations") or ()):
        if not (each.get("expression") or "").strip():
            errors.append(field.required(f"{field.index('spec.validations', position)}.expression", "expression is not specified"))
    return errors


STRATEGY: Final = Strategy(
    default=_default,
    prepare_for_create=reset_status,
    prepare_for_update=keep_status,
    validate=_validate,
    validate_update=lambda policy, old: _validate(policy),
    subresources=status_subresource(),
    cells=name_and(count("spec", "validations"), parameter_kind),
    allow_unconditional_update=False,
)
