"""The node's network, processes and IPC are not shared.  Upstream: pod-security-admission `policy/check_hostNamespaces.go`."""

from __future__ import annotations

from typing import Final

from admission.pod_security.check import Check, Revision, Violation
from admission.pod_security.levels import Level
from admission.pod_security.pod import Pod


def _judge(pod: Pod) -> Violation | None:
    shared = [f"{field}=true" for field in ("hostNetwork", "hostPID", "hostIPC") if pod.spec.get(field)]
    return Violation("host namespaces", ", ".join(shared)) if shared else None


CHECK: Final = Check("hostNamespaces", Level.BASELINE, (Revision(0, _judge),))
