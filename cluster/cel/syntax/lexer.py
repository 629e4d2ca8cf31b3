"""From text to tokens.  Upstream: the lexer rules of cel-go `parser/gen/CEL.g4`.

The longest token wins, and what no token begins with is skipped with a message, as ANTLR's lexers do.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from msgspec import Struct

from cluster.cel.syntax.errors import BEFORE

EOF: Final = "<EOF>"
INT: Final = "NUM_INT"
UINT: Final = "NUM_UINT"
FLOAT: Final = "NUM_FLOAT"
STRING: Final = "STRING"
BYTES: Final = "BYTES"
IDENTIFIER: Final = "IDENTIFIER"
ESCAPED: Final = "ESC_IDENTIFIER"

KEYWORDS: Final = frozenset({"in", "true", "false", "null"})

_ESCAPE: Final = r"""\\(?:[abfnrtv"'\\?`]|[0-3][0-7]{2}|[xX][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})"""
_STRING: Final = rf"""
    [rR](?:\"\"\"(?s:.*?)\"\"\"|\'\'\'(?s:.*?)\'\'\'|"[^"\n\r]*"|'[^'\n\r]*')
    | \"\"\"(?:{_ESCAPE}|[^\\])*?\"\"\" | \'\'\'(?:{_ESCAPE}|[^\\])*?\'\'\'
    | "(?:{_ESCAPE}|[^\\"\n\r])*" | '(?:{_ESCAPE}|[^\\'\n\r])*'
"""
_TOKEN: Final = re.compile(
    rf"""
    (?P<space>[\t\ \r\n\f]+|//[^\n]*)
    | (?P<quoted>[bB]?(?:{_STRING}))
    | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<NUM_FLOAT>[0-9]+\.[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+|\.[0-9]+(?:[eE][+-]?[0-9]+)?)
    | (?P<NUM_UINT>0x[0-9a-fA-F]+[uU]|[0-9]+[uU])
    | (?P<NUM_INT>0x[0-9a-fA-F]+|[0-9]+)
    | (?P<sign>==|!=|<=|>=|&&|\|\||[<>\[\]{{}}().,\-!?:+*/%])
    | (?P<ESC_IDENTIFIER>`[A-Za-z0-9_.\-/\ ]+`)
    """,
    re.VERBOSE,
)
_PARTIAL_ESCAPE: Final = r"(?:\\(?:[xX][0-9a-fA-F]?|u[0-9a-fA-F]{0,3}|U[0-9a-fA-F]{0,7}|[0-3][0-7]?)?)?"
_BROKEN: Final = (
    rf"""[&|=] | "(?:{_ESCAPE}|[^\\"\n\r])*{_PARTIAL_ESCAPE} | '(?:{_ESCAPE}|[^\\'\n\r])*{_PARTIAL_ESCAPE} | `[A-Za-z0-9_.\-/\ ]*"""
)
"""What a token may begin with that did not become one; compiled where something did not, which is seldom."""


class Token(NamedTuple):
    """`kind` is the text itself of signs and keywords."""

    kind: str
    text: str
    offset: int


class Lexed(Struct, frozen=True):
    """`tokens` end with EOF; `skipped` are beginnings and ends of what is no token, `problems` say so."""

    text: str
    tokens: list[Token]
    skipped: list[tuple[int, int]]
    problems: list[tuple[int, str]]

    def between(self, start: int, end: int) -> str:
        """The text of tokens and of what is between them, without what was skipped."""
        made = []
        for skipped, goes_on in self.skipped:
            if start <= skipped < end:
                made.append(self.text[start:skipped])
                start = goes_on
        return "".join([*made, self.text[start:end]])


def tokenize(text: str) -> Lexed:
    tokens: list[Token] = []
    skipped: list[tuple[int, int]] = []
    offset = 0
    end = len(text)
    while offset < end:
        found = _TOKEN.match(text, offset)
        if found is None:
            skipped.append((offset, _after_broken(text, offset)))
            offset = skipped[-1][1]
            continue
        kind = found.lastgroup or ""
        if kind != "space":
            word = found.group()
            if kind == "sign" or (kind == "word" and word in KEYWORDS):
                kind = word
            elif kind == "word":
                kind = IDENTIFIER
            elif kind == "quoted":
                kind = BYTES if word[0] in "bB" else STRING
            tokens.append(Token(kind, word, offset))
        offset = found.end()
    tokens.append(Token(EOF, EOF, end if text else BEFORE))
    problems = [(start, f"Syntax error: token recognition error at: '{text[start:behind]}'") for start, behind in skipped]
    return Lexed(text, tokens, skipped, problems)


def _after_broken(text: str, offset: int) -> int:
    """Behind the first character that no token goes on with which begins here."""
    found = re.compile(_BROKEN, re.VERBOSE).match(text, offset)
    return (found.end() if found is not None else offset) + 1
