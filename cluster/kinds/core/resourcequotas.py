"""Resource quotas.  Upstream: `ValidateResourceQuota` in `pkg/apis/core/validation/validation.go`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from cluster.api import field, quantity
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.kinds.cells import age_of, name_of
from cluster.kinds.checks import IMMUTABLE, spec_of, status_of
from cluster.kinds.core.pod_resources import canonical_resource_list, decoded
from cluster.kinds.core.quantities import is_standard_quota_resource, validate_quantity, validate_quota_resource_name
from cluster.kinds.model import Strategy, SubresourceStrategy

_POD_COMPUTE: Final = frozenset(f"{prefix}{name}" for prefix in ("", "requests.", "limits.") for name in ("cpu", "memory"))
_POD_SCOPES: Final = ("Terminating", "NotTerminating", "NotBestEffort", "PriorityClass", "CrossNamespacePodAffinity")
_ALLOWED: Final[dict[str, frozenset[str]]] = {
    **{scope: _POD_COMPUTE | {"pods"} for scope in _POD_SCOPES},
    "BestEffort": frozenset({"pods"}),
    "VolumeAttributesClass": frozenset({"persistentvolumeclaims", "requests.storage"}),
}
"""Scope to the standard resources that it may limit."""

_EXIST_ONLY: Final = ("BestEffort", "NotBestEffort", "Terminating", "NotTerminating", "CrossNamespacePodAffinity")
_PAIRS: Final = ({"BestEffort", "NotBestEffort"}, {"Terminating", "NotTerminating"})
_MUST_EXIST: Final = (
    "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, "
    "ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity"
)


def _default(quota: Object) -> None:
    canonical_resource_list(quota.setdefault("spec", {}).get("hard"))
    for name in ("hard", "used"):
        canonical_resource_list(quota.setdefault("status", {}).get(name))


def _validate_amounts(amounts: Object, path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    for resource, amount in amounts.items():
        place = field.key(path, resource)
        errors += validate_quota_resource_name(place, resource) + validate_quantity(place, resource, amount)
    return errors


def _validate_scopes(spec: Object) -> list[FieldError]:
    scopes, path = spec.get("scopes") or [], "spec.scopes"
    errors: list[FieldError] = []
    for scope in scopes:
        if scope not in _ALLOWED:
            errors.append(field.invalid(path, scopes, "unsupported scope"))
        errors += [field.invalid(path, scopes, "unsupported scope applied to resource") for _ in _misapplied(scope, spec)]
    return errors + _conflicts(set(scopes), path, scopes)


def _misapplied(scope: str, spec: Object) -> Iterable[str]:
    """The resources of the quota that a scope can't limit."""
    allowed = _ALLOWED.get(scope)
    hard = sorted(spec.get("hard") or ())
    return [each for each in hard if allowed is not None and is_standard_quota_resource(each) and each not in allowed]


def _conflicts(scopes: set[str], path: str, shown: list[str]) -> list[FieldError]:
    return [field.invalid(path, shown, "conflicting scopes") for pair in _PAIRS if pair <= scopes]


def _validate_selector(spec: Object) -> list[FieldError]:
    selector = spec.get("scopeSelector")
    if selector is None:
        return []
    path = "spec.scopeSelector.matchExpressions"
    errors: list[FieldError] = []
    for expression in selector.get("matchExpressions") or ():
        scope, operator, values = expression.get("scopeName") or "", expression.get("operator") or "", expression.get("values") or []
        if scope not in _ALLOWED:
            errors.append(field.invalid(f"{path}.scopeName", scope, "unsupported scope"))
        errors += [field.invalid(path, selector, "unsupported scope applied to resource") for _ in _misapplied(scope, spec)]
        if scope in _EXIST_ONLY and operator != "Exists":
            errors.append(field.invalid(f"{path}.operator", operator, _MUST_EXIST))
        errors += _validate_values(operator, values, path)
    scopes = {each.get("scopeName") or "" for each in selector.get("matchExpressions") or ()}
    return errors + _conflicts(scopes, path, spec.get("scopes") or [])


def _validate_values(operator: str, values: list[str], path: str) -> list[FieldError]:
    if operator in ("In", "NotIn"):
        message = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"
        return [] if values else [field.required(f"{path}.values", message)]
    if operator in ("Exists", "DoesNotExist"):
        message = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector"
        return [field.invalid(f"{path}.values", values, message)] if values else []
    return [field.invalid(f"{path}.operator", operator, "not a valid selector operator")]


def _validate(quota: Object) -> list[FieldError]:
    spec = spec_of(quota)
    return _validate_amounts(spec.get("hard") or {}, "spec.hard") + _validate_scopes(spec) + _validate_selector(spec)


def _validate_update(quota: Object, old: Object) -> list[FieldError]:
    scopes = spec_of(quota).get("scopes") or []
    same = set(scopes) == set(spec_of(old).get("scopes") or ())
    return _validate(quota) + ([] if same else [field.invalid("spec.scopes", scopes, IMMUTABLE)])


def _validate_status(quota: Object, old: Object) -> list[FieldError]:
    status = status_of(quota)
    return [error for name in ("hard", "used") for error in _validate_amounts(status.get(name) or {}, f"status.{name}")]


def _prepare_for_create(quota: Object) -> None:
    quota["status"] = {}


def _keep_status(quota: Object, old: Object) -> None:
    quota["status"] = status_of(old)


def _keep_spec(quota: Object, old: Object) -> None:
    quota["spec"] = spec_of(old)


def _warnings(quota: Object, old: Object | None) -> list[str]:
    hard = spec_of(quota).get("hard") or {}
    found = []
    for name in ("cpu", "memory", "ephemeral-storage") if old is None else ():
        request_name = f"requests.{name}"
        if request_name not in hard and name != "ephemeral-storage":
            request_name = name
        request, limit = hard.get(request_name), hard.get(f"limits.{name}")
        if request is not None and limit is not None and quantity.compare(request, limit) > 0:
            found.append(f"ResourceQuota {request_name} ({request}) should be less than limits.{name} ({limit})")
    return found


def _cells(quota: Object) -> list[Any]:
    hard, used = status_of(quota).get("hard") or {}, status_of(quota).get("used") or {}
    shown: tuple[list[str], list[str]] = ([], [])
    for resource in sorted(hard):
        shown[resource.startswith("limits.")].append(f"{resource}: {used.get(resource, 0)}/{hard[resource]}")
    return [name_of(quota), ", ".join(shown[0]), ", ".join(shown[1]), age_of(quota)]


STRATEGY: Final = Strategy(
    default=decoded(_default),
    prepare_for_create=_prepare_for_create,
    prepare_for_update=_keep_status,
    validate=_validate,
    validate_update=_validate_update,
    warnings=_warnings,
    subresources={"status": SubresourceStrategy(_keep_spec, _validate_status)},
    cells=_cells,
    has_generation=False,
)
