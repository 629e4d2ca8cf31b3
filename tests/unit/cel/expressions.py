"""Made-up expressions of a type, the same ones for the same seed, for agreement with another engine.

Most of them come to a value: what fails stands beside much that doesn't.  Doubles never come to NaN: of it cel-go says that it has no
order, other engines that it is not less.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from cluster.cel.values import UInt

VARIABLES: Final[Mapping[str, tuple[str, Any]]] = {
    "i": ("int", 7),
    "j": ("int", -3),
    "k": ("int", 9223372036854775807),
    "u": ("uint", UInt(5)),
    "v": ("uint", UInt(18446744073709551615)),
    "d": ("double", 1.5),
    "s": ("string", "hello world"),
    "e": ("string", ""),
    "g": ("string", "grün,日本,a b"),
    "n": ("string", "-12"),
    "b": ("bool", True),
    "c": ("bool", False),
    "l": ("list", [1, 2, 3]),
    "texts": ("texts", ["a", "bc", ""]),
    "m": ("map", {"a": 1, "b": 2}),
    "byNumber": ("numbers", {1: "one", -3: "less"}),
    "y": ("bytes", b"abc"),
    "o": (
        "dyn",
        {
            "a": 1,
            "name": "web",
            "items": [{"n": 1, "t": "x"}, {"n": 2}],
            "f": 2.5,
            "no": None,
            "yes": True,
            "deep": {"x": {"y": "z"}, "labels": {"app": "web", "a/b": "c"}},
        },
    ),
}
"""Names to their types here and their values."""

_CONSTANTS: Final[Mapping[str, tuple[str, ...]]] = {
    "int": ("0", "1", "2", "-5", "60", "0x1F", "9223372036854775807", "-9223372036854775808"),
    "index": ("0", "1", "2", "0", "1", "-1", "7"),
    "divisor": ("2", "3", "-1", "7", "10", "0"),
    "uint": ("0u", "1u", "7u", "0xFFu", "18446744073709551615u"),
    "double": ("0.0", "2.5", "-1.5", "1e3", "-0.0", "1e300"),
    "string": ("''", "'a'", "'hello'", "'world'", "'\u00fcber'", '"it\'s"', "r'\\n'", "'\\u65e5\\t'", "'''x\ny'''"),
    "part": ("''", "'a'", "'o'", "'wor'", "','", "'日'"),
    "separator": ("','", "'o'", "' '", "'本'"),
    "digits": ("n", "'12'", "'007'", "'9223372036854775807'", "'-1'", "e", "s", "'1.5'"),
    "bool": ("true", "false"),
    "list": ("[]", "[1, 2]", "[3, 3, 4]", "[7]"),
    "texts": ("[]", "['a', 'b']", "['']"),
    "map": ("{'a': 5}", "{'x': 1, 'y': 2}", "{}"),
    "numbers": ("{1: 'x'}", "{}"),
    "bytes": ("b''", "b'abc'", "b'\\xff\\x00'", "b'\u00fc'"),
    "timestamp": (
        "timestamp('2024-02-29T23:59:59.5Z')",
        "timestamp(0)",
        "timestamp('1969-12-31T23:59:59.999Z')",
        "timestamp('9999-12-31T23:59:59Z')",
        "timestamp('2023-06-01T12:00:00+05:30')",
    ),
    "moment": ("timestamp('2024-02-29T23:59:59Z')", "timestamp(0)", "timestamp('0001-01-01T00:00:00Z')", "timestamp(1234567890)"),
    "span": ("duration('90m')", "duration('0s')", "duration('-5s')", "duration('100000h')"),
    "duration": ("duration('90m')", "duration('-1.5s')", "duration('0s')", "duration('1h2m3.004005s')", "duration('100000h')"),
    "optional": ("optional.none()", "optional.of(1)", "optional.ofNonZeroValue(0)", "m[?'a']", "m.?b", "m[?'zzz']", "l[?1]", "l[?9]"),
    "type": ("int", "string", "list", "map", "type(o)", "type(1u)", "double", "bytes", "bool", "null_type"),
    "dyn": ("o.a", "o.name", "o.items", "o.no", "o.f", "o.yes", "dyn(1)", "dyn('a')", "dyn(2u)", "null", "o.missing", "o.deep.x.y"),
    "zone": ("'UTC'", "'-02:30'", "'America/New_York'", "'Asia/Kolkata'"),
}
_SUMS: Final = ("+", "-", "*")
_ORDERED: Final = ("int", "uint", "double", "string", "bool", "bytes", "timestamp", "duration")
_COMPARED: Final = (*_ORDERED, "list", "texts", "map", "numbers", "dyn", "type", "optional")
_DATES: Final = ("FullYear", "Month", "Date", "DayOfMonth", "DayOfWeek")
_HOURS: Final = ("DayOfYear", "Hours", "Minutes", "Seconds", "Milliseconds")
_SHAPES: Final[Mapping[str, tuple[str, ...]]] = {
    "int": (
        *(f"(<int> {sign} <int>)" for sign in _SUMS),
        *(f"(<int> {sign} <divisor>)" for sign in ("/", "%")),
        *(f"<timestamp>.get{part}()" for part in _DATES),
        *(f"<timestamp>.get{part}(<zone>)" for part in _HOURS),
        *(f"<duration>.get{part}()" for part in ("Hours", "Minutes", "Seconds")),
        *(f"size(<{kind}>)" for kind in ("string", "bytes", "list", "texts", "map")),
        *(f"<{kind}>.size()" for kind in ("string", "bytes", "list", "numbers")),
        *(f"int(<{kind}>)" for kind in ("digits", "double", "uint", "int", "timestamp")),
        "-(<int>)",
        "(<bool> ? <int> : <int>)",
        "l[<index>]",
        "(<list> + l)[<index>]",
        "<map>[<part>]",
        "m.a",
        "<optional>.orValue(<int>)",
        "<optional>.or(<optional>).orValue(<int>)",
        "<string>.indexOf(<part>)",
        "<string>.lastIndexOf(<part>)",
        "l.map(x, x + <int>)[<index>]",
    ),
    "index": ("size(<part>)",),
    "divisor": ("<int>",),
    "uint": (
        *(f"(<uint> {sign} <uint>)" for sign in ("+", "*", "/", "%", "-")),
        *(f"uint(<{kind}>)" for kind in ("int", "double", "uint", "digits")),
        "(<bool> ? <uint> : <uint>)",
    ),
    "double": (
        *(f"(<double> {sign} <double>)" for sign in ("+", "-")),
        *(f"double(<{kind}>)" for kind in ("int", "uint", "digits", "double")),
        "(<double> * 0.5)",
        "(<double> / 4.0)",
        "(<double> / -2.5)",
        "-(<double>)",
        "(<bool> ? <double> : <double>)",
    ),
    "string": (
        "(<string> + <string>)",
        *(f"string(<{kind}>)" for kind in ("int", "uint", "bool", "string", "moment", "span")),
        "string(bytes(<string>))",
        "string(<bytes>)",
        "(<bool> ? <string> : <string>)",
        "(<texts> + texts)[<index>]",
        "byNumber[<index>]",
        *(f"<string>.{name}()" for name in ("lowerAscii", "upperAscii", "trim")),
        "<string>.charAt(<index>)",
        "<string>.substring(<index>)",
        "(<string> + '...').substring(<index>, 2)",
        "<string>.replace(<part>, <part>)",
        "<string>.replace(<part>, <part>, <index>)",
        "<texts>.join(<part>)",
        "<texts>.join()",
        "'%s-%d'.format([<string>, <int>])",
        "'%s %s %x'.format([<bool>, <int>, <uint>])",
        "string(o.deep.labels['a/b'])",
        "string(o.?deep.x.?y.orValue(<string>))",
    ),
    "part": ("(<part> + <part>)",),
    "separator": ("(<part> + <separator>)",),
    "digits": ("string(<int>)",),
    "span": ("(<span> + <span>)", "duration(string(<span>))"),
    "moment": ("(<moment> + duration('90m'))", "timestamp(string(<moment>))", "timestamp(<index>)"),
    "bytes": ("bytes(<string>)", "(<bytes> + <bytes>)", "(<bool> ? <bytes> : <bytes>)", "bytes(<bytes>)"),
    "timestamp": ("(<timestamp> + <duration>)", "(<timestamp> - <duration>)", "(<duration> + <timestamp>)", "timestamp(string(<moment>))"),
    "duration": ("(<duration> + <duration>)", "(<timestamp> - <timestamp>)", "(<duration> - <duration>)", "duration(string(<span>))"),
    "optional": (
        "optional.of(<int>)",
        "optional.ofNonZeroValue(<int>)",
        "<optional>.or(<optional>)",
        "<optional>.optMap(w, w + <int>)",
        "<optional>.optFlatMap(w, m[?<part>])",
        "<list>[?<index>]",
        "<map>[?<part>]",
        "(<bool> ? <optional> : <optional>)",
    ),
    "type": tuple(f"type(<{kind}>)" for kind in (*_ORDERED, "list", "map", "dyn")),
    "bool": (
        *("(<bool> && <bool>)", "(<bool> || <bool>)", "(<bool> && <bool> && <bool> || <bool>)") * 2,
        "!(<bool>)",
        "(<bool> ? <bool> : <bool>)",
        *(f"(<{kind}> == <{kind}>)" for kind in _COMPARED),
        *(f"(<{kind}> != <{kind}>)" for kind in _COMPARED),
        *(f"(<{kind}> {sign} <{kind}>)" for kind in _ORDERED for sign in ("<", "<=", ">", ">=")),
        *(f"(dyn(<{kind}>) {sign} <{other}>)" for kind in _ORDERED[:3] for other in _ORDERED[:3] for sign in ("==", "<", ">=")),
        *(f"(<{kind}> in [<{kind}>, <{kind}>])" for kind in _ORDERED),
        "(<int> in (<list> + l))",
        "(<string> in (texts + <texts>))",
        "(<string> in texts)",
        "(<string> in <map>)",
        "(<int> in <numbers>)",
        "(dyn(<int>) in l)",
        *(f"<string>.{name}(<part>)" for name in ("startsWith", "endsWith", "contains")),
        *(f"<string>.matches('{pattern}')" for pattern in ("^[a-z]+$", "o.*d", "(a|b)?c*", "^$", "\\\\w+ \\\\w+")),
        *(f"<list>.{name}(x, x {sign} <int>)" for name in ("all", "exists", "exists_one") for sign in (">", "==", "<=")),
        *(f"<texts>.{name}(t, t.size() < <int>)" for name in ("all", "exists", "exists_one")),
        *(f"<map>.{name}(key, key == <string> || m[key] > <int>)" for name in ("all", "exists")),
        "<list>.all(x, <list>.exists(z, z >= x))",
        "<list>.exists(x, <divisor> / x > 1)",
        "o.items.all(x, x.n > <int>)",
        "o.items.exists(x, x.t == <string>)",
        "o.items.filter(x, has(x.t)).all(x, x.t == <string>)",
        *(f"has({path})" for path in ("o.a", "o.missing", "m.a", "m.zzz", "o.no", "o.deep.x", "o.missing.x")),
        "<optional>.hasValue()",
        "(type(<dyn>) == <type>)",
        "bool(string(<bool>))",
    ),
    "list": (
        "[<int>, <int>]",
        "(<list> + <list>)",
        "<list>.map(x, x * <int>)",
        "<list>.map(x, x > <int>, x - 1)",
        "<list>.filter(x, x > <int>)",
        "(<bool> ? <list> : <list>)",
        "o.items.map(x, int(x.n))",
        "<texts>.map(t, t.size())",
        "[?<optional>, <int>]",
        "[<list>, <list>][<index>]",
    ),
    "texts": (
        "[<string>, <string>]",
        "<texts>.filter(t, t != <string>)",
        "<texts>.map(t, t + <string>)",
        "<string>.split(<separator>)",
        "<string>.split(<separator>, <index>)",
        "(<texts> + <texts>)",
        "<list>.map(x, string(x))",
    ),
    "map": ("{'k': <int>}", "(<bool> ? <map> : <map>)", "{<part>: <int>}", "{'a': <int>, ?'p': <optional>}"),
    "numbers": ("{<int>: <string>}", "(<bool> ? <numbers> : <numbers>)"),
    "dyn": (
        "(<bool> ? <dyn> : <dyn>)",
        "o.items[<index>]",
        "o.items[<index>].n",
        *(f"dyn(<{kind}>)" for kind in _ORDERED),
        "(dyn(<int>) + dyn(<int>))",
        "(<dyn> + <dyn>)",
        "{'x': dyn(<list>)}.x",
        "o[<part>]",
    ),
}
_INNER: Final = frozenset({"index", "divisor", "part", "separator", "digits", "moment", "span", "zone", "type", "optional"})
_OUTERMOST: Final = tuple(kind for kind in _SHAPES if kind not in _INNER)
_DEPTH: Final = 3


def expressions(seed: int, count: int) -> Iterator[str]:
    """So many different expressions, of all types in turn; each may fail as it runs."""
    source = random.Random(seed)
    made: set[str] = set()
    while len(made) < count:
        text = _shaped(source, _OUTERMOST[len(made) % len(_OUTERMOST)], _DEPTH)
        if text not in made:
            made.add(text)
            yield text


def _made(source: random.Random, wanted: str, depth: int) -> str:
    if depth > 0 and wanted in _SHAPES and source.random() < 0.7:
        return _shaped(source, wanted, depth)
    names = [name for name, (of, _) in VARIABLES.items() if of == wanted]
    return source.choice((*names, *_CONSTANTS[wanted]))


def _shaped(source: random.Random, wanted: str, depth: int) -> str:
    return re.sub(r"<(\w+)>", lambda found: _made(source, found[1], depth - 1), source.choice(_SHAPES[wanted]))
