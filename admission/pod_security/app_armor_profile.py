"""AppArmor's default profile may be replaced by a local one, not switched off; by field or by the annotations of old.

Upstream: pod-security-admission `policy/check_appArmorProfile.go`.
"""

from __future__ import annotations

from typing import Final

from admission.pod_security.check import Check, Revision, Violation, joined, plural
from admission.pod_security.levels import Level
from admission.pod_security.pod import Pod
from admission.pod_security.profiles import forbidden_profiles
from cluster.api.field import quoted

_ANNOTATION: Final = "container.apparmor.security.beta.kubernetes.io/"


def _judge(pod: Pod) -> Violation | None:
    who, values = forbidden_profiles(pod, "appArmorProfile")
    annotations = sorted(f"{key}={quoted(value)}" for key, value in pod.annotations.items() if _is_bad(key, value))
    if annotations:
        who += f"{' and ' if who else ''}{plural('annotation', annotations)}"
        values += annotations
    if not who:
        return None
    return Violation(plural("forbidden AppArmor profile", values), f"{who} must not set AppArmor profile type to {joined(values)}")


def _is_bad(key: str, value: str) -> bool:
    return key.startswith(_ANNOTATION) and value not in ("", "runtime/default") and not value.startswith("localhost/")


CHECK: Final = Check("appArmorProfile", Level.BASELINE, (Revision(0, _judge),))
