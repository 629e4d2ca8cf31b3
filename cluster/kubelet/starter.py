"""Starts one sandbox or container of a pod, from its image to its postStart hook."""

from __future__ import annotations

from cluster.api.names import Object
from cluster.kubelet import container_config, lifecycle, specs
from cluster.kubelet.context import Context
from cluster.kubelet.runtime import DIGEST_LABEL, Container, ImageFailure, PodState, RuntimeFailure, Sandbox, State
from cluster.kubelet.status import Waiting


def start_sandbox(context: Context, pod: Object, state: PodState) -> Sandbox:
    """A new sandbox; RuntimeFailure, told as an event, where there is none to be had."""
    attempt = max((int(each.labels.get("io.kubernetes.container.attempt", "0")) + 1 for each in state.sandboxes), default=0)
    if attempt:
        context.tell(pod, "Normal", "SandboxChanged", "Pod sandbox changed, it will be killed and re-created.")
    try:
        made = context.runtime.run_sandbox(container_config.sandbox(context, pod, attempt))
    except RuntimeFailure as failure:
        context.tell(pod, "Warning", "FailedCreatePodSandBox", f"Failed to create pod sandbox: {failure}")
        raise
    for old in state.sandboxes:
        context.runtime.remove_sandbox(old.id)
    return made


def crash_wait(context: Context, pod: Object, spec: specs.Spec, sandbox: Sandbox, last: Container | None) -> tuple[Waiting, float] | None:
    """Why, and for how many seconds, a container that has ended must wait; None where it may start now.

    Upstream: `pkg/kubelet/kuberuntime/kuberuntime_manager.go` doBackOff.
    """
    if last is None or last.state is not State.EXITED:
        return None
    key = f"{specs.uid(pod)}_{spec['name']}_{specs.digest(spec)}"
    if last.created >= sandbox.created and last.labels.get(DIGEST_LABEL) == specs.digest(spec):
        # It crashed in this very sandbox: a kubelet that was started anew goes on counting, a node that was off doesn't.
        context.crash_backoff.restore(key, last.attempt, last.created)
    remaining = context.crash_backoff.remaining(key, last.finished)
    if remaining <= 0:
        context.crash_backoff.next(key, last.finished)
        return None
    shown = specs.full_name(pod)
    context.tell(pod, "Warning", "BackOff", f"Back-off restarting failed container {spec['name']} in pod {shown}", spec)
    text = f"back-off {_shown(context.crash_backoff.seconds(key))} restarting failed container={spec['name']} pod={shown}"
    return Waiting("CrashLoopBackOff", text), remaining


def _shown(seconds: float) -> str:
    from cluster.api.durations import format_duration

    return format_duration(round(seconds))


def start_container(
    context: Context, pod: Object, spec: specs.Spec, sandbox: Sandbox, addresses: tuple[str, ...], attempt: int
) -> Waiting | None:
    """Starts it; what it waits for, where it didn't start."""

    def tell(kind: str, reason: str, message: str) -> None:
        context.tell(pod, kind, reason, message, spec)

    try:
        image = context.images.ensure(pod, spec, tell)
    except ImageFailure as failure:
        tell("Warning", "Failed", f"Error: {failure.reason}")
        return Waiting(failure.reason, failure.message)
    except RuntimeFailure as failure:
        return Waiting("ImageInspectError", f'Failed to inspect image "{spec.get("image", "")}": {failure}')
    try:
        config = container_config.container(context, pod, spec, image, addresses, attempt)
    except (RuntimeFailure, OSError, ArithmeticError) as failure:
        tell("Warning", "Failed", f"Error: {failure}")
        return Waiting("CreateContainerConfigError", str(failure))
    try:
        container_id = context.runtime.create_container(sandbox, config)
    except RuntimeFailure as failure:
        tell("Warning", "Failed", f"Error: {failure}")
        return Waiting("CreateContainerError", str(failure))
    tell("Normal", "Created", "Container created")
    try:
        context.runtime.start_container(container_id)
    except RuntimeFailure as failure:
        tell("Warning", "Failed", f"Error: {failure}")
        return Waiting("RunContainerError", str(failure))
    tell("Normal", "Started", "Container started")
    return _post_start(context, pod, spec, container_id, addresses)


def _post_start(context: Context, pod: Object, spec: specs.Spec, container_id: str, addresses: tuple[str, ...]) -> Waiting | None:
    hook = (spec.get("lifecycle") or {}).get("postStart")
    if not hook:
        return None
    try:
        lifecycle.run(context.runtime, container_id, spec, hook, addresses, timeout_seconds=lifecycle.HOOK_SECONDS)
    except lifecycle.HookFailure as failure:
        context.tell(pod, "Warning", "FailedPostStartHook", "PostStartHook failed", spec)
        context.tell(pod, "Normal", "Killing", "FailedPostStartHook", spec)
        context.runtime.stop_container(container_id, specs.grace_seconds(pod))
        return Waiting("PostStartHookError", str(failure))
    return None
