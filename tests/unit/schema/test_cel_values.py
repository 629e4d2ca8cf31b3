"""Values of schemas as expressions see them; whole rules about them are in `data/cel/rules.json`."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.cel.values import CelError, Duration, Timestamp
from cluster.schema.cel_types import schema_type
from cluster.schema.cel_values import converter
from cluster.schema.model import SchemaSet

SCHEMAS = SchemaSet.for_version()
SECOND = 1_000_000_000


def converted(value: Any, **schema: Any) -> Any:
    made = schema_type(SCHEMAS, schema, "T")
    assert made is not None
    convert = converter(made)
    return value if convert is None else convert(value)


@pytest.mark.parametrize(
    ("value", "text_format", "expected"),
    [
        ("1h30m", "duration", Duration(5400 * SECOND)),
        ("-1.5s", "duration", Duration(-3 * SECOND // 2)),
        ("2 days", "duration", Duration(2 * 86400 * SECOND)),
        ("1 Week 3hours", "duration", Duration((7 * 24 + 3) * 3600 * SECOND)),
        ("5 millis", "duration", Duration(5_000_000)),
        ("2024-05-06", "date", Timestamp(1714953600 * SECOND)),
        ("1970-01-01T00:00:01Z", "date-time", Timestamp(SECOND)),
        ("1970-01-01T00:00:01.5+01:00", "date-time", Timestamp(-3599 * SECOND + SECOND // 2)),
        ("1970-01-01T00:00:01", "date-time", Timestamp(SECOND)),
        ("", "date-time", Timestamp(0)),
        ("aGVsbG8=", "byte", b"hello"),
        ("aGVs\r\nbG8=", "byte", b"hello"),
        ("_-8=", "byte", b"\xff\xef"),
        ("", "byte", b""),
        ("1h30m", "", "1h30m"),
    ],
)
def test_a_text_is_read_by_its_format(value: str, text_format: str, expected: Any) -> None:
    assert converted(value, type="string", format=text_format) == expected


@pytest.mark.parametrize(
    ("value", "text_format", "message"),
    [
        ("soon", "duration", "Invalid duration soon: unable to parse soon as duration"),
        ("9" * 30 + " weeks", "duration", "Invalid duration "),
        ("2024-13-01", "date", "Invalid date formatted string 2024-13-01: "),
        ("yesterday", "date-time", "Invalid date-time formatted string yesterday: "),
        ("a+/=", "byte", "Invalid byte formatted string a+/=: illegal base64 data at input byte 1"),
        ("a", "byte", "Invalid byte formatted string a: illegal base64 data at input byte 1"),
        (5, "duration", "invalid data, expected string, got int64"),
        ({}, "date", "invalid data, expected string, got map[string]interface {}"),
    ],
)
def test_a_text_that_is_none_of_its_format_fails_as_it_is_looked_at(value: Any, text_format: str, message: str) -> None:
    with pytest.raises(CelError) as raised:
        converted(value, type="string", format=text_format)
    assert str(raised.value).startswith(message)


def test_a_whole_number_is_a_double_where_a_number_is_meant() -> None:
    found = converted([1, 2.5], type="array", items={"type": "number"})
    assert [(type(each), each) for each in found] == [(float, 1.0), (float, 2.5)]


def test_sets_of_times_are_joined_and_never_the_same() -> None:
    schema = {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string", "format": "duration"}}
    found = converted(["1s", "2s"], **schema)
    assert list(found) == [Duration(SECOND), Duration(2 * SECOND)]
    assert not found.equals(found)
    assert list(found.joined([Duration(SECOND), Duration(3 * SECOND)])) == [Duration(each * SECOND) for each in (1, 2, 1, 3)]


def test_what_is_no_member_of_a_set_of_scalars_is_not_in_it() -> None:
    found = converted(["a", 1], type="array", items={"type": "string"}, **{"x-kubernetes-list-type": "set"})
    assert not found.equals([["a"], 1])
    assert not found.equals(["a", True])
    assert found.equals([1, "a"])
