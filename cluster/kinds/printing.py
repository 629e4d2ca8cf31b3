"""Durations and timestamps as Table cells show them.

Upstream: apimachinery `pkg/util/duration/duration.go` and `pkg/printers/internalversion/printers.go`.  What kubectl shows under
AGE is made here.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Final

UNKNOWN: Final = "<unknown>"
NONE: Final = "<none>"
UNSET: Final = "<unset>"

now: Callable[[], float] = time.time
"""The clock, in seconds since the epoch; tests freeze it."""

_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24


def human_duration(seconds: float) -> str:
    """At most two units, and fewer of them the longer it is: `35s`, `4m12s`, `17m`, `3h5m`, `26h`, `2d2h`, `30d`, `2y15d`."""
    whole = int(seconds)
    if whole < -1:
        return "<invalid>"
    if whole < 0:
        return "0s"
    if whole < 2 * _MINUTE:
        return f"{whole}s"
    minutes, hours = whole // _MINUTE, whole // _HOUR
    if minutes < 10:
        return _two(minutes, "m", whole % _MINUTE, "s")
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return _two(hours, "h", minutes % 60, "m")
    if hours < 2 * _DAY:
        return f"{hours}h"
    days = hours // _DAY
    if days < 8:
        return _two(days, "d", hours % _DAY, "h")
    if days < 2 * 365:
        return f"{days}d"
    if days < 8 * 365:
        return _two(days // 365, "y", days % 365, "d")
    return f"{days // 365}y"


def _two(large: int, large_unit: str, small: int, small_unit: str) -> str:
    return f"{large}{large_unit}{small}{small_unit}" if small else f"{large}{large_unit}"


def parse_timestamp(timestamp: str) -> float:
    """Seconds since the epoch of an RFC 3339 timestamp (Time or MicroTime); ValueError where it is none."""
    return datetime.fromisoformat(timestamp).timestamp()


def translate_timestamp(timestamp: str | None) -> str:
    """How long ago `timestamp` was, `<unknown>` for none."""
    return human_duration(now() - parse_timestamp(timestamp)) if timestamp else UNKNOWN


def translate_timestamp_until(timestamp: str | None) -> str:
    """How long it is to `timestamp`, `<unknown>` for none."""
    return human_duration(parse_timestamp(timestamp) - now()) if timestamp else UNKNOWN


def age(creation_timestamp: str | None) -> str:
    """The AGE cell."""
    return translate_timestamp(creation_timestamp)
