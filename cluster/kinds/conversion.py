"""Between versions of a kind whose shapes differ; everywhere else an object only changes its apiVersion.

Stored is the shape of `Catalog.stored(kind)`: events as the core group's, autoscalers as autoscaling/v2, flow control as v1.
Upstream: `pkg/apis/events/v1/conversion.go`, `pkg/apis/autoscaling/v1/conversion.go`, `pkg/apis/flowcontrol/v1beta2`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from cluster.api.names import GroupVersion, Object
from cluster.kinds.model import Kind

Convert = Callable[[Object], None]

_EVENT_FIELDS: Final = (
    ("regarding", "involvedObject"),
    ("note", "message"),
    ("reportingController", "reportingComponent"),
    ("deprecatedSource", "source"),
    ("deprecatedFirstTimestamp", "firstTimestamp"),
    ("deprecatedLastTimestamp", "lastTimestamp"),
    ("deprecatedCount", "count"),
)


def convert(obj: Object, from_kind: Kind, to_kind: Kind) -> Object:
    """`obj` in the shape, apiVersion and kind of `to_kind`; a new top level where anything changes, the rest may be shared."""
    if from_kind.gvk == to_kind.gvk:
        return obj
    converted = dict(obj)
    if "apiVersion" in obj:
        converted["apiVersion"] = str(to_kind.gvk.group_version)
    function = _function(from_kind, to_kind)
    if function is not None:
        function(converted)
    return converted


def is_identity(from_kind: Kind, to_kind: Kind) -> bool:
    """Whether the two versions have one shape, so that encoded bytes can be served as they are stored."""
    return from_kind.gvk == to_kind.gvk or _function(from_kind, to_kind) is None


def _function(from_kind: Kind, to_kind: Kind) -> Convert | None:
    source, target = from_kind.gvk.group_version, to_kind.gvk.group_version
    kind = from_kind.gvk.kind
    if kind == "Event":
        return event_to_core if target.group == "" else event_from_core
    if kind == "HorizontalPodAutoscaler":
        return _autoscaler_function(source, target)
    if kind == "PriorityLevelConfiguration":
        return _priority_level_function(source, target)
    return None


def _autoscaler_function(source: GroupVersion, target: GroupVersion) -> Convert | None:
    from cluster.kinds.autoscaling.conversion import from_v1, to_v1

    if source.version == "v1":
        return from_v1
    return to_v1 if target.version == "v1" else None


def _priority_level_function(source: GroupVersion, target: GroupVersion) -> Convert | None:
    old, new = "assuredConcurrencyShares", "nominalConcurrencyShares"
    was_old, is_old = (each.version in ("v1beta1", "v1beta2") for each in (source, target))
    if was_old == is_old:
        return None
    return lambda level: _rename_limited(level, *((old, new) if was_old else (new, old)))


def _rename_limited(level: Object, name: str, new_name: str) -> None:
    spec = level.get("spec") or {}
    limited = spec.get("limited")
    if limited and name in limited:
        renamed = {new_name if key == name else key: value for key, value in limited.items()}
        level["spec"] = spec | {"limited": renamed}


def event_to_core(event: Object) -> None:
    """From the shape of events.k8s.io to that of the core group."""
    _rename(event, [(new, old) for new, old in _EVENT_FIELDS])


def event_from_core(event: Object) -> None:
    """From the shape of the core group to that of events.k8s.io."""
    _rename(event, [(old, new) for new, old in _EVENT_FIELDS])


def _rename(obj: Object, names: list[tuple[str, str]]) -> None:
    for name, new_name in names:
        if name in obj:
            obj[new_name] = obj.pop(name)
