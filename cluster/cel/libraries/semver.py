"""Versions: `semver('v1.2', true).isLessThan(semver('2.0.0'))`.

Upstream: apiserver `pkg/cel/library/semverlib.go` (version 1), `pkg/cel/semver.go`; `github.com/blang/semver/v4`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import ClassVar, Final

from cluster.api.field import quoted
from cluster.cel import types
from cluster.cel.costs import of_first
from cluster.cel.functions import Function, Library, Overload
from cluster.cel.libraries.declaring import member, own_type
from cluster.cel.libraries.library_costs import of_first_text
from cluster.cel.types import Type
from cluster.cel.values import MAX_INT, MAX_UINT, CelError, Opaque

SEMVER_TYPE: Final = own_type("kubernetes.Semver")
_NUMBERS: Final = re.compile("[0-9]*", re.ASCII)
_WORDS: Final = re.compile("[0-9A-Za-z-]+", re.ASCII)
_LONGEST: Final = 20
"""Digits of a number of 64 bits."""


class Semver(Opaque, frozen=True, eq=False):
    """A version; what it was built from has no part in its order."""

    type_name: ClassVar[str] = "kubernetes.Semver"
    numbers: tuple[int, int, int]
    """Major, minor, patch."""
    pre: tuple[int | str, ...] = ()
    build: tuple[str, ...] = ()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Semver):
            raise CelError("no such overload")
        return compare(self, other) == 0

    def __hash__(self) -> int:
        return hash((self.numbers, self.pre))

    def __str__(self) -> str:
        made = ".".join(map(str, self.numbers))
        if self.pre:
            made += "-" + ".".join(map(str, self.pre))
        return made + ("+" + ".".join(self.build) if self.build else "")


def compare(left: Semver, right: Semver) -> int:
    """-1, 0 or 1; a version that is released comes after those before it."""
    mine, others = _order(left), _order(right)
    return (mine > others) - (mine < others)


def _order(version: Semver) -> tuple[tuple[int, ...], bool, list[tuple[bool, int, str]]]:
    pre = [(False, each, "") if isinstance(each, int) else (True, 0, each) for each in version.pre]
    return version.numbers, not pre, pre


def parse_semver(text: str, normalized: bool = False) -> Semver:
    return _parsed(_normal(text) if normalized else text)


def _normal(text: str) -> str:
    """Without a leading `v` and leading zeros, and with all three numbers."""
    parts = text.removeprefix("v").split(".", 2)
    for position, part in enumerate(parts):
        if len(part.encode()) > 1:
            rest = part.lstrip("0")
            parts[position] = rest if rest[:1].isascii() and rest[:1].isdigit() else "0" + rest
    if len(parts) < 3 and ("+" in parts[-1] or "-" in parts[-1]):
        raise CelError("short version cannot contain PreRelease/Build meta data")
    return ".".join([*parts, "0", "0"][:3])


def _parsed(text: str) -> Semver:
    if not text:
        raise CelError("Version string empty")
    parts = text.split(".", 2)
    if len(parts) != 3:
        raise CelError("No Major.Minor.Patch elements found")
    major = _number(parts[0], "major", "Major")
    minor = _number(parts[1], "minor", "Minor")
    rest, plus, build = parts[2].partition("+")
    patch, dash, pre = rest.partition("-")
    numbers = (major, minor, _number(patch, "patch", "Patch"))
    return Semver(
        numbers,
        tuple(map(_pre, pre.split("."))) if dash else (),
        tuple(map(_build, build.split("."))) if plus else (),
    )


def _number(text: str, name: str, title: str) -> int:
    if not _NUMBERS.fullmatch(text):
        raise CelError(f"Invalid character(s) found in {name} number {quoted(text)}")
    if len(text) > 1 and text[0] == "0":
        raise CelError(f"{title} number must not contain leading zeroes {quoted(text)}")
    return _unsigned(text)


def _unsigned(text: str) -> int:
    if not text:
        raise CelError('strconv.ParseUint: parsing "": invalid syntax')
    if len(text) > _LONGEST or int(text) > MAX_UINT:
        raise CelError(f"strconv.ParseUint: parsing {quoted(text)}: value out of range")
    return int(text)


def _pre(text: str) -> int | str:
    if not text:
        raise CelError("Prerelease is empty")
    if _NUMBERS.fullmatch(text):
        if len(text) > 1 and text[0] == "0":
            raise CelError(f"Numeric PreRelease version must not contain leading zeroes {quoted(text)}")
        return _unsigned(text)
    if not _WORDS.fullmatch(text):
        raise CelError(f"Invalid character(s) found in prerelease {quoted(text)}")
    return text


def _build(text: str) -> str:
    if not text:
        raise CelError("Build meta data is empty")
    if not _WORDS.fullmatch(text):
        raise CelError(f"Invalid character(s) found in build meta data {quoted(text)}")
    return text


def is_semver(text: str, normalized: bool = False) -> bool:
    try:
        parse_semver(text, normalized)
    except CelError:
        return False
    return True


def _part(name: str, position: int) -> Function:
    """A number of a version as an int, which has a bit less for it."""

    def part(version: Semver) -> int:
        number = version.numbers[position]
        return number if number <= MAX_INT else number - MAX_UINT - 1

    return member(name, f"semver_{name}", (SEMVER_TYPE,), types.INT, part)


def _reading(name: str, id_: str, result: Type, call: Callable[..., object]) -> Function:
    return Function(
        name,
        (
            Overload(id_.format("string"), (types.STRING,), result, call, estimate=of_first_text),
            Overload(id_.format("string_bool"), (types.STRING, types.BOOL), result, call, estimate=of_first_text),
        ),
        of_first,
    )


def _comparison(name: str, id_: str, result: Type, call: Callable[[Semver, Semver], object]) -> Function:
    return member(name, f"semver_{id_}", (SEMVER_TYPE, SEMVER_TYPE), result, call)


SEMVERS: Final = Library(
    "kubernetes.Semver",
    functions=(
        _reading("semver", "{}_to_semver", SEMVER_TYPE, parse_semver),
        _reading("isSemver", "is_semver_{}", types.BOOL, is_semver),
        _comparison("isGreaterThan", "is_greater_than", types.BOOL, lambda left, right: compare(left, right) > 0),
        _comparison("isLessThan", "is_less_than", types.BOOL, lambda left, right: compare(left, right) < 0),
        _comparison("compareTo", "compare_to", types.INT, compare),
        *(_part(name, position) for position, name in enumerate(("major", "minor", "patch"))),
    ),
    since=33,
)
