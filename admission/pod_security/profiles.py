"""What checks of AppArmor and seccomp share: a profile is that of the runtime or one that is on the node, anything else is none."""

from __future__ import annotations

from typing import Final

from admission.pod_security.check import setters
from admission.pod_security.pod import Pod

_ALLOWED: Final = frozenset({"RuntimeDefault", "Localhost"})


def forbidden_profiles(pod: Pod, field: str) -> tuple[str, list[str]]:
    """Who sets profiles by that field which are not allowed, empty for nobody, and the types of those, in order."""
    bad = [(name, kind) for name, profile in pod.set_in_containers(field) if (kind := profile.get("type", "")) not in _ALLOWED]
    kinds = {kind for _, kind in bad}
    own = pod.security.get(field)
    own_is_bad = own is not None and own.get("type", "") not in _ALLOWED
    if own is not None and own_is_bad:
        kinds.add(own.get("type", ""))
    return setters(own_is_bad, [name for name, _ in bad]), sorted(kinds)
