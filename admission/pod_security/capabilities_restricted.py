"""All capabilities are dropped, and only that to bind low ports is added.

Upstream: pod-security-admission `policy/check_capabilities_restricted.go`.
"""

from __future__ import annotations

from typing import Any, Final

from admission.pod_security import capabilities_baseline
from admission.pod_security.check import Check, Revision, Violation, containers, joined, unless_windows
from admission.pod_security.levels import Level
from admission.pod_security.pod import Pod

_ALLOWED: Final = frozenset({"NET_BIND_SERVICE"})
_OVERRIDES: Final = frozenset({capabilities_baseline.CHECK.id})
_NONE: Final[dict[str, Any]] = {}


def _judge(pod: Pod) -> Violation | None:
    keeping: list[str] = []
    adding: list[str] = []
    added: set[str] = set()
    for name, security in pod.securities:
        capabilities = security.get("capabilities") or _NONE
        if "ALL" not in (capabilities.get("drop") or ()):
            keeping.append(name)
        beyond = {*(capabilities.get("add") or ())} - _ALLOWED
        if beyond:
            adding.append(name)
            added |= beyond
    details = [f'{containers(keeping)} must set securityContext.capabilities.drop=["ALL"]'] if keeping else []
    if adding:
        details.append(f"{containers(adding)} must not include {joined(sorted(added))} in securityContext.capabilities.add")
    return Violation("unrestricted capabilities", "; ".join(details)) if details else None


CHECK: Final = Check(
    "capabilities_restricted",
    Level.RESTRICTED,
    (Revision(22, _judge, _OVERRIDES), Revision(25, unless_windows(_judge), _OVERRIDES)),
)
