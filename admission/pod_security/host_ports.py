"""No port of the node is taken.  Upstream: pod-security-admission `policy/check_hostPorts.go`."""

from __future__ import annotations

from typing import Final

from admission.pod_security.check import Check, Revision, Violation, containers, plural
from admission.pod_security.levels import Level
from admission.pod_security.pod import Pod


def _judge(pod: Pod) -> Violation | None:
    bad: list[str] = []
    taken: set[str] = set()
    for container in pod.containers:
        ports = {str(each["hostPort"]) for each in container.get("ports") or () if each.get("hostPort")}
        if ports:
            bad.append(container.get("name", ""))
            taken |= ports
    if not bad:
        return None
    uses = "uses" if len(bad) == 1 else "use"
    return Violation("hostPort", f"{containers(bad)} {uses} {plural('hostPort', taken)} {', '.join(sorted(taken))}")


CHECK: Final = Check("hostPorts", Level.BASELINE, (Revision(0, _judge),))
