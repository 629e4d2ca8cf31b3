"""Field errors: what is wrong with one field of an object.  Upstream: apimachinery `pkg/util/validation/field`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final

from msgspec import Struct

REQUIRED: Final = "FieldValueRequired"
INVALID: Final = "FieldValueInvalid"
NOT_SUPPORTED: Final = "FieldValueNotSupported"
DUPLICATE: Final = "FieldValueDuplicate"
FORBIDDEN: Final = "FieldValueForbidden"
NOT_FOUND: Final = "FieldValueNotFound"
TOO_LONG: Final = "FieldValueTooLong"
TOO_MANY: Final = "FieldValueTooMany"
TYPE_INVALID: Final = "FieldValueTypeInvalid"
INTERNAL: Final = "InternalError"

_PREFIX: Final = {
    REQUIRED: "Required value",
    INVALID: "Invalid value",
    NOT_SUPPORTED: "Unsupported value",
    DUPLICATE: "Duplicate value",
    FORBIDDEN: "Forbidden",
    NOT_FOUND: "Not found",
    TOO_LONG: "Too long",
    TOO_MANY: "Too many",
    TYPE_INVALID: "Invalid value",
    INTERNAL: "Internal error",
}
OMITTED: Final = object()
"""The value of an error whose message leaves the value out."""
_WITHOUT_VALUE: Final = frozenset({REQUIRED, FORBIDDEN, TOO_LONG, INTERNAL})


class FieldError(Struct, frozen=True):
    """One field's fault: `reason` is a cause type of Status, `path` as in `spec.containers[0].name`."""

    reason: str
    path: str
    value: Any
    detail: str

    @property
    def message(self) -> str:
        """The text after the path, as a Status cause gives it."""
        prefix = _PREFIX[self.reason]
        if self.reason not in _WITHOUT_VALUE and self.value is not OMITTED:
            prefix += f": {_shown(self.value)}"
        return f"{prefix}: {self.detail}" if self.detail else prefix

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


_ESCAPES: Final = {
    "\a": r"\a", "\b": r"\b", "\f": r"\f", "\n": r"\n", "\r": r"\r", "\t": r"\t", "\v": r"\v", "\\": "\\\\", '"': '\\"',
}  # fmt: skip
_HTML: Final = str.maketrans({"<": r"\u003c", ">": r"\u003e", "&": r"\u0026", "\u2028": r"\u2028", "\u2029": r"\u2029"})


def quoted(text: str) -> str:
    """A string as Go quotes it, which is how upstream's messages show names and values."""
    if text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return f'"{"".join(map(_quoted, text))}"'


def quoted_list(texts: Iterable[str]) -> str:
    """`["a" "b"]`, as Go shows a list of strings."""
    return "[" + " ".join(map(quoted, texts)) + "]"


def _quoted(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    code = ord(char)
    if char.isprintable() or char == " ":
        return char
    if code < 0x80:
        return f"\\x{code:02x}"
    if 0xD800 <= code < 0xE000:
        return r"\ufffd"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _shown(value: Any) -> str:
    """A value as upstream prints it in a message: strings quoted, numbers bare, the rest as Go writes JSON."""
    if value is None:
        return "null"
    if isinstance(value, str):
        return quoted(value)
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=str).translate(_HTML)


def child(path: str, *names: str) -> str:
    """`child("spec", "template")` is `spec.template`; an empty path yields the bare names."""
    return ".".join((path, *names)) if path else ".".join(names)


def index(path: str, position: int) -> str:
    """The path of a list's member."""
    return f"{path}[{position}]"


def key(path: str, name: str) -> str:
    """The path of a map's member."""
    return f"{path}[{name}]"


def required(path: str, detail: str = "") -> FieldError:
    return FieldError(REQUIRED, path, "", detail)


def invalid(path: str, value: Any, detail: str) -> FieldError:
    return FieldError(INVALID, path, value, detail)


def type_invalid(path: str, value: Any, detail: str) -> FieldError:
    return FieldError(TYPE_INVALID, path, value, detail)


def not_supported(path: str, value: Any, supported: Sequence[str]) -> FieldError:
    """`supported` is listed in the order given, as upstream lists it."""
    detail = "supported values: " + ", ".join(_shown(each) for each in supported) if supported else ""
    return FieldError(NOT_SUPPORTED, path, value, detail)


def duplicate(path: str, value: Any) -> FieldError:
    return FieldError(DUPLICATE, path, value, "")


def forbidden(path: str, detail: str) -> FieldError:
    return FieldError(FORBIDDEN, path, "", detail)


def not_found(path: str, value: Any) -> FieldError:
    return FieldError(NOT_FOUND, path, value, "")


def too_long(path: str, value: Any, limit: int) -> FieldError:
    """`limit` in bytes."""
    detail = f"may not be more than {limit} {'byte' if limit == 1 else 'bytes'}" if limit >= 0 else "value is too long"
    return FieldError(TOO_LONG, path, value, detail)


def too_many(path: str, actual: int, limit: int) -> FieldError:
    detail = f"must have at most {limit} {'item' if limit == 1 else 'items'}" if limit >= 0 else "has too many items"
    return FieldError(TOO_MANY, path, actual, detail)


def internal(path: str, detail: str) -> FieldError:
    return FieldError(INTERNAL, path, None, detail)
