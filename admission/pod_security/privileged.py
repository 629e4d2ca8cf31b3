"""No container is privileged, which would switch most of what contains it off.

Upstream: pod-security-admission `policy/check_privileged.go`.
"""

from __future__ import annotations

from typing import Final

from admission.pod_security.check import Check, Revision, Violation, containers
from admission.pod_security.levels import Level
from admission.pod_security.pod import Pod


def _judge(pod: Pod) -> Violation | None:
    bad = [name for name, security in pod.securities if security.get("privileged")]
    return Violation("privileged", f"{containers(bad)} must not set securityContext.privileged=true") if bad else None


CHECK: Final = Check("privileged", Level.BASELINE, (Revision(0, _judge),))
