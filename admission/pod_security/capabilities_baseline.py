"""No capability is added beyond those that containers get by default.

Upstream: pod-security-admission `policy/check_capabilities_baseline.go`.
"""

from __future__ import annotations

from typing import Final

from admission.pod_security.check import Check, Revision, Violation, containers, joined
from admission.pod_security.levels import Level
from admission.pod_security.pod import Pod

_DEFAULT: Final = frozenset(
    {
        "AUDIT_WRITE",
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "MKNOD",
        "NET_BIND_SERVICE",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYS_CHROOT",
    }
)


def _judge(pod: Pod) -> Violation | None:
    bad: list[str] = []
    added: set[str] = set()
    for name, capabilities in pod.set_in_containers("capabilities"):
        beyond = {*(capabilities.get("add") or ())} - _DEFAULT
        if beyond:
            bad.append(name)
            added |= beyond
    if not bad:
        return None
    detail = f"{containers(bad)} must not include {joined(sorted(added))} in securityContext.capabilities.add"
    return Violation("non-default capabilities", detail)


CHECK: Final = Check("capabilities_baseline", Level.BASELINE, (Revision(0, _judge),))
