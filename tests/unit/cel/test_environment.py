"""What expressions may use, by Kubernetes' minor, and how a text that is no expression is told."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.cel import types
from cluster.cel.environment import STORED, CompileError, Environment, Kind
from cluster.cel.functions import Bounds, Function, Library, Overload
from cluster.cel.types import Type, list_of

VARIABLES = {"s": types.STRING, "x": types.INT, "u": types.UINT}


@pytest.mark.parametrize(
    ("text", "expected", "kind", "message"),
    [
        ("1 +", (), "syntax", "ERROR: <input>:1:4: Syntax error: mismatched input '<EOF>' expecting"),
        ("missing", (), "check", "ERROR: <input>:1:1: undeclared reference to 'missing' (in container '')\n | missing\n | ^"),
        ("x", (types.BOOL,), "result", "must evaluate to bool but got int"),
        ("[x]", (types.BOOL,), "result", "must evaluate to bool but got list(int)"),
        ("x", (types.BOOL, types.STRING), "result", "must evaluate to one of [bool string] but got int"),
        ("timestamp(x)", (types.STRING,), "result", "must evaluate to string but got google.protobuf.Timestamp"),
        ("int('a')", (), "program", "type conversion error from 'string' to 'int'"),
        ("[1][null] == 1 || s[dyn(b'a')] == s", (), "check", "ERROR: <input>:1:4: found no matching overload"),
    ],
)
def test_how_a_text_is_no_expression(text: str, expected: tuple[Type, ...], kind: Kind, message: str) -> None:
    with pytest.raises(CompileError) as failure:
        Environment(36, VARIABLES).compile(text, expected)
    assert failure.value.kind == kind
    assert failure.value.message.startswith(message)
    assert str(failure.value) == failure.value.message


@pytest.mark.parametrize(("text", "expected"), [("x", types.INT), ("x", types.DYN), ("[s]", list_of(types.STRING))])
def test_a_result_of_the_type_that_is_wanted(text: str, expected: Type) -> None:
    assert Environment(36, VARIABLES).compile(text, (types.BOOL, expected)).tree.text == text


@pytest.mark.parametrize(
    ("text", "since"),
    [
        ("optional.of(x).hasValue()", 28),
        ("{'a': 1}.?a.orValue(2)", 28),
        ("[?optional.of(x)]", 28),
        ("x < u", 28),
        ("[1].first().value()", 28),
        ("[1].all(i, true) && x < u", 25),
        ("s.size() == size([x])", 25),
    ],
)
def test_what_the_language_has_since_when(text: str, since: int) -> None:
    for minor in range(25, 38):
        if minor < since:
            with pytest.raises(CompileError):
                Environment(minor, VARIABLES).compile(text)
        else:
            Environment(minor, VARIABLES).compile(text)
    Environment(STORED, VARIABLES).compile(text)


def test_constants_are_looked_at_since_1_29() -> None:
    mistaken = "s.matches('(') || duration('x') == duration('y') || timestamp('z') == timestamp(1)"
    with pytest.raises(CompileError) as older:
        Environment(28, VARIABLES).compile(mistaken)
    assert (older.value.kind, older.value.message) == ("program", "error parsing regexp: missing closing ): `(`")
    with pytest.raises(CompileError) as newer:
        Environment(29, VARIABLES).compile(mistaken)
    told = [line for line in newer.value.message.splitlines() if line.startswith("ERROR")]
    assert told == [
        "ERROR: <input>:1:11: invalid matches argument",
        "ERROR: <input>:1:28: invalid duration argument",
        "ERROR: <input>:1:45: invalid duration argument",
        "ERROR: <input>:1:63: invalid timestamp argument",
    ]


def greeting(name: str) -> str:
    return f"hello {name}"


GREETINGS = Library(
    "greetings",
    functions=(
        Function("greet", (Overload("greet_string", (types.STRING,), types.STRING, greeting, cost=lambda values, _: len(values[0])),)),
        Function("size", (Overload("size_greeting", (types.opaque("Greeting"),), types.INT, lambda _: 5),)),
    ),
    types={"Greeting": types.opaque("Greeting")},
    constants={"NAME": (types.STRING, "you")},
)


def test_an_environment_is_extended_and_left_as_it_was() -> None:
    base = Environment(36, VARIABLES)
    extended = base.extend({"more": types.INT}, libraries=(GREETINGS,))
    outcome = extended.compile("greet(NAME + s) + string(more) + string(size(s))").evaluate({"s": "!", "more": 1})
    assert outcome.value == "hello you!11"
    assert extended.compile("Greeting == type(Greeting)").type == types.BOOL
    with pytest.raises(CompileError):
        base.compile("greet(s)")
    with pytest.raises(CompileError):
        base.compile("more")


@pytest.mark.parametrize(("text", "cost"), [("greet('ab')", 2), ("greet(s)", 5), ("greet(s + s) == ''", 8 + 2 + 0 + 1)])
def test_a_library_says_what_its_calls_cost(text: str, cost: int) -> None:
    environment = Environment(36, VARIABLES, libraries=(GREETINGS,))
    assert environment.compile(text).evaluate({"s": "four"}).cost == cost


def test_a_function_is_not_called_with_values_of_other_types() -> None:
    environment = Environment(36, {"any": types.DYN}, libraries=(GREETINGS,))
    program = environment.compile("greet(any)")
    assert program.evaluate({"any": "you"}).value == "hello you"
    with pytest.raises(Exception, match=r"no such overload: greet\(int\)"):
        program.evaluate({"any": 5})


@pytest.mark.parametrize(
    ("text", "sizes", "most"),
    [("1 + 2", {}, 1), ("s == 'a'", {}, 2), ("s.contains('a')", {("s",): Bounds(0, 100)}, 11)],
)
def test_a_program_estimates_its_cost(text: str, sizes: dict[tuple[str, ...], Bounds], most: int) -> None:
    assert Environment(36, VARIABLES).compile(text).estimate(sizes).most == most


def test_base_environments_are_made_once() -> None:
    first: Any = Environment(36).declarations
    assert first.functions is Environment(36, VARIABLES).declarations.functions
