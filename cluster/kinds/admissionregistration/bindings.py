"""Bindings of admission policies.

Upstream: `pkg/apis/admissionregistration/validation/validation.go`, `pkg/registry/admissionregistration/*binding`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from cluster.api import field
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.kinds.admissionregistration.matching import default_matching, static_warnings, validate_match_resources, validate_mutable
from cluster.kinds.admissionregistration.parameters import parameter_reference, validate_parameter_reference
from cluster.kinds.cells import name_and, text
from cluster.kinds.checks import dns1123_subdomain, spec_of
from cluster.kinds.model import Strategy

_ACTIONS: Final = ("Audit", "Deny", "Warn")


def _default(binding: Object) -> None:
    resources = binding.setdefault("spec", {}).get("matchResources")
    if resources is not None:
        default_matching(resources, "resourceRules")


def _validate(spec: Object) -> list[FieldError]:
    name, reference, resources = spec.get("policyName") or "", spec.get("paramRef"), spec.get("matchResources")
    errors = dns1123_subdomain("spec.policyName", name) if name else [field.required("spec.policyName")]
    if reference is not None:
        errors += validate_parameter_reference(reference, "spec.paramRef")
    if resources is not None:
        errors += validate_match_resources(resources, "spec.matchResources")
    return errors


def _validate_actions(spec: Object) -> list[FieldError]:
    actions, path = spec.get("validationActions") or [], "spec.validationActions"
    errors: list[FieldError] = []
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
    if not actions:
        errors.append(field.required(path, "at least one validation action is required"))
    return errors


def validate_validating(binding: Object) -> list[FieldError]:
    """It says what is done where validation fails."""
    spec = spec_of(binding)
    return _validate(spec) + _validate_actions(spec)


def validate_mutating(binding: Object) -> list[FieldError]:
    spec = spec_of(binding)
    return _validate(spec) + validate_mutable(spec.get("matchResources") or {}, "spec.matchResources")


def binding_strategy(validate: Callable[[Object], list[FieldError]], version: str) -> Strategy:
    return Strategy(
        default=_default,
        validate=validate,
        validate_update=lambda binding, old: validate(binding),
        warnings=static_warnings(version),
        cells=name_and(text("spec", "policyName"), parameter_reference),
        allow_unconditional_update=False,
    )
