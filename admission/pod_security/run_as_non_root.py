"""No container runs as root, which its image could say it does, unless the pod has users of its own.

Upstream: pod-security-admission `policy/check_runAsNonRoot.go`.
"""

from __future__ import annotations

from typing import Final

from admission.pod_security.check import Check, Revision, Violation, containers, setters, unless_own_users
from admission.pod_security.levels import Level
from admission.pod_security.pod import Pod

_REASON: Final = "runAsNonRoot != true"


def _judge(pod: Pod) -> Violation | None:
    own = pod.security.get("runAsNonRoot")
    explicit = [name for name, security in pod.securities if security.get("runAsNonRoot") is False]
    who = setters(own is False, explicit)
    if who:
        return Violation(_REASON, f"{who} must not set securityContext.runAsNonRoot=false")
    implicit = [] if own else [name for name, security in pod.securities if security.get("runAsNonRoot") is None]
    return Violation(_REASON, f"pod or {containers(implicit)} must set securityContext.runAsNonRoot=true") if implicit else None


CHECK: Final = Check("runAsNonRoot", Level.RESTRICTED, (Revision(0, _judge), Revision(35, unless_own_users(_judge))))
