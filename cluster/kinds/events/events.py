"""Events of events.k8s.io: the same objects as the core group's, in another shape and under stricter rules.

Upstream: `pkg/apis/core/validation/events.go`, `pkg/apis/events/v1/conversion.go`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from cluster.api import field
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.kinds.checks import text_at, unchanged
from cluster.kinds.conversion import event_to_core
from cluster.kinds.core import events as core_events
from cluster.kinds.model import Strategy

_FIXED: Final = (
    "involvedObject",
    "reason",
    "message",
    "source",
    "firstTimestamp",
    "lastTimestamp",
    "count",
    "reason",
    "type",
    "eventTime",
    "action",
    "related",
    "reportingController",
    "reportingInstance",
)
_UNSET: Final = "needs to be unset"


def _core(event: Object) -> Object:
    converted = dict(event)
    event_to_core(converted)
    return converted


def _default(event: Object) -> None:
    """Fields that an event shows even when they are empty."""
    event.setdefault("eventTime", None)
    event.setdefault("regarding", {})
    event.setdefault("deprecatedSource", {})
    event.setdefault("deprecatedFirstTimestamp", None)
    event.setdefault("deprecatedLastTimestamp", None)


def _validate_series(event: Object) -> list[FieldError]:
    series = event.get("series")
    if series is None:
        return []
    errors = [] if (series.get("count") or 0) >= 2 else [field.invalid("series.count", "", "should be at least 2")]
    return errors if series.get("lastObservedTime") else [*errors, field.required("series.lastObservedTime")]


def _validate(event: Object) -> list[FieldError]:
    core = _core(event)
    errors = core_events.validate(core, "reportingController") + _validate_series(core)
    if not core.get("eventTime"):
        errors.append(field.required("eventTime"))
    if core.get("type") not in ("Normal", "Warning"):
        errors.append(field.invalid("type", "", f"has invalid value: {core.get('type') or ''}"))
    return errors + [field.invalid(name, "", _UNSET) for name in ("firstTimestamp", "lastTimestamp", "count", "source") if core.get(name)]


def _validate_update(event: Object, old: Object) -> list[FieldError]:
    new, before = _core(event), _core(old)
    errors = core_events.validate(new, "reportingController")
    if new.get("series") != before.get("series"):
        errors += _validate_series(new)
    for name in _FIXED:
        stored = "reportingComponent" if name == "reportingController" else name
        value, was = new.get(stored), before.get(stored)
        if name == "eventTime" and value and was and datetime.fromisoformat(value) == datetime.fromisoformat(was):
            continue
        errors += unchanged(name, value, was)
    return errors


def _cells(event: Object) -> list[Any]:
    return core_events.cells(_core(event))


_REGARDING: Final = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")

STRATEGY: Final = Strategy(
    default=_default,
    validate=_validate,
    validate_update=_validate_update,
    selectable_fields={
        **{f"regarding.{name}": text_at("regarding", name) for name in _REGARDING},
        "reason": text_at("reason"),
        "reportingController": text_at("reportingController"),
        "type": text_at("type"),
    },
    cells=_cells,
    allow_create_on_update=True,
    has_generation=False,
)
