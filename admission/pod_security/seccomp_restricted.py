"""Seccomp is switched on, for each container or for the pod.

Upstream: pod-security-admission `policy/check_seccompProfile_restricted.go`.
"""

from __future__ import annotations

from typing import Final

from admission.pod_security import seccomp_baseline
from admission.pod_security.check import Check, Revision, Violation, containers, unless_windows
from admission.pod_security.levels import Level
from admission.pod_security.pod import Pod
from admission.pod_security.seccomp_baseline import FIELD, REASON, judge_field

_OVERRIDES: Final = frozenset({seccomp_baseline.CHECK.id})


def _judge(pod: Pod) -> Violation | None:
    found = judge_field(pod)
    if found is not None or FIELD in pod.security:
        return found
    unset = [name for name, security in pod.securities if FIELD not in security]
    if not unset:
        return None
    detail = f'pod or {containers(unset)} must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"'
    return Violation(REASON, detail)


CHECK: Final = Check(
    "seccompProfile_restricted",
    Level.RESTRICTED,
    (Revision(19, _judge, _OVERRIDES), Revision(25, unless_windows(_judge), _OVERRIDES)),
)
