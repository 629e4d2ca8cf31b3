"""Quantities: fixed-point numbers with a suffix, such as `100m`, `1.5Gi` or `12e6`, computed exactly.

Upstream: apimachinery `pkg/api/resource/{quantity,suffix}.go`.  A quantity is a whole number of billionths; what is smaller is
rounded away from zero.  It remembers the family of its suffix, in which its canonical form is written.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, Literal

from cluster.api.equality import OwnEquality

Format = Literal["DecimalSI", "BinarySI", "DecimalExponent"]
DECIMAL_SI: Final = "DecimalSI"
BINARY_SI: Final = "BinarySI"
DECIMAL_EXPONENT: Final = "DecimalExponent"

FORMAT_WRONG: Final = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
NUMERIC_WRONG: Final = "unable to parse numeric part of quantity"
SUFFIX_WRONG: Final = "unable to parse quantity's suffix"

_BILLION: Final = 10**9
_DECIMAL: Final = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY: Final = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_DECIMAL_SUFFIX: Final = {exponent: suffix for suffix, exponent in _DECIMAL.items()}
_BINARY_SUFFIX: Final = {exponent: suffix for suffix, exponent in _BINARY.items()} | {0: ""}
_SHAPE: Final = re.compile(r"([+-]?)0*([0-9]*)(?:\.([0-9]*))?([eEinumkKMGTP]*[-+]?[0-9]*)", re.ASCII)
_EXPONENT: Final = re.compile(r"[eE][+-]?[0-9]+", re.ASCII)
_LARGEST_BINARY: Final = (2**63 - 1) * _BILLION
_MAX_EXPONENT: Final = 1000
_MAX_LENGTH: Final = 1000
_MOST_KEPT: Final = 32
"""Characters of a text whose canonical form is remembered."""
_FAST_DIGITS: Final = 18
_FAST_BINARY: Final = 40
"""Up to which power of two upstream's fast path goes, which takes no digits for zero."""


class Quantity(OwnEquality, frozen=True, eq=False):
    """A number of billionths; `text` is the spelling that upstream would keep, empty where it makes the canonical one."""

    nano: int
    format: Format = "DecimalSI"
    text: str = ""

    def __str__(self) -> str:
        return self.text or self._canonical()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Quantity) and self.nano == other.nano

    def __hash__(self) -> int:
        return hash(self.nano)

    def __lt__(self, other: Quantity) -> bool:
        return self.nano < other.nano

    def __le__(self, other: Quantity) -> bool:
        return self.nano <= other.nano

    def __gt__(self, other: Quantity) -> bool:
        return self.nano > other.nano

    def __ge__(self, other: Quantity) -> bool:
        return self.nano >= other.nano

    def __bool__(self) -> bool:
        return self.nano != 0

    def __neg__(self) -> Quantity:
        return Quantity(-self.nano, self.format)

    def __add__(self, other: Quantity) -> Quantity:
        """The sum, in this one's format unless this is zero."""
        return Quantity(self.nano + other.nano, self.format if self.nano else other.format)

    def __sub__(self, other: Quantity) -> Quantity:
        return Quantity(self.nano - other.nano, self.format if self.nano else other.format)

    def __mul__(self, factor: int) -> Quantity:
        return Quantity(self.nano * factor, self.format)

    def value(self) -> int:
        """In whole units, rounded away from zero."""
        return _away_from_zero(self.nano, _BILLION)

    def milli_value(self) -> int:
        """In thousandths, rounded away from zero."""
        return _away_from_zero(self.nano, _BILLION // 1000)

    def _canonical(self) -> str:
        if not self.nano:
            return "0"
        units, rest = divmod(self.nano, _BILLION)
        if self.format == BINARY_SI and not rest and abs(units) >= 1024:
            power = 0
            while power < 60 and units % 1024 == 0:
                units //= 1024
                power += 10
            return f"{units}{_BINARY_SUFFIX[power]}"
        amount, exponent = self.nano, -9
        while amount % 10 == 0:
            amount //= 10
            exponent += 1
        shift = exponent % 3
        if self.format != DECIMAL_EXPONENT:
            shift = max(shift, exponent - 18)
        amount, exponent = amount * 10**shift, exponent - shift
        if self.format == DECIMAL_EXPONENT:
            return f"{amount}e{exponent}" if exponent else str(amount)
        return f"{amount}{_DECIMAL_SUFFIX[exponent]}"


def _away_from_zero(number: int, divisor: int) -> int:
    return -(-number // divisor) if number > 0 else number // divisor


def of_value(units: int, form: Format = "DecimalSI") -> Quantity:
    """So many whole units."""
    return Quantity(units * _BILLION, form)


def of_milli(thousandths: int, form: Format = "DecimalSI") -> Quantity:
    """So many thousandths."""
    return Quantity(thousandths * (_BILLION // 1000), form)


ZERO: Final = Quantity(0)


def parse(source: str | int | float) -> Quantity:
    """A quantity from a JSON string or number; ValueError in upstream's words where it is none."""
    return _parse(source.strip() if isinstance(source, str) else _number_text(source))


def canonical(source: str | int | float) -> str:
    """The text in which the API returns a quantity that was sent as `source`; ValueError as `parse`."""
    return _canonical_text(source) if type(source) is str and len(source) <= _MOST_KEPT else str(parse(source))


@lru_cache(maxsize=4096)
def _canonical_text(source: str) -> str:
    return str(parse(source))


def compare(left: str | int | float, right: str | int | float) -> int:
    """-1, 0 or 1."""
    a, b = parse(left).nano, parse(right).nano
    return (a > b) - (a < b)


def add(left: str | int | float, right: str | int | float) -> str:
    """The canonical text of the sum."""
    return str(parse(left) + parse(right))


def sub(left: str | int | float, right: str | int | float) -> str:
    """The canonical text of the difference."""
    return str(parse(left) - parse(right))


def _number_text(number: int | float) -> str:
    """A JSON number as it would be written; booleans are no numbers."""
    if isinstance(number, bool):
        raise ValueError(FORMAT_WRONG)
    return repr(number) if isinstance(number, float) else str(number)


@lru_cache(maxsize=4096)
def _parse(text: str) -> Quantity:
    shape = _SHAPE.fullmatch(text)
    if not text or shape is None or len(text) > _MAX_LENGTH:
        raise ValueError(FORMAT_WRONG)
    if text == "0":
        return Quantity(0, "DecimalSI", "0")
    sign, whole, fraction, suffix = shape[1], shape[2] or "", shape[3] or "", shape[4]
    base, exponent, form = _interpret(suffix)
    if not re.search("[0-9]", text.removesuffix(suffix)) and (exponent > _FAST_BINARY if base == 2 else exponent < -9):
        raise ValueError(NUMERIC_WRONG)
    digits = (whole or "0") + fraction
    unscaled = int(digits)
    if base == 2:
        numerator, scale = unscaled << exponent, -len(fraction)
    else:
        numerator, scale = unscaled, exponent - len(fraction)
    nano = numerator * 10 ** (scale + 9) if scale >= -9 else _away_from_zero(numerator, 10 ** min(-9 - scale, 2 * _MAX_LENGTH))
    kept = _kept(text, digits, whole, fraction, scale, exponent, form)
    if form == BINARY_SI:
        nano = min(nano, _LARGEST_BINARY)
        if 0 < nano < _BILLION:
            form = "DecimalSI"
    return Quantity(-nano if sign == "-" else nano, form, kept)


def _interpret(suffix: str) -> tuple[int, int, Format]:
    """(base, exponent, family) of a suffix."""
    if suffix in _DECIMAL:
        return 10, _DECIMAL[suffix], "DecimalSI"
    if suffix in _BINARY:
        return 2, _BINARY[suffix], "BinarySI"
    if _EXPONENT.fullmatch(suffix) and len(suffix) < 20 and abs(int(suffix[1:])) <= _MAX_EXPONENT:
        return 10, int(suffix[1:]), "DecimalExponent"
    raise ValueError(SUFFIX_WRONG)


def _kept(text: str, digits: str, whole: str, fraction: str, scale: int, exponent: int, form: Format) -> str:
    """The text, where upstream's fast path takes it for canonical and returns it as it was sent; otherwise empty."""
    if form == BINARY_SI:
        room = 15 - len(whole or "0") - exponent * 3 // 10 - 1
        return text if not fraction and room >= 0 and int(digits) & 7 else ""
    if len(digits) > _FAST_DIGITS or scale < -9:
        return ""
    return text if scale % 3 == 0 and not digits.endswith("000") and digits[0] != "0" else ""
