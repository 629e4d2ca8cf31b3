"""Limit ranges.  Upstream: `ValidateLimitRange` in `pkg/apis/core/validation/validation.go`."""

from __future__ import annotations

from typing import Final

from cluster.api import field, quantity, validation
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.kinds.cells import created_at, name_of
from cluster.kinds.checks import judged, spec_of
from cluster.kinds.core.pod_resources import canonical_resource_list, decoded
from cluster.kinds.core.quantities import allows_overcommit, validate_container_resource_name, validate_resource_name
from cluster.kinds.model import Strategy

_TYPES: Final = ("Pod", "Container", "PersistentVolumeClaim")
_AMOUNTS: Final = ("max", "min", "default", "defaultRequest", "maxLimitRequestRatio")
_FOR_POD: Final = "may not be specified when `type` is 'Pod'"
_ORDER: Final = (
    ("min", "max", "min", "min value {0} is greater than max value {1}"),
    ("min", "defaultRequest", "defaultRequest", "min value {0} is greater than default request value {1}"),
    ("defaultRequest", "max", "defaultRequest", "default request value {0} is greater than max value {1}"),
    ("defaultRequest", "default", "defaultRequest", "default request value {0} is greater than default limit value {1}"),
    ("min", "default", "default", "min value {0} is greater than default value {1}"),
    ("default", "max", "default", "default value {0} is greater than max value {1}"),
)
"""(smaller, larger, where the error is shown, message)."""


def _default(limits: Object) -> None:
    """A container's default limit is the maximum, and its default request the limit, else the minimum."""
    spec = limits.setdefault("spec", {})
    for item in spec.get("limits") or ():
        for name in _AMOUNTS:
            canonical_resource_list(item.get(name))
        if item.get("type") != "Container":
            continue
        default = dict(item.get("max") or {}) | (item.get("default") or {})
        request = dict(item.get("min") or {}) | default | (item.get("defaultRequest") or {})
        if default:
            item["default"] = default
        if request:
            item["defaultRequest"] = request


def _validate(limits: Object) -> list[FieldError]:
    errors: list[FieldError] = []
    seen: set[str] = set()
    for position, item in enumerate(spec_of(limits).get("limits") or ()):
        path = field.index("spec.limits", position)
        kind = item.get("type") or ""
        errors += _validate_type(kind, f"{path}.type", seen)
        names: dict[str, None] = {}
        for name in ("max", "min", "default", "defaultRequest"):
            if kind == "Pod" and name.startswith("default"):
                errors += [field.forbidden(f"{path}.{name}", _FOR_POD)] if item.get(name) else []
                continue
            errors += _validate_names(kind, item.get(name) or {}, f"{path}.{name}")
            names |= dict.fromkeys(item.get(name) or ())
        if kind == "PersistentVolumeClaim" and not any("storage" in (item.get(name) or {}) for name in ("min", "max")):
            message = "either minimum or maximum storage value is required, but neither was provided"
            errors.append(field.required(f"{path}.limits", message))
        errors += _validate_names(kind, item.get("maxLimitRequestRatio") or {}, f"{path}.maxLimitRequestRatio")
        names |= dict.fromkeys(item.get("maxLimitRequestRatio") or ())
        for resource in names:
            errors += _validate_amounts(item, resource, path, kind)
    return errors


def _validate_type(kind: str, path: str, seen: set[str]) -> list[FieldError]:
    errors = judged(validation.is_qualified_name, path, kind)
    if not errors and "/" not in kind and kind not in _TYPES:
        errors.append(field.invalid(path, kind, "must be a standard limit type or fully qualified"))
    if kind in seen:
        errors.append(field.duplicate(path, kind))
    seen.add(kind)
    return errors


def _validate_names(kind: str, amounts: Object, path: str) -> list[FieldError]:
    rule = validate_container_resource_name if kind in ("Pod", "Container") else validate_resource_name
    return [error for name in amounts for error in rule(field.key(path, name), name)]


def _validate_amounts(item: Object, resource: str, path: str, kind: str) -> list[FieldError]:
    given = {name: (item.get(name) or {}).get(resource) for name in _AMOUNTS}
    if kind == "Pod":
        given["default"] = given["defaultRequest"] = None
    errors: list[FieldError] = []
    for small, large, shown, message in _ORDER:
        low, high = given[small], given[large]
        if low is not None and high is not None and quantity.compare(low, high) > 0:
            value = given["min"] if shown == "default" and small == "min" else given["max"] if shown == "default" else given[shown]
            errors.append(field.invalid(field.key(f"{path}.{shown}", resource), value, message.format(low, high)))
    errors += _validate_ratio(
        given["maxLimitRequestRatio"], given["min"], given["max"], field.key(f"{path}.maxLimitRequestRatio", resource)
    )
    default, request = given["default"], given["defaultRequest"]
    if not allows_overcommit(resource) and default is not None and request is not None and quantity.compare(default, request):
        message = f"default value {default} must equal to defaultRequest value {request} in {resource}"
        errors.append(field.invalid(field.key(f"{path}.defaultRequest", resource), request, message))
    return errors


def _validate_ratio(ratio: str | None, low: str | None, high: str | None, path: str) -> list[FieldError]:
    if ratio is None:
        return []
    errors = [field.invalid(path, ratio, f"ratio {ratio} is less than 1")] if quantity.compare(ratio, "1") < 0 else []
    if low is None or high is None or not quantity.parse(low).milli_value():
        return errors
    limit = quantity.parse(high).milli_value() / quantity.parse(low).milli_value()
    if quantity.parse(ratio).milli_value() / 1000 > limit:
        errors.append(field.invalid(path, ratio, f"ratio {ratio} is greater than max/min = {limit:f}"))
    return errors


STRATEGY: Final = Strategy(
    default=decoded(_default),
    validate=_validate,
    validate_update=lambda limits, old: _validate(limits),
    cells=lambda limits: [name_of(limits), created_at(limits)],
    allow_create_on_update=True,
    has_generation=False,
)
