"""Validating admission policies.

Upstream: `pkg/apis/admissionregistration/validation/validation.go`, `pkg/registry/admissionregistration/validatingadmissionpolicy`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Final

from msgspec import Struct

from cluster.api import field
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.cel import types
from cluster.kinds.admissionregistration.expressions import Compiler, Known, expressions_of, validate_conditions
from cluster.kinds.admissionregistration.matching import (
    FAILURE_POLICIES,
    default_matching,
    one_of,
    static_warnings,
    validate_match_resources,
)
from cluster.kinds.admissionregistration.parameters import parameter_kind, validate_parameter_kind
from cluster.kinds.admissionregistration.statuses import validate_status
from cluster.kinds.cells import count, name_and
from cluster.kinds.checks import metadata_of, qualified_name, spec_of
from cluster.kinds.model import Strategy
from cluster.kinds.statuses import keep_status, reset_status, status_subresource
from cluster.schema.admission_variables import Uses

_MAX_ANNOTATIONS: Final = 20
_MAX_ANNOTATION_EXPRESSION: Final = 5 * 1024
_REASONS: Final = ("Forbidden", "Invalid", "RequestEntityTooLarge")
_ONE_AT_LEAST: Final = "validations or auditAnnotations must contain at least one item"
_LINE_BREAK: Final = re.compile(r"[\n\r]")


class _Stored(Struct, frozen=True):
    """Expressions of the policy that is replaced; new ones at the same places are judged more leniently."""

    conditions: Known = frozenset()
    validations: Known = frozenset()
    messages: Known = frozenset()
    annotations: Known = frozenset()

    @classmethod
    def of(cls, spec: Object) -> _Stored:
        validations = spec.get("validations")
        return cls(
            expressions_of(spec.get("matchConditions")),
            expressions_of(validations),
            expressions_of(validations, "messageExpression"),
            expressions_of(spec.get("auditAnnotations"), "valueExpression"),
        )


_NOTHING_STORED: Final = _Stored()


def _default(policy: Object) -> None:
    spec = policy.setdefault("spec", {})
    if spec.get("failurePolicy") is None:
        spec["failurePolicy"] = "Fail"
    if spec.get("matchConstraints") is not None:
        default_matching(spec["matchConstraints"], "resourceRules")
    policy.setdefault("status", {})


def _validate(policy: Object, version: str, stored: _Stored = _NOTHING_STORED, *, same_conditions: bool = False) -> list[FieldError]:
    spec = spec_of(policy)
    errors = one_of(spec, "failurePolicy", FAILURE_POLICIES, "spec")
    kind = spec.get("paramKind")
    if kind is not None:
        errors += validate_parameter_kind(kind, "spec.paramKind")
    constraints, path = spec.get("matchConstraints"), "spec.matchConstraints"
    if constraints is None:
        errors.append(field.required(path))
    else:
        errors += validate_match_resources(constraints, path)
        if not constraints.get("resourceRules"):
            errors.append(field.required(f"{path}.resourceRules"))
    if not same_conditions:
        conditions = spec.get("matchConditions") or []
        errors += validate_conditions(conditions, "spec.matchConditions", version, stored.conditions, params=kind is not None)
    return errors + _validate_expressions(spec, metadata_of(policy).get("name") or "", version, stored)


def _validate_expressions(spec: Object, name: str, version: str, stored: _Stored) -> list[FieldError]:
    params = spec.get("paramKind") is not None
    variables, validations, annotations = (spec.get(each) or [] for each in ("variables", "validations", "auditAnnotations"))
    compiler = Compiler(version, composed=bool(variables))
    errors: list[FieldError] = []
    for position, each in enumerate(variables):
        errors += compiler.declare(each, field.index("spec.variables", position), Uses(params, True), stored.validations)
    if not validations and not annotations:
        return errors + [field.required(f"spec.{each}", _ONE_AT_LEAST) for each in ("validations", "auditAnnotations")]
    for position, each in enumerate(validations):
        errors += _validate_validation(each, field.index("spec.validations", position), compiler, params, stored)
    if len(annotations) > _MAX_ANNOTATIONS:
        shown = [{"Key": each.get("key") or "", "ValueExpression": each.get("valueExpression") or ""} for each in annotations]
        errors.append(field.invalid("spec.auditAnnotations", shown, f"must not have more than {_MAX_ANNOTATIONS} auditAnnotations"))
    keys: set[str] = set()
    for position, each in enumerate(annotations):
        place = field.index("spec.auditAnnotations", position)
        errors += _validate_annotation(each, place, name, compiler, params, stored)
        if each.get("key") in keys:
            errors.append(field.duplicate(f"{place}.key", each.get("key")))
        keys.add(each.get("key") or "")
    return errors


def _validate_validation(each: Object, path: str, compiler: Compiler, params: bool, stored: _Stored) -> list[FieldError]:
    expression, message, made = (each.get(name) or "" for name in ("expression", "message", "messageExpression"))
    errors: list[FieldError] = []
    if expression.strip():
        errors += compiler.check(expression, f"{path}.expression", Uses(params, True), [types.BOOL], stored.validations)
    else:
        errors.append(field.required(f"{path}.expression", "expression is not specified"))
    if made and not made.strip():
        errors.append(field.invalid(f"{path}.messageExpression", made, "must be non-empty if specified"))
    elif made:
        errors += compiler.check(made, f"{path}.messageExpression", Uses(params), [types.STRING], stored.messages)
    if message and not message.strip():
        errors.append(field.invalid(f"{path}.message", message, "must be non-empty if specified"))
    elif _LINE_BREAK.search(message.strip()):
        errors.append(field.invalid(f"{path}.message", message, "must not contain line breaks"))
    reason = each.get("reason")
    if reason is not None and reason not in _REASONS:
        errors.append(field.not_supported(f"{path}.reason", reason, _REASONS))
    return errors


def _validate_annotation(each: Object, path: str, policy: str, compiler: Compiler, params: bool, stored: _Stored) -> list[FieldError]:
    key, given = each.get("key") or "", each.get("valueExpression") or ""
    place, text = f"{path}.valueExpression", given.strip()
    if policy:
        errors = qualified_name(f"{path}.key", f"{policy}/{key}")
    else:
        errors = [field.invalid(f"{path}.key", key, "requires metadata.name be non-empty")]
    if not text:
        return [*errors, field.required(place, "valueExpression is not specified")]
    if len(text.encode()) > _MAX_ANNOTATION_EXPRESSION:
        return [*errors, field.required(place, f"must not exceed {_MAX_ANNOTATION_EXPRESSION} bytes in length")]
    expected = [types.STRING, types.NULL]
    return errors + compiler.check(text, place, Uses(params, True), expected, stored.annotations, key=given, shown=given)


def _validate_update(policy: Object, old: Object, version: str) -> list[FieldError]:
    """Match conditions are looked at where they, or the kind of their parameters, have changed."""
    spec, before = spec_of(policy), spec_of(old)
    same = spec.get("paramKind") == before.get("paramKind") and (spec.get("matchConditions") or []) == (before.get("matchConditions") or [])
    return _validate(policy, version, _Stored.of(before), same_conditions=same)


def _strategy(version: str) -> Strategy:
    return Strategy(
        default=_default,
        prepare_for_create=reset_status,
        prepare_for_update=keep_status,
        validate=partial(_validate, version=version),
        validate_update=partial(_validate_update, version=version),
        warnings=static_warnings(version),
        subresources=status_subresource(validate_status),
        cells=name_and(count("spec", "validations"), parameter_kind),
        allow_unconditional_update=False,
    )


STRATEGY: Final[Callable[[str], Strategy]] = _strategy
