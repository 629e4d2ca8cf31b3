"""Autoscalers between autoscaling/v1 and autoscaling/v2.

What v1 has no field for travels in annotations.  Upstream: `pkg/apis/autoscaling/v1/conversion.go`.
"""

from __future__ import annotations

import json
from typing import Any, Final

from cluster.api import quantity
from cluster.api.names import Object
from cluster.kinds.checks import metadata_of, spec_of, status_of, value_of

DEFAULT_CPU_UTILIZATION: Final = 80

_PREFIX: Final = "autoscaling.alpha.kubernetes.io/"
_METRICS: Final = _PREFIX + "metrics"
_CURRENT: Final = _PREFIX + "current-metrics"
_CONDITIONS: Final = _PREFIX + "conditions"
_BEHAVIOR: Final = _PREFIX + "behavior"
_ANNOTATIONS: Final = (_METRICS, _CURRENT, _CONDITIONS, _BEHAVIOR)

_QUANTITIES: Final = ("value", "averageValue")

_Paths = tuple[tuple[str, tuple[str, ...]], ...]


def _sources(noun: str) -> dict[str, _Paths]:
    """For each kind of metric: a field of v1, and the path of the same in v2; `noun` is `target` or `current`."""
    utilization = (f"{noun}AverageUtilization", (noun, "averageUtilization"))
    average = (f"{noun}AverageValue", (noun, "averageValue"))
    value = (f"{noun}Value", (noun, "value"))
    name = ("metricName", ("metric", "name"))
    selector = ("selector", ("metric", "selector"))
    return {
        "external": (name, ("metricSelector", ("metric", "selector")), value, average),
        "object": (("target", ("describedObject",)), name, value, selector, ("averageValue", (noun, "averageValue"))),
        "pods": (name, average, selector),
        "resource": (("name", ("name",)), utilization, average),
        "containerResource": (("name", ("name",)), utilization, average, ("container", ("container",))),
    }


_TARGETS: Final = _sources("target")
_CURRENTS: Final = _sources("current")


def is_cpu_utilization(metric: Object) -> bool:
    """The one metric that v1 has a field for."""
    resource = metric.get("resource") or {}
    is_cpu = metric.get("type") == "Resource" and resource.get("name") == "cpu"
    return is_cpu and value_of(resource, "target", "averageUtilization") is not None


def cpu_metric(percentage: int) -> Object:
    target = {"type": "Utilization", "averageUtilization": percentage}
    return {"type": "Resource", "resource": {"name": "cpu", "target": target}}


def from_v1(autoscaler: Object) -> None:
    """From autoscaling/v1 to autoscaling/v2."""
    annotations = metadata_of(autoscaler).get("annotations") or {}
    spec = dict(spec_of(autoscaler))
    percentage = spec.pop("targetCPUUtilizationPercentage", None)
    metrics = _carried_metrics(annotations, _METRICS, _TARGETS) or []
    if percentage is not None:
        metrics.append(cpu_metric(percentage))
    spec["metrics"] = metrics or [cpu_metric(DEFAULT_CPU_UTILIZATION)]
    behavior = _respelled(_carried(annotations, _BEHAVIOR), str.lower)
    if behavior and _is_behavior(behavior):
        spec["behavior"] = behavior
    autoscaler["spec"] = spec
    if "status" in autoscaler:
        autoscaler["status"] = _status_from_v1(status_of(autoscaler), annotations)
    _set_annotations(autoscaler, annotations, {})


def _status_from_v1(status: Object, annotations: Object) -> Object:
    status = dict(status)
    percentage = status.pop("currentCPUUtilizationPercentage", None)
    carried = _carried_metrics(annotations, _CURRENT, _CURRENTS)
    if carried is not None:
        status["currentMetrics"] = carried
    elif percentage is not None:
        current = {"averageUtilization": percentage}
        status["currentMetrics"] = [{"type": "Resource", "resource": {"name": "cpu", "current": current}}]
    conditions = _carried(annotations, _CONDITIONS)
    if isinstance(conditions, list) and all(isinstance(each, dict) for each in conditions):
        status["conditions"] = conditions
    return status


def to_v1(autoscaler: Object) -> None:
    """From autoscaling/v2 to autoscaling/v1."""
    spec, carried = dict(spec_of(autoscaler)), {}
    metrics, behavior = spec.pop("metrics", None) or [], spec.pop("behavior", None)
    cpu = next((each for each in metrics if is_cpu_utilization(each)), None)
    if cpu is not None:
        spec["targetCPUUtilizationPercentage"] = cpu["resource"]["target"]["averageUtilization"]
    others = [_metric_to_v1(each, _TARGETS) for each in metrics if not is_cpu_utilization(each)]
    if others:
        carried[_METRICS] = others
    autoscaler["spec"] = spec
    if "status" in autoscaler:
        status = dict(status_of(autoscaler))
        current, conditions = status.pop("currentMetrics", None) or [], status.pop("conditions", None)
        for metric in current:
            percentage = value_of(metric, "resource", "current", "averageUtilization")
            if value_of(metric, "resource", "name") == "cpu" and percentage is not None:
                status["currentCPUUtilizationPercentage"] = percentage
        if current:
            carried[_CURRENT] = [_metric_to_v1(each, _CURRENTS) for each in current]
        if behavior:
            carried[_BEHAVIOR] = _respelled(behavior, str.upper)
        if conditions:
            carried[_CONDITIONS] = conditions
        autoscaler["status"] = status
    elif behavior:
        carried[_BEHAVIOR] = _respelled(behavior, str.upper)
    _set_annotations(autoscaler, metadata_of(autoscaler).get("annotations") or {}, carried)


def _source_of(metric: Object) -> str:
    kind: str = metric.get("type") or ""
    return kind[:1].lower() + kind[1:]


def _metric_to_v1(metric: Object, sources: dict[str, _Paths]) -> Object:
    source = _source_of(metric)
    given = metric.get(source) or {}
    converted = {}
    for name, path in sources.get(source, ()):
        value = value_of(given, *path)
        if value is not None:
            converted[name] = value
    if source == "object" and sources is _TARGETS:
        converted.setdefault("targetValue", "0")
    return {"type": metric.get("type"), source: converted}


def _metric_from_v1(metric: Object, sources: dict[str, _Paths]) -> Object:
    source = _source_of(metric)
    given = metric.get(source) or {}
    converted: Object = {}
    for name, path in sources.get(source, ()):
        if given.get(name) is None:
            continue
        place = converted
        for step in path[:-1]:
            place = place.setdefault(step, {})
        place[path[-1]] = quantity.canonical(given[name]) if path[-1] in _QUANTITIES else given[name]
    if sources is _TARGETS:
        _name_target(converted.setdefault("target", {}), source)
    return {"type": metric.get("type"), source: converted}


def _name_target(target: Object, source: str) -> None:
    """v2 says which of the values is meant."""
    if source == "object" and "averageValue" in target and target.get("value") in ("0", 0):
        target.pop("value")
    if "averageUtilization" in target:
        kind = "Utilization"
    elif "value" in target and not (source == "object" and "averageValue" in target):
        kind = "Value"
    else:
        kind = "AverageValue"
    target["type"] = kind


def _carried_metrics(annotations: Object, name: str, sources: dict[str, _Paths]) -> list[Object] | None:
    """Anybody can write an annotation: what isn't a list of metrics carries nothing."""
    try:
        carried = _carried(annotations, name)
        return None if carried is None else [_metric_from_v1(each, sources) for each in carried]
    except (AttributeError, TypeError, ValueError):
        return None


def _is_behavior(behavior: Any) -> bool:
    if not isinstance(behavior, dict):
        return False
    rules = [behavior[name] for name in ("scaleUp", "scaleDown") if name in behavior]
    if not all(isinstance(each, dict) and isinstance(each.get("policies", []), list) for each in rules):
        return False
    policies = [policy for each in rules for policy in each.get("policies", [])]
    numbers = [each.get("stabilizationWindowSeconds", 0) for each in rules]
    if not all(isinstance(each, dict) for each in policies):
        return False
    numbers += [policy.get(name, 0) for policy in policies for name in ("value", "periodSeconds")]
    return all(isinstance(each, int) for each in numbers)


def _carried(annotations: Object, name: str) -> Any:
    """What an annotation carries; None where it is absent or no JSON."""
    try:
        return json.loads(annotations[name]) if name in annotations else None
    except ValueError:
        return None


def _respelled(value: Any, case: Any) -> Any:
    """The behaviour travels with capital first letters."""
    if isinstance(value, dict):
        return {case(key[:1]) + key[1:]: _respelled(each, case) for key, each in value.items() if each is not None}
    if isinstance(value, list):
        return [_respelled(each, case) for each in value]
    return value


def _set_annotations(autoscaler: Object, annotations: Object, carried: Object) -> None:
    kept = {key: value for key, value in annotations.items() if key not in _ANNOTATIONS}
    kept |= {name: json.dumps(value, separators=(",", ":")) for name, value in carried.items()}
    metadata = {key: value for key, value in metadata_of(autoscaler).items() if key != "annotations"}
    autoscaler["metadata"] = metadata | ({"annotations": kept} if kept else {})
