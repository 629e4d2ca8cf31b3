"""Of SELinux's labels the type may be one of those made for containers, user and role are not set.

Upstream: pod-security-admission `policy/check_seLinuxOptions.go`.
"""

from __future__ import annotations

from collections.abc import Set
from typing import Final

from admission.pod_security.check import Check, Judge, Revision, Violation, joined, plural, setters
from admission.pod_security.levels import Level
from admission.pod_security.pod import Pod
from cluster.api.names import Object

_TYPES: Final = frozenset({"", "container_t", "container_init_t", "container_kvm_t"})
_UNSET: Final[Object] = {}


def _judge_with(allowed: Set[str]) -> Judge:
    def is_bad(options: Object) -> bool:
        return options.get("type", "") not in allowed or bool(options.get("user") or options.get("role"))

    def judge(pod: Pod) -> Violation | None:
        own = pod.security.get("seLinuxOptions", _UNSET)
        bad = [(name, options) for name, options in pod.set_in_containers("seLinuxOptions") if is_bad(options)]
        pod_is_bad = is_bad(own)
        if not bad and not pod_is_bad:
            return None
        options = [own, *(each for _, each in bad)]
        types = sorted({each.get("type", "") for each in options} - allowed)
        data = [f"{plural('type', types)} {joined(types)}"] if types else []
        data += [f"{field} may not be set" for field in ("user", "role") if any(each.get(field) for each in options)]
        who = setters(pod_is_bad, [name for name, _ in bad])
        return Violation("seLinuxOptions", f"{who} set forbidden securityContext.seLinuxOptions: {'; '.join(data)}")

    return judge


CHECK: Final = Check(
    "seLinuxOptions",
    Level.BASELINE,
    (Revision(0, _judge_with(_TYPES)), Revision(31, _judge_with(_TYPES | {"container_engine_t"}))),
)
