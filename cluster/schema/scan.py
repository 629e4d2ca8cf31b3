"""The first syntax error of a JSON text, in the words of Go's scanner.  Upstream: `encoding/json/scanner.go`."""

from __future__ import annotations

import re
from typing import Final

_SPACE: Final = re.compile(r"[ \t\r\n]*")
_PLAIN: Final = re.compile(r'[^"\\\x00-\x1f]*')
_HEX: Final = frozenset("0123456789abcdefABCDEF")
_END: Final = "unexpected end of JSON input"


class _BadError(Exception):
    """Carries the message."""


def syntax_error(text: str, max_depth: int) -> str:
    """The message for the first error, empty where there is none; nesting beyond `max_depth` is an error too."""
    try:
        _Scanner(text, max_depth).run()
    except _BadError as bad:
        return str(bad)
    return ""


class _Scanner:
    def __init__(self, text: str, max_depth: int) -> None:
        self._text = text
        self._position = 0
        self._max_depth = max_depth

    def _space(self) -> None:
        match = _SPACE.match(self._text, self._position)
        self._position = match.end() if match else self._position

    def _peek(self) -> str:
        if self._position >= len(self._text):
            raise _BadError(_END)
        return self._text[self._position]

    def _invalid(self, context: str) -> _BadError:
        char = self._peek()
        shown = {"'": r"\'", "\n": r"\n", "\t": r"\t", "\r": r"\r", "\\": r"\\"}.get(char, char)
        if not shown.isprintable():
            first = char.encode("utf-8", "surrogatepass")[0]
            shown = f"\\x{first:02x}" if ord(char) < 0x80 else char
        return _BadError(f"invalid character '{shown}' {context}")

    def run(self) -> None:
        """One value and nothing after it; containers are kept on a stack, so that no text can exhaust the interpreter's."""
        stack: list[str] = []
        self._space()
        while True:
            opened = self._value()
            if opened:
                stack.append(opened)
                if len(stack) > self._max_depth:
                    raise _BadError("exceeded max depth")
                self._space()
                if self._peek() == ("}" if opened == "{" else "]"):
                    self._position += 1
                    stack.pop()
                else:
                    if opened == "{":
                        self._key()
                    continue
            if self._after(stack):
                return

    def _after(self, stack: list[str]) -> bool:
        """Past a value: closes what ends here, up to the next value's start; whether the text has ended."""
        while True:
            self._space()
            if not stack:
                if self._position < len(self._text):
                    raise self._invalid("after top-level value")
                return True
            char = self._peek()
            is_object = stack[-1] == "{"
            if char == ",":
                self._position += 1
                self._space()
                if is_object:
                    self._key()
                return False
            if char != ("}" if is_object else "]"):
                raise self._invalid("after object key:value pair" if is_object else "after array element")
            self._position += 1
            stack.pop()

    def _key(self) -> None:
        if self._peek() != '"':
            raise self._invalid("looking for beginning of object key string")
        self._string()
        self._space()
        if self._peek() != ":":
            raise self._invalid("after object key")
        self._position += 1
        self._space()

    def _value(self) -> str:
        """A scalar, or the opening of a container, which is returned."""
        char = self._peek()
        if char in "{[":
            self._position += 1
            return char
        if char == '"':
            self._string()
        elif char == "-" or char.isdigit():
            self._number()
        elif char in "tfn":
            self._literal({"t": "true", "f": "false", "n": "null"}[char])
        else:
            raise self._invalid("looking for beginning of value")
        return ""

    def _literal(self, word: str) -> None:
        for position, wanted in enumerate(word):
            if self._peek() != wanted:
                raise self._invalid(f"in literal {word} (expecting '{word[position]}')")
            self._position += 1

    def _digits(self, context: str) -> None:
        if not "0" <= self._peek() <= "9":
            raise self._invalid(context)
        while self._position < len(self._text) and "0" <= self._text[self._position] <= "9":
            self._position += 1

    def _number(self) -> None:
        if self._peek() == "-":
            self._position += 1
        if self._peek() == "0":
            self._position += 1
        else:
            self._digits("in numeric literal")
        if self._text[self._position : self._position + 1] == ".":
            self._position += 1
            self._digits("after decimal point in numeric literal")
        if self._text[self._position : self._position + 1] in ("e", "E"):
            self._position += 1
            if self._peek() in "+-":
                self._position += 1
            self._digits("in exponent of numeric literal")

    def _string(self) -> None:
        self._position += 1
        while True:
            match = _PLAIN.match(self._text, self._position)
            self._position = match.end() if match else self._position
            char = self._peek()
            if char == '"':
                self._position += 1
                return
            if char != "\\":
                raise self._invalid("in string literal")
            self._position += 1
            if self._peek() not in 'bfnrt\\/"u':
                raise self._invalid("in string escape code")
            self._position += 1
            if self._text[self._position - 1] == "u":
                for _ in range(4):
                    if self._peek() not in _HEX:
                        raise self._invalid("in \\u hexadecimal character escape")
                    self._position += 1
