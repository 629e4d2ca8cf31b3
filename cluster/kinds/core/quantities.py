"""Resource names and quantities as quotas, limit ranges, nodes and volumes check them.

Upstream: `pkg/apis/core/helper/helpers.go`, `pkg/apis/core/validation/validation.go`.
"""

from __future__ import annotations

from typing import Final

from cluster.api import field, quantity, validation
from cluster.api.field import FieldError
from cluster.api.resource_names import HUGE_PAGES, REQUESTS, is_extended, is_native
from cluster.kinds.checks import NEGATIVE

_COMPUTE: Final = frozenset(f"{prefix}{name}" for prefix in ("", "requests.", "limits.") for name in ("cpu", "memory", "ephemeral-storage"))
_COUNTED: Final = frozenset(
    {
        "pods",
        "resourcequotas",
        "services",
        "replicationcontrollers",
        "secrets",
        "configmaps",
        "persistentvolumeclaims",
        "services.nodeports",
        "services.loadbalancers",
    }
)
STANDARD_QUOTA: Final = _COMPUTE | _COUNTED | {"requests.storage"}
_STANDARD: Final = STANDARD_QUOTA | {"storage"}
_HUGE_PAGES: Final = (HUGE_PAGES, REQUESTS + HUGE_PAGES)


def is_standard_quota_resource(name: str) -> bool:
    return name in STANDARD_QUOTA or name.startswith(_HUGE_PAGES)


def allows_overcommit(name: str) -> bool:
    return is_native(name) and not name.startswith(HUGE_PAGES)


def validate_resource_name(path: str, name: str) -> list[FieldError]:
    errors = [field.invalid(path, name, message) for message in validation.is_qualified_name(name)]
    if not errors and "/" not in name and name not in _STANDARD and not name.startswith(_HUGE_PAGES):
        errors.append(field.invalid(path, name, "must be a standard resource type or fully qualified"))
    return errors


def validate_quota_resource_name(path: str, name: str) -> list[FieldError]:
    errors = validate_resource_name(path, name)
    if "/" not in name and not is_standard_quota_resource(name):
        errors.append(field.invalid(path, name, "must be a standard resource for quota"))
    return errors


def validate_container_resource_name(path: str, name: str) -> list[FieldError]:
    errors = validate_resource_name(path, name)
    if "/" not in name:
        if name not in ("cpu", "memory", "ephemeral-storage") and not name.startswith(HUGE_PAGES):
            errors.append(field.invalid(path, name, "must be a standard resource for containers"))
    elif not is_native(name) and not is_extended(name):
        errors.append(field.invalid(path, name, "doesn't follow extended resource name standard"))
    return errors


def validate_nonnegative(path: str, value: str) -> list[FieldError]:
    return [field.invalid(path, str(value), NEGATIVE)] if quantity.parse(str(value)) < quantity.ZERO else []


def validate_quantity(path: str, resource: str, value: str) -> list[FieldError]:
    """Not negative; whole for what is counted, and for extended resources."""
    errors = validate_nonnegative(path, value)
    if (resource in _COUNTED or is_extended(resource)) and quantity.parse(str(value)).milli_value() % 1000:
        errors.append(field.invalid(path, value, "must be an integer"))
    return errors
