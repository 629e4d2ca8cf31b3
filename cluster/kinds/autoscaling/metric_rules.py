"""Metrics and scaling rules of autoscalers: what may be, and how they are shown.

Upstream: `pkg/apis/autoscaling/validation/validation.go`, `formatHPAMetrics` in `pkg/printers/internalversion/printers.go`.
"""

from __future__ import annotations

from typing import Final

from cluster.api import field
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.kinds.checks import dns1123_label, value_of
from cluster.kinds.core.quantities import validate_nonnegative
from cluster.kinds.printing import NONE, UNKNOWN

_SOURCES: Final = {
    "ContainerResource": "containerResource",
    "External": "external",
    "Object": "object",
    "Pods": "pods",
    "Resource": "resource",
}
_TARGETS: Final = ("AverageValue", "Utilization", "Value")
_SELECT_POLICIES: Final = ("Disabled", "Max", "Min")
_POLICIES: Final = ("Percent", "Pods")
_MAX_WINDOW: Final = 3600
_MAX_PERIOD: Final = 1800
_SHOWN: Final = 2


def validate_metrics(metrics: list[Object], path: str, least: int | None) -> list[FieldError]:
    """`least` is the smallest number of replicas; only what is measured outside the pods can bring them back from none."""
    errors = [error for i, metric in enumerate(metrics) for error in _validate_metric(metric, field.index(path, i))]
    if least == 0 and not any(metric.get("type") in ("Object", "External") for metric in metrics):
        errors.append(field.forbidden(path, "must specify at least one Object or External metric to support scaling to zero replicas"))
    return errors


def _validate_metric(metric: Object, path: str) -> list[FieldError]:
    kind = metric.get("type") or ""
    errors: list[FieldError] = []
    if not kind:
        errors.append(field.required(f"{path}.type", "must specify a metric source type"))
    if kind not in _SOURCES:
        unknown = field.not_supported(f"{path}.type", kind, tuple(_SOURCES))
        return [*errors, unknown, unknown]
    expected = _SOURCES[kind]
    given = [name for name in ("object", "external", "pods", "resource", "containerResource") if metric.get(name) is not None]
    if given:
        errors += _validate_source(given[0], metric[given[0]], f"{path}.{given[0]}")
    if expected not in given:
        errors.append(field.required(f"{path}.{expected}", "must populate information for the given metric source"))
    others = [name for name in given if name != expected]
    return errors + [field.forbidden(f"{path}.{name}", "must populate the given metric source only") for name in others]


def _validate_source(name: str, source: Object, path: str) -> list[FieldError]:
    target = source.get("target") or {}
    errors: list[FieldError] = []
    if name in ("resource", "containerResource"):
        if not source.get("name"):
            errors.append(field.required(f"{path}.name", "must specify a resource name"))
        if name == "containerResource":
            container = source.get("container") or ""
            place = f"{path}.container"
            errors += dns1123_label(place, container) if container else [field.required(place, "must specify a container")]
    elif not value_of(source, "metric", "name"):
        errors.append(field.required(f"{path}.metric.name", "must specify a metric name"))
    return errors + _validate_target(target, f"{path}.target") + _validate_values(name, target, f"{path}.target")


def _validate_target(target: Object, path: str) -> list[FieldError]:
    kind = target.get("type") or ""
    errors: list[FieldError] = []
    if not kind:
        errors.append(field.required(f"{path}.type", "must specify a metric target type"))
    if kind not in _TARGETS:
        errors.append(field.invalid(f"{path}.type", kind, "must be either Utilization, Value, or AverageValue"))
    for name in ("value", "averageValue"):
        amount = target.get(name)
        if amount is not None and (validate_nonnegative(path, amount) or str(amount) == "0"):
            errors.append(field.invalid(f"{path}.{name}", amount, "must be positive"))
    utilization = target.get("averageUtilization")
    if utilization is not None and utilization < 1:
        errors.append(field.invalid(f"{path}.averageUtilization", utilization, "must be greater than 0"))
    return errors


def _validate_values(name: str, target: Object, path: str) -> list[FieldError]:
    """Which of the values a kind of metric needs, and which exclude each other."""
    average, value, utilization = (target.get(each) for each in ("averageValue", "value", "averageUtilization"))
    if name == "pods":
        return [] if average is not None else [field.required(f"{path}.averageValue", "must specify a positive target averageValue")]
    if name in ("object", "external"):
        if value is None and average is None:
            words = "value or averageValue" if name == "object" else "value for metric or a per-pod target"
            return [field.required(f"{path}.averageValue", f"must set either a target {words}")]
        if name == "external" and value is not None and average is not None:
            return [field.forbidden(f"{path}.value", "may not set both a target value for metric and a per-pod target")]
        return []
    if utilization is None and average is None:
        return [field.required(f"{path}.averageUtilization", "must set either a target raw value or a target utilization")]
    if utilization is not None and average is not None:
        return [field.forbidden(f"{path}.averageValue", "may not set both a target raw value and a target utilization")]
    return []


def validate_scaling_rules(rules: Object, path: str) -> list[FieldError]:
    window, select, policies = rules.get("stabilizationWindowSeconds"), rules.get("selectPolicy"), rules.get("policies") or []
    errors: list[FieldError] = []
    if window is not None and window < 0:
        errors.append(field.invalid(f"{path}.stabilizationWindowSeconds", window, "must be greater than or equal to zero"))
    if window is not None and window > _MAX_WINDOW:
        errors.append(field.invalid(f"{path}.stabilizationWindowSeconds", window, f"must be less than or equal to {_MAX_WINDOW}"))
    if select is not None and select not in _SELECT_POLICIES:
        errors.append(field.not_supported(f"{path}.selectPolicy", select, _SELECT_POLICIES))
    if not policies:
        errors.append(field.required(f"{path}.policies", "must specify at least one Policy"))
    for position, policy in enumerate(policies):
        errors += _validate_policy(policy, field.index(f"{path}.policies", position))
    return errors


def _validate_policy(policy: Object, path: str) -> list[FieldError]:
    kind, value, period = policy.get("type") or "", policy.get("value") or 0, policy.get("periodSeconds") or 0
    errors = [] if kind in _POLICIES else [field.not_supported(f"{path}.type", kind, _POLICIES)]
    if value <= 0:
        errors.append(field.invalid(f"{path}.value", value, "must be greater than zero"))
    if period <= 0:
        errors.append(field.invalid(f"{path}.periodSeconds", period, "must be greater than zero"))
    if period > _MAX_PERIOD:
        errors.append(field.invalid(f"{path}.periodSeconds", period, f"must be less than or equal to {_MAX_PERIOD}"))
    return errors


def format_metrics(metrics: list[Object], statuses: list[Object]) -> str:
    """The cell Targets: current over wanted, of at most two metrics."""
    if not metrics:
        return NONE
    shown = [_format(metric, statuses[i] if i < len(statuses) else {}) for i, metric in enumerate(metrics)]
    text = ", ".join(shown[:_SHOWN])
    return f"{text} + {len(shown) - _SHOWN} more..." if len(shown) > _SHOWN else text


def _format(metric: Object, status: Object) -> str:
    source = _SOURCES.get(metric.get("type") or "")
    if source is None:
        return "<unknown type>"
    wanted = value_of(metric, source, "target") or {}
    current = value_of(status, source, "current") or {}
    if source == "pods":
        return f"{current.get('averageValue') or UNKNOWN}/{wanted.get('averageValue')}"
    average = wanted.get("averageValue")
    if source in ("external", "object"):
        if average is not None:
            return f"{current.get('averageValue') or UNKNOWN}/{average} (avg)"
        return f"{current.get('value') or UNKNOWN}/{wanted.get('value')}"
    name = value_of(metric, source, "name")
    if average is not None:
        return f"{name}: {current.get('averageValue') or UNKNOWN}/{average}"
    now, aim = (each.get("averageUtilization") for each in (current, wanted))
    return f"{name}: {UNKNOWN if now is None else f'{now}%'}/{'<auto>' if aim is None else f'{aim}%'}"
