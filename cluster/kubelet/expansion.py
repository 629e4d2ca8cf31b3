"""`$(VAR)` references in commands, arguments and values.  Upstream: `third_party/forked/golang/expansion`."""

from __future__ import annotations

from collections.abc import Mapping


def expand(text: str, variables: Mapping[str, str]) -> str:
    """References to known variables replaced; `$$` is a dollar sign, and an unknown or unclosed reference stays as written."""
    parts: list[str] = []
    position = 0
    while (dollar := text.find("$", position)) >= 0 and dollar + 1 < len(text):
        parts.append(text[position:dollar])
        following = text[dollar + 1]
        close = text.find(")", dollar + 2)
        if following == "$":
            parts.append("$")
            position = dollar + 2
        elif following == "(" and close >= 0:
            name = text[dollar + 2 : close]
            parts.append(variables.get(name, f"$({name})"))
            position = close + 1
        elif following == "(":
            parts.append("$(")
            position = dollar + 2
        else:
            parts.append(text[dollar : dollar + 2])
            position = dollar + 2
    parts.append(text[position:])
    return "".join(parts)
