"""Quantities: canonical text, arithmetic, order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.api import quantity as q

NUMBERS = st.from_regex(r"[+-]?[0-9]{1,6}(\.[0-9]{1,6})?", fullmatch=True)
SUFFIXES = st.sampled_from(["", "n", "u", "m", "k", "M", "G", "Ki", "Mi", "Gi", "e3", "E-2"])
TEXTS = st.builds(lambda number, suffix: number + suffix, NUMBERS, SUFFIXES)


@pytest.mark.parametrize(
    ("source", "text", "value", "milli"),
    [
        ("0", "0", 0, 0),
        ("100m", "100m", 1, 100),
        ("0.1", "100m", 1, 100),
        ("1.5", "1500m", 2, 1500),
        ("1024Mi", "1Gi", 1024**3, 1024**3 * 1000),
        ("1.5Gi", "1536Mi", 1536 * 1024**2, 1536 * 1024**2 * 1000),
        ("64Mi", "64Mi", 64 * 1024**2, 64 * 1024**2 * 1000),
        ("0.5Ki", "512", 512, 512000),
        ("12e6", "12e6", 12_000_000, 12_000_000_000),
        ("1000", "1k", 1000, 1_000_000),
        ("0.1n", "1n", 1, 1),
        ("-1500m", "-1500m", -2, -1500),
        (" 5 ", "5", 5, 5000),
        (2, "2", 2, 2000),
        (0.5, "500m", 1, 500),
        (".", "0", 0, 0),
        ("-Ki", "0", 0, 0),
    ],
)
def test_parsed(source: str | int | float, text: str, value: int, milli: int) -> None:
    found = q.parse(source)
    assert (str(found), found.value(), found.milli_value()) == (text, value, milli)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("", q.FORMAT_WRONG),
        ("x", q.FORMAT_WRONG),
        ("1 Gi", q.FORMAT_WRONG),
        ("1Gib", q.FORMAT_WRONG),
        ("-Ei", q.NUMERIC_WRONG),
        ("e-10", q.NUMERIC_WRONG),
        ("1kk", q.SUFFIX_WRONG),
        ("1e99999999", q.SUFFIX_WRONG),
        (True, q.FORMAT_WRONG),
    ],
)
def test_refused(source: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # compared whole
        q.parse(source)
    assert str(caught.value) == message


@given(TEXTS)
def test_the_canonical_text_means_the_same_and_stays(text: str) -> None:
    once = q.canonical(text)
    assert q.parse(once) == q.parse(text)
    assert q.canonical(once) == once


@given(TEXTS, TEXTS)
def test_addition_commutes_and_is_undone(left: str, right: str) -> None:
    assert q.parse(q.add(left, right)) == q.parse(q.add(right, left))
    assert q.parse(q.sub(q.add(left, right), right)) == q.parse(left)


@given(TEXTS, TEXTS, TEXTS)
def test_order_is_total(a: str, b: str, c: str) -> None:
    low, middle, high = sorted((q.parse(a), q.parse(b), q.parse(c)))
    assert low <= middle <= high
    assert q.compare(a, b) == -q.compare(b, a)


@given(st.integers(-(10**15), 10**15))
def test_whole_numbers_keep_their_value(number: int) -> None:
    assert q.parse(str(number)).value() == number
    assert q.of_milli(number * 1000).value() == number
    assert q.of_value(number, "BinarySI") == q.parse(number)


def test_a_sum_is_written_in_the_family_of_the_first() -> None:
    assert q.add("1Gi", "512Mi") == "1536Mi"
    assert q.add("0", "1Gi") == "1Gi"
    assert str(q.parse("2") * 3) == "6"
    assert not q.parse("0")
