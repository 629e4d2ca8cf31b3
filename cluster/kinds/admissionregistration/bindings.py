"""Bindings of admission policies.  Upstream: `pkg/apis/admissionregistration/validation/validation.go`."""

from __future__ import annotations

from typing import Final

from cluster.api import field
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.kinds.admissionregistration.matching import (
    default_matching,
    parameter_reference,
    validate_policies,
    validate_rule,
    validate_selectors,
)
from cluster.kinds.cells import name_and, text
from cluster.kinds.checks import dns1123_subdomain, one_of, spec_of
from cluster.kinds.model import Strategy

_ACTIONS: Final = ("Audit", "Deny", "Warn")


def _default(binding: Object) -> None:
    resources = binding.setdefault("spec", {}).get("matchResources")
    if resources is not None:
        default_matching(resources, "resourceRules")


def _validate(binding: Object) -> list[FieldError]:
    spec = spec_of(binding)
    name = spec.get("policyName") or ""
    errors = dns1123_subdomain("spec.policyName", name) if name else [field.required("spec.policyName")]
    reference, path = spec.get("paramRef"), "spec.paramRef"
    if reference is not None:
        if not reference.get("name") and reference.get("selector") is None:
            errors.append(field.required(path, "one of name or selector must be specified"))
        if reference.get("name") and reference.get("selector") is not None:
            errors.append(field.forbidden(f"{path}.name", "name and selector are mutually exclusive"))
        errors += one_of(f"{path}.parameterNotFoundAction", reference.get("parameterNotFoundAction"), ("Allow", "Deny"))
    resources, path = spec.get("matchResources"), "spec.matchResources"
    if resources is not None:
        errors += validate_policies(resources, path) + validate_selectors(resources, path)
        for position, rule in enumerate(resources.get("resourceRules") or ()):
            errors += validate_rule(rule, field.index(f"{path}.resourceRules", position))
    return errors


def _validate_actions(binding: Object) -> list[FieldError]:
    actions, path = spec_of(binding).get("validationActions") or [], "spec.validationActions"
    errors = [] if actions else [field.required(path, "at least one validation action is required")]
    for position, action in enumerate(actions):
        if action not in _ACTIONS:
            errors.append(field.not_supported(field.index(path, position), action, _ACTIONS))
        if action in actions[:position]:
            errors.append(field.duplicate(field.index(path, position), action))
    if {"Deny", "Warn"} <= set(actions):
        message = (
            "must not contain both Deny and Warn (repeating the same validation failure information in the API response and "
            "headers serves no purpose)"
        )
        errors.append(field.invalid(path, actions, message))
    return errors


def binding_strategy(*, validating: bool) -> Strategy:
    """A binding of a validating policy says what is done where validation fails."""

    def validate(binding: Object) -> list[FieldError]:
        return _validate(binding) + (_validate_actions(binding) if validating else [])

    return Strategy(
        default=_default,
        validate=validate,
        validate_update=lambda binding, old: validate(binding),
        cells=name_and(text("spec", "policyName"), parameter_reference),
        allow_unconditional_update=False,
    )
