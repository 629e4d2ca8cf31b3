"""The conditions of a pod that are the kubelet's.  Upstream: `pkg/kubelet/status/generate.go`."""

from __future__ import annotations

from typing import Any, Final

from cluster.api.names import Object
from cluster.kubelet import specs

Condition = dict[str, Any]

OWN: Final = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")


def all_of(pod: Object, old: dict[str, Any], statuses: list[dict[str, Any]], phase: str, sandbox: bool, now: str) -> list[Condition]:
    """Those of others as they are, then the kubelet's; a condition that didn't change keeps its transition time."""
    before = {each["type"]: each for each in old.get("conditions") or []}
    foreign = [each for kind, each in before.items() if kind not in OWN]
    containers = containers_ready(pod, statuses, phase)
    made = [
        {"type": "PodReadyToStartContainers", "status": _status(sandbox)},
        initialized(pod, statuses, phase),
        ready(pod, containers, foreign),
        containers,
        {"type": "PodScheduled", "status": "True"},
    ]
    for each in made:
        previous = before.get(each["type"])
        same = previous is not None and previous.get("status") == each["status"]
        each["lastProbeTime"] = None
        each["lastTransitionTime"] = previous.get("lastTransitionTime") or now if same and previous is not None else now
        if pod["metadata"].get("generation"):
            each["observedGeneration"] = pod["metadata"]["generation"]
    return foreign + made


def _status(truth: bool) -> str:
    return "True" if truth else "False"


def _condition(kind: str, reason: str = "", message: str = "", *, status: bool = False) -> Condition:
    found = {"type": kind, "status": _status(status)}
    if reason:
        found["reason"] = reason
    if message:
        found["message"] = message
    return found


def _message(unknown: list[str], others: list[str], kind: str) -> str:
    parts = [f"containers with unknown status: [{' '.join(unknown)}]"] if unknown else []
    if others:
        parts.append(f"containers with {kind} status: [{' '.join(others)}]")
    return ", ".join(parts)


def containers_ready(pod: Object, statuses: list[dict[str, Any]], phase: str) -> Condition:
    by_name = {each["name"]: each for each in statuses}
    wanted = [each for each in specs.init_containers(pod) if specs.is_sidecar(each)] + specs.containers(pod)
    unknown = [each["name"] for each in wanted if each["name"] not in by_name]
    unready = [each["name"] for each in wanted if each["name"] in by_name and not by_name[each["name"]]["ready"]]
    kind = "ContainersReady"
    if phase == "Succeeded" and not unknown:
        return _condition(kind, "PodCompleted")
    if phase == "Failed":
        return _condition(kind, "PodFailed")
    message = _message(unknown, unready, "unready")
    return _condition(kind, "ContainersNotReady", message) if message else _condition(kind, status=True)


def ready(pod: Object, containers: Condition, others: list[Condition]) -> Condition:
    if containers["status"] != "True":
        return containers | {"type": "Ready"}
    by_type = {each["type"]: each for each in others}
    messages = []
    for gate in pod["spec"].get("readinessGates") or []:
        kind = gate["conditionType"]
        found = by_type.get(kind)
        if found is None:
            messages.append(f'corresponding condition of pod readiness gate "{kind}" does not exist.')
        elif found.get("status") != "True":
            messages.append(f'the status of pod readiness gate "{kind}" is not "True", but {found.get("status")}')
    return _condition("Ready", "ReadinessGatesNotReady", ", ".join(messages)) if messages else _condition("Ready", status=True)


def initialized(pod: Object, statuses: list[dict[str, Any]], phase: str) -> Condition:
    by_name = {each["name"]: each for each in statuses}
    init = specs.init_containers(pod)
    unknown = [each["name"] for each in init if each["name"] not in by_name]
    if phase == "Succeeded" and not unknown:
        return _condition("Initialized", "PodCompleted", status=True)
    if any(_was_started(by_name.get(each["name"])) for each in specs.containers(pod)):
        return _condition("Initialized", status=True)
    incomplete = []
    for spec in init:
        status = by_name.get(spec["name"])
        if status is not None and not (status.get("started") if specs.is_sidecar(spec) else status["ready"]):
            incomplete.append(spec["name"])
    message = _message(unknown, incomplete, "incomplete")
    return _condition("Initialized", "ContainersNotInitialized", message) if message else _condition("Initialized", status=True)


def _was_started(status: dict[str, Any] | None) -> bool:
    """Whether a container has run at some time."""
    if status is None:
        return False
    state = status.get("state") or {}
    return "running" in state or "terminated" in state or "terminated" in (status.get("lastState") or {})
