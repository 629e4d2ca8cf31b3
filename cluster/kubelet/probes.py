"""Readiness, liveness and startup probes.  Upstream: `pkg/kubelet/prober` and `pkg/probe`."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from msgspec import Struct

from cluster.api.names import Object
from cluster.kubelet import specs
from cluster.kubelet.context import Context
from cluster.kubelet.lifecycle import open_connection, port_number
from cluster.kubelet.runtime import Container, PodState, Runtime, RuntimeFailure, State
from cluster.kubelet.status import Probed

KINDS: Final = {"startupProbe": "Startup", "livenessProbe": "Liveness", "readinessProbe": "Readiness"}
_OUTPUT_LIMIT: Final = 10 * 1024
_REDIRECTS: Final = 10


class ProbeFailure(Exception):
    """A probe's answer is no; the message is the event's."""


class Target(Struct, frozen=True):
    """What is probed."""

    runtime: Runtime
    container_id: str
    spec: specs.Spec
    address: str


def attempt(target: Target, probe: dict[str, Any]) -> None:
    """Probes once.  ProbeFailure where the answer is no."""
    seconds = float(probe.get("timeoutSeconds") or 1)
    if "exec" in probe:
        _execute(target, probe["exec"].get("command") or [], seconds)
    elif "httpGet" in probe:
        _http(target, probe["httpGet"], seconds)
    elif "tcpSocket" in probe:
        _tcp(probe["tcpSocket"].get("host") or target.address, _port(target, probe["tcpSocket"]["port"]), seconds)
    elif "grpc" in probe:
        from cluster.kubelet.grpc_probe import check

        try:
            check(target.address, int(probe["grpc"]["port"]), probe["grpc"].get("service") or "", seconds)
        except (OSError, ValueError) as failure:
            raise ProbeFailure(str(failure)) from failure
    else:
        raise ProbeFailure("missing probe handler")


def _port(target: Target, port: Any) -> int:
    try:
        return port_number(target.spec, port)
    except LookupError as failure:
        raise ProbeFailure(str(failure.args[0])) from failure


def _execute(target: Target, command: list[str], seconds: float) -> None:
    try:
        result = target.runtime.execute(target.container_id, command, seconds)
    except TimeoutError as failure:
        raise ProbeFailure(f'command timed out: "{" ".join(command)}" timed out after {seconds:g}s') from failure
    except RuntimeFailure as failure:
        raise ProbeFailure(str(failure)) from failure
    if result.exit_code:
        raise ProbeFailure(result.output[:_OUTPUT_LIMIT].decode(errors="replace"))


def _tcp(host: str, port: int, seconds: float) -> None:
    try:
        socket.create_connection((host, port), timeout=seconds).close()
    except OSError as failure:
        raise ProbeFailure(f"dial tcp {host}:{port}: {_reason(failure)}") from failure


def _reason(failure: OSError) -> str:
    """As Go words the usual failures of a connection."""
    if isinstance(failure, TimeoutError):
        return "i/o timeout"
    if isinstance(failure, ConnectionRefusedError):
        return "connect: connection refused"
    return failure.strerror or str(failure)


def _http(target: Target, action: dict[str, Any], seconds: float) -> None:
    host, port = action.get("host") or target.address, _port(target, action["port"])
    scheme = action.get("scheme") or "HTTP"
    path = action.get("path") or "/"
    path = path if path.startswith("/") else f"/{path}"
    headers = {"User-Agent": "kube-probe/1.36", "Accept": "*/*", "Connection": "close"}
    headers |= {each["name"]: each.get("value", "") for each in action.get("httpHeaders") or []}
    for _ in range(_REDIRECTS):
        url = f"{scheme.lower()}://{host}:{port}{path}"
        status, location = _get(scheme, host, port, path, headers, seconds, url)
        if not location:
            break
        moved = urlsplit(location)
        if moved.hostname and moved.hostname != host:
            return  # upstream follows within one host only, and takes the rest for a success with a warning
        scheme = (moved.scheme or scheme).upper()
        port = moved.port or port
        path = (moved.path or "/") + (f"?{moved.query}" if moved.query else "")
    if not 200 <= status < 400:
        raise ProbeFailure(f"HTTP probe failed with statuscode: {status}")


def _get(scheme: str, host: str, port: int, path: str, headers: Mapping[str, str], seconds: float, url: str) -> tuple[int, str]:
    """(status, where it is moved to)."""
    connection = open_connection(scheme, host, port, seconds)
    try:
        connection.request("GET", path, headers=dict(headers))
        response = connection.getresponse()
        response.read(_OUTPUT_LIMIT)
        moved = response.getheader("Location", "") if response.status in (301, 302, 303, 307, 308) else ""
        return response.status, moved or ""
    except TimeoutError as failure:
        why = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
        raise ProbeFailure(f'Get "{url}": {why}') from failure
    except OSError as failure:
        raise ProbeFailure(f'Get "{url}": dial tcp {host}:{port}: {_reason(failure)}') from failure
    except http.client.HTTPException as failure:
        raise ProbeFailure(f'Get "{url}": {failure or "EOF"}') from failure
    finally:
        connection.close()


class Prober:
    """The probes of one pod: a thread for each, as long as its container runs."""

    def __init__(self, context: Context, changed: Callable[[], None], failed: Callable[[str, str, str], None]) -> None:
        """`failed(container name, container ID, message)` asks for a container to be killed."""
        self._context = context
        self._changed = changed
        self._failed = failed
        self._results: dict[tuple[str, str], bool] = {}
        self._threads: dict[tuple[str, str], threading.Event] = {}
        self._lock = threading.Lock()

    def follow(self, pod: Object, state: PodState, address: str) -> None:
        """Starts the probes of containers that run now and ends those of the others."""
        wanted: dict[tuple[str, str], tuple[Container, specs.Spec, dict[str, Any]]] = {}
        for spec in specs.every_container(pod) if not self._context.runtime.simulated else ():
            found = state.latest(spec["name"])
            if found is not None and found.state is State.RUNNING:
                wanted |= {(found.id, kind): (found, spec, spec[kind]) for kind in KINDS if spec.get(kind)}
        with self._lock:
            for key in [key for key in self._threads if key not in wanted]:
                self._threads.pop(key).set()
                self._results.pop(key, None)
            for key, (found, spec, probe) in wanted.items():
                if key in self._threads:
                    continue
                stop = self._threads[key] = threading.Event()
                target = Target(self._context.runtime, found.id, spec, address)
                arguments = (pod, target, key[1], probe, found.started, stop)
                threading.Thread(target=self._run, args=arguments, name=f"probe-{spec['name']}", daemon=True).start()

    def stop(self) -> None:
        with self._lock:
            for each in self._threads.values():
                each.set()
            self._threads.clear()

    def results(self, pod: Object, state: PodState) -> dict[str, Probed]:
        """What is known of each container that runs."""
        result = {}
        for spec in specs.every_container(pod) if not self._context.runtime.simulated else ():
            found = state.latest(spec["name"])
            if found is not None and found.state is State.RUNNING:
                started = not spec.get("startupProbe") or self._results.get((found.id, "startupProbe"), False)
                ready = not spec.get("readinessProbe") or self._results.get((found.id, "readinessProbe"), False)
                result[spec["name"]] = Probed(started, ready)
        return result

    def _run(self, pod: Object, target: Target, kind: str, probe: dict[str, Any], started: float, stop: threading.Event) -> None:
        period = float(probe.get("periodSeconds") or 10)
        delay = float(probe.get("initialDelaySeconds") or 0) - (time.time() - started)
        successes = failures = 0
        if delay > 0 and stop.wait(delay):
            return
        while not stop.is_set():
            if kind != "startupProbe" and target.spec.get("startupProbe") and not self._results.get((target.container_id, "startupProbe")):
                if stop.wait(min(period, 1.0)):
                    return
                continue
            try:
                attempt(target, probe)
                successes, failures = successes + 1, 0
            except ProbeFailure as failure:
                successes, failures = 0, failures + 1
                if stop.is_set():
                    return
                text = f"{KINDS[kind]} probe failed: {failure}"
                self._context.tell(pod, "Warning", "Unhealthy", text, target.spec)
            if successes >= int(probe.get("successThreshold") or 1):
                self._note(target.container_id, kind, True)
                if kind == "startupProbe":
                    return
            elif failures >= int(probe.get("failureThreshold") or 3):
                self._note(target.container_id, kind, False)
                if kind != "readinessProbe":
                    name = target.spec["name"]
                    self._failed(name, target.container_id, f"Container {name} failed {KINDS[kind].lower()} probe, will be restarted")
                    return
            stop.wait(period)

    def _note(self, container_id: str, kind: str, result: bool) -> None:
        with self._lock:
            if (container_id, kind) not in self._threads:
                return
            before = self._results.get((container_id, kind))
            self._results[container_id, kind] = result
        if before != result:
            self._changed()
