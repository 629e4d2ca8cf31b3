"""Events of the core group.  Upstream: `pkg/apis/core/validation/events.go`, `pkg/registry/core/event/strategy.go`."""

from __future__ import annotations

from typing import Any, Final

from cluster.api import field
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.kinds.cells import name_of
from cluster.kinds.checks import dns1123_subdomain, metadata_of, qualified_name, text_at, value_of
from cluster.kinds.model import Strategy
from cluster.kinds.printing import UNKNOWN, translate_timestamp

_NO_MATCH: Final = "does not match event.namespace"
_LIMIT: Final = 128
_NOTE_LIMIT: Final = 1024


def validate(event: Object, controller_field: str = "reportingComponent") -> list[FieldError]:
    """The rules for an event in the core group's shape; an event with an eventTime is one of the newer kind."""
    namespace = metadata_of(event).get("namespace") or ""
    involved = value_of(event, "involvedObject", "namespace") or ""
    path = "involvedObject.namespace"
    errors: list[FieldError] = []
    if event.get("eventTime"):
        if not involved and namespace not in ("default", "kube-system"):
            errors.append(field.invalid(path, involved, _NO_MATCH))
        errors += _validate_new(event, controller_field)
    elif involved != namespace and (involved or namespace not in ("", "default")):
        errors.append(field.invalid(path, involved, _NO_MATCH))
    return errors + dns1123_subdomain("namespace", namespace)


def _validate_new(event: Object, controller_field: str) -> list[FieldError]:
    controller = event.get("reportingComponent") or ""
    errors = [] if controller else [field.required(controller_field)]
    errors += qualified_name(controller_field, controller)
    for name in ("reportingInstance", "action", "reason"):
        value = event.get(name) or ""
        if not value:
            errors.append(field.required(name))
        if len(value.encode()) > _LIMIT:
            errors.append(field.invalid(name, "", f"can have at most {_LIMIT} characters"))
    if len((event.get("message") or "").encode()) > _NOTE_LIMIT:
        errors.append(field.invalid("message", "", f"can have at most {_NOTE_LIMIT} characters"))
    return errors


def _default(event: Object) -> None:
    """Fields that an event shows even when they are empty."""
    event.setdefault("involvedObject", {})
    event.setdefault("source", {})
    event.setdefault("firstTimestamp", None)
    event.setdefault("lastTimestamp", None)
    event.setdefault("eventTime", None)
    event.setdefault("reportingComponent", "")
    event.setdefault("reportingInstance", "")


def source(event: Object) -> str:
    """The value of the field selector `source`."""
    return value_of(event, "source", "component") or event.get("reportingComponent") or ""


def cells(event: Object) -> list[Any]:
    """Last Seen to Name, in upstream's order."""
    first = translate_timestamp(event.get("firstTimestamp"))
    if first == UNKNOWN:
        first = translate_timestamp(event.get("eventTime"))
    last = translate_timestamp(event["lastTimestamp"]) if event.get("lastTimestamp") else first
    times = event.get("count") or 1
    series = event.get("series")
    if series:
        last, times = translate_timestamp(series.get("lastObservedTime")), series.get("count") or 0
    involved = event.get("involvedObject") or {}
    target = (involved.get("kind") or "").lower()
    if involved.get("name"):
        target = f"{target}/{involved['name']}"
    instance = value_of(event, "source", "host") or event.get("reportingInstance") or ""
    return [
        last,
        event.get("type") or "",
        event.get("reason") or "",
        target,
        involved.get("fieldPath") or "",
        f"{source(event)}, {instance}" if instance else source(event),
        (event.get("message") or "").strip(),
        first,
        times,
        name_of(event),
    ]


_INVOLVED: Final = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")

STRATEGY: Final = Strategy(
    default=_default,
    validate=validate,
    validate_update=lambda event, old: validate(event),
    selectable_fields={
        **{f"involvedObject.{name}": text_at("involvedObject", name) for name in _INVOLVED},
        "reason": text_at("reason"),
        "reportingComponent": text_at("reportingComponent"),
        "source": source,
        "type": text_at("type"),
    },
    cells=cells,
    allow_create_on_update=True,
    has_generation=False,
)
