"""Durations as Go writes and reads them: `300ms`, `1m20s`, `1h0m0s`.  Upstream: Go's `time` package, `metav1.Duration`."""

from __future__ import annotations

import re
from typing import Final

from cluster.api.field import quoted

_UNITS: Final = {"ns": 1e-9, "us": 1e-6, "\u00b5s": 1e-6, "\u03bcs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART: Final = re.compile(r"(\d+\.?\d*|\.\d+)([^\d.]*)", re.ASCII)
_MAX_SECONDS: Final = (1 << 63) / 1e9


def parse_duration(text: str, *, days: bool = False) -> float:
    """Seconds; ValueError in Go's words.  `days`: `30d` is a duration, too, as it is not in Go."""
    units = _UNITS | {"d": 86400.0} if days else _UNITS
    sign = -1.0 if text.startswith("-") else 1.0
    rest = text[1:] if text[:1] in ("-", "+") else text
    if rest == "0":
        return 0.0
    total = 0.0
    position = 0
    while position < len(rest):
        part = _PART.match(rest, position)
        if part is None:
            raise ValueError(f"time: invalid duration {quoted(text)}")
        if not part[2]:
            raise ValueError(f"time: missing unit in duration {quoted(text)}")
        if part[2] not in units:
            raise ValueError(f"time: unknown unit {quoted(part[2])} in duration {quoted(text)}")
        total += float(part[1]) * units[part[2]]
        position = part.end()
    if not rest or total >= _MAX_SECONDS:
        raise ValueError(f"time: invalid duration {quoted(text)}")
    return sign * total


def format_duration(seconds: float) -> str:
    """A duration as Go prints it, down to microseconds."""
    micros = round(abs(seconds) * 1e6)
    sign = "-" if seconds < 0 and micros else ""
    if not micros:
        return "0s"
    if micros < 1000:
        return f"{sign}{micros}\u00b5s"
    if micros < 1_000_000:
        return f"{sign}{_decimal(micros, 1000)}ms"
    minutes, rest = divmod(micros, 60_000_000)
    hours, minutes = divmod(minutes, 60)
    shown = f"{_decimal(rest, 1_000_000)}s"
    if hours:
        shown = f"{hours}h{minutes}m{shown}"
    elif minutes:
        shown = f"{minutes}m{shown}"
    return sign + shown


def _decimal(amount: int, unit: int) -> str:
    whole, fraction = divmod(amount, unit)
    digits = f"{fraction:0{len(str(unit)) - 1}}".rstrip("0")
    return f"{whole}.{digits}" if digits else str(whole)
