"""Expressions that were made to be slow, large or broken end in time, each as an error or by its budget, and never as a fault of Python."""

from __future__ import annotations

import time
from typing import Any, Final

import pytest

from cluster.cel import patterns
from cluster.cel.environment import Environment
from cluster.cel.types import DYN, INT, STRING, list_of
from cluster.cel.values import CelError, CostExceeded

ENVIRONMENT: Final = Environment(36, {"t": STRING, "digits": STRING, "d": DYN, "l": list_of(STRING), "n": list_of(INT)})
SIZE: Final = 200_000
VALUES: Final[dict[str, Any]] = {
    "t": "ab" * (SIZE // 2),
    "digits": "9" * SIZE,
    "d": {f"k{number:05}": "v" * 50 for number in range(5_000)},
    "l": [f"x{number}" for number in range(5_000)],
    "n": [number * 7919 % 10_007 for number in range(5_000)],
}
PATIENCE: Final = 0.05
STOPPED: Final = "operation cancelled: actual cost limit exceeded"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cluster.cel.environment.MAX_SECONDS", PATIENCE)
    monkeypatch.setattr("cluster.cel.patterns.MAX_SECONDS", PATIENCE)


def outcome(text: str) -> str:
    """The error; of a value, its type."""
    try:
        return type(ENVIRONMENT.compile(text).evaluate(VALUES).value).__name__
    except (CelError, CostExceeded) as failure:
        return str(failure)


@pytest.mark.parametrize(
    "text",
    [
        "l.all(x, x.matches(x + '\\\\p{L}{500}') || x != '')",
        "l.all(x, t.find(x + '(a|b)*a(a|b){100}c') == '')",
        "l.all(x, !t.matches('(a|b)*a(a|b){100}c'))",
        "t.matches('(a|b)*a(a|b){900}c')",
        "t.findAll('(a*)*c|b').size() > 0",
        "t.matches(t)",
        "l.all(x, '%s'.format([d]) != '')",
        "l.all(x, d == d)",
        "l.all(x, l.all(y, l.all(z, true)))",
        "l.map(x, l.map(y, l.map(z, z))).size() > 0",
        "d.transformMap(k, v, d.transformMap(i, w, v)).size() > 0",
        "t.contains(t + 'c')",
        "l.map(x, t + t + t + t).map(y, y + y + y).size() > 0",
        "n.distinct().size() > 0",
        "n.sort() == n",
        "sets.intersects(n, n.map(i, -i - 1))",
        "lists.range(1000000000).size() > 0",
    ],
)
def test_what_costs_too_much_or_takes_too_long_is_stopped(text: str) -> None:
    began = time.process_time()
    assert outcome(text) == STOPPED
    assert time.process_time() - began < 20 * PATIENCE


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("t.replace('a', t).size() > 0", "text of more than 16777216 characters"),
        ("int(digits) > 0", "type conversion error from 'string' to 'int'"),
        ("uint(digits) > 0u", "type conversion error from 'string' to 'uint'"),
        ("duration(digits + 'h') > duration('1s')", "type conversion error from 'string' to 'google.protobuf.Duration'"),
        ("timestamp(0).getHours(digits + ':00') > 0", 'strconv.Atoi: parsing "999'),
        ("timestamp(t) == timestamp(0)", "type conversion error from 'string' to 'google.protobuf.Timestamp'"),
        ("semver(digits + '.1.1').major() > 0", ""),
        ("quantity('1e' + digits).isInteger()", ""),
        ("cidr('10.0.0.0/' + digits).prefixLength() == 8", ""),
        ("ip(digits + '.0.0.1').family() == 4", ""),
        ("'x'.matches('[' + l[0])", "error parsing regexp: missing closing ]: `[x0`"),
        ("double(digits) > 0.0", "type conversion error from 'string' to 'double'"),
    ],
)
def test_what_is_too_large_is_an_error_like_any(text: str, message: str) -> None:
    began = time.process_time()
    found = outcome(text)
    assert found.startswith(message)
    assert found not in ("bool", STOPPED)
    assert time.process_time() - began < 20 * PATIENCE


@pytest.mark.parametrize(
    "text",
    [
        "duration('0' + digits.replace('9', '0') + '1s') == duration('1s')",
        "isURL('https://' + t) && !isIP(digits) && !isSemver(t)",
        "dyn(n).sort().size() == 5000",
        "t.matches('^[ab]*$') && t.upperAscii().lowerAscii() == t",
        "t.findAll('ba', 10).size() == 10",
    ],
)
def test_what_is_large_and_quick_is_done(text: str) -> None:
    assert outcome(text) == "bool"


@pytest.mark.parametrize(
    ("text", "pattern", "found"),
    [
        ("gr\u00fcn \u65e5\u672c", ".", ["g", "r", "\u00fc", "n", " ", "\u65e5", "\u672c"]),
        ("\u65e5\u672c", "", ["", "", ""]),
        ("aab", "a*", ["aa", ""]),
        ("baac", "a*", ["", "aa", ""]),
        ("aXbX", "^a|X", ["a", "X", "X"]),
        ("a b", "\\b", ["", "", "", ""]),
        ("abc", "d", []),
        ("", "x*", [""]),
    ],
)
def test_matches_are_found_as_gos_are(text: str, pattern: str, found: list[str]) -> None:
    assert list(patterns.found_in(text, pattern)) == found
