"""No container is a process of its Windows node.  Upstream: pod-security-admission `policy/check_windowsHostProcess.go`."""

from __future__ import annotations

from typing import Final

from admission.pod_security.check import Check, Revision, Violation, setters
from admission.pod_security.levels import Level
from admission.pod_security.pod import Pod
from cluster.api.names import Object


def _judge(pod: Pod) -> Violation | None:
    bad = [name for name, options in pod.set_in_containers("windowsOptions") if _is_bad(options)]
    who = setters(_is_bad(pod.security.get("windowsOptions")), bad)
    return Violation("hostProcess", f"{who} must not set securityContext.windowsOptions.hostProcess=true") if who else None


def _is_bad(options: Object | None) -> bool:
    return bool(options and options.get("hostProcess"))


CHECK: Final = Check("windowsHostProcess", Level.BASELINE, (Revision(0, _judge),))
