"""Priority classes.  Upstream: `ValidatePriorityClass` in `pkg/apis/scheduling/validation/validation.go`."""

from __future__ import annotations

from typing import Any, Final

from cluster.api import field
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.kinds.cells import age_of, name_of
from cluster.kinds.checks import unchanged
from cluster.kinds.model import Strategy

SYSTEM_PREFIX: Final = "system-"
HIGHEST_USER_PRIORITY: Final = 1_000_000_000
SYSTEM_CLASSES: Final = {"system-node-critical": 2_000_001_000, "system-cluster-critical": 2_000_000_000}
_POLICIES: Final = ("PreemptLowerPriority", "Never")


def _default(priority: Object) -> None:
    priority.setdefault("value", 0)
    if priority.get("preemptionPolicy") is None:
        priority["preemptionPolicy"] = "PreemptLowerPriority"


def _system_fault(name: str, priority: Object) -> str:
    if name not in SYSTEM_CLASSES:
        return f"{name} is not a known system priority class"
    if priority.get("value") != SYSTEM_CLASSES[name]:
        return f"value of {name} PriorityClass must be {SYSTEM_CLASSES[name]}"
    return f"globalDefault of {name} PriorityClass must be false" if priority.get("globalDefault") else ""


def _validate(priority: Object) -> list[FieldError]:
    name, value, policy = name_of(priority), priority.get("value") or 0, priority.get("preemptionPolicy")
    errors: list[FieldError] = []
    if name.startswith(SYSTEM_PREFIX):
        fault = _system_fault(name, priority)
        if fault:
            message = f"priority class names with '{SYSTEM_PREFIX}' prefix are reserved for system use only. error: {fault}"
            errors.append(field.forbidden("metadata.name", message))
    elif value > HIGHEST_USER_PRIORITY:
        errors.append(field.forbidden("value", f"maximum allowed value of a user defined priority is {HIGHEST_USER_PRIORITY}"))
    if policy == "":
        errors.append(field.required("preemptionPolicy"))
    elif policy is not None and policy not in _POLICIES:
        errors.append(field.not_supported("preemptionPolicy", policy, _POLICIES))
    return errors


def _validate_update(priority: Object, old: Object) -> list[FieldError]:
    same = (priority.get("value") or 0) == (old.get("value") or 0)
    errors = [] if same else [field.forbidden("value", "may not be changed in an update.")]
    return errors + unchanged("preemptionPolicy", priority.get("preemptionPolicy"), old.get("preemptionPolicy"))


def _cells(priority: Object) -> list[Any]:
    facts = [priority.get("value") or 0, bool(priority.get("globalDefault")), age_of(priority)]
    return [name_of(priority), *facts, priority.get("preemptionPolicy") or ""]


STRATEGY: Final = Strategy(default=_default, validate=_validate, validate_update=_validate_update, cells=_cells)
