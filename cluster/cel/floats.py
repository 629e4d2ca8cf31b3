"""Floats as Go writes them.  Upstream: Go's `strconv`."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Final

_SHORTEST_PRECISION: Final = 6
"""From which exponent on a number in its shortest form gets one."""


def plain(number: float) -> str:
    """Without an exponent, with as many digits as tell it apart: `FormatFloat(number, 'f', -1, 64)`."""
    if not math.isfinite(number):
        return _unusual(number)
    text = format(Decimal(repr(number)), "f")
    return text[:-2] if text.endswith(".0") else text


def general(number: float) -> str:
    """With an exponent where that is shorter: `%g`, and `%v` of a float."""
    if not math.isfinite(number):
        return _unusual(number)
    sign, digits, exponent = Decimal(repr(number)).as_tuple()
    assert isinstance(exponent, int)
    significant = "".join(map(str, digits)).rstrip("0")
    point = len(digits) + exponent - 1
    if not significant or -4 <= point < _SHORTEST_PRECISION:
        return plain(number)
    fraction = f".{significant[1:]}" if len(significant) > 1 else ""
    return f"{'-' if sign else ''}{significant[0]}{fraction}e{'-' if point < 0 else '+'}{abs(point):02}"


def _unusual(number: float) -> str:
    if math.isnan(number):
        return "NaN"
    return "+Inf" if number > 0 else "-Inf"
