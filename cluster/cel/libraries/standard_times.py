"""The standard library: what calendars and clocks show of a moment, and spans of time in units.

Upstream: cel-go `common/stdlib/standard.go`.  Without a zone, moments are shown in UTC.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from cluster.cel import times, types
from cluster.cel.functions import Function, Overload
from cluster.cel.times import SECOND, calendar
from cluster.cel.values import Duration, Timestamp


def _year(shown: datetime) -> int:
    return shown.year


_PARTS: Final[tuple[tuple[str, str, str, Callable[[datetime], int]], ...]] = (
    ("getFullYear", "year", "year_with_tz", _year),
    ("getMonth", "month", "month_with_tz", lambda shown: shown.month - 1),
    ("getDayOfYear", "day_of_year", "day_of_year_with_tz", lambda shown: shown.timetuple().tm_yday - 1),
    ("getDayOfMonth", "day_of_month", "day_of_month_with_tz", lambda shown: shown.day - 1),
    ("getDate", "day_of_month_1_based", "day_of_month_1_based_with_tz", lambda shown: shown.day),
    ("getDayOfWeek", "day_of_week", "day_of_week_with_tz", lambda shown: shown.isoweekday() % 7),
    ("getHours", "hours", "hours_with_tz", lambda shown: shown.hour),
    ("getMinutes", "minutes", "minutes_with_tz", lambda shown: shown.minute),
    ("getSeconds", "seconds", "seconds_tz", lambda shown: shown.second),
)
_UNITS: Final[dict[str, tuple[str, Callable[[Duration], float]]]] = {
    "getHours": ("duration_to_hours", times.hours),
    "getMinutes": ("duration_to_minutes", times.minutes),
    "getSeconds": ("duration_to_seconds", times.seconds),
}


def _shown(value: Timestamp, zone: str, part: Callable[[datetime], int]) -> int:
    try:
        return part(calendar(value, zone))
    except OverflowError:
        near, years = times.shifted(value)
        shown = calendar(near, zone)
        return part(shown) + (years if part is _year else 0)


def _milliseconds(value: Timestamp, zone: str = "UTC") -> int:
    times.known_zone(zone)
    return value.nanoseconds % SECOND // 1_000_000


def _all_milliseconds(value: Duration) -> int:
    whole = abs(value.nanoseconds) // 1_000_000
    return -whole if value.nanoseconds < 0 else whole


def _part(name: str, id_: str, zoned: str, shown: Callable[[datetime], int]) -> Function:
    overloads = [
        _plain(id_, lambda value: shown(calendar(value))),
        _zoned(zoned, lambda value, zone: _shown(value, zone, shown)),
    ]
    unit = _UNITS.get(name)
    if unit is not None:
        overloads.append(_whole_units(*unit))
    return Function(name, tuple(overloads))


def _plain(id_: str, call: Callable[[Timestamp], int]) -> Overload:
    return Overload(f"timestamp_to_{id_}", (types.TIMESTAMP,), types.INT, call, member=True)


def _zoned(id_: str, call: Callable[[Timestamp, str], int]) -> Overload:
    return Overload(f"timestamp_to_{id_}", (types.TIMESTAMP, types.STRING), types.INT, call, member=True)


def _whole_units(id_: str, count: Callable[[Duration], float]) -> Overload:
    return Overload(id_, (types.DURATION,), types.INT, lambda value: int(count(value)), member=True)


FUNCTIONS: Final = (
    *(_part(*each) for each in _PARTS),
    Function(
        "getMilliseconds",
        (
            _plain("milliseconds", _milliseconds),
            _zoned("milliseconds_with_tz", _milliseconds),
            Overload("duration_to_milliseconds", (types.DURATION,), types.INT, _all_milliseconds, member=True),
        ),
    ),
)
