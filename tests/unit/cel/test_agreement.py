"""Another engine, Google's for C++, comes to the same values, and fails where this one fails.

Where the two differ Kubernetes' own answers count: `KNOWN` has these differences, and what is made up keeps away from them.
"""

from __future__ import annotations

import datetime
from collections import Counter
from typing import Any, Final, NamedTuple

import pytest
from cel_expr_python import cel
from cel_expr_python.ext.ext_optional import ExtOptional
from cel_expr_python.ext.ext_strings import ExtStrings
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.cel.environment import CompileError, Environment
from cluster.cel.values import CelError, Duration, Timestamp, key_value
from tests.unit.cel.expressions import VARIABLES, expressions
from tests.unit.cel.recorded_answers import type_of

_NAMED: Final = {"list": "list(int)", "texts": "list(string)", "map": "map(string, int)", "numbers": "map(int, string)"}
_THEIRS: Final = {
    "list": cel.Type.List(cel.Type.INT),
    "texts": cel.Type.List(cel.Type.STRING),
    "map": cel.Type.Map(cel.Type.STRING, cel.Type.INT),
    "numbers": cel.Type.Map(cel.Type.INT, cel.Type.STRING),
}
OURS: Final = Environment(36, {name: type_of(_NAMED.get(kind, kind)) for name, (kind, _) in VARIABLES.items()})
THEIRS: Final = cel.NewEnv(
    variables={name: _THEIRS.get(kind) or getattr(cel.Type, kind.upper()) for name, (kind, _) in VARIABLES.items()},
    extensions=[ExtOptional(), ExtStrings()],
)
VALUES: Final = {name: value for name, (_, value) in VARIABLES.items()}
COUNT: Final = 5_000
FAILED: Final = "failed"
REFUSED: Final = "refused"
NO_PROGRAM: Final = "no program"
"""A constant that fails, as in `false ? int('x') : 1`, is found here as the expression is compiled, and there only when it is looked at."""
TEXT = st.text(st.characters(min_codepoint=1, exclude_categories=("Cs",)), max_size=5)
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


class Difference(NamedTuple):
    text: str
    ours: Any
    theirs: Any
    reason: str


KNOWN: Final = (
    Difference("m['o'] in []", False, FAILED, "nothing is in an empty list, whatever it is: upstream doesn't look"),
    Difference("''.split('')", [], [""], "an empty text has no characters"),
    Difference("'..'.substring(0, 2)", "..", FAILED, "the other one takes the end of a text for one beyond it"),
    Difference("string(duration('1.5s'))", "1.5s", "1.500s", "the other one writes fractions in groups of three digits"),
    Difference("string(timestamp('2023-06-01T12:00:00+05:30'))", "2023-06-01T12:00:00+05:30", "2023-06-01T06:30:00Z", "a zone is kept"),
    Difference("[1, 'a']", REFUSED, [1, "a"], "Kubernetes wants one type in a list"),
    Difference("[7] + [].filter(x, x > [][2])", REFUSED, [7], "the other one forgets what was found out about the list's elements"),
    Difference("false ? int('x') : 1", NO_PROGRAM, 1, "constants are made when the program is"),
)


def ours(text: str) -> Any:
    try:
        program = OURS.compile(text)
    except CompileError as failure:
        return NO_PROGRAM if failure.kind == "program" else REFUSED
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
            return {key_value(key): plain(each) for key, each in value.items()}
    raise TypeError(value)


def test_both_engines_come_to_the_same_of_what_is_made_up() -> None:
    came_to: Counter[str] = Counter()
    differences, values = [], set()
    for text in expressions(1, COUNT):
        mine, other = ours(text), theirs(text)
        sort = mine if mine in (FAILED, NO_PROGRAM, REFUSED) else "value"
        if mine == NO_PROGRAM:
            sort = FAILED if other == FAILED else NO_PROGRAM
        elif mine != other:
            differences.append((text, mine, other))
        came_to[sort] += 1
        values.add(repr(mine))
    assert differences == []
    assert sum(came_to.values()) == COUNT
    assert came_to["value"] > COUNT * 0.75
    assert came_to[FAILED] > COUNT * 0.1
    assert came_to[NO_PROGRAM] < COUNT * 0.005
    assert came_to[REFUSED] == 0
    assert len(values) > 1000


@pytest.mark.parametrize("known", KNOWN, ids=lambda known: known.text)
def test_the_known_differences_are_as_they_are(known: Difference) -> None:
    assert (ours(known.text), theirs(known.text)) == (known.ours, known.theirs)


@settings(max_examples=60, deadline=None)
@given(st.lists(TEXT, max_size=6), TEXT)
def test_both_engines_see_the_same_in_texts(texts: list[str], part: str) -> None:
    values = {**VALUES, "texts": texts, "s": part}
    text = "texts.map(t, t.startsWith(s) || t.contains(s) ? t.size() : t < s ? -1 : -2)"
    found = THEIRS.compile(text).eval(data=values).plain_value()
    assert OURS.compile(text).evaluate(values).value == found
