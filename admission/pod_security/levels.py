"""Levels and versions of the Pod Security Standards.  Upstream: pod-security-admission `api/constants.go`, `api/helpers.go`."""

from __future__ import annotations

import enum
import re
from typing import Final

from msgspec import Struct

_VERSION: Final = re.compile(r"v1\.(0|[1-9][0-9]*)", re.ASCII)
_GREATEST_MINOR: Final = 2**63 - 1
NOT_A_VERSION: Final = 'must be "latest" or "v1.x"'


class Level(enum.StrEnum):
    """From the one that allows everything to the strictest."""

    PRIVILEGED = "privileged"
    BASELINE = "baseline"
    RESTRICTED = "restricted"

    def stricter_than(self, other: Level) -> bool:
        return _STRICTNESS[self] > _STRICTNESS[other]


_STRICTNESS: Final = {level: strictness for strictness, level in enumerate(Level)}
NOT_A_LEVEL: Final = f"must be one of {', '.join(Level)}"


class Version(Struct, frozen=True):
    """Of Kubernetes, whose rules are meant: `v1.<minor>`, or without a minor `latest`, which is newer than any other."""

    minor: int | None

    def older_than(self, other: Version) -> bool:
        return self.minor is not None and (other.minor is None or self.minor < other.minor)

    def __str__(self) -> str:
        return "latest" if self.minor is None else f"v1.{self.minor}"


LATEST: Final = Version(None)


class LevelVersion(Struct, frozen=True):
    """A level as a version has it."""

    level: Level
    version: Version

    def equivalent(self, other: LevelVersion) -> bool:
        """Whether both ask for the same: what is privileged is so in every version."""
        return self == other or self.level is other.level is Level.PRIVILEGED

    def __str__(self) -> str:
        return f"{self.level}:{self.version}"


def parse_level(text: str) -> Level:
    """ValueError for what is none."""
    try:
        return Level(text)
    except ValueError:
        raise ValueError(NOT_A_LEVEL) from None


def parse_version(text: str) -> Version:
    """Also one that is newer than all that there are; ValueError for what is none."""
    if text == "latest":
        return LATEST
    match = _VERSION.fullmatch(text)
    if match is None or (minor := int(match[1])) > _GREATEST_MINOR:
        raise ValueError(NOT_A_VERSION)
    return Version(minor)
