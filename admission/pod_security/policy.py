"""What a namespace asks for: a level and version for each mode, by its labels.

Upstream: pod-security-admission `api/helpers.go` (Policy, PolicyToEvaluate).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, TypeVar

from admission.pod_security.levels import LATEST, Level, LevelVersion, parse_level, parse_version
from cluster.api import field
from cluster.api.field import FieldError, quoted
from cluster.api.tenancy import POD_SECURITY

ENFORCE: Final = "enforce"
AUDIT: Final = "audit"
WARN: Final = "warn"
_MODES: Final = (ENFORCE, AUDIT, WARN)
LABELS: Final = tuple(f"{POD_SECURITY}{mode}{end}" for mode in _MODES for end in ("", "-version"))
_ANY: Final = frozenset(LABELS)
_REMEMBERED: Final = 1024
_Value = TypeVar("_Value")


class Policy(NamedTuple):
    """What is denied, what is told the audit event, and what the client is warned of."""

    enforce: LevelVersion
    audit: LevelVersion
    warn: LevelVersion

    def fully_privileged(self) -> bool:
        return self.enforce.level is self.audit.level is self.warn.level is Level.PRIVILEGED

    def equivalent(self, other: Policy) -> bool:
        return all(own.equivalent(others) for own, others in zip(self, other, strict=True))


PRIVILEGED: Final = LevelVersion(Level.PRIVILEGED, LATEST)
FULLY_PRIVILEGED: Final = Policy(PRIVILEGED, PRIVILEGED, PRIVILEGED)


def policy_of(labels: Mapping[str, str], defaults: Policy) -> tuple[Policy, tuple[FieldError, ...]]:
    """The policy of a namespace with these labels, and what is wrong with them; there always is a policy.

    In place of a level that there is not, the strictest is enforced, and nothing audited or warned of; a version is then the latest.
    """
    return (defaults, ()) if _ANY.isdisjoint(labels) else _policy(tuple(map(labels.get, LABELS)), defaults)


@functools.lru_cache(_REMEMBERED)
def _policy(values: tuple[str | None, ...], defaults: Policy) -> tuple[Policy, tuple[FieldError, ...]]:
    errors: list[FieldError] = []

    def read(place: int, parse: Callable[[str], _Value], default: _Value, otherwise: _Value) -> _Value:
        value = values[place]
        if value is None:
            return default
        try:
            return parse(value)
        except ValueError as error:
            errors.append(field.invalid(field.key("metadata.labels", LABELS[place]), value, str(error)))
            return otherwise

    level = read(0, parse_level, defaults.enforce.level, Level.RESTRICTED)
    is_set = values[0] is not None and not errors
    enforce = LevelVersion(level, read(1, parse_version, defaults.enforce.version, LATEST))
    audit = LevelVersion(
        read(2, parse_level, defaults.audit.level, Level.PRIVILEGED), read(3, parse_version, defaults.audit.version, LATEST)
    )
    warn = LevelVersion(read(4, parse_level, defaults.warn.level, Level.PRIVILEGED), read(5, parse_version, defaults.warn.version, LATEST))
    if values[4] is None and is_set and enforce.level.stricter_than(warn.level):
        warn = LevelVersion(enforce.level, enforce.version if values[5] is None else warn.version)
    return Policy(enforce, audit, warn), tuple(errors)


def ignored(namespace: str, policy: Policy, defaults: Policy, labels: Mapping[str, str]) -> str:
    """The warning that an exempt namespace's own labels count for nothing; empty where they ask for nothing more than the defaults."""
    if policy.fully_privileged() or policy.equivalent(defaults):
        return ""
    shown = ", ".join(
        f"{mode}={asked}"
        for mode, asked, level in zip(_MODES, policy, LABELS[::2], strict=True)
        if asked.level is not Level.PRIVILEGED and not labels.keys().isdisjoint((level, f"{level}-version"))
    )
    return f"namespace {quoted(namespace)} is exempt from Pod Security, and the policy ({shown}) will be ignored"
