"""What is masked of /proc stays so, unless the pod has users of its own.

Upstream: pod-security-admission `policy/check_procMount_baseline.go`.
"""

from __future__ import annotations

from typing import Final

from admission.pod_security.check import Check, Revision, Violation, containers, joined, unless_own_users
from admission.pod_security.levels import Level
from admission.pod_security.pod import Pod


def judge_proc_mount(pod: Pod) -> Violation | None:
    bad = [(name, security["procMount"]) for name, security in pod.securities if security.get("procMount", "Default") != "Default"]
    if not bad:
        return None
    kinds = sorted({kind for _, kind in bad})
    return Violation("procMount", f"{containers([name for name, _ in bad])} must not set securityContext.procMount to {joined(kinds)}")


CHECK: Final = Check("procMount", Level.BASELINE, (Revision(0, judge_proc_mount), Revision(35, unless_own_users(judge_proc_mount))))
