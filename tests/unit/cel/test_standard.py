"""Laws of the standard library: numbers stay in their range, texts of values are read back, order is one order."""

from __future__ import annotations

import operator
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cluster.cel import floats, times, types
from cluster.cel.environment import Environment, Program
from cluster.cel.equality import compare_numbers, equal
from cluster.cel.types import DYN
from cluster.cel.values import MAX_INT, MAX_UINT, MIN_INT, CelError, Duration, Timestamp, UInt

INTS = st.one_of(st.integers(MIN_INT, MAX_INT), st.integers(-5, 5), st.sampled_from([MIN_INT, MAX_INT, MIN_INT + 1]))
UINTS = st.one_of(st.integers(0, MAX_UINT), st.integers(0, 5)).map(UInt)
DOUBLES = st.floats(allow_nan=False)
SPANS = st.integers(MIN_INT, MAX_INT).map(Duration)
MOMENTS = st.integers(times.MIN_MOMENT, times.MAX_MOMENT).map(Timestamp)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), INTS, UINTS, DOUBLES, st.text(max_size=3), st.binary(max_size=3), SPANS, MOMENTS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=2), inner, max_size=3)),
    max_leaves=6,
)
OPERATIONS: dict[str, Any] = {"+": operator.add, "-": operator.sub, "*": operator.mul}
OF_TYPES = {
    str(kind): Environment(36, {"a": kind, "b": kind})
    for kind in (types.INT, types.UINT, types.STRING, types.DURATION, types.TIMESTAMP, DYN)
}
PROGRAMS: dict[tuple[str, str], Program] = {}


def evaluate(text: str, kind: str, **values: Any) -> Any:
    program = PROGRAMS.get((text, kind))
    if program is None:
        program = PROGRAMS[text, kind] = OF_TYPES[kind].compile(text)
    return program.evaluate(values).value


def outcome(text: str, kind: str, **values: Any) -> Any:
    try:
        return evaluate(text, kind, **values)
    except CelError as failure:
        return str(failure)


@settings(max_examples=100)
@given(st.sampled_from(sorted(OPERATIONS)), INTS, INTS)
def test_ints_are_exact_or_overflow(sign: str, left: int, right: int) -> None:
    exact = OPERATIONS[sign](left, right)
    expected = exact if MIN_INT <= exact <= MAX_INT else "integer overflow"
    assert outcome(f"a {sign} b", "int", a=left, b=right) == expected
    assert outcome(f"a {sign} b", "dyn", a=left, b=right) == expected


@settings(max_examples=100)
@given(st.sampled_from(sorted(OPERATIONS)), UINTS, UINTS)
def test_unsigned_ints_are_exact_or_overflow(sign: str, left: UInt, right: UInt) -> None:
    exact = OPERATIONS[sign](int(left), int(right))
    found = outcome(f"a {sign} b", "uint", a=left, b=right)
    assert found == (exact if 0 <= exact <= MAX_UINT else "unsigned integer overflow")
    assert isinstance(found, UInt | str)


@settings(max_examples=100)
@given(INTS, INTS)
def test_quotient_and_rest_make_the_whole(left: int, right: int) -> None:
    assume(right != 0 and not (left == MIN_INT and right == -1))
    quotient, rest = evaluate("a / b", "int", a=left, b=right), evaluate("a % b", "int", a=left, b=right)
    assert quotient * right + rest == left
    assert abs(rest) < abs(right)
    assert rest == 0 or (rest < 0) == (left < 0)


@settings(max_examples=60)
@given(SPANS)
def test_a_duration_is_read_from_its_nanoseconds(span: Duration) -> None:
    assert evaluate("duration(a)", "string", a=f"{span.nanoseconds}ns") == span
    assert evaluate("int(a)", "duration", a=span) == span.nanoseconds


@settings(max_examples=60)
@given(MOMENTS, st.integers(-14 * 60, 14 * 60))
def test_a_moment_is_read_from_its_text(moment: Timestamp, minutes: int) -> None:
    text = evaluate("string(a)", "timestamp", a=moment)
    assert evaluate("timestamp(a)", "string", a=text) == moment
    shifted = Timestamp(moment.nanoseconds, minutes * 60)
    assume(times.MIN_MOMENT <= moment.nanoseconds + minutes * 60 * times.SECOND <= times.MAX_MOMENT)
    again = evaluate("timestamp(a)", "string", a=times.text(shifted))
    assert (again, again.offset) == (moment, minutes * 60)


@settings(max_examples=60)
@given(MOMENTS, SPANS)
def test_what_is_added_to_a_moment_is_taken_from_it_again(moment: Timestamp, span: Duration) -> None:
    assume(span.nanoseconds != MIN_INT)
    found = outcome("a + b", "dyn", a=moment, b=span)
    if isinstance(found, str):
        assert found == "timestamp overflow"
    else:
        assert evaluate("a - b", "timestamp", a=found, b=moment) == span
        assert evaluate("a - b", "dyn", a=found, b=span) == moment


@settings(max_examples=100)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_double_is_read_from_its_text(number: float) -> None:
    assert float(floats.general(number)) == number
    assert float(floats.plain(number)) == number
    assert "e" not in floats.plain(number)


@pytest.mark.parametrize(
    ("number", "general", "plain"),
    [
        (1e5, "100000", "100000"),
        (123456.0, "123456", "123456"),
        (1e6, "1e+06", "1000000"),
        (1234567.0, "1.234567e+06", "1234567"),
        (123456789.5, "1.234567895e+08", "123456789.5"),
        (0.0001, "0.0001", "0.0001"),
        (0.00001, "1e-05", "0.00001"),
        (-2.5e300, "-2.5e+300", "-25" + "0" * 299),
        (-0.0, "-0", "-0"),
        (float("inf"), "+Inf", "+Inf"),
        (float("-inf"), "-Inf", "-Inf"),
        (float("nan"), "NaN", "NaN"),
    ],
)
def test_doubles_are_written_as_go_writes_them(number: float, general: str, plain: str) -> None:
    assert (floats.general(number), floats.plain(number)) == (general, plain)


@settings(max_examples=150)
@given(VALUES, VALUES)
def test_equality_is_one_way_both_ways(left: Any, right: Any) -> None:
    assert equal(left, left)
    assert equal(left, right) is equal(right, left)
    assert evaluate("a == b", "dyn", a=left, b=right) is equal(left, right)
    assert evaluate("a != b", "dyn", a=left, b=right) is not equal(left, right)
    assert evaluate("a in [b] || a in {'x': b}", "dyn", a=left, b=right) is (equal(left, right) or left == "x")


NUMBERS = st.one_of(INTS, UINTS, DOUBLES, st.sampled_from([float(MAX_INT), float(MIN_INT), float(MAX_UINT), -1.0, 2.0**53]))


@settings(max_examples=150)
@given(NUMBERS, NUMBERS)
def test_numbers_of_all_types_have_one_order(left: Any, right: Any) -> None:
    order = compare_numbers(left, right)
    assert order == -compare_numbers(right, left)
    signs = {"<": order < 0, "<=": order <= 0, ">": order > 0, ">=": order >= 0, "==": order == 0}
    assert {sign: evaluate(f"a {sign} b", "dyn", a=left, b=right) for sign in signs} == signs


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        (True, 1, False),
        (0, False, False),
        ([True], [1], False),
        ({"a": True}, {"a": 1}, False),
        (1, 1.0, True),
        (UInt(1), 1.0, True),
        ([1], [1.0], True),
        ({1: "a"}, {1.0: "a"}, True),
        (float("nan"), float("nan"), False),
        ("a", b"a", False),
        (None, 0, False),
        (None, None, True),
        (Duration(1), Timestamp(1), False),
        (Timestamp(1, 3600), Timestamp(1), True),
        ((1, 2), [1, 2], True),
        (types.INT, types.INT, True),
        (types.INT, "int", False),
        (2**53 + 1, 2.0**53, True),
    ],
)
def test_what_is_equal(left: Any, right: Any, same: bool) -> None:
    assert equal(left, right) is same


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("0", 0),
        ("-0", 0),
        ("1h30m", 5_400_000_000_000),
        ("1.5h", 5_400_000_000_000),
        ("-1m", -60_000_000_000),
        ("+.5s", 500_000_000),
        ("1.s", 1_000_000_000),
        ("1us1\u00b5s1\u03bcs", 3000),
        ("100000000000000000000ns", None),
        ("9223372036854775808ns", None),
        ("-9223372036854775808ns", MIN_INT),
        ("", None),
        ("-", None),
        ("1", None),
        ("s", None),
        (".s", None),
        ("1d", None),
        ("1h 30m", None),
        ("\u0661s", None),
    ],
)
def test_spans_are_read_as_go_reads_them(text: str, nanoseconds: int | None) -> None:
    assert times.parse_span(text) == nanoseconds


@pytest.mark.parametrize(
    "text",
    [
        "2024-01-01",
        "2024-01-01T00:00:00",
        "2024-01-01 00:00:00Z",
        "2024-01-01t00:00:00Z",
        "2024-13-01T00:00:00Z",
        "2023-02-29T00:00:00Z",
        "2024-01-01T24:00:00Z",
        "2024-01-01T00:00:60Z",
        "2024-01-01T00:00:00+25:00",
        "2024-01-01T00:00:00.Z",
        "24-01-01T00:00:00Z",
        "2024-01-01T00:00:00Z ",
        "\u0662024-01-01T00:00:00Z",
    ],
)
def test_what_is_no_moment(text: str) -> None:
    assert times.parse_moment(text) is None
