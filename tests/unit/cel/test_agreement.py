"""Another engine, Google's for C++, comes to the same values, and fails where this one fails."""

from __future__ import annotations

import datetime
from typing import Any

from cel_expr_python import cel
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cluster.cel import types
from cluster.cel.environment import CompileError, Environment
from cluster.cel.types import Type, list_of, map_of
from cluster.cel.values import CelError, Duration, Timestamp
from tests.unit.cel.expressions import VARIABLES, expressions

_OURS: dict[str, Type] = {
    "int": types.INT,
    "uint": types.UINT,
    "double": types.DOUBLE,
    "string": types.STRING,
    "bool": types.BOOL,
    "bytes": types.BYTES,
    "list": list_of(types.INT),
    "texts": list_of(types.STRING),
    "map": map_of(types.STRING, types.INT),
    "dyn": types.DYN,
}
_THEIRS = {
    "int": cel.Type.INT,
    "uint": cel.Type.UINT,
    "double": cel.Type.DOUBLE,
    "string": cel.Type.STRING,
    "bool": cel.Type.BOOL,
    "bytes": cel.Type.BYTES,
    "list": cel.Type.List(cel.Type.INT),
    "texts": cel.Type.List(cel.Type.STRING),
    "map": cel.Type.Map(cel.Type.STRING, cel.Type.INT),
    "dyn": cel.Type.DYN,
}
OURS = Environment(27, {name: _OURS[kind] for name, (kind, _) in VARIABLES.items()})
THEIRS = cel.NewEnv(variables={name: _THEIRS[kind] for name, (kind, _) in VARIABLES.items()})
VALUES = {name: value for name, (_, value) in VARIABLES.items()}
FAILED = "failed"
REFUSED = "refused"
TEXT = st.text(st.characters(min_codepoint=1, exclude_categories=("Cs",)), max_size=5)
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


def ours(text: str) -> Any:
    """What this engine says; what fails as it is compiled already, as constants do, the other one may never look at."""
    try:
        program = OURS.compile(text)
    except CompileError as failure:
        assume(failure.kind != "program")
        return REFUSED
    try:
        return plain(program.evaluate(VALUES).value)
    except CelError:
        return FAILED


def theirs(text: str) -> Any:
    try:
        program = THEIRS.compile(text)
    except RuntimeError:
        return REFUSED
    found = program.eval(data=VALUES)
    return FAILED if found.type() == cel.Type.ERROR else plain(found.plain_value())


def plain(value: Any) -> Any:
    """A value of either engine in one form: times in microseconds, numbers with their types."""
    match value:
        case Duration():
            return "duration", value.nanoseconds // 1000
        case Timestamp():
            return "timestamp", value.nanoseconds // 1000
        case datetime.timedelta():
            return "duration", value // datetime.timedelta(microseconds=1)
        case datetime.datetime():
            return "timestamp", (value - _EPOCH) // datetime.timedelta(microseconds=1)
        case bytes() | bytearray():
            return bytes(value)
        case float():
            return "double", repr(value)
        case bool() | str() | None:
            return value
        case int():
            return int(value)
        case list():
            return [plain(each) for each in value]
        case dict():
            return {key: plain(each) for key, each in value.items()}
    raise TypeError(value)


@settings(max_examples=150, deadline=None)
@given(expressions())
def test_both_engines_come_to_the_same(text: str) -> None:
    assert ours(text) == theirs(text)


@settings(max_examples=60, deadline=None)
@given(st.lists(TEXT, max_size=6), TEXT)
def test_both_engines_see_the_same_in_texts(texts: list[str], part: str) -> None:
    values = {**VALUES, "texts": texts, "s": part}
    text = "texts.map(t, t.startsWith(s) || t.contains(s) ? t.size() : t < s ? -1 : -2)"
    found = THEIRS.compile(text).eval(data=values).plain_value()
    assert OURS.compile(text).evaluate(values).value == found
