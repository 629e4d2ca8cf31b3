"""No container is told to run as root, unless the pod has users of its own.

Upstream: pod-security-admission `policy/check_runAsUser.go`.
"""

from __future__ import annotations

from typing import Final

from admission.pod_security.check import Check, Revision, Violation, setters, unless_own_users
from admission.pod_security.levels import Level
from admission.pod_security.pod import Pod


def _judge(pod: Pod) -> Violation | None:
    who = setters(pod.security.get("runAsUser") == 0, [name for name, security in pod.securities if security.get("runAsUser") == 0])
    return Violation("runAsUser=0", f"{who} must not set runAsUser=0") if who else None


CHECK: Final = Check("runAsUser", Level.RESTRICTED, (Revision(23, _judge), Revision(35, unless_own_users(_judge))))
