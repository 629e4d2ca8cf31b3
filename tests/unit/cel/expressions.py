"""Made-up expressions of a type, for laws and for agreement with another engine.

Doubles never come to NaN: of it cel-go says that it has no order, other engines that it is not less.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from cluster.cel.values import UInt

VARIABLES: Mapping[str, tuple[str, Any]] = {
    "i": ("int", 7),
    "j": ("int", -3),
    "u": ("uint", UInt(5)),
    "d": ("double", 1.5),
    "s": ("string", "hello world"),
    "e": ("string", ""),
    "b": ("bool", True),
    "l": ("list", [1, 2, 3]),
    "texts": ("texts", ["a", "bc", ""]),
    "m": ("map", {"a": 1, "b": 2}),
    "y": ("bytes", b"abc"),
    "o": ("dyn", {"a": 1, "name": "web", "items": [{"n": 1, "t": "x"}, {"n": 2}], "f": 2.5, "no": None, "yes": True}),
}
"""Names to their types here and their values."""

_CONSTANTS: Mapping[str, tuple[str, ...]] = {
    "int": ("0", "1", "2", "-5", "9223372036854775807", "-9223372036854775808"),
    "uint": ("0u", "1u", "18446744073709551615u"),
    "double": ("0.0", "2.5", "-1.5"),
    "string": ("''", "'a'", "'hello'", "'world'", "'\u00fcber'"),
    "bool": ("true", "false"),
    "list": ("[]", "[1, 2]", "[3, 3, 4]"),
    "texts": ("[]", "['a', 'b']"),
    "map": ("{'a': 5}", "{'x': 1, 'y': 2}"),
    "bytes": ("b''", "b'abc'"),
    "timestamp": ("timestamp('2024-02-29T23:59:59.5Z')", "timestamp(0)"),
    "duration": ("duration('90m')", "duration('-1.5s')"),
    "dyn": ("o.a", "o.name", "o.items", "o.missing", "o.no", "o.f", "dyn(1)", "dyn('a')"),
}
_SUMS = ("+", "-", "*", "/", "%")
_ORDERED = ("int", "uint", "double", "string", "bool", "bytes", "timestamp", "duration")
_SHAPES: Mapping[str, tuple[str, ...]] = {
    "int": (
        *(f"(<int> {sign} <int>)" for sign in _SUMS),
        "size(<string>)",
        "<list>.size()",
        "<map>.size()",
        "-(<int>)",
        "int(<string>)",
        "int(<double>)",
        "int(<uint>)",
        "(<bool> ? <int> : <int>)",
        "<list>[<int>]",
        "<map>[<string>]",
        "<timestamp>.getFullYear()",
        "<timestamp>.getDayOfWeek()",
        "<timestamp>.getHours('-02:30')",
        "<duration>.getMinutes()",
    ),
    "uint": (*(f"(<uint> {sign} <uint>)" for sign in _SUMS), "uint(<int>)", "(<bool> ? <uint> : <uint>)"),
    "double": (*(f"(<double> {sign} <double>)" for sign in _SUMS[:3]), "double(<int>)", "-(<double>)"),
    "string": (
        "(<string> + <string>)",
        "string(<int>)",
        "string(<uint>)",
        "string(<bool>)",
        "(<bool> ? <string> : <string>)",
        "<texts>[<int>]",
        "string(<bytes>)",
    ),
    "bytes": ("bytes(<string>)", "(<bytes> + <bytes>)"),
    "timestamp": ("(<timestamp> + <duration>)", "(<timestamp> - <duration>)"),
    "duration": ("(<duration> + <duration>)", "(<timestamp> - <timestamp>)"),
    "bool": (
        "(<bool> && <bool>)",
        "(<bool> || <bool>)",
        "!(<bool>)",
        "(<bool> ? <bool> : <bool>)",
        *(f"(<{kind}> == <{kind}>)" for kind in (*_ORDERED, "list", "texts", "map", "dyn")),
        *(f"(<{kind}> != <{kind}>)" for kind in ("int", "string", "dyn")),
        *(f"(<{kind}> {sign} <{kind}>)" for kind in _ORDERED for sign in ("<", "<=", ">", ">=")),
        "(<int> in <list>)",
        "(<string> in <texts>)",
        "(<string> in <map>)",
        "<string>.startsWith(<string>)",
        "<string>.endsWith(<string>)",
        "<string>.contains(<string>)",
        "<string>.matches('^[a-z]+$')",
        "<list>.all(v, v > <int>)",
        "<list>.exists(v, v == <int>)",
        "<list>.exists_one(v, v < <int>)",
        "<texts>.all(t, t.size() < <int>)",
        "o.items.all(x, x.n > <int>)",
        "o.items.exists(x, x.t == <string>)",
        "has(o.a)",
        "has(o.missing)",
        "has(m.a)",
        "(type(<dyn>) == int)",
    ),
    "list": (
        "[<int>, <int>]",
        "(<list> + <list>)",
        "<list>.map(v, v * <int>)",
        "<list>.filter(v, v > <int>)",
        "(<bool> ? <list> : <list>)",
        "o.items.map(x, int(x.n))",
    ),
    "texts": ("[<string>, <string>]", "<texts>.filter(t, t != <string>)", "<texts>.map(t, t + <string>)"),
    "map": ("{'k': <int>}", "(<bool> ? <map> : <map>)"),
    "dyn": ("(<bool> ? <dyn> : <dyn>)", "o.items[<int>]", "dyn(<int>)", "(<dyn> + <dyn>)", "dyn(<string>)"),
}
KINDS = tuple(_SHAPES)


@st.composite
def expressions(draw: st.DrawFn, kind: str | None = None, depth: int = 4) -> str:
    """An expression of a type; it may fail as it runs."""
    wanted = draw(st.sampled_from(KINDS)) if kind is None else kind
    if depth == 0 or draw(st.integers(0, 4)) == 0:
        names = [name for name, (of, _) in VARIABLES.items() if of == wanted]
        return draw(st.sampled_from((*names, *_CONSTANTS[wanted])))
    shape = draw(st.sampled_from(_SHAPES[wanted]))
    return re.sub(r"<(\w+)>", lambda found: draw(expressions(found[1], depth - 1)), shape)
