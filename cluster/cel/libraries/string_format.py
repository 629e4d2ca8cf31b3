"""`'%s is %d'.format([...])`: what the clauses make of values.

Upstream: cel-go `ext/formatting.go`; `golang.org/x/text` (`message`, `internal/number`), whose English groups digits by thousands and
writes exponents as powers of ten.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from cluster.api.field import quoted
from cluster.cel import times
from cluster.cel.floats import general
from cluster.cel.libraries.standard_conversions import bool_to_string, bytes_to_string, string_to_double
from cluster.cel.runtime_types import type_name
from cluster.cel.types import Type
from cluster.cel.values import MAX_INT, MAX_TEXT, CelError, Duration, Joined, Timestamp, UInt, key_value

DEFAULT_PRECISION: Final = 6
_PART: Final = 16
"""How many characters a part of a list or map is taken for at least."""
_LARGEST_PRECISION: Final = 1_000_000
_SUPERSCRIPT: Final = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
_NO_CLAUSE: Final = "%!(NOVERB)"
_CLAUSE: Final = re.compile(r"%(?:(\.)([0-9]*))?(.?)", re.ASCII | re.DOTALL)
_SPECIAL: Final = frozenset({"NaN", "Infinity", "-Infinity"})

Formatter = Callable[[Any, int], str]
"""(value, precision) to text."""


def format_text(text: str, values: Sequence[Any]) -> str:
    """A text with its clauses replaced by values in their order; values that are left over do not count."""
    parts: list[str] = []
    length = at = used = 0
    while at < len(text):
        if text[at] != "%":
            end = text.find("%", at)
            made, at = text[at : end if end >= 0 else None], end if end >= 0 else len(text)
        elif text.startswith("%%", at):
            made, at = "%", at + 2
        else:
            if used >= len(values):
                raise CelError(f"index {used} out of range")
            formatter, precision, at = clause(text, at)
            made = _formatted(formatter, values[used], precision)
            used += 1
        length += len(made)
        if length > MAX_TEXT:
            raise _too_long()
        parts.append(made)
    return "".join(parts)


def clause(text: str, at: int) -> tuple[str, int, int]:
    """The letter of the clause at a place, its precision, and where it ends; CelError for what is none."""
    if at + 1 >= len(text):
        raise CelError("unexpected end of string")
    found = _CLAUSE.match(text, at)
    assert found is not None
    precision = DEFAULT_PRECISION
    if found[1]:
        precision = _precision(found[2], bool(found[3]))
    letter = found[3]
    if letter not in CLAUSES:
        shown = letter.encode()[:1].decode("latin-1")
        raise _unparsed(f'unrecognized formatting clause "{shown}"')
    return letter, precision, found.end()


def _precision(digits: str, ended: bool) -> int:
    if not ended:
        raise _unparsed("error while parsing precision: could not find end of precision specifier")
    number = int(digits) if digits and len(digits) <= _FITTING else MAX_INT + 1
    if not digits or number > MAX_INT:
        why = "value out of range" if digits else "invalid syntax"
        raise _unparsed(
            f'error while parsing precision: error while converting precision to integer: strconv.Atoi: parsing "{digits}": {why}'
        )
    return number


_FITTING: Final = 1000
"""More digits, of which leading zeros may be many, are not looked at."""


def _unparsed(why: str) -> CelError:
    return CelError(f"could not parse formatting clause: {why}")


def _too_long() -> CelError:
    return CelError(f"text of more than {MAX_TEXT} characters")


def _formatted(letter: str, value: Any, precision: int) -> str:
    try:
        return CLAUSES[letter](value, precision)
    except _Unformattable as failure:
        raise CelError(f"error during formatting: {failure}") from None


class _Unformattable(Exception):
    """A value that a clause does not take."""


WRONG: Final[Mapping[str, str]] = {
    "s": (
        "string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps, was given "
    ),
    "d": "decimal clause can only be used on integers, was given ",
    "f": "fixed-point clause can only be used on doubles, was given ",
    "e": "scientific clause can only be used on doubles, was given ",
    "b": "only integers and bools can be formatted as binary, was given ",
    "x": "only integers, byte buffers, and strings can be formatted as hex, was given ",
    "X": "only integers, byte buffers, and strings can be formatted as hex, was given ",
    "o": "octal clause can only be used on integers, was given ",
}
"""What is said of a value's type, by the clause's letter."""


def _wrong(letter: str, value: Any) -> _Unformattable:
    return _Unformattable(WRONG[letter] + type_name(value))


def _string(value: Any, _: int = 0) -> str:
    if isinstance(value, (list, tuple, Joined, dict)):
        return _Nested().text(value)
    return _scalar(value)


def _scalar(value: Any) -> str:
    match value:
        case str():
            return value
        case None:
            return "null"
        case bool():
            return bool_to_string(value)
        case int():
            return str(int(value))
        case float():
            return general(value)
        case bytes():
            try:
                return bytes_to_string(value)
            except CelError as failure:
                raise _Unformattable(f"could not convert argument {quoted(str(failure))} to string") from None
        case Timestamp() | Duration():
            return times.text(value)
        case Type():
            return value.name
    raise _wrong("s", value)


class _Nested:
    """Lists and maps as expressions have them, no longer than texts may be, and of no more parts than have room in one.

    Parts may be the same many times over.
    """

    def __init__(self) -> None:
        self._left = MAX_TEXT

    def _written(self, made: str) -> str:
        self._left -= max(len(made), _PART)
        if self._left < 0:
            raise _too_long()
        return made

    def text(self, value: Any) -> str:
        if isinstance(value, dict):
            entries = [(self._key(key_value(key)), self._element(item)) for key, item in value.items()]
            entries.sort(key=lambda entry: entry[0])
            parts, begin, end = [f"{key}:{item}" for key, item in entries], "{", "}"
        else:
            parts, begin, end = [self._element(each) for each in value], "[", "]"
        return self._written(begin) + ", ".join(parts) + self._written(end)

    def _key(self, key: Any) -> str:
        if type(key) not in (str, bool, int, UInt):
            raise _Unformattable(f"no formatting function for map key of type {type_name(key)}")
        return self._written(quoted(key) if type(key) is str else _scalar(key))

    def _element(self, value: Any) -> str:
        if isinstance(value, (list, tuple, Joined, dict)):
            return self.text(value)
        return self._written(_literal(value))


def _literal(value: Any) -> str:
    """A value as a part of a list or map."""
    match value:
        case str():
            return quoted(value)
        case bytes():
            return "b" + quoted(_scalar(value))
        case float():
            return f"{value:.{DEFAULT_PRECISION}f}" if math.isfinite(value) else quoted(general(value))
        case Timestamp():
            return f"timestamp({quoted(times.text(value))})"
        case Duration():
            return f"duration({quoted(times.text(value))})"
        case None | bool() | int() | Type():
            return _scalar(value)
    raise _Unformattable(f"no formatting function for {type_name(value)}")


def _decimal(value: Any, _: int) -> str:
    if type(value) not in (int, UInt):
        raise _wrong("d", value)
    return str(int(value))


def _double(letter: str, value: Any) -> float:
    if type(value) is float:
        return value
    if type(value) is str and value in _SPECIAL:
        return string_to_double(value)
    raise _wrong(letter, value)


def _fixed(value: Any, precision: int) -> str:
    """With digits grouped by thousands.  Upstream keeps the precision in 8 bits as the least and in 16 as the most of them."""
    number = _double("f", value)
    if precision // 10 > _LARGEST_PRECISION:
        return _NO_CLAUSE
    if not math.isfinite(number):
        return _unusual(number)
    least, most = precision & 0xFF, (precision & 0x7FFF) - (precision & 0x8000)
    digits = f"{abs(number):,.{most}f}" if most >= 0 else f"{Decimal(repr(abs(number))):,f}"
    whole, _, fraction = digits.partition(".")
    fraction = fraction.rstrip("0").ljust(least, "0")
    return f"{'-' if number < 0 else ''}{whole}{'.' if fraction else ''}{fraction}"


def _scientific(value: Any, precision: int) -> str:
    """With six digits always: upstream takes the precision for a width."""
    number = _double("e", value)
    if precision // 10 > _LARGEST_PRECISION:
        return _NO_CLAUSE
    return (_power_of_ten(number) if math.isfinite(number) else _unusual(number)).rjust(precision & 0xFFFF)


def _power_of_ten(number: float) -> str:
    mantissa, _, exponent = f"{abs(number):.{DEFAULT_PRECISION}e}".partition("e")
    power = int(exponent)
    shown = f"{'-' if power < 0 else ''}{abs(power):02}".translate(_SUPERSCRIPT)
    return f"{'-' if number < 0 else ''}{mantissa}\u00d710{shown}"


def _unusual(number: float) -> str:
    if math.isnan(number):
        return "NaN"
    return "∞" if number > 0 else "-∞"


def _binary(value: Any, _: int) -> str:
    if type(value) is bool:
        return "1" if value else "0"
    if type(value) not in (int, UInt):
        raise _wrong("b", value)
    return format(int(value), "b")


def _hexadecimal(value: Any, _: int) -> str:
    match value:
        case str():
            return value.encode().hex()
        case bytes():
            return value.hex()
        case bool():
            raise _wrong("x", value)
        case int():
            return format(int(value), "x")
    raise _wrong("x", value)


def _upper_hexadecimal(value: Any, precision: int) -> str:
    return _hexadecimal(value, precision).upper()


def _octal(value: Any, _: int) -> str:
    if type(value) not in (int, UInt):
        raise _wrong("o", value)
    return format(int(value), "o")


CLAUSES: Final[Mapping[str, Formatter]] = {
    "s": _string,
    "d": _decimal,
    "f": _fixed,
    "e": _scientific,
    "b": _binary,
    "x": _hexadecimal,
    "X": _upper_hexadecimal,
    "o": _octal,
}
