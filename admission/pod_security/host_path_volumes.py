"""No volume is a path of the node.  Upstream: pod-security-admission `policy/check_hostPathVolumes.go`."""

from __future__ import annotations

from typing import Final

from admission.pod_security.check import Check, Revision, Violation, joined, plural
from admission.pod_security.levels import Level
from admission.pod_security.pod import Pod


def _judge(pod: Pod) -> Violation | None:
    bad = [each.get("name", "") for each in pod.volumes if "hostPath" in each]
    return Violation("hostPath volumes", f"{plural('volume', bad)} {joined(bad)}") if bad else None


CHECK: Final = Check("hostPathVolumes", Level.BASELINE, (Revision(0, _judge),))
