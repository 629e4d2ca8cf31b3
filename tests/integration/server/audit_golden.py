"""Requests whose audit events a real kube-apiserver was recorded for, and how events are made comparable."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

DATA = Path(__file__).parents[2] / "data" / "audit"
NAMESPACES = ("at-metadata", "at-request", "at-response", "at-omitted")
AGENT = "golden/1.0"
_VARYING = {
    "uid", "resourceVersion", "creationTimestamp", "requestReceivedTimestamp", "stageTimestamp", "time", "token", "deletionTimestamp",
    "extra", "serverAddress", "authentication.kubernetes.io/issued-credential-id",
}  # fmt: skip
_LEFT_OUT = {
    "managedFields": "field managers are not tracked yet",
    "columnDefinitions": "descriptions of columns are prose",
    "boundObjectRef": "null where it is none",
    "expirationTimestamp": "null in a request",
    "pod-security.kubernetes.io/enforce-policy": "left out of what was recorded",
}
_RANDOM = re.compile(r"some-[a-z0-9]{5}|\d+s")
"""Generated names, and ages in tables."""
_REASON = "authorization.k8s.io/reason"
_OWN = ("apiserver.latency.k8s.io/", "admission.berth.io/")


def requests() -> Iterator[tuple[str, dict[str, Any]]]:
    """(audit ID, request) in the order in which they are sent."""
    data = json.loads((DATA / "requests.json").read_text())
    for namespace in NAMESPACES:
        for each in data["namespaced"]:
            yield f"{namespace}.{each['name']}", json.loads(json.dumps(each).replace("{ns}", namespace))
    for each in data["others"]:
        yield f"others.{each['name']}", each


def setup() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((DATA / "requests.json").read_text())["setup"]
    return found


def sent(audit_id: str, request: dict[str, Any]) -> tuple[bytes | None, dict[str, str]]:
    """(the body, headers) of a request."""
    headers = {"Audit-ID": audit_id, "User-Agent": AGENT} | request.get("headers", {})
    if "body" not in request and "text" not in request:
        return None, headers
    body = request["text"] if "text" in request else json.dumps(request["body"])
    return body.encode(), headers | {"Content-Type": request.get("type", "application/json")}


def gathered(lines: Iterator[str], known: Callable[[str], bool]) -> dict[str, list[Any]]:
    """Audit ID to normalised events, in the order in which they were written."""
    found: dict[str, list[Any]] = {}
    for line in lines:
        event = json.loads(line)
        if known(event["auditID"]):
            found.setdefault(event["auditID"], []).append(normalised(event))
    return found


def normalised(event: dict[str, Any]) -> Any:
    for key in ("uid", "extra"):  # of the credentials, which are others there
        event["user"].pop(key, None)
    annotations = event.get("annotations", {})
    for key in [key for key in annotations if key.startswith(_OWN)]:
        del annotations[key]
    if "objectRef" not in event and annotations.get(_REASON):
        annotations[_REASON] = "*"  # several bindings allow it, and upstream names any of them
    return _normalised(event)


def _normalised(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: "*" if key in _VARYING else _normalised(each) for key, each in value.items() if key not in _LEFT_OUT}
    if isinstance(value, list):
        return [_normalised(each) for each in value]
    return "*" if isinstance(value, str) and _RANDOM.fullmatch(value) else value
