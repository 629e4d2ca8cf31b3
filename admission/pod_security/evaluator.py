"""Which checks a level has in a version, found out once, and what they find.  Upstream: pod-security-admission `policy/registry.go`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

from admission.pod_security.check import Check, Judge, Revision, Violation
from admission.pod_security.levels import Level, LevelVersion
from admission.pod_security.pod import Pod

Judges = Sequence[tuple[str, Judge]]
"""The checks of a level in a version by their IDs: baseline's before restricted's, each in the order of IDs."""


class Evaluator:
    """Of every level and version; one that is newer than any change of a check is as that one."""

    def __init__(self, checks: Sequence[Check] | None = None, newest: int | None = None) -> None:
        """`checks` in place of all that there are; `newest` is the minor version of a server which is older than the newest of them."""
        self._given = checks
        self._limit = newest

    def judges(self, asked: LevelVersion) -> Judges:
        if asked.level is Level.PRIVILEGED:
            return ()
        found = self._levels[asked.level]
        minor = asked.version.minor
        return found[-1 if minor is None or minor >= len(found) else minor]

    @cached_property
    def _levels(self) -> Mapping[Level, Sequence[Judges]]:
        """By minor version.  Checks are loaded where a namespace asks for any."""
        checks = self._given
        if checks is None:
            from admission.pod_security.checks import CHECKS

            checks = CHECKS
        changed = max((each.revisions[-1].since for each in checks), default=0)
        minors = range((changed if self._limit is None else min(self._limit, changed)) + 1)
        return {level: [_judges(checks, minor, level) for minor in minors] for level in (Level.BASELINE, Level.RESTRICTED)}

    def evaluate(self, asked: LevelVersion, pod: Pod) -> Sequence[Violation]:
        """What the pod does that the level doesn't allow; empty where it may be."""
        return [found for _, judge in self.judges(asked) if (found := judge(pod)) is not None]


def _judges(checks: Iterable[Check], minor: int, level: Level) -> Judges:
    by_level: dict[Level, dict[str, Revision]] = {Level.BASELINE: {}, Level.RESTRICTED: {}}
    for each in sorted(checks, key=lambda check: check.id):
        revision = next((found for found in reversed(each.revisions) if found.since <= minor), None)
        if revision is not None:
            by_level[each.level][each.id] = revision
    baseline, restricted = by_level[Level.BASELINE], by_level[Level.RESTRICTED]
    if level is Level.BASELINE:
        return _listed(baseline)
    needless = frozenset().union(*(each.overrides for each in restricted.values()))
    return _listed({name: each for name, each in baseline.items() if name not in needless} | restricted)


def _listed(revisions: Mapping[str, Revision]) -> Judges:
    return tuple((name, each.judge) for name, each in revisions.items())


def reasons(violations: Iterable[Violation]) -> str:
    """In a few words, as said of pods that are there already."""
    return ", ".join(each.reason for each in violations)


def details(violations: Iterable[Violation]) -> str:
    return ", ".join(map(str, violations))
