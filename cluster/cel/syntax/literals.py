"""What literals stand for.  Upstream: cel-go `parser/unescape.go`, and the literals of `parser/parser.go`."""

from __future__ import annotations

import re
from typing import Final

from cluster.cel.values import MAX_INT, MAX_UINT, MIN_INT, UInt

_SIMPLE: Final = {
    "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\", "'": "'", '"': '"', "`": "`", "?": "?",
}  # fmt: skip
_ESCAPE: Final = r"(?s)\\(?:[xX]([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2})|(.))"
_BAD_POINT: Final = "invalid unicode code point"


class BadLiteral(Exception):
    """A literal of no value; the message is for the user."""


def integer(text: str) -> int:
    """With its sign, in decimal or after 0x."""
    value = _number(text)
    if not MIN_INT <= value <= MAX_INT:
        raise BadLiteral("invalid int literal")
    return value


def unsigned(text: str) -> UInt:
    """With the u at its end."""
    value = _number(text[:-1])
    if value > MAX_UINT:
        raise BadLiteral("invalid uint literal")
    return UInt(value)


def _number(text: str) -> int:
    digits = text.lstrip("-")
    if digits.startswith("0x"):
        digits, base, longest = digits[2:], 16, 16
    else:
        base, longest = 10, 20
    digits = digits.lstrip("0") or "0"
    value = int(digits, base) if len(digits) <= longest else MAX_UINT + 1
    return -value if text.startswith("-") else value


def double(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise BadLiteral("invalid double literal")
    return value


def string(text: str) -> str:
    """Of a quoted string as it is written, raw or not."""
    body, raw = _unquoted(text)
    if raw or "\\" not in body:
        return body
    return re.sub(_ESCAPE, _character, body)


def bytes_of(text: str) -> bytes:
    """Of a quoted string behind its b; escapes of numbers are bytes, what is written plainly is UTF-8."""
    body, raw = _unquoted(text[1:])
    if raw or "\\" not in body:
        return body.encode("utf-8", "surrogatepass")
    made = bytearray()
    end = 0
    for found in re.finditer(_ESCAPE, body):
        made += body[end : found.start()].encode("utf-8", "surrogatepass")
        end = found.end()
        short, medium, long, octal, simple = found.groups()
        if medium or long:
            raise BadLiteral("unable to unescape string")
        made.append(int(short, 16) if short else int(octal, 8) if octal else ord(_SIMPLE[simple]))
    made += body[end:].encode("utf-8", "surrogatepass")
    return bytes(made)


def _unquoted(text: str) -> tuple[str, bool]:
    """Between the quotes, with plain line ends; and whether it is raw."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    raw = text[0] in "rR"
    if raw:
        text = text[1:]
    quotes = 3 if len(text) >= 6 and text[:3] in ("'''", '"""') else 1
    return text[quotes:-quotes], raw


def _character(found: re.Match[str]) -> str:
    short, medium, long, octal, simple = found.groups()
    if simple:
        return _SIMPLE[simple]
    point = int(octal, 8) if octal else int(short or medium or long, 16)
    if point > 0x10FFFF or 0xD800 <= point <= 0xDFFF:
        raise BadLiteral(_BAD_POINT)
    return chr(point)
