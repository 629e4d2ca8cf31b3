"""A pod's status from what the runtime says.  Upstream: `pkg/kubelet/kubelet_pods.go` (getPhase, convertToAPIContainerStatuses)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct, field

from cluster.api.names import Object
from cluster.kubelet import conditions, specs
from cluster.kubelet.runtime import Container, PodState, State

Status = dict[str, Any]

UNKNOWN_EXIT: Final = 137
_UNKNOWN_DELETED: Final = "The container could not be located when the pod was deleted.  The container used to be Running"
_UNKNOWN_TERMINATED: Final = "The container could not be located when the pod was terminated"


class Waiting(Struct, frozen=True):
    """Why a container doesn't run: `reason` as kubectl shows it."""

    reason: str
    message: str = ""


class Probed(Struct, frozen=True):
    """What the probes say of one container; None: there is no such probe, or no result yet where `pending`."""

    started: bool = True
    ready: bool = True


class View(Struct, frozen=True):
    """Everything that a status is made from, beside the pod and the runtime's state."""

    host_ip: str
    addresses: tuple[str, ...] = ()
    waiting: Mapping[str, Waiting] = field(default_factory=dict)
    probes: Mapping[str, Probed] = field(default_factory=dict)
    scheme: str = "docker"
    terminal: bool = False
    """All containers have ended for good."""
    messages: Mapping[str, str] = field(default_factory=dict)
    """Termination messages, by container ID."""
    failure: tuple[str, str] | None = None
    """(reason, message) where the kubelet itself fails the pod."""
    now: str = ""


def generate(pod: Object, state: PodState, view: View) -> Status:
    """The whole status; the pod's own is where it starts from."""
    old: Status = pod.get("status") or {}
    init = _statuses(pod, specs.init_containers(pod), old.get("initContainerStatuses") or [], state, view, init=True)
    main = _statuses(pod, specs.containers(pod), old.get("containerStatuses") or [], state, view, init=False)
    result: Status = {key: value for key, value in old.items() if key not in ("conditions", "reason", "message")}
    result["phase"] = _phase(pod, old, init + main, state, view)
    _keep_reason(result, old, view)
    result |= {"hostIP": view.host_ip, "hostIPs": [{"ip": view.host_ip}]}
    addresses = view.addresses or tuple(each["ip"] for each in old.get("podIPs") or [])
    if pod["spec"].get("hostNetwork"):
        addresses = (view.host_ip,)
    if addresses:
        result |= {"podIP": addresses[0], "podIPs": [{"ip": each} for each in addresses]}
    result["startTime"] = old.get("startTime") or view.now
    if init:
        result["initContainerStatuses"] = init
    result["containerStatuses"] = main
    if pod["metadata"].get("generation"):
        result["observedGeneration"] = pod["metadata"]["generation"]
    result["conditions"] = conditions.all_of(pod, old, init + main, result["phase"], state.sandbox is not None, view.now)
    return result


def _keep_reason(result: Status, old: Status, view: View) -> None:
    if view.failure:
        result["reason"], result["message"] = view.failure
    elif result["phase"] == old.get("phase"):
        for key in ("reason", "message"):
            if old.get(key):
                result[key] = old[key]


def _statuses(pod: Object, wanted: list[specs.Spec], old: list[Status], state: PodState, view: View, *, init: bool) -> list[Status]:
    previous = {each["name"]: each for each in old}
    result = [_one(pod, spec, previous.get(spec["name"]), state, view, init=init) for spec in wanted]
    return result if init else sorted(result, key=lambda each: str(each["name"]))


def _one(pod: Object, spec: specs.Spec, old: Status | None, state: PodState, view: View, *, init: bool) -> Status:
    name = spec["name"]
    own = [each for each in state.containers if each.name == name][:2]
    status = _from_runtime(own, old, view) if own else _absent(pod, spec, old, view)
    status |= {"name": name, "image": own[0].image if own else status.get("image") or spec.get("image", "")}
    status.setdefault("imageID", "")
    status.setdefault("lastState", {})
    status.setdefault("restartCount", 0)
    _wait_if_it_must(pod, spec, own, status, view, init=init)
    _mounts(spec, status)
    if own:
        resources = spec.get("resources") or {}
        status["resources"] = {key: resources[key] for key in ("limits", "requests") if resources.get(key)}
        if resources.get("requests"):
            status["allocatedResources"] = resources["requests"]
    _readiness(spec, status, view, init=init)
    return status


def _from_runtime(own: list[Container], old: Status | None, view: View) -> Status:
    newest = own[0]
    status: Status = {
        "restartCount": newest.attempt,
        "imageID": f"{view.scheme}://{newest.image_id}" if newest.image_id else "",
        "containerID": f"{view.scheme}://{newest.id}",
        "state": _state(newest, view),
    }
    if len(own) > 1:
        status["lastState"] = _state(own[1], view)
    elif old and old.get("lastState"):
        status["lastState"] = old["lastState"]
    return status


def _state(container: Container, view: View) -> Status:
    if container.state is State.RUNNING:
        return {"running": {"startedAt": specs.timestamp(container.started)}}
    if container.state is State.CREATED:
        return {"waiting": {}}
    ended: Status = {"exitCode": container.exit_code, "reason": container.reason}
    message = view.messages.get(container.id) or container.message
    if message:
        ended["message"] = message
    ended |= {"startedAt": specs.timestamp(container.started), "finishedAt": specs.timestamp(container.finished)}
    ended["containerID"] = f"{view.scheme}://{container.id}"
    return {"terminated": ended}


def _absent(pod: Object, spec: specs.Spec, old: Status | None, view: View) -> Status:
    """The status of a container that the runtime doesn't know (not yet, or no longer)."""
    if old and "terminated" in (old.get("state") or {}):
        return dict(old)
    initializing = any(not specs.is_sidecar(each) for each in specs.init_containers(pod))
    waiting: Status = {"waiting": {"reason": "PodInitializing" if initializing else "ContainerCreating"}}
    status: Status = {"state": waiting, "image": spec.get("image", "")}
    if not old:
        return status
    status |= {key: old[key] for key in ("restartCount", "lastState") if key in old}
    if "running" in (old.get("state") or {}):
        lost = {"exitCode": UNKNOWN_EXIT, "reason": "ContainerStatusUnknown", "startedAt": None, "finishedAt": None}
        if view.terminal:
            status["state"] = {"terminated": lost | {"message": _UNKNOWN_TERMINATED}}
        elif "terminated" not in (status.get("lastState") or {}):
            status["lastState"] = {"terminated": lost | {"message": _UNKNOWN_DELETED}}
            if not pod["metadata"].get("deletionTimestamp"):
                status["restartCount"] = int(status.get("restartCount") or 0) + 1
    return status


def _wait_if_it_must(pod: Object, spec: specs.Spec, own: list[Container], status: Status, view: View, *, init: bool) -> None:
    """A container that is to be started again is waiting, whatever it was."""
    waiting = view.waiting.get(spec["name"])
    if waiting is None or view.terminal or pod["metadata"].get("deletionTimestamp"):
        return
    if own:
        newest = own[0]
        if newest.state is State.RUNNING:
            return
        if newest.state is State.EXITED and not specs.should_restart(pod, spec, newest.exit_code, init=init):
            return
    if "terminated" in status["state"]:
        status["lastState"] = status["state"]
    shown = {"reason": waiting.reason}
    if waiting.message:
        shown["message"] = waiting.message
    status["state"] = {"waiting": shown}


def _mounts(spec: specs.Spec, status: Status) -> None:
    mounts = []
    for mount in spec.get("volumeMounts") or []:
        shown = {"name": mount["name"], "mountPath": mount["mountPath"]}
        if mount.get("readOnly"):
            shown |= {"readOnly": True, "recursiveReadOnly": "Disabled"}
        mounts.append(shown)
    if mounts:
        status["volumeMounts"] = mounts


def _readiness(spec: specs.Spec, status: Status, view: View, *, init: bool) -> None:
    probed = view.probes.get(spec["name"], Probed())
    running = "running" in status["state"]
    status["started"] = running and probed.started
    if init and not specs.is_sidecar(spec):
        ended = status["state"].get("terminated")
        status["ready"] = bool(ended) and ended.get("exitCode") == 0
    else:
        status["ready"] = running and probed.started and probed.ready


def _phase(pod: Object, old: Status, statuses: list[Status], state: PodState, view: View) -> str:
    found = phase(pod, statuses, view.terminal, _initialized(pod, state))
    if view.failure:
        return "Failed"
    if old.get("phase") in specs.TERMINAL:
        return str(old["phase"])
    return found


def _initialized(pod: Object, state: PodState) -> bool:
    return any(
        found is not None and (found.state is State.RUNNING or found.started > 0)
        for found in (state.latest(each["name"]) for each in specs.containers(pod))
    )


def phase(pod: Object, statuses: list[Status], terminal: bool, initialized: bool) -> str:
    """Upstream's getPhase: what a pod with these container statuses is in."""
    by_name = {each["name"]: each for each in statuses}
    pending = _pending_init(pod, by_name)
    if pending == "failed":
        return "Failed"
    running = waiting = stopped = final = succeeded = unknown = starting = 0
    for spec in (each for each in specs.init_containers(pod) if specs.is_sidecar(each)):
        status = by_name.get(spec["name"])
        kind = _kind(status)
        unknown += kind == "unknown"
        running += kind == "running"
        waiting += kind == "waiting"
        starting += kind in ("waiting", "unknown") or (kind == "running" and not (status or {}).get("started"))
    for spec in specs.containers(pod):
        status = by_name.get(spec["name"])
        kind = _kind(status)
        unknown += kind == "unknown"
        running += kind == "running"
        waiting += kind == "waiting"
        if kind in ("terminated", "restarting") and status is not None:
            ended = status["state"].get("terminated") or status["lastState"]["terminated"]
            stopped += 1
            final += not specs.should_restart(pod, spec, ended["exitCode"])
            succeeded += kind == "terminated" and ended["exitCode"] == 0
    if pending == "pending" or (starting and not initialized) or waiting:
        return "Pending"
    if running and not unknown:
        return "Running"
    if not running and stopped and not unknown:
        if stopped != final and not terminal:
            return "Running"
        return "Succeeded" if stopped == succeeded else "Failed"
    return "Pending"


def _pending_init(pod: Object, by_name: Mapping[str, Status]) -> str:
    """`pending` while ordinary init containers are to run, `failed` where one has for good, else empty."""
    pending = ""
    for spec in (each for each in specs.init_containers(pod) if not specs.is_sidecar(each)):
        status = by_name.get(spec["name"])
        kind = _kind(status)
        if kind in ("terminated", "restarting") and status is not None:
            ended = status["state"].get("terminated") or status["lastState"]["terminated"]
            if ended["exitCode"] != 0:
                if not specs.should_restart(pod, spec, ended["exitCode"], init=True):
                    return "failed"
                pending = "pending"
        else:
            pending = "pending"
    return pending


def _kind(status: Status | None) -> str:
    state = (status or {}).get("state") or {}
    if "running" in state:
        return "running"
    if "terminated" in state:
        return "terminated"
    if "waiting" in state and status is not None:
        return "restarting" if (status.get("lastState") or {}).get("terminated") else "waiting"
    return "unknown"
