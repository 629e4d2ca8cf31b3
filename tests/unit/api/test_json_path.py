"""JSONPath templates: which are some, and what is said of those that are not.  As upstream's `util/jsonpath/{parser,jsonpath}_test.go`."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.api.json_path import check_json_path


@pytest.mark.parametrize(
    "template",
    [
        "hello jsonpath",
        "hello {.jsonpath}",
        '{"quote {"}',
        "{[1:3]}",
        "{[0,1]}",
        "{[:]}",
        "{[*]}",
        "{['name']}",
        "{.a['b','c']}",
        "{ .a[-1:] } {@.b}{$}",
        "{..name}",
        "{.a..b}",
        "{..}{.a}",
        "{[?(@.price<3)]}",
        "{.items[?(@.kind=='Pod')].metadata.name}",
        "{.items[?(@.x)]}",
        '{.items[?(@.n==")")]}',
        "{range .items[*]}{.metadata.name}{end}",
        "{.a\\.b}",
        "{12}{-3.5}{+1}{true}",
        "{spec.validations[0].expression}",
        "{'a\\'b'}",
        "",
        "{}",
        "{.ключ}",
    ],
)
def test_templates(template: str) -> None:
    check_json_path(template)


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("{.metadata.name", "unclosed action"),
        ("{.a\n}", "unclosed action"),
        ("{.a[}", "unterminated array"),
        ("{.a[1", "unterminated array"),
        ("{.a[foo]}", "invalid array index foo"),
        ("{.a[1:2:3:4]}", "invalid array index 1:2:3:4"),
        ("{.a[-]}", "array index - is not a number"),
        ("{['a','b'", "unterminated array"),
        ("{....}", "invalid multiple recursive descent"),
        ("{*}", "unrecognized character in action: U+002A '*'"),
        ("{^}", "unrecognized character in action: U+005E '^'"),
        ('{"hello}', "unterminated quoted string"),
        ("{1.2.3}", "cannot parse number 1.2.3"),
        ("{+12.3.0}", "cannot parse number +12.3.0"),
        ("{-}", "cannot parse number -"),
        ("{[?(.price]}", "unterminated filter"),
        ("{[?(.price)}", "unclosed array expect ]"),
        ("{[?(@.a == ^)]}", "unrecognized character in action: U+005E '^'"),
    ],
)
def test_what_is_wrong(template: str, why: str) -> None:
    with pytest.raises(ValueError, match=r".") as raised:
        check_json_path(template)
    assert str(raised.value) == why


def problem(template: str) -> str:
    try:
        check_json_path(template)
    except ValueError as error:
        return str(error)
    return ""


@given(st.text("{}[]()?.:,'\"\\@$*a1 -=<\n", max_size=40))
@settings(max_examples=200, deadline=None)
def test_text_outside_of_braces_changes_nothing(template: str) -> None:
    assert problem(f"plain ] text {template}") == problem(template)
