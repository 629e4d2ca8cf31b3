"""The termination messages of a pod's containers.  Upstream: `pkg/kubelet/kuberuntime/kuberuntime_container.go` getTerminationMessage."""

from __future__ import annotations

from typing import Final

from cluster.kubelet.container_config import termination_message
from cluster.kubelet.runtime import MESSAGE_POLICY_LABEL, Container, LogOptions, PodState, Runtime, RuntimeFailure, State

_LOG_LINES: Final = 80
_LOG_BYTES: Final = 2048


class Messages:
    """Read once for each container that has ended."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._known: dict[str, str] = {}

    def of(self, state: PodState) -> dict[str, str]:
        """Container ID to message, of those that left one."""
        ended = [each for each in state.containers if each.state is State.EXITED]
        self._known = {each.id: self._known[each.id] if each.id in self._known else self._read(each) for each in ended}
        return {key: text for key, text in self._known.items() if text}

    def _read(self, container: Container) -> str:
        text = termination_message(container.labels)
        if text or container.exit_code == 0 or container.labels.get(MESSAGE_POLICY_LABEL) != "FallbackToLogsOnError":
            return text
        try:
            lines = b"".join(self._runtime.logs(container.id, LogOptions(tail=_LOG_LINES)))
        except RuntimeFailure as failure:
            return f"Error reading termination message from logs: {failure}"
        return lines[-_LOG_BYTES:].decode(errors="replace")
