"""No process gets more privileges than its parent has, be it by set-user-ID bits.

Upstream: pod-security-admission `policy/check_allowPrivilegeEscalation.go`.
"""

from __future__ import annotations

from typing import Final

from admission.pod_security.check import Check, Revision, Violation, containers, unless_windows
from admission.pod_security.levels import Level
from admission.pod_security.pod import Pod


def _judge(pod: Pod) -> Violation | None:
    bad = [name for name, security in pod.securities if security.get("allowPrivilegeEscalation") is not False]
    if not bad:
        return None
    return Violation("allowPrivilegeEscalation != false", f"{containers(bad)} must set securityContext.allowPrivilegeEscalation=false")


CHECK: Final = Check("allowPrivilegeEscalation", Level.RESTRICTED, (Revision(8, _judge), Revision(25, unless_windows(_judge))))
