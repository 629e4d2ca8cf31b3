"""Mutating admission policies.

Upstream: `pkg/apis/admissionregistration/validation/validation.go`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from msgspec import Struct

from cluster.api import field
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.cel.types import Type, list_of, object_type
from cluster.kinds.admissionregistration.expressions import Compiler, Known, expressions_of, validate_conditions
from cluster.kinds.admissionregistration.matching import (
    FAILURE_POLICIES,
    default_matching,
    one_of,
    static_warnings,
    validate_match_resources,
    validate_mutable,
)
from cluster.kinds.admissionregistration.parameters import parameter_kind, validate_parameter_kind
from cluster.kinds.cells import count, name_and
from cluster.kinds.checks import spec_of
from cluster.kinds.model import Strategy
from cluster.schema.admission_variables import Uses

_REINVOCATION: Final = ("IfNeeded", "Never")


class _PatchType(Struct, frozen=True):
    """`field` has the expression, which must come to `result`."""

    field: str
    result: Type


_PATCH_TYPES: Final = {
    "ApplyConfiguration": _PatchType("applyConfiguration", object_type("Object", dict)),
    "JSONPatch": _PatchType("jsonPatch", list_of(object_type("JSONPatch", dict))),
}


def _default(policy: Object) -> None:
    spec = policy.setdefault("spec", {})
    if spec.get("failurePolicy") is None:
        spec["failurePolicy"] = "Fail"
    if spec.get("matchConstraints") is not None:
        default_matching(spec["matchConstraints"], "resourceRules")


def _validate(policy: Object, version: str, old: Object | None = None) -> list[FieldError]:
    spec, before = spec_of(policy), {} if old is None else spec_of(old)
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
        errors += validate_mutable(constraints, path)
    conditions, stored = spec.get("matchConditions") or [], before.get("matchConditions") or []
    if old is None or conditions != stored or kind != before.get("paramKind"):
        errors += validate_conditions(conditions, "spec.matchConditions", version, expressions_of(stored), params=kind is not None)
    compiler = Compiler(version, composed=True)
    for position, each in enumerate(spec.get("variables") or ()):
        errors += compiler.declare(each, field.index("spec.variables", position), Uses(kind is not None, True), ())
    if not spec.get("mutations"):
        errors.append(field.required("spec.mutations", "mutations must contain at least one item"))
    known = expressions_of([each["applyConfiguration"] for each in before.get("mutations") or () if each.get("applyConfiguration")])
    for position, each in enumerate(spec.get("mutations") or ()):
        errors += _validate_mutation(each, field.index("spec.mutations", position), compiler, Uses(kind is not None, True, True), known)
    again = spec.get("reinvocationPolicy")
    if not again:
        errors.append(field.required("spec.reinvocationPolicy"))
    elif again not in _REINVOCATION:
        errors.append(field.not_supported("spec.reinvocationPolicy", again, _REINVOCATION))
    return errors


def _validate_mutation(mutation: Object, path: str, compiler: Compiler, uses: Uses, known: Known) -> list[FieldError]:
    """`known`: apply configurations of the policy that is replaced, with which upstream compares JSON patches, too."""
    given = mutation.get("patchType") or ""
    if not given:
        return [field.required(f"{path}.patchType")]
    kind = _PATCH_TYPES.get(given)
    if kind is None:
        return [field.not_supported(f"{path}.patchType", given, sorted(_PATCH_TYPES))]
    place = f"{path}.{kind.field}"
    patch = mutation.get(kind.field)
    errors: list[FieldError] = []
    if patch is None:
        errors.append(field.required(place, f"must be specified when patchType is {given}"))
    else:
        expression = patch.get("expression") or ""
        text = expression.strip()
        if text:
            errors += compiler.check(text, f"{place}.expression", uses, [kind.result], known, key=expression)
        else:
            errors.append(field.required(f"{place}.expression"))
    for other in _PATCH_TYPES.values():
        if other is not kind and mutation.get(other.field) is not None:
            why = f"must not be specified when patchType is {given}"
            errors.append(field.invalid(f"{path}.{other.field}", f"{{{other.field}}}", why))
    return errors


def _strategy(version: str) -> Strategy:
    return Strategy(
        default=_default,
        validate=partial(_validate, version=version),
        validate_update=lambda policy, old: _validate(policy, version, old),
        warnings=static_warnings(version),
        cells=name_and(count("spec", "mutations"), parameter_kind),
        allow_unconditional_update=False,
    )


STRATEGY: Final[Callable[[str], Strategy]] = _strategy
