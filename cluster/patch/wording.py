"""Values and types as Go prints them, which is how upstream's errors about patches show them."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from cluster.api.errors import BadRequest, StatusError
from cluster.api.field import quoted


class Foreign(Struct, frozen=True):
    """A value that JSON does not have, by what Go shows of it: plainly (`%v`), as its syntax (`%#v`), and its type (`%T`)."""

    text: str
    syntax: str
    type: str


def go_value(value: Any) -> str:
    """A JSON value under Go's `%v`: `map[a:1 b:[x y]]`."""
    if isinstance(value, dict):
        return f"map[{' '.join(f'{key}:{go_value(value[key])}' for key in sorted(value))}]"
    if isinstance(value, list):
        return f"[{' '.join(go_value(each) for each in value)}]"
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.text if isinstance(value, Foreign) else str(value)


def go_syntax(value: Any) -> str:
    """A JSON value under Go's `%#v`: `map[string]interface {}{"a":1}`."""
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, dict):
        return f"map[string]interface {{}}{{{', '.join(f'{quoted(key)}:{go_syntax(value[key])}' for key in sorted(value))}}}"
    if isinstance(value, list):
        return f"[]interface {{}}{{{', '.join(go_syntax(each) for each in value)}}}"
    if value is None:
        return "interface {}(nil)"
    return value.syntax if isinstance(value, Foreign) else go_value(value)


def go_type(value: Any) -> str:
    """A JSON value's type once decoded: `map[string]interface {}`."""
    if value is None:
        return "%!s(<nil>)"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, Foreign):
        return value.type
    names = {dict: "map[string]interface {}", list: "[]interface {}", str: "string", int: "int64", float: "float64"}
    return names[type(value)]


def json_type(value: Any) -> str:
    """A JSON value's type as Go's decoder names it."""
    if isinstance(value, bool):
        return "bool"
    return {dict: "object", list: "array", str: "string", int: "number", float: "number"}.get(type(value), "null")


def unprocessable(message: str) -> StatusError:
    """422 for a patch that is well formed but cannot be applied."""
    return StatusError(message, code=422, reason="Invalid", details={})


def bad_request(message: str) -> BadRequest:
    return BadRequest(message)
