"""The parser: trees with upstream's ids and shapes, and what it says of texts that are no expressions.

The data was recorded from Kubernetes 1.36's own parser: texts, each with its tree or its messages.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.cel.functions import Macro
from cluster.cel.syntax.ast import Call, Identifier, Literal, Node
from cluster.cel.syntax.errors import NOWHERE, MacroError, SyntaxErrors, render
from cluster.cel.syntax.macros import STANDARD_MACROS, Expansion, Maker
from cluster.cel.syntax.parser import MAX_CODE_POINTS, parse
from tests.unit.cel.trees import dumped

RECORDED: list[tuple[str, str | None, str | None]] = json.loads((Path(__file__).parents[2] / "data" / "cel" / "syntax.json").read_text())
WORDS = (
    *("(", ")", "[", "]", "{", "}", ",", ".", "?", ":", "+", "-", "*", "/", "%", "!", "&&", "||", "==", "<", "in", "true", "null"),
    *("a", "if", "1", "2u", "'s'", "0x1F", "1.5", "has(", ".all(x,", "#", "&", "'", '"', "`b`", "\n", "é", "\\", "b'x'", "//", " "),
)


def problems(text: str, **options: Any) -> list[tuple[int, str]]:
    with pytest.raises(SyntaxErrors) as caught:
        parse(text, **options)
    return caught.value.problems


def shown(text: str) -> str:
    try:
        return dumped(parse(text).root)
    except SyntaxErrors as errors:
        return render(text, errors.problems)


@pytest.mark.parametrize(("text", "tree", "messages"), RECORDED, ids=[repr(row[0]) for row in RECORDED])
def test_a_text_is_read_as_upstream_reads_it(text: str, tree: str | None, messages: str | None) -> None:
    assert shown(text) == (tree or messages)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("-9223372036854775808", -(1 << 63)),
        ("0x7fffffffffffffff", (1 << 63) - 1),
        ("18446744073709551615u", (1 << 64) - 1),
        ("1e3", 1000.0),
        (".5", 0.5),
        (r"'\u00e9\n\101\x41\U0001F600'", "é\nAA\U0001f600"),
        (r"r'\d'", "\\d"),
        ('"""a\r\n"b\rc"""', 'a\n"b\nc'),
        (r"b'é\xff\377A'", b"\xc3\xa9\xff\xffA"),
        ("true", True),
        ("null", None),
    ],
)
def test_literals_stand_for_values(text: str, value: object) -> None:
    root = parse(text).root
    assert isinstance(root, Literal)
    assert (type(root.value).__mro__[-2], root.value) == (type(value).__mro__[-2], value)


def test_offsets_are_where_nodes_begin_and_macros_are_at_their_call() -> None:
    tree = parse("'日' + x.all(i, i)")
    assert {tree.offsets[node] for node in (1, 2, 3)} == {0, 4, 6}
    (expanded,) = tree.macros
    assert (tree.offsets[expanded], tree.macros[expanded].function) == (11, "all")


def test_problems_are_shown_with_their_lines() -> None:
    text = "a +\n\té + if"
    assert render(text, [(9, "second"), (5, "first"), (NOWHERE, "of no place")]) == (
        "ERROR: <input>:-1:0: of no place\n"
        "ERROR: <input>:2:2: first\n |  é + if\n | .\uff3e\n"
        "ERROR: <input>:2:6: second\n |  é + if\n | .\uff0e...^"
    )


def test_of_many_problems_a_hundred_are_shown() -> None:
    lines = render("a", [(0, "wrong")] * 103).split("\n")
    assert (len(lines), lines[-1]) == (301, "3 more errors were truncated")


def test_a_line_that_is_too_long_is_not_shown() -> None:
    assert render("a" * 20_000, [(0, "wrong")]) == "ERROR: <input>:1:1: wrong"


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("a.?b", {"optional_syntax": False}, "unsupported syntax '.?'"),
        ("a[?b]", {"optional_syntax": False}, "unsupported syntax '[?'"),
        ("[?b]", {"optional_syntax": False}, "unsupported syntax '?'"),
        ("{?b: if}", {"optional_syntax": False}, "unsupported syntax '?'"),
        ("T{?b: if}", {"optional_syntax": False}, "unsupported syntax '?'"),
        ("a.`b`", {}, "unsupported syntax: '`'"),
        ("T{a: 1, `b`: if}", {}, "unsupported syntax: '`'"),
    ],
)
def test_syntax_can_be_left_out(text: str, options: dict[str, bool], message: str) -> None:
    assert [each[1] for each in problems(text, **options)] == [message]


def test_names_of_fields_can_be_escaped_where_that_is_allowed() -> None:
    assert dumped(parse("T{`a-b`: c.`d/e f.g`}", escaped_names=True).root) == "T{a-b:c#3.d/e f.g#4#2}#1"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x" * (MAX_CODE_POINTS + 1), f"expression code point size exceeds limit: size: {MAX_CODE_POINTS + 1}, limit {MAX_CODE_POINTS}"),
        ("(" * 251 + ")" * 251, "expression recursion limit exceeded: 250"),
        ("[" * 300 + "]" * 300, "expression recursion limit exceeded: 250"),
        ("1" + " + 1" * 251, "max recursion depth exceeded"),
        ("a" + ".b" * 251, "max recursion depth exceeded"),
        ("a" + "[0]" * 251, "max recursion depth exceeded"),
        ("1 ? 2 : " * 251 + "3", "expression recursion limit exceeded: 250"),
    ],
)
def test_size_and_depth_are_bounded(text: str, message: str) -> None:
    assert problems(text)[-1] == (NOWHERE, message)


@pytest.mark.parametrize(
    "text", ["1" + " + 1" * 250, "a" + ".b" * 250, "1 ? 2 : " * 249 + "3", "&&".join("a" * 5000), "(" * 60 + "a" + ")" * 60]
)
def test_what_is_deep_within_bounds_is_read(text: str) -> None:
    assert parse(text).text == text


@pytest.mark.parametrize(
    ("text", "last"),
    [
        ("a " * 400, "error recovery token lookahead limit exceeded: 256"),
        ("[1 " * 40, "Syntax error: error recovery attempt limit exceeded: 30"),
    ],
)
def test_recovery_is_bounded(text: str, last: str) -> None:
    found = problems(text)
    assert found[-1][1] == last
    assert len(found) <= 102


def test_a_macro_is_of_a_name_a_kind_of_call_and_a_number_of_arguments() -> None:
    def expansion(make: Maker, target: Node | None, arguments: object) -> Node | None:
        return make.identifier("taken") if target is None else None

    own: tuple[Macro, ...] = (Expansion("own", False, -1, expansion), Expansion("own", True, 1, expansion))
    made = [type(parse(text, own).root) for text in ("own()", "own(1, 2)", "x.own(1)", "x.own()")]
    assert made == [Identifier, Identifier, Call, Call]


def test_a_macro_that_fails_points_at_its_argument() -> None:
    def expansion(make: Maker, target: Node | None, arguments: Sequence[Node]) -> Node | None:
        raise MacroError(arguments[0].id, "not this")

    with pytest.raises(SyntaxErrors) as caught:
        parse("1 + own(if, 2) + own(3)", [Expansion("own", False, -1, expansion)])
    assert sorted(caught.value.problems) == [(8, "not this"), (8, "reserved identifier: if"), (21, "not this")]


def test_a_copy_has_ids_of_its_own() -> None:
    text = "twice([a, {b: T{c: 1}}.d, has(e.f), x.all(i, i > g(2))])"

    def expansion(make: Maker, target: Node | None, arguments: Sequence[Node]) -> Node | None:
        return make.call("both", arguments[0], make.copy(arguments[0]))

    root = parse(text, [*STANDARD_MACROS, Expansion("twice", False, 1, expansion)]).root
    assert isinstance(root, Call)
    first, second = (dumped(each) for each in root.arguments)
    ids = [re.findall(r"#(\d+)", each) for each in (first, second)]
    assert not set(ids[0]) & set(ids[1])
    assert re.sub(r"#\d+", "", first) == re.sub(r"#\d+", "", second)


@given(st.lists(st.sampled_from(WORDS), max_size=40).map("".join) | st.text(max_size=60))
@settings(max_examples=300)
def test_whatever_the_text_it_is_read_or_all_its_problems_are_told(text: str) -> None:
    assert shown(text)
