"""What is masked of /proc stays so, whoever the pod's users are: from the version on in which the baseline no longer says so.

Upstream: pod-security-admission `policy/check_procMount_restricted.go`.
"""

from __future__ import annotations

from typing import Final

from admission.pod_security import proc_mount
from admission.pod_security.check import Check, Revision
from admission.pod_security.levels import Level

CHECK: Final = Check(
    "procMount_restricted", Level.RESTRICTED, (Revision(35, proc_mount.judge_proc_mount, frozenset({proc_mount.CHECK.id})),)
)
