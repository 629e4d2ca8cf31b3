"""Seccomp is not switched off: by the annotations of old before there was a field for it, by that field since.

Upstream: pod-security-admission `policy/check_seccompProfile_baseline.go`.
"""

from __future__ import annotations

from typing import Final

from admission.pod_security.check import Check, Revision, Violation, joined, plural
from admission.pod_security.levels import Level
from admission.pod_security.pod import Pod
from admission.pod_security.profiles import forbidden_profiles
from cluster.api.field import quoted

_OF_POD: Final = "seccomp.security.alpha.kubernetes.io/pod"
_OF_CONTAINER: Final = "container.seccomp.security.alpha.kubernetes.io/"
_ALLOWED_ANNOTATIONS: Final = frozenset({"runtime/default", "docker/default"})
FIELD: Final = "seccompProfile"
REASON: Final = FIELD


def judge_field(pod: Pod) -> Violation | None:
    who, types = forbidden_profiles(pod, FIELD)
    return Violation(REASON, f"{who} must not set securityContext.seccompProfile.type to {joined(types)}") if who else None


def _judge_annotations(pod: Pod) -> Violation | None:
    keys = {_OF_POD, *(f"{_OF_CONTAINER}{name}" for name, _ in pod.securities)} & pod.annotations.keys()
    bad = sorted(f"{key}={quoted(value)}" for key in keys if _is_bad(value := pod.annotations[key]))
    return Violation(REASON, f"forbidden {plural('annotation', bad)} {', '.join(bad)}") if bad else None


def _is_bad(value: str) -> bool:
    return value not in _ALLOWED_ANNOTATIONS and not value.startswith("localhost/")


CHECK: Final = Check("seccompProfile_baseline", Level.BASELINE, (Revision(0, _judge_annotations), Revision(19, judge_field)))
