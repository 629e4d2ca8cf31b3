"""Whether a cron schedule can be read, in the words of the library that upstream reads it with (`robfig/cron` v3)."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_DESCRIPTORS: Final = frozenset({"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"})
_MONTH_NAMES: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTHS: Final = {name: number for number, name in enumerate(_MONTH_NAMES, start=1)}
_DAYS: Final = {name: number for number, name in enumerate(("sun", "mon", "tue", "wed", "thu", "fri", "sat"))}
_UNITS: Final = ("ns", "us", "µs", "ms", "s", "m", "h")
_DURATION: Final = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)((\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h))*|[-+]?0")


class _Bounds(NamedTuple):
    low: int
    high: int
    names: dict[str, int]


_FIELDS: Final = (_Bounds(0, 59, {}), _Bounds(0, 23, {}), _Bounds(1, 31, {}), _Bounds(1, 12, _MONTHS), _Bounds(0, 6, _DAYS))


def schedule_problem(schedule: str) -> str:
    """What is wrong with it; empty where nothing is."""
    if schedule.startswith(("TZ=", "CRON_TZ=")):
        schedule = schedule.partition(" ")[2].strip()
    if schedule.startswith("@"):
        return _descriptor(schedule)
    fields = schedule.split()
    if len(fields) != len(_FIELDS):
        return f"expected exactly 5 fields, found {len(fields)}: [{' '.join(fields)}]"
    try:
        for text, bounds in zip(fields, _FIELDS, strict=True):
            for part in text.split(","):
                if part:
                    _range(part, bounds)
    except ValueError as error:
        return str(error)
    return ""


def _descriptor(schedule: str) -> str:
    if schedule in _DESCRIPTORS:
        return ""
    if schedule.startswith("@every "):
        length = schedule.removeprefix("@every ")
        return "" if _DURATION.fullmatch(length) else f"failed to parse duration {schedule}: time: {_duration_problem(length)}"
    return f"unrecognized descriptor: {schedule}"


def _duration_problem(length: str) -> str:
    unit = re.match(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)([^0-9.]+)", length)
    if unit and unit[1] not in _UNITS:
        return f'unknown unit "{unit[1]}" in duration "{length}"'
    return f'invalid duration "{length}"'


def _range(text: str, bounds: _Bounds) -> None:
    """`number | number "-" number [ "/" number ]`, or `*` or `?` for all; ValueError says what is wrong."""
    span, *steps = text.split("/")
    low_text, *highs = span.split("-")
    if low_text in ("*", "?"):
        low, high = bounds.low, bounds.high
    elif len(highs) > 1:
        raise ValueError(f"too many hyphens: {text}")
    else:
        low = _number(low_text, bounds)
        high = _number(highs[0], bounds) if highs else low
    if len(steps) > 1:
        raise ValueError(f"too many slashes: {text}")
    step = _digits(steps[0]) if steps else 1
    if steps and not highs:
        high = bounds.high
    if low < bounds.low:
        raise ValueError(f"beginning of range ({low}) below minimum ({bounds.low}): {text}")
    if high > bounds.high:
        raise ValueError(f"end of range ({high}) above maximum ({bounds.high}): {text}")
    if low > high:
        raise ValueError(f"beginning of range ({low}) beyond end of range ({high}): {text}")
    if step == 0:
        raise ValueError(f"step of range should be a positive number: {text}")


def _number(text: str, bounds: _Bounds) -> int:
    named = bounds.names.get(text.lower())
    return _digits(text) if named is None else named


def _digits(text: str) -> int:
    if not re.fullmatch(r"[-+]?[0-9]+", text):
        raise ValueError(f'failed to parse int from {text}: strconv.Atoi: parsing "{text}": invalid syntax')
    if text.startswith("-") and int(text) < 0:
        raise ValueError(f"negative number ({int(text)}) not allowed: {text}")
    return int(text)
