"""Which events of the log someone asks for, and each event as an object of the API."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import unquote

import orjson
from msgspec import Struct

from cluster.api import requestinfo
from cluster.api.durations import parse_duration
from cluster.api.field import quoted
from cluster.api.meta import format_epoch, parse_time
from cluster.api.names import Object
from cluster.api.selectors import EQUALS, FieldRequirement, parse_field_selector
from rbac.audit.model import DECISION, PANIC, RESPONSE_COMPLETE, RESPONSE_STARTED

API_VERSION: Final = "berth.io/v1alpha1"
FIELDS: Final = ("metadata.name", "metadata.namespace", "user", "verb", "resource", "code", "decision", "since")
LATE: Final = 120.0
"""Seconds by which a line may be older than one before it: processes write on their own."""
_SECRET_BODIES: Final = frozenset(
    {("", "secrets", ""), ("", "serviceaccounts", "token"), ("authentication.k8s.io", "tokenreviews", "")},
)
"""(group, resource, subresource) whose bodies the log may hold, but nobody is shown by the API: another right guards them."""


class Query(Struct, frozen=True):
    """A namespace (empty: all events) and requirements on fields; `since` in epoch seconds."""

    namespace: str = ""
    requirements: tuple[FieldRequirement, ...] = ()
    since: float = 0.0

    def needles(self) -> Sequence[bytes]:
        """Text that every line asked for holds, so that others need not be decoded."""
        names = [each.value for each in self.requirements if each.field == "metadata.name" and each.operator == EQUALS]
        users = [each.value for each in self.requirements if each.field == "user" and each.operator == EQUALS]
        found = [b'"auditID":' + orjson.dumps(name) for name in names]
        found += [b'"username":' + orjson.dumps(user) for user in users]
        return found + ([b'"namespace":' + orjson.dumps(self.namespace)] if self.namespace else [])

    def matches(self, event: Object) -> bool:
        if not is_last(event):
            return False
        if self.namespace and not _is_of(event, self.namespace):
            return False
        return all(self._holds(each, event) for each in self.requirements)

    def _holds(self, asked: FieldRequirement, event: Object) -> bool:
        return (asked.value in values_of(event, asked.field)) == (asked.operator == EQUALS)

    def ends_at(self, event: Object) -> bool:
        """Whether nothing older than this event can be asked for."""
        return bool(self.since) and _moment(event.get("stageTimestamp")) < self.since - LATE

    def is_young(self, event: Object) -> bool:
        return not self.since or _moment(event.get("requestReceivedTimestamp")) >= self.since


def _is_of(event: Object, namespace: str) -> bool:
    """Whether the request's URL was about a namespace: a reference has what the URL lacks from the body, where anything may stand."""
    if (event.get("objectRef") or {}).get("namespace") != namespace:
        return False
    try:
        path = unquote(str(event.get("requestURI", "")).partition("?")[0])
        return requestinfo.parse("GET", path, lambda _: None).namespace == namespace
    except requestinfo.UnknownPath:
        return False


def parse_query(namespace: str, selector: str, now: float | None = None) -> Query:
    """The query of a field selector; ValueError for one that is not supported, in a message for the client."""
    requirements, since = [], 0.0
    for each in parse_field_selector(selector).requirements:
        if each.field not in FIELDS:
            known = ", ".join(quoted(field) for field in FIELDS)
            raise ValueError(f"{quoted(each.field)} is not a known field selector: only {known}")
        if each.field != "since":
            requirements.append(each)
        elif each.operator != EQUALS:
            raise ValueError('the field selector "since" takes "=" alone')
        else:
            since = max(since, parse_since(each.value, time.time() if now is None else now))
    return Query(namespace, tuple(requirements), since)


def parse_since(text: str, now: float) -> float:
    """Epoch seconds of a time (`2026-11-23T02:00:00Z`) or of how long ago it is (`90m`, `30d`); ValueError."""
    if re.match(r"\d{4}-", text):
        try:
            return parse_time(text).timestamp()
        except ValueError:
            raise ValueError(f'since {quoted(text)} is no time: write it as "2026-01-31T08:00:00Z"') from None
    try:
        ago = parse_duration(text, days=True)
    except ValueError as error:
        raise ValueError(f"since {quoted(text)}: {error}") from None
    if ago < 0:
        raise ValueError(f"since {quoted(text)} lies ahead")
    return now - ago


def is_last(event: Object) -> bool:
    """Whether no later stage of the request is told: one event a request is enough to be shown."""
    stage = event.get("stage")
    return stage in (RESPONSE_COMPLETE, PANIC) or (stage == RESPONSE_STARTED and not (event.get("user") or {}).get("username"))


def values_of(event: Object, field: str) -> Sequence[str]:
    """What a field of an event may be called."""
    ref, status = event.get("objectRef") or {}, event.get("responseStatus") or {}
    if field == "metadata.name":
        return (event.get("auditID", ""),)
    if field == "metadata.namespace":
        return (ref.get("namespace", ""),)
    if field == "user":
        return [event[key].get("username", "") for key in ("user", "impersonatedUser") if isinstance(event.get(key), dict)]
    if field == "verb":
        return (event.get("verb", ""),)
    if field == "resource":
        return (resource_of(ref),)
    if field == "code":
        code = str(status.get("code", ""))
        return (code, f"{code[:1]}xx")
    return ((event.get("annotations") or {}).get(DECISION, ""),)


def resource_of(ref: Object) -> str:
    """`pods`, `pods/log`, `deployments.apps`."""
    resource, group, subresource = (ref.get(key, "") for key in ("resource", "apiGroup", "subresource"))
    named = f"{resource}.{group}" if group else resource
    return f"{named}/{subresource}" if subresource else named


def audit_event(event: Object) -> Object:
    """An event as an AuditEvent."""
    ref = event.get("objectRef") or {}
    metadata: Object = {"name": event.get("auditID", "")}
    if ref.get("namespace"):
        metadata["namespace"] = ref["namespace"]
    moment = _moment(event.get("requestReceivedTimestamp"))
    metadata["creationTimestamp"] = format_epoch(moment)
    if tuple(ref.get(key, "") for key in ("apiGroup", "resource", "subresource")) in _SECRET_BODIES:
        event = {key: value for key, value in event.items() if key not in ("requestObject", "responseObject")}
    return {"kind": "AuditEvent", "apiVersion": API_VERSION, "metadata": metadata, "event": event}


def _moment(text: Any) -> float:
    """Epoch seconds of a timestamp, 0 for none."""
    try:
        return parse_time(text).timestamp()
    except (TypeError, ValueError):
        return 0.0
