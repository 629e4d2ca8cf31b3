"""Moments and spans of time: as text, and as calendars and clocks of a zone show them.

Upstream: cel-go `common/types/timestamp.go`, `duration.go`, `overflow.go`; Go's `time` package (ParseDuration, RFC 3339).
"""

from __future__ import annotations

import functools
import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Final

from cluster.cel.floats import plain
from cluster.cel.values import MAX_INT, MIN_INT, CelError, Duration, Timestamp

SECOND: Final = 1_000_000_000
MIN_MOMENT: Final = -62135596800 * SECOND
MAX_MOMENT: Final = 253402300799 * SECOND + 999_999_999
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS: Final = {"ns": 1, "us": 1000, "\u00b5s": 1000, "\u03bcs": 1000, "ms": 10**6, "s": SECOND, "m": 60 * SECOND, "h": 3600 * SECOND}
_PART: Final = re.compile(r"([0-9]*)(?:\.([0-9]*))?([^0-9.]+)")
_MOMENT: Final = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{1,2}):([0-9]{2}):([0-9]{2})(?:[.,]([0-9]+))?(?:Z|([+-])([0-9]{2}):([0-9]{2}))", re.ASCII
)
_ZONES_KEPT: Final = 256
_MOST_DIGITS: Final = 20
_CYCLE: Final = 146097 * 86400 * SECOND
"""400 years, after which weekdays and leap years come again."""


def parse_span(text: str) -> int | None:
    """Nanoseconds of what Go's ParseDuration reads, e.g. `1h30m`, `-1.5s`; None for what it doesn't."""
    sign = -1 if text[:1] == "-" else 1
    rest = text[1:] if text[:1] in ("-", "+") else text
    if rest == "0":
        return 0
    total, position = 0, 0
    while position < len(rest):
        part = _PART.match(rest, position)
        if part is None or not (part[1] or part[2]) or part[3] not in _UNITS:
            return None
        unit = _UNITS[part[3]]
        total += whole(part[1]) * unit
        if part[2]:
            total += _fraction(part[2], unit)
        if total > MAX_INT + 1:
            return None
        position = part.end()
    if not rest or (total > MAX_INT and sign > 0):
        return None
    return sign * total


def whole(digits: str) -> int:
    """The number that digits are, or a larger one than any that counts."""
    digits = digits.lstrip("0")
    return int(digits or "0") if len(digits) <= _MOST_DIGITS else 10**_MOST_DIGITS


def _fraction(digits: str, unit: int) -> int:
    """Of a unit, as Go computes it: digits as far as an int has room for them, and a product of floats."""
    numerator, scale = 0, 1.0
    for digit in digits:
        longer = numerator * 10 + int(digit)
        if numerator > MAX_INT // 10 or longer > MAX_INT + 1:
            break
        numerator, scale = longer, scale * 10
    return int(numerator * (unit / scale))


def parse_moment(text: str) -> Timestamp | None:
    """What Go's RFC 3339 layout reads; None for what it doesn't.  Raises CelError for a moment out of range."""
    parts = _MOMENT.fullmatch(text)
    if parts is None:
        return None
    hours, minutes = int(parts[9] or 0), int(parts[10] or 0)
    if hours > 24 or minutes > 60:
        return None
    offset = (hours * 3600 + minutes * 60) * (-1 if parts[8] == "-" else 1)
    year = int(parts[1])
    try:
        shown = datetime(year or 4, *(int(parts[each]) for each in range(2, 7)), tzinfo=UTC)  # type: ignore[misc, arg-type]
    except ValueError:
        return None
    if not year:
        raise CelError("timestamp overflow")
    fraction = int((parts[7] or "0")[:9].ljust(9, "0"))
    return moment(((shown - _EPOCH) // timedelta(seconds=1) - offset) * SECOND + fraction, offset)


def moment(nanoseconds: int, offset: int = 0) -> Timestamp:
    """A Timestamp; CelError where it is out of range."""
    if not MIN_MOMENT <= nanoseconds <= MAX_MOMENT:
        raise CelError("timestamp overflow")
    return Timestamp(nanoseconds, offset)


def span(nanoseconds: int) -> Duration:
    """A Duration; CelError where it is out of range."""
    if not MIN_INT <= nanoseconds <= MAX_INT:
        raise CelError("integer overflow")
    return Duration(nanoseconds)


def text(value: Duration | Timestamp) -> str:
    """As `string()` writes it: seconds with a fraction, or RFC 3339 with as many digits as it takes."""
    if isinstance(value, Duration):
        return f"{plain(seconds(value))}s"
    whole, fraction = divmod(value.nanoseconds, SECOND)
    try:
        shown = _EPOCH + timedelta(seconds=whole + value.offset)
    except OverflowError:
        shown = _EPOCH + timedelta(seconds=whole)
    digits = f".{fraction:09}".rstrip("0") if fraction else ""
    zone = "Z"
    if value.offset:
        minutes = abs(value.offset) // 60
        zone = f"{'-' if value.offset < 0 else '+'}{minutes // 60:02}:{minutes % 60:02}"
    return f"{shown.year:04}-{shown:%m-%dT%H:%M:%S}{digits}{zone}"


def seconds(value: Duration) -> float:
    """As Go computes them: whole ones, and a fraction of one."""
    return _in_units(value, SECOND)


def minutes(value: Duration) -> float:
    return _in_units(value, 60 * SECOND)


def hours(value: Duration) -> float:
    return _in_units(value, 3600 * SECOND)


def _in_units(value: Duration, unit: int) -> float:
    sign = -1 if value.nanoseconds < 0 else 1
    whole, rest = divmod(abs(value.nanoseconds), unit)
    return sign * (whole + rest / unit)


def calendar(value: Timestamp, zone: str = "UTC") -> datetime:
    """What a calendar and a clock of a zone show, without what is below a second; CelError for a zone that there is not.

    `zone`: a name, or hours and minutes such as `-08:00`.  OverflowError where it is the year 0 or 10000 there.
    """
    at = _EPOCH + timedelta(seconds=value.nanoseconds // SECOND)
    return at if zone == "UTC" else at.astimezone(known_zone(zone))


def shifted(value: Timestamp) -> tuple[Timestamp, int]:
    """A moment 400 years away, towards 1970, by which calendars are the same, and the years that are missing."""
    years = 400 if value.nanoseconds > 0 else -400
    return Timestamp(value.nanoseconds - years // 400 * _CYCLE), years


@functools.lru_cache(maxsize=_ZONES_KEPT)
def known_zone(name: str) -> tzinfo:
    """A zone by its name or difference; CelError where there is none."""
    if ":" in name:
        return _fixed_zone(name)
    if name in ("", "UTC", "Local"):
        return UTC
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # few expressions name a zone

    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise CelError(f"unknown time zone {name}") from None


def _fixed_zone(name: str) -> tzinfo:
    hours, _, minutes = name.partition(":")
    parsed = []
    for part in (hours, minutes):
        if not re.fullmatch(r"[+-]?[0-9]+", part, re.ASCII) or whole(part.lstrip("+-")) > MAX_INT:
            raise CelError(f'strconv.Atoi: parsing "{part}": invalid syntax')
        parsed.append(int(part))
    total = parsed[0] * 60 + (-parsed[1] if name[0] == "-" else parsed[1])
    try:
        return timezone(timedelta(minutes=total))
    except (ValueError, OverflowError):
        raise CelError(f"unknown time zone {name}") from None
