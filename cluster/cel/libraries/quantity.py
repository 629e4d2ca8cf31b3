"""Quantities: `quantity('1.5Gi').isLessThan(quantity('2G'))`.

Upstream: apiserver `pkg/cel/library/quantity.go`, `pkg/cel/quantity.go`; apimachinery `pkg/api/resource` (quantity.go, amount.go).
A quantity is small as long as it fits into an int of 64 bits with an exponent; only a small one can be an integer.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import ClassVar, Final

from cluster.api import quantity as api
from cluster.cel import types
from cluster.cel.costs import of_first
from cluster.cel.functions import Function, Library, Overload
from cluster.cel.libraries.declaring import member, own_type, plain
from cluster.cel.libraries.library_costs import of_first_text
from cluster.cel.types import Type
from cluster.cel.values import MAX_INT, MIN_INT, CelError, Opaque

QUANTITY_TYPE: Final = own_type("kubernetes.Quantity")
_NANO: Final = -9
_PARTS: Final = r"(?as)[+-]?0*([0-9]*)(?:\.([0-9]*))?(.*)"
_BINARY: Final = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_DECIMAL: Final = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_DIGITS: Final = 18
"""How many fit into an int of 64 bits."""
_BINARY_DIGITS: Final = 15
_EXACT_POWER: Final = 32
_LARGEST_POWER: Final = 308


class Quantity(Opaque, frozen=True, eq=False):
    """`number` times ten to the `exponent`; `exact` is the same to the API, which knows how it is written.

    `computed`: whether it is a sum or a difference, with which upstream compares none.
    """

    type_name: ClassVar[str] = "kubernetes.Quantity"
    exact: api.Quantity
    number: int
    exponent: int
    small: bool
    computed: bool = False

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Quantity) or other.computed:
            raise CelError("no such overload")
        return self.exact.nano == other.exact.nano

    def __hash__(self) -> int:
        return hash(self.exact.nano)

    def __str__(self) -> str:
        return str(self.exact)

    def go_type(self) -> str:
        return "*cel.Quantity" if self.computed else "cel.Quantity"


def parse_quantity(text: str) -> Quantity:
    exact = _exact(text)
    small = _small(text)
    if small is None:
        return _large(exact)
    number, exponent = small
    return Quantity(exact, number, exponent, True)


def _exact(text: str) -> api.Quantity:
    """Here there is no space around a quantity, as the API allows it."""
    if text != text.strip():
        raise CelError(api.FORMAT_WRONG)
    try:
        return api.parse(text)
    except ValueError as failure:
        raise CelError(str(failure)) from None


def _small(text: str) -> tuple[int, int] | None:
    """(number, exponent) of what upstream's fast path reads."""
    parts = re.fullmatch(_PARTS, text)
    assert parts is not None
    whole, fraction, suffix = parts[1] or "0", parts[2] or "", parts[3]
    factor = 1
    if suffix in _BINARY:
        power, exponent = _BINARY[suffix], 0
        factor = 1 << power
        room = -1 if fraction else _BINARY_DIGITS - len(whole) - power * 3 // 10 - 1
    else:
        exponent = _DECIMAL[suffix] if suffix in _DECIMAL else int(suffix[1:])
        room = _DIGITS - len(whole) - len(fraction)
    exponent -= len(fraction)
    number = int(whole + fraction) * factor if room >= 0 else 0
    if room < 0 or exponent < _NANO or number > MAX_INT:
        return None
    return (-number if text[0] == "-" else number), exponent


def _large(exact: api.Quantity) -> Quantity:
    """What has no room left is counted in billionths, whole numbers at upstream's limit of binary ones aside."""
    at_limit = exact.format == api.BINARY_SI and abs(exact.nano) == MAX_INT * 10**-_NANO
    if at_limit or not exact.nano:
        return Quantity(exact, exact.nano // 10**-_NANO, 0, False)
    return Quantity(exact, exact.nano, _NANO, False)


def is_quantity(text: str) -> bool:
    try:
        _exact(text)
    except CelError:
        return False
    return True


def sign(value: Quantity) -> int:
    return (value.number > 0) - (value.number < 0)


def compare(left: Quantity, right: Quantity) -> int:
    return (left.exact.nano > right.exact.nano) - (left.exact.nano < right.exact.nano)


def approximate(value: Quantity) -> float:
    try:
        number = float(value.number)
    except OverflowError:
        number = float("inf") * sign(value)
    return number if value.exponent == 0 else number * _power_of_ten(value.exponent)


def _power_of_ten(exponent: int) -> float:
    """As Go computes it, from powers that it knows."""
    if exponent > _LARGEST_POWER:
        return float("inf")
    if exponent < 0:
        return float(1 / 10**-exponent)
    return float(f"1e{exponent // _EXACT_POWER * _EXACT_POWER}") * float(10 ** (exponent % _EXACT_POWER))


def integer_of(value: Quantity) -> int | None:
    """The number that a small quantity is, if it is whole as it was written."""
    if not value.small or value.exponent < 0:
        return None
    if value.exponent > _DIGITS and value.number:
        return None
    number = value.number * 10**value.exponent if value.number else 0
    return number if MIN_INT <= number <= MAX_INT else None


def is_integer(value: Quantity) -> bool:
    return integer_of(value) is not None


def as_integer(value: Quantity) -> int:
    number = integer_of(value)
    if number is None:
        raise CelError("cannot convert value to integer")
    return number


def add(left: Quantity, right: Quantity) -> Quantity:
    exact = left.exact + right.exact
    if left.small and right.small:
        if not right.number:
            return Quantity(exact, left.number, left.exponent, True, True)
        if not left.number:
            return Quantity(exact, right.number, right.exponent, True, True)
    exponent = min(left.exponent, right.exponent)
    scaled = [each.number * 10 ** (each.exponent - exponent) for each in (left, right)]
    fits = all(MIN_INT <= each <= MAX_INT for each in (*scaled, sum(scaled)))
    return Quantity(exact, sum(scaled), exponent, left.small and right.small and fits, True)


def subtract(left: Quantity, right: Quantity) -> Quantity:
    """Upstream negates the least int of 64 bits to itself, and adds it as it is."""
    if right.number == MIN_INT and right.small:
        overflowed = add(left, right)
        if overflowed.small:
            return overflowed
    return add(left, Quantity(-right.exact, -right.number, right.exponent, right.small))


def _of_integer(value: int) -> Quantity:
    return Quantity(api.of_value(value, api.DECIMAL_EXPONENT), value, 0, True)


def _comparison(name: str, id_: str, result: Type, call: Callable[[Quantity, Quantity], object]) -> Function:
    return member(name, f"quantity_{id_}", (QUANTITY_TYPE, QUANTITY_TYPE), result, call)


def _arithmetic(name: str, call: Callable[[Quantity, Quantity], Quantity]) -> Function:
    """With another quantity, or an int."""
    return Function(
        name,
        (
            Overload(f"quantity_{name}", (QUANTITY_TYPE, QUANTITY_TYPE), QUANTITY_TYPE, call, member=True),
            Overload(
                f"quantity_{name}_int",
                (QUANTITY_TYPE, types.INT),
                QUANTITY_TYPE,
                lambda value, number: call(value, _of_integer(number)),
                member=True,
            ),
        ),
    )


QUANTITIES: Final = Library(
    "kubernetes.quantity",
    functions=(
        plain("quantity", "string_to_quantity", (types.STRING,), QUANTITY_TYPE, parse_quantity, of_first, of_first_text),
        plain("isQuantity", "is_quantity_string", (types.STRING,), types.BOOL, is_quantity, of_first, of_first_text),
        plain("sign", "quantity_sign", (QUANTITY_TYPE,), types.INT, sign),
        _comparison("isGreaterThan", "is_greater_than", types.BOOL, lambda left, right: compare(left, right) > 0),
        _comparison("isLessThan", "is_less_than", types.BOOL, lambda left, right: compare(left, right) < 0),
        _comparison("compareTo", "compare_to", types.INT, compare),
        member("asApproximateFloat", "quantity_get_float", (QUANTITY_TYPE,), types.DOUBLE, approximate),
        member("asInteger", "quantity_get_int", (QUANTITY_TYPE,), types.INT, as_integer),
        member("isInteger", "quantity_is_integer", (QUANTITY_TYPE,), types.BOOL, is_integer),
        _arithmetic("add", add),
        _arithmetic("sub", subtract),
    ),
    since=28,
)
