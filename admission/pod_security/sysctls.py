"""Only those kernel parameters are set that are the pod's own and touch no other: a list that grows with the versions.

Upstream: pod-security-admission `policy/check_sysctls.go`.
"""

from __future__ import annotations

from collections.abc import Set
from typing import Final

from admission.pod_security.check import Check, Judge, Revision, Violation
from admission.pod_security.levels import Level
from admission.pod_security.pod import Pod

_SAFE: Final = frozenset(
    {
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.ping_group_range",
        "net.ipv4.tcp_syncookies",
    }
)
_SAFE_27: Final = _SAFE | {"net.ipv4.ip_local_reserved_ports"}
_SAFE_29: Final = _SAFE_27 | {
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
}
_SAFE_32: Final = _SAFE_29 | {"net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"}


def _judge_with(safe: Set[str]) -> Judge:
    def judge(pod: Pod) -> Violation | None:
        bad = [name for each in pod.security.get("sysctls") or () if (name := each.get("name", "")) not in safe]
        return Violation("forbidden sysctls", ", ".join(bad)) if bad else None

    return judge


CHECK: Final = Check(
    "sysctls",
    Level.BASELINE,
    (
        Revision(0, _judge_with(_SAFE)),
        Revision(27, _judge_with(_SAFE_27)),
        Revision(29, _judge_with(_SAFE_29)),
        Revision(32, _judge_with(_SAFE_32)),
    ),
)
