"""The Table cells of a pod.  Upstream: `printPod` of `pkg/printers/internalversion/printers.go`."""

from __future__ import annotations

from typing import Any, Final

from msgspec import Struct

from cluster.api.names import Object
from cluster.kinds.core.pod_containers import is_sidecar
from cluster.kinds.printing import NONE, age, parse_timestamp, translate_timestamp

_TERMINAL: Final = frozenset({"Succeeded", "Failed"})
_DONE: Final = {"Succeeded": "The pod has completed successfully.", "Failed": "The pod failed."}


class _Tally(Struct):
    """What is counted while the containers' statuses are walked."""

    reason: str
    ready: int = 0
    restarts: int = 0
    last_restart: str = ""

    def count_restarts(self, status: Object) -> None:
        self.restarts += status.get("restartCount") or 0
        finished = ((status.get("lastState") or {}).get("terminated") or {}).get("finishedAt") or ""
        if finished and (not self.last_restart or parse_timestamp(self.last_restart) < parse_timestamp(finished)):
            self.last_restart = finished


def row_conditions(pod: Object) -> list[Object]:
    """That the pod is done, and how."""
    phase = (pod.get("status") or {}).get("phase")
    message = _DONE.get(phase or "")
    return [{"type": "Completed", "status": "True", "reason": phase, "message": message}] if message else []


def cells(pod: Object) -> list[Any]:
    """Name, ready, status, restarts, age; IP, node, nominated node, readiness gates."""
    metadata, spec, status = pod.get("metadata") or {}, pod.get("spec") or {}, pod.get("status") or {}
    sidecars = {each.get("name") for each in spec.get("initContainers") or () if is_sidecar(each)}
    tally = _Tally(_base_reason(status))
    running = _Tally("")
    initializing = _walk_init(spec, status, sidecars, tally, running)
    if not initializing or _has_condition(status, "Initialized"):
        tally.restarts, tally.last_restart = running.restarts, running.last_restart
        _walk_containers(status, tally)
    total = len(spec.get("containers") or ()) + len(sidecars)
    return [
        metadata.get("name", ""),
        f"{tally.ready}/{total}",
        _final_reason(metadata, status, tally.reason),
        _restarts(tally),
        age(metadata.get("creationTimestamp")),
        (status.get("podIPs") or [{}])[0].get("ip") or NONE,
        spec.get("nodeName") or NONE,
        status.get("nominatedNodeName") or NONE,
        _readiness_gates(spec, status),
    ]


def _base_reason(status: Object) -> str:
    reason: str = status.get("reason") or status.get("phase") or ""
    for condition in status.get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("reason") == "SchedulingGated":
            reason = "SchedulingGated"
    return reason


def _final_reason(metadata: Object, status: Object, reason: str) -> str:
    if metadata.get("deletionTimestamp"):
        if status.get("reason") == "NodeLost":
            return "Unknown"
        if status.get("phase") not in _TERMINAL:
            return "Terminating"
    return reason


def _walk_init(spec: Object, status: Object, sidecars: set[Any], tally: _Tally, running: _Tally) -> bool:
    """Whether an init container still holds the others back; counts up to the first that does."""
    for position, container in enumerate(status.get("initContainerStatuses") or ()):
        sidecar = container.get("name") in sidecars
        tally.count_restarts(container)
        if sidecar:
            running.count_restarts(container)
        state = container.get("state") or {}
        terminated, waiting = state.get("terminated"), state.get("waiting") or {}
        if terminated is not None and not terminated.get("exitCode"):
            continue
        if sidecar and container.get("started"):
            tally.ready += bool(container.get("ready"))
            continue
        if terminated is not None:
            tally.reason = "Init:" + _exit_reason(terminated)
        elif waiting.get("reason") and waiting["reason"] != "PodInitializing":
            tally.reason = "Init:" + waiting["reason"]
        else:
            tally.reason = f"Init:{position}/{len(spec.get('initContainers') or ())}"
        return True
    return False


def _walk_containers(status: Object, tally: _Tally) -> None:
    running, error = False, ""
    for container in reversed(status.get("containerStatuses") or ()):
        tally.count_restarts(container)
        state = container.get("state") or {}
        terminated, waiting = state.get("terminated"), state.get("waiting") or {}
        if waiting.get("reason"):
            tally.reason = waiting["reason"]
        elif terminated is not None:
            tally.reason = _exit_reason(terminated)
            if terminated.get("exitCode"):
                error = tally.reason
        elif container.get("ready") and state.get("running") is not None:
            running = True
            tally.ready += 1
    if tally.reason == "Completed":
        if running and _has_condition(status, "Ready"):
            tally.reason = "Running"
        elif error:
            tally.reason = error
        elif running:
            tally.reason = "NotReady"


def _exit_reason(terminated: Object) -> str:
    if terminated.get("reason"):
        return str(terminated["reason"])
    if terminated.get("signal"):
        return f"Signal:{terminated['signal']}"
    return f"ExitCode:{terminated.get('exitCode', 0)}"


def _has_condition(status: Object, wanted: str) -> bool:
    return any(each.get("type") == wanted and each.get("status") == "True" for each in status.get("conditions") or ())


def _restarts(tally: _Tally) -> str:
    if tally.restarts and tally.last_restart:
        return f"{tally.restarts} ({translate_timestamp(tally.last_restart)} ago)"
    return str(tally.restarts)


def _readiness_gates(spec: Object, status: Object) -> str:
    gates = spec.get("readinessGates") or ()
    if not gates:
        return NONE
    first: dict[Any, Any] = {}
    for condition in status.get("conditions") or ():
        first.setdefault(condition.get("type"), condition.get("status"))
    true = sum(first.get(gate.get("conditionType")) == "True" for gate in gates)
    return f"{true}/{len(gates)}"
