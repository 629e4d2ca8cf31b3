"""Horizontal pod autoscalers, in both versions.

The rules are written for autoscaling/v2; an object of v1 (the one with `targetCPUUtilizationPercentage`, or without metrics) is
converted for them.  Upstream: `pkg/apis/autoscaling/{v1,v2}/defaults.go`, `pkg/apis/autoscaling/validation/validation.go`.
"""

from __future__ import annotations

from typing import Any, Final

from cluster.api import field, validation
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.kinds.autoscaling.conversion import DEFAULT_CPU_UTILIZATION, cpu_metric, from_v1
from cluster.kinds.autoscaling.metric_rules import format_metrics, validate_metrics, validate_scaling_rules
from cluster.kinds.cells import age_of, name_of
from cluster.kinds.checks import nonnegative, spec_of, status_of
from cluster.kinds.model import Strategy
from cluster.kinds.printing import UNSET
from cluster.kinds.statuses import keep_status, status_subresource

_PERIOD: Final = 15
_SCALE_UP: Final[Object] = {
    "stabilizationWindowSeconds": 0,
    "selectPolicy": "Max",
    "policies": [
        {"type": "Pods", "value": 4, "periodSeconds": _PERIOD},
        {"type": "Percent", "value": 100, "periodSeconds": _PERIOD},
    ],
}
_SCALE_DOWN: Final[Object] = {"selectPolicy": "Max", "policies": [{"type": "Percent", "value": 100, "periodSeconds": _PERIOD}]}


def _is_v1(autoscaler: Object) -> bool:
    if "apiVersion" in autoscaler:
        return bool(autoscaler["apiVersion"] == "autoscaling/v1")
    return "metrics" not in spec_of(autoscaler)


def _as_v2(autoscaler: Object) -> Object:
    if not _is_v1(autoscaler):
        return autoscaler
    converted = dict(autoscaler)
    from_v1(converted)
    return converted


def _initial_status(autoscaler: Object) -> Object:
    """What a status shows even when it is empty."""
    return {"desiredReplicas": 0} | ({"currentReplicas": 0} if _is_v1(autoscaler) else {"currentMetrics": None})


def _prepare_for_create(autoscaler: Object) -> None:
    autoscaler["status"] = _initial_status(autoscaler)


def _default(autoscaler: Object) -> None:
    spec = autoscaler.setdefault("spec", {})
    if spec.get("minReplicas") is None:
        spec["minReplicas"] = 1
    autoscaler["status"] = _initial_status(autoscaler) | status_of(autoscaler)
    if _is_v1(autoscaler):
        if spec.get("targetCPUUtilizationPercentage") is None and not _carries_metrics(autoscaler):
            spec["targetCPUUtilizationPercentage"] = DEFAULT_CPU_UTILIZATION
        return
    if not spec.get("metrics"):
        spec["metrics"] = [cpu_metric(DEFAULT_CPU_UTILIZATION)]
    behavior = spec.get("behavior")
    if behavior is not None:
        for name, rules in (("scaleUp", _SCALE_UP), ("scaleDown", _SCALE_DOWN)):
            given = {key: value for key, value in (behavior.get(name) or {}).items() if value is not None}
            behavior[name] = {**rules, "policies": [dict(each) for each in rules["policies"]], **given}


def _carries_metrics(autoscaler: Object) -> bool:
    annotations = (autoscaler.get("metadata") or {}).get("annotations") or {}
    return "autoscaling.alpha.kubernetes.io/metrics" in annotations


def _validate(autoscaler: Object) -> list[FieldError]:
    spec = spec_of(_as_v2(autoscaler))
    least, most = spec.get("minReplicas"), spec.get("maxReplicas") or 0
    errors: list[FieldError] = []
    if least is not None and least < 1:
        errors.append(field.invalid("spec.minReplicas", least, "must be greater than or equal to 1"))
    if not most:
        errors.append(field.required("spec.maxReplicas", "must be set and greater than 0"))
    elif most < 0:
        errors.append(field.invalid("spec.maxReplicas", most, "must be greater than or equal to 1"))
    if least is not None and most < least:
        errors.append(field.invalid("spec.maxReplicas", most, "must be greater than or equal to `minReplicas`"))
    errors += _validate_target(spec.get("scaleTargetRef") or {}, "spec.scaleTargetRef")
    errors += validate_metrics(spec.get("metrics") or [], "spec.metrics", least)
    for name in ("scaleUp", "scaleDown"):
        rules = (spec.get("behavior") or {}).get(name)
        if rules is not None:
            errors += validate_scaling_rules(rules, f"spec.behavior.{name}")
    return errors


def _validate_target(reference: Object, path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    for name in ("kind", "name"):
        value = reference.get(name) or ""
        if not value:
            errors.append(field.required(f"{path}.{name}"))
        errors += [field.invalid(f"{path}.{name}", value, message) for message in validation.path_segment_name(value, False)]
    version = reference.get("apiVersion") or ""
    if version.count("/") > 1:
        errors.append(field.invalid(f"{path}.apiVersion", version, f"unexpected GroupVersion string: {version}"))
    elif not version.partition("/")[1]:
        errors.append(field.invalid(f"{path}.apiVersion", version, "apiVersion must specify API group"))
    return errors


def _validate_status(autoscaler: Object, old: Object) -> list[FieldError]:
    names = ("currentReplicas", "desiredReplicas")
    return [error for name in names for error in nonnegative(f"status.{name}", status_of(autoscaler).get(name))]


def _cells(autoscaler: Object) -> list[Any]:
    converted = _as_v2(autoscaler)
    spec, status = spec_of(converted), status_of(converted)
    target, least = spec.get("scaleTargetRef") or {}, spec.get("minReplicas")
    return [
        name_of(autoscaler),
        f"{target.get('kind') or ''}/{target.get('name') or ''}",
        format_metrics(spec.get("metrics") or [], status.get("currentMetrics") or []),
        UNSET if least is None else str(least),
        spec.get("maxReplicas") or 0,
        status.get("currentReplicas") or 0,
        age_of(autoscaler),
    ]


STRATEGY: Final = Strategy(
    default=_default,
    prepare_for_create=_prepare_for_create,
    prepare_for_update=keep_status,
    validate=_validate,
    validate_update=lambda autoscaler, old: _validate(autoscaler),
    subresources=status_subresource(_validate_status),
    cells=_cells,
    has_generation=False,
)
