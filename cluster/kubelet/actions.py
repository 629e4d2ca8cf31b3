"""What a pod needs next: which containers to start and which to remove; pure, from its specification and the runtime's state.

Upstream: `pkg/kubelet/kuberuntime/kuberuntime_manager.go` computePodActions.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from cluster.api.names import Object
from cluster.kubelet import specs
from cluster.kubelet.runtime import Container, PodState, State
from cluster.kubelet.status import Probed


class Actions(Struct):
    """`start` are containers to start now, `kill` those that run something else than is specified, with the reason."""

    sandbox: bool = False
    start: list[specs.Spec] = field(default_factory=list)
    kill: list[tuple[Container, str]] = field(default_factory=list)


def compute(pod: Object, state: PodState, probes: Mapping[str, Probed]) -> Actions:
    """The next step; nothing to do is an empty Actions."""
    actions = Actions()
    if state.sandbox is None:
        if not _worth_a_sandbox(pod, state):
            return actions
        actions.sandbox = True
        actions.kill = [(each, "") for each in state.containers if each.state is State.RUNNING]
        state = PodState(containers=tuple(each for each in state.containers if each.state is not State.RUNNING))
        started: bool = False
    else:
        started = _any_started(pod, state)
    if _init_done(pod, state, probes, actions, started):
        for spec in specs.containers(pod):
            _consider(pod, spec, state, actions)
    if state.sandbox is not None:
        for spec in pod["spec"].get("ephemeralContainers") or []:
            if state.latest(spec["name"]) is None:
                actions.start.append(spec)
    return actions


def _worth_a_sandbox(pod: Object, state: PodState) -> bool:
    """A pod whose containers have all ended for good gets no new one."""
    for spec in specs.containers(pod):
        last = state.latest(spec["name"])
        if last is None or last.state is not State.EXITED or specs.should_restart(pod, spec, last.exit_code):
            break
    else:
        return False
    return not any(_failed_for_good(pod, spec, state.latest(spec["name"])) for spec in specs.init_containers(pod))


def _failed_for_good(pod: Object, init: specs.Spec, last: Container | None) -> bool:
    if last is None or last.state is not State.EXITED or not last.exit_code:
        return False
    return not specs.should_restart(pod, init, last.exit_code, init=True)


def _any_started(pod: Object, state: PodState) -> bool:
    """Whether an ordinary container was started in the sandbox that runs: then initialization is over."""
    sandbox = state.sandbox
    since = sandbox.created if sandbox else 0.0
    found = (state.latest(each["name"]) for each in specs.containers(pod))
    return any(each is not None and each.created >= since for each in found)


def _init_done(pod: Object, state: PodState, probes: Mapping[str, Probed], actions: Actions, started: bool) -> bool:
    """Goes through the init containers in order; whether the ordinary ones may run."""
    since = state.sandbox.created if state.sandbox else float("inf")
    for spec in specs.init_containers(pod):
        last = state.latest(spec["name"])
        sidecar = specs.is_sidecar(spec)
        if sidecar and last is not None and last.state is State.RUNNING:
            if not started and not probes.get(spec["name"], Probed()).started:
                return False
            continue
        if started:
            if sidecar:
                _consider(pod, spec, state, actions)
            continue
        if not sidecar and last is not None and last.state is State.RUNNING:
            return False
        fresh = last is not None and last.created >= since
        if not sidecar and last is not None and last.state is State.EXITED:
            if last.exit_code == 0 and fresh:
                continue
            if last.exit_code and not specs.should_restart(pod, spec, last.exit_code, init=True):
                return False
        actions.start.append(spec)
        return False
    return True


def _consider(pod: Object, spec: specs.Spec, state: PodState, actions: Actions) -> None:
    last = state.latest(spec["name"])
    if last is None or last.state is State.CREATED:
        actions.start.append(spec)
    elif last.state is State.EXITED:
        if specs.should_restart(pod, spec, last.exit_code):
            actions.start.append(spec)
    elif last.labels.get("berth.container-hash", specs.digest(spec)) != specs.digest(spec):
        actions.kill.append((last, f"Container {spec['name']} definition changed, will be restarted"))
        actions.start.append(spec)


def finished(pod: Object, state: PodState) -> bool:
    """Whether a pod has done all it ever will: each ordinary container has ended for good, or an init container has failed for good."""
    if any(_failed_for_good(pod, spec, state.latest(spec["name"])) for spec in specs.init_containers(pod)):
        return True
    for spec in specs.containers(pod):
        last = state.latest(spec["name"])
        if last is None or last.state is not State.EXITED or specs.should_restart(pod, spec, last.exit_code):
            return False
    return True
