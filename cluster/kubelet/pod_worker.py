"""One pod's life on the node: a thread that brings what runs in line with what is specified, one step at a time.

Whatever happens (a change in the API, a container that starts or ends, a probe, time) only wakes the worker; it then looks at the
pod and at the runtime afresh.  So a kubelet that is killed and started again goes on as if nothing had been.
Upstream: `pkg/kubelet/pod_workers.go` and `kubelet.go` (SyncPod, SyncTerminatingPod, SyncTerminatedPod).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from cluster.api.errors import StatusError
from cluster.api.names import Object
from cluster.kubelet import actions, specs, starter, status
from cluster.kubelet.context import Context
from cluster.kubelet.messages import Messages
from cluster.kubelet.probes import Prober
from cluster.kubelet.projections import VolumeFailure
from cluster.kubelet.runtime import PodState, RuntimeFailure, Sandbox
from cluster.kubelet.termination import Terminator

log = logging.getLogger(__name__)

RESYNC_SECONDS: Final = 60.0
_RETRY_SECONDS: Final = 10.0
_FIRST_RETRY_SECONDS: Final = 0.5
_DEADLINE_MESSAGE: Final = "Pod was active on the node longer than the specified deadline"


class PodWorker:
    """Started with the pod; ends by itself once the pod is gone from the API and from the runtime."""

    def __init__(self, context: Context, pod: Object, ended: Callable[[PodWorker], None]) -> None:
        self.uid = specs.uid(pod)
        self._context = context
        self._pod = pod
        self._ended = ended
        self._lock = threading.Lock()
        self._awake = threading.Event()
        self._awake.set()
        self._removed = False
        self._halted = False
        self._done = False
        self._over = False
        self._failure: tuple[str, str] | None = None
        self._waiting: dict[str, status.Waiting] = {}
        self._retry = _FIRST_RETRY_SECONDS
        self._messages = Messages(context.runtime)
        self._prober = Prober(context, self.wake, self._kill_unhealthy)
        self._terminator = Terminator(context, self.wake)
        self._thread = threading.Thread(target=self._run, name=f"pod-{pod['metadata']['name']}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def pod(self) -> Object:
        """As it is known now; never change it."""
        return self._pod

    def update(self, pod: Object) -> None:
        """A version from the API; an older one than is known is ignored."""
        with self._lock:
            if _revision(pod) < _revision(self._pod):
                return
            self._pod = pod
        self.wake()

    def remove(self) -> None:
        """The API knows the pod no longer."""
        self._removed = True
        self.wake()

    def wake(self) -> None:
        self._awake.set()

    def halt(self) -> None:
        """Ends the worker and leaves the pod running: the kubelet stops."""
        self._halted = True
        self.wake()

    def join(self, seconds: float) -> None:
        self._thread.join(seconds)

    def _run(self) -> None:
        delay: float | None = 0.0
        while not self._halted and not self._done:
            self._awake.wait(delay)
            self._awake.clear()
            if self._halted:
                break
            try:
                delay = self._sync()
                self._retry = _FIRST_RETRY_SECONDS
            except (StatusError, RuntimeFailure, VolumeFailure, OSError) as failure:
                log.warning('pod "%s": %s', specs.full_name(self._pod), failure)
                delay = self._later()
            except Exception:
                log.exception('pod "%s": a step failed', specs.full_name(self._pod))
                delay = self._later()
        self._prober.stop()
        self._ended(self)

    def _later(self) -> float:
        self._retry = min(self._retry * 2, _RETRY_SECONDS)
        return self._retry

    def _sync(self) -> float | None:
        """One step; the seconds until the next one is due even if nothing happens."""
        pod = self._pod
        state = self._context.runtime.pod(self.uid)
        if self._removed or pod["metadata"].get("deletionTimestamp"):
            return self._terminate(pod, state)
        if self._over:
            return None
        if specs.is_terminal(pod) or actions.finished(pod, state) or self._past_deadline(pod):
            return self._terminate(pod, state)
        return self._advance(pod, state)

    # A pod that is to run

    def _advance(self, pod: Object, state: PodState) -> float:
        self._prober.follow(pod, state, self._probe_address(state))
        self._push(pod, state)
        pod = self._pod  # with the host's address, which containers may ask for
        try:
            self._context.volumes.set_up(pod, self._addresses(pod, state.sandbox))
        except VolumeFailure as failure:
            self._context.tell(pod, "Warning", "FailedMount", str(failure))
            raise
        todo = actions.compute(pod, state, self._probes(pod, state))
        for container, reason in todo.kill:
            if reason:
                self._context.tell(pod, "Normal", "Killing", reason, specs.container(pod, container.name))
            self._context.runtime.stop_container(container.id, specs.grace_seconds(pod))
        sandbox = starter.start_sandbox(self._context, pod, state) if todo.sandbox else state.sandbox
        delays = [RESYNC_SECONDS, *self._deadline(pod)]
        if sandbox is not None:
            delays += [self._start(pod, spec, sandbox, state) for spec in todo.start]
        if todo.start or todo.kill or todo.sandbox:
            state = self._context.runtime.pod(self.uid)
            self._prober.follow(pod, state, self._probe_address(state))
            self._push(pod, state)
            self._forget_old(state)
        return max(0.05, min(delays))

    def _start(self, pod: Object, spec: specs.Spec, sandbox: Sandbox, state: PodState) -> float:
        """Starts a container, or notes why it waits; the seconds after which to look again."""
        name = spec["name"]
        last = state.latest(name)
        held = starter.crash_wait(self._context, pod, spec, sandbox, last)
        if held is not None:
            self._waiting[name], seconds = held
            return seconds
        addresses = self._addresses(pod, sandbox)
        waiting = starter.start_container(self._context, pod, spec, sandbox, addresses, self._attempt(pod, name, state))
        if waiting is None:
            self._waiting.pop(name, None)
            return RESYNC_SECONDS
        self._waiting[name] = waiting
        return self._context.images.retry_after(pod) or (_FIRST_RETRY_SECONDS if waiting.reason == "RunContainerError" else _RETRY_SECONDS)

    @staticmethod
    def _attempt(pod: Object, name: str, state: PodState) -> int:
        """The number of this start: one more than the last that the runtime or the API remembers."""
        last = state.latest(name)
        if last is not None:
            return last.attempt if last.state.value == "created" else last.attempt + 1
        known = pod.get("status") or {}
        for kind in ("initContainerStatuses", "containerStatuses"):
            for each in known.get(kind) or []:
                if each["name"] == name and each.get("containerID"):
                    return int(each.get("restartCount") or 0) + 1
        return 0

    def _forget_old(self, state: PodState) -> None:
        """Of each container, the newest and the one before it are kept, for logs and the last state."""
        seen: dict[str, int] = {}
        for each in state.containers:
            seen[each.name] = seen.get(each.name, 0) + 1
            if seen[each.name] > 2:
                self._context.runtime.remove_container(each.id)

    def _kill_unhealthy(self, name: str, container_id: str, message: str) -> None:
        """On a probe's thread: the container is stopped, and the worker starts it anew."""
        pod = self._pod
        self._context.tell(pod, "Normal", "Killing", message, specs.container(pod, name))
        try:
            self._context.runtime.stop_container(container_id, specs.grace_seconds(pod))
        except RuntimeFailure as failure:
            log.warning('container "%s" of pod "%s" can\'t be stopped: %s', name, specs.full_name(pod), failure)
        self.wake()

    # A pod that is to end

    def _terminate(self, pod: Object, state: PodState) -> float | None:
        self._prober.stop()
        gone = self._removed or bool(pod["metadata"].get("deletionTimestamp"))
        if self._terminator.step(pod, state, forced=self._removed):
            self._push(pod, state)
            return 1.0
        state = self._context.runtime.pod(self.uid)
        self._push(pod, state, terminal=True)
        for sandbox in state.sandboxes:
            if sandbox.running:
                self._context.runtime.stop_sandbox(sandbox.id)
        if not gone:
            self._over = True
            self._push(self._pod, self._context.runtime.pod(self.uid), terminal=True)
            return 0.0 if self._pod["metadata"].get("deletionTimestamp") or self._removed else None
        self._clean_up(state)
        if not self._removed:
            self._context.api.finish(pod)
        self._done = True
        return None

    def _clean_up(self, state: PodState) -> None:
        runtime = self._context.runtime
        for container in state.containers:
            runtime.remove_container(container.id)
        for sandbox in state.sandboxes:
            runtime.remove_sandbox(sandbox.id)
        self._context.volumes.remove(self.uid)
        self._context.images.forget(self.uid)
        self._context.crash_backoff.forget(f"{self.uid}_")
        self._context.forget(self.uid)

    # The status

    def _push(self, pod: Object, state: PodState, *, terminal: bool = False) -> None:
        """Writes the status where it differs from the one that the API is known to have."""
        if self._removed:
            return
        view = status.View(
            host_ip=self._context.host_ip,
            addresses=self._addresses(pod, state.sandbox) if state.sandbox else (),
            waiting=self._waiting,
            probes=self._probes(pod, state),
            scheme=self._context.scheme,
            terminal=terminal,
            messages=self._messages.of(state),
            failure=self._failure if terminal else None,
            now=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        )
        made = status.generate(pod, state, view)
        if made == (self._pod.get("status") or {}):
            return
        answer = self._context.api.patch_status(pod, made)
        if answer is None:
            self._removed = True
            self.wake()
            return
        with self._lock:
            if _revision(answer) >= _revision(self._pod):
                self._pod = answer

    def _probes(self, pod: Object, state: PodState) -> dict[str, Any]:
        return self._prober.results(pod, state)

    def _addresses(self, pod: Object, sandbox: Sandbox | None) -> tuple[str, ...]:
        if pod["spec"].get("hostNetwork"):
            return (self._context.host_ip,)
        return (sandbox.ip,) if sandbox is not None and sandbox.ip else ()

    def _probe_address(self, state: PodState) -> str:
        sandbox = state.sandbox
        if sandbox is None or self._pod["spec"].get("hostNetwork"):
            return self._context.host_ip
        return self._context.runtime.probe_address(sandbox)

    # activeDeadlineSeconds

    def _deadline(self, pod: Object) -> list[float]:
        """The seconds left to the pod, where it has a deadline and has started."""
        limit = pod["spec"].get("activeDeadlineSeconds")
        started = specs.parse_time((pod.get("status") or {}).get("startTime"))
        if limit is None or started is None:
            return []
        return [started.timestamp() + float(limit) - time.time()]

    def _past_deadline(self, pod: Object) -> bool:
        if self._failure is None and any(left <= 0 for left in self._deadline(pod)):
            self._failure = ("DeadlineExceeded", _DEADLINE_MESSAGE)
            self._context.tell(pod, "Normal", "DeadlineExceeded", _DEADLINE_MESSAGE)
        return self._failure is not None


def _revision(pod: Object) -> int:
    version = pod["metadata"].get("resourceVersion") or "0"
    return int(version) if version.isdigit() else 0
