"""Whether a text is a JSONPath template, as kubectl and field references write them.

Upstream: client-go `util/jsonpath/parser.go`.
"""

from __future__ import annotations

import re
from typing import Final

_TERMINATORS: Final = frozenset(" \t\r\n.,[]$@{}")
_KEY: Final = r"'([^']*)'"
_SLICE: Final = r"(?a)(-?\d*)(:-?\d*)?(:-?\d*)?"
_COMPARISON: Final = r"(?s)([^!<>=]+)([!<>=]+)(.+)"
_FLOAT: Final = r"(?a)[+-]?(\d+\.?\d*|\.\d+)"
_INTEGER: Final = r"(?a)[+-]?\d+"


def check_json_path(template: str) -> None:
    """ValueError with what is wrong; text outside of braces is plain."""
    _Reader(template).read()


class _Reader:
    """Reads one template; what is in brackets is read by another one, and has no brackets of its own."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def read(self) -> None:
        while (start := self._text.find("{", self._at)) >= 0:
            self._at = start + 1
            self._action()

    def _action(self) -> None:
        """What is in braces, to the closing one."""
        recursive = False
        while not self._starts("}"):
            if self._starts("[?("):
                self._filter()
                recursive = False
            elif self._starts(".."):
                if recursive:
                    raise ValueError("invalid multiple recursive descent")
                recursive = True
                if self._is_word(self._peek()):
                    self._word()
                    recursive = False
            else:
                recursive = self._part() and recursive

    def _part(self) -> bool:
        """Whether it was nothing but space, or the name of the current object."""
        character = self._next()
        if character in ("", "\r", "\n"):
            raise ValueError("unclosed action")
        if character in " @$":
            return True
        if character == "[":
            self._array()
        elif character in "\"'":
            self._quoted(character)
        elif character == ".":
            self._word()
        elif character in "+-" or character.isdigit():
            self._number()
        elif self._is_word(character):
            self._word()
        else:
            raise ValueError(f"unrecognized character in action: U+{ord(character):04X} '{character}'")
        return False

    def _array(self) -> None:
        end = self._text.find("]", self._at)
        line = self._text.find("\n", self._at)
        if end < 0 or 0 <= line < end:
            raise ValueError("unterminated array")
        text = self._text[self._at : end]
        self._at = end + 1
        parts = text.split(",")
        if len(parts) > 1:
            for each in parts:
                self._inner(f"[{each.strip(' ')}]")
        elif (key := re.fullmatch(_KEY, text)) is not None:
            self._inner(f".{key[1]}")
        elif text != "*" and re.fullmatch(_SLICE, text) is None:
            raise ValueError(f"invalid array index {text}")
        else:
            for number in text.split(":"):
                if number == "-":
                    raise ValueError(f"array index {number} is not a number")

    def _filter(self) -> None:
        start, pair, closed = self._at, "", False
        while True:
            character = self._next()
            if character in ("", "\n"):
                raise ValueError("unterminated filter")
            if character in "\"'":
                if not pair:
                    pair = character
                elif self._text[self._at - 2] != "\\" and character == pair:
                    closed = True
            elif character == ")" and bool(pair) == closed:
                break
        text = self._text[start : self._at - 1]
        if self._next() != "]":
            raise ValueError("unclosed array expect ]")
        compared = re.fullmatch(_COMPARISON, text)
        for each in (text,) if compared is None else (compared[1], compared[3]):
            self._inner(each)

    def _quoted(self, quote: str) -> None:
        while True:
            character = self._next()
            if character in ("", "\n"):
                raise ValueError("unterminated quoted string")
            if character == quote and self._text[self._at - 2] != "\\":
                return

    def _number(self) -> None:
        start = self._at - 1
        while self._peek() == "." or self._peek().isdigit():
            self._at += 1
        text = self._text[start : self._at]
        if not (re.fullmatch(_INTEGER, text) or re.fullmatch(_FLOAT, text)):
            raise ValueError(f"cannot parse number {text}")

    def _word(self) -> None:
        """A field, keyword or wildcard, to what ends it; a backslash keeps the character after it."""
        while (character := self._peek()) and character not in _TERMINATORS:
            self._at += 2 if character == "\\" else 1

    def _inner(self, text: str) -> None:
        _Reader(f"{{{text}}}").read()

    def _starts(self, prefix: str) -> bool:
        found = self._text.startswith(prefix, self._at)
        self._at += len(prefix) * found
        return found

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _next(self) -> str:
        character = self._peek()
        self._at += len(character)
        return character

    @staticmethod
    def _is_word(character: str) -> bool:
        return character == "_" or character.isalpha() or character.isdigit()
