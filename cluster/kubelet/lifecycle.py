"""Lifecycle hooks.  Upstream: `pkg/kubelet/lifecycle/handlers.go`."""

from __future__ import annotations

import http.client
import ssl
import time
from typing import Any, Final

from cluster.kubelet import specs
from cluster.kubelet.runtime import Runtime, RuntimeFailure

HOOK_SECONDS: Final = 600.0
_USER_AGENT: Final = "kube-lifecycle/1.36"


class HookFailure(Exception):
    """A hook failed; the message says how."""


def port_number(spec: specs.Spec, port: Any) -> int:
    """A port by number or by its name in the container.  LookupError for an unknown name."""
    if isinstance(port, int) or str(port).isdigit():
        return int(port)
    for each in spec.get("ports") or []:
        if each.get("name") == port:
            return int(each["containerPort"])
    raise LookupError(f'couldn\'t find port: "{port}" in container "{spec["name"]}"')


def run(
    runtime: Runtime, container_id: str, spec: specs.Spec, hook: dict[str, Any], addresses: tuple[str, ...], *, timeout_seconds: float
) -> None:
    """Runs a hook to its end.  HookFailure where it fails."""
    if "exec" in hook:
        _execute(runtime, container_id, hook["exec"].get("command") or [], timeout_seconds)
    elif "httpGet" in hook:
        _http(spec, hook["httpGet"], addresses, timeout_seconds)
    elif "sleep" in hook:
        time.sleep(min(float(hook["sleep"].get("seconds") or 0), timeout_seconds))
    else:
        raise HookFailure("invalid handler")


def _execute(runtime: Runtime, container_id: str, command: list[str], timeout_seconds: float) -> None:
    try:
        result = runtime.execute(container_id, command, timeout_seconds)
    except (RuntimeFailure, TimeoutError) as failure:
        raise HookFailure(str(failure)) from failure
    if result.exit_code:
        text = result.output.decode(errors="replace")
        raise HookFailure(f"command '{' '.join(command)}' exited with {result.exit_code}: {text}")


def _http(spec: specs.Spec, action: dict[str, Any], addresses: tuple[str, ...], timeout_seconds: float) -> None:
    host = action.get("host") or (addresses[0] if addresses else "")
    headers = {"User-Agent": _USER_AGENT, "Accept": "*/*"} | {each["name"]: each["value"] for each in action.get("httpHeaders") or []}
    path = action.get("path") or "/"
    try:
        port = port_number(spec, action["port"])
        connection = open_connection(action.get("scheme", "HTTP"), host, port, timeout_seconds)
        try:
            connection.request("GET", path if path.startswith("/") else f"/{path}", headers=headers)
            connection.getresponse().read(1024)
        finally:
            connection.close()
    except (OSError, LookupError, http.client.HTTPException) as failure:
        raise HookFailure(str(failure)) from failure


def open_connection(scheme: str, host: str, port: int, timeout_seconds: float) -> http.client.HTTPConnection:
    """To a pod's port; its certificate isn't verified, as upstream doesn't."""
    if scheme == "HTTPS":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return http.client.HTTPSConnection(host, port, timeout=timeout_seconds, context=context)
    return http.client.HTTPConnection(host, port, timeout=timeout_seconds)
