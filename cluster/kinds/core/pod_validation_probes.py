"""Validation of probes and lifecycle hooks.  Upstream: `pkg/apis/core/validation/validation.go`."""

from __future__ import annotations

from typing import Final

from cluster.api import field
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.api.validation import is_http_header_name
from cluster.kinds.core.pod_rules import each, members, non_negative, port_or_name

_PROBE_HANDLERS: Final = ("exec", "httpGet", "tcpSocket", "grpc")
_HOOK_HANDLERS: Final = ("exec", "httpGet", "tcpSocket", "sleep")
_SECONDS: Final = ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold")


def probe(value: Object, name: str, grace_period: int | None, path: str) -> list[FieldError]:
    """A probe; `name` is its field, for success is counted in readiness probes alone."""
    errors = _handler(value, _PROBE_HANDLERS, grace_period, path)
    for seconds in _SECONDS:
        errors += non_negative(value.get(seconds, 0), f"{path}.{seconds}")
    own_period = value.get("terminationGracePeriodSeconds")
    where = f"{path}.terminationGracePeriodSeconds"
    if own_period is not None and own_period <= 0:
        errors.append(field.invalid(where, own_period, "must be greater than 0"))
    if name == "readinessProbe":
        if own_period is not None:
            errors.append(field.invalid(where, own_period, "must not be set for readinessProbes"))
    elif value.get("successThreshold") != 1:
        errors.append(field.invalid(f"{path}.successThreshold", value.get("successThreshold", 0), "must be 1"))
    return errors


def lifecycle(value: Object, grace_period: int | None, path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    for hook in ("postStart", "preStop"):
        if value.get(hook) is not None:
            errors += _handler(value[hook], _HOOK_HANDLERS, grace_period, f"{path}.{hook}")
    return errors


def _handler(value: Object, kinds: tuple[str, ...], grace_period: int | None, path: str) -> list[FieldError]:
    """Exactly one kind of handler."""
    found = [kind for kind in kinds if value.get(kind) is not None]
    if not found:
        return [field.required(path, "must specify a handler type")]
    errors = _one_handler(found[0], value[found[0]], grace_period, f"{path}.{found[0]}")
    return errors + [field.forbidden(f"{path}.{kind}", "may not specify more than 1 handler type") for kind in found[1:]]


def _one_handler(kind: str, action: Object, grace_period: int | None, path: str) -> list[FieldError]:
    if kind == "exec":
        return [] if action.get("command") else [field.required(f"{path}.command")]
    if kind == "httpGet":
        return _http_get(action, path)
    if kind == "sleep":
        seconds = action.get("seconds") or 0
        if grace_period is None or 0 <= seconds <= grace_period:
            return []
        return [field.invalid(path, seconds, f"must be non-negative and less than terminationGracePeriodSeconds ({grace_period})")]
    return port_or_name(action.get("port"), f"{path}.port")


def _http_get(action: Object, path: str) -> list[FieldError]:
    errors = [] if action.get("path") else [field.required(f"{path}.path")]
    errors += port_or_name(action.get("port"), f"{path}.port")
    if action.get("scheme") not in ("HTTP", "HTTPS"):
        errors.append(field.not_supported(f"{path}.scheme", action.get("scheme", ""), ("HTTP", "HTTPS")))
    for header in members(action.get("httpHeaders")):
        name = header.get("name") or ""
        errors += each(is_http_header_name(name), f"{path}.httpHeaders", name)
    return errors
