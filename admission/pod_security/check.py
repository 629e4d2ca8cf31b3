"""What a check is, and the phrases that checks say their reasons in.  Upstream: pod-security-admission `policy/{checks,helpers}.go`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from msgspec import Struct

from admission.pod_security.levels import Level
from admission.pod_security.pod import Pod


class Violation(Struct, frozen=True):
    """`reason` says what is not allowed in a few words, `detail` where the pod has it and what would be."""

    reason: str
    detail: str

    def __str__(self) -> str:
        return f"{self.reason} ({self.detail})" if self.detail else self.reason


Judge = Callable[[Pod], Violation | None]


class Revision(Struct, frozen=True):
    """A check as it is from a minor version on; `overrides` are baseline checks which it makes needless."""

    since: int
    judge: Judge
    overrides: frozenset[str] = frozenset()


class Check(Struct, frozen=True):
    """`revisions` are in order; before the first of them there is no such check."""

    id: str
    level: Level
    revisions: tuple[Revision, ...]


def unless_windows(judge: Judge) -> Judge:
    """For fields that a pod of Windows can't have, which its validation sees to."""
    return lambda pod: None if pod.is_windows else judge(pod)


def unless_own_users(judge: Judge) -> Judge:
    return lambda pod: None if pod.has_users_of_its_own else judge(pod)


def plural(word: str, things: Collection[object]) -> str:
    return word if len(things) == 1 else f"{word}s"


def joined(texts: Sequence[str]) -> str:
    """In quotes, and with commas between."""
    return '"' + '", "'.join(texts) + '"'


def containers(names: Sequence[str]) -> str:
    """`containers "a", "b"`"""
    return f"{plural('container', names)} {joined(names)}"


def setters(pod: bool, names: Sequence[str]) -> str:
    """Who sets something: `pod and container "a"`; empty for nobody."""
    found = ["pod"] if pod else []
    if names:
        found.append(containers(names))
    return " and ".join(found)
