"""The graceful end of a pod: preStop hooks, SIGTERM, the grace period, SIGKILL.

Upstream: `pkg/kubelet/kuberuntime/kuberuntime_container.go` killContainer.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from cluster.api.names import Object
from cluster.kubelet import lifecycle, specs
from cluster.kubelet.context import Context
from cluster.kubelet.runtime import Container, PodState, RuntimeFailure, State

log = logging.getLogger(__name__)

LEAST_GRACE_SECONDS: Final = 2


class Terminator:
    """Ends the containers of one pod, each on a thread of its own, so that a shorter grace period may overtake a longer one."""

    def __init__(self, context: Context, changed: Callable[[], None]) -> None:
        self._context = context
        self._changed = changed
        self._asked: dict[str, int] = {}
        self._since = 0.0

    def step(self, pod: Object, state: PodState, *, forced: bool) -> bool:
        """Asks the containers that run to end, once for each grace period; whether any runs still."""
        running = [each for each in state.containers if each.state is State.RUNNING]
        if not running:
            return False
        self._since = self._since or time.monotonic()
        grace = max(LEAST_GRACE_SECONDS, 0 if forced else specs.grace_seconds(pod))
        sidecars = {each["name"] for each in specs.init_containers(pod) if specs.is_sidecar(each)}
        # Sidecars end after what they serve.
        first = [each for each in running if each.name not in sidecars] or running
        for container in first:
            before = self._asked.get(container.id)
            if before is not None and before <= grace:
                continue
            self._asked[container.id] = grace
            left = grace if container.name not in sidecars else max(LEAST_GRACE_SECONDS, grace - int(time.monotonic() - self._since))
            arguments = (pod, container, left, before is None)
            threading.Thread(target=self._end, args=arguments, name=f"end-{container.name}", daemon=True).start()
        return True

    def _end(self, pod: Object, container: Container, grace: int, first: bool) -> None:
        spec = specs.container(pod, container.name)
        started = time.monotonic()
        if first and spec is not None:
            self._context.tell(pod, "Normal", "Killing", f"Stopping container {container.name}", spec)
            self._pre_stop(pod, container, spec, grace)
        left = max(LEAST_GRACE_SECONDS, grace - int(time.monotonic() - started))
        try:
            self._context.runtime.stop_container(container.id, left)
        except RuntimeFailure as failure:
            log.warning('container "%s" of pod "%s" can\'t be stopped: %s', container.name, specs.full_name(pod), failure)
            self._asked.pop(container.id, None)
        self._changed()

    def _pre_stop(self, pod: Object, container: Container, spec: specs.Spec, grace: int) -> None:
        hook = (spec.get("lifecycle") or {}).get("preStop")
        if not hook:
            return
        status = pod.get("status") or {}
        addresses = tuple(each["ip"] for each in status.get("podIPs") or [])
        try:
            lifecycle.run(self._context.runtime, container.id, spec, hook, addresses, timeout_seconds=grace)
        except lifecycle.HookFailure as failure:
            log.info('preStop hook of container "%s" of pod "%s": %s', container.name, specs.full_name(pod), failure)
            self._context.tell(pod, "Warning", "FailedPreStopHook", "PreStopHook failed", spec)
