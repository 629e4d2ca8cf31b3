"""An object without what is another in every run: what golden files hold."""

from __future__ import annotations

import re
import time
from typing import Any, Final

from cluster.api.meta import parse_time
from cluster.api.names import Object

GENERATED: Final = "(generated)"
_LEFT_OUT: Final = frozenset({"uid", "resourceVersion", "creationTimestamp", "managedFields"})
_RANDOM: Final = re.compile(r"\b(kube-api-access-)[a-z0-9]{5}\b")
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z", re.ASCII)
_RECENT: Final = 3600.0
"""Seconds from now within which a time is one of this run."""
_ALLOCATED: Final = ("clusterIP", "clusterIPs", "healthCheckNodePort")


def lasting(obj: Any) -> Any:
    """A new value; what is no object is left as it is."""
    if not isinstance(obj, dict) or not isinstance(obj.get("metadata"), dict):
        return obj
    made = _without(obj, time.time())
    metadata = {key: value for key, value in made["metadata"].items() if key not in _LEFT_OUT}
    prefix = metadata.get("generateName")
    if prefix and str(metadata.get("name", "")).startswith(prefix):
        metadata["name"] = prefix + GENERATED
    made["metadata"] = metadata
    if made.get("kind") == "Service" and isinstance(made.get("spec"), dict):
        made["spec"] = _unallocated(made["spec"])
    return made


def _without(value: Any, now: float) -> Any:
    if isinstance(value, dict):
        return {key: _without(each, now) for key, each in value.items()}
    if isinstance(value, list):
        return [_without(each, now) for each in value]
    if not isinstance(value, str):
        return value
    if _TIME.fullmatch(value) and abs(parse_time(value).timestamp() - now) < _RECENT:
        return GENERATED
    return _RANDOM.sub(rf"\g<1>{GENERATED}", value)


def _unallocated(spec: Object) -> Object:
    """A service's addresses and node ports are any that were free."""
    found = dict(spec)
    for name in _ALLOCATED:
        if found.get(name) not in (None, "None", ["None"]):
            found[name] = GENERATED
    found["ports"] = [{**port, "nodePort": GENERATED} if port.get("nodePort") else port for port in found.get("ports") or ()]
    return found
