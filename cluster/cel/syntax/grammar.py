"""Which tokens may begin what, and how messages name them.  Upstream: cel-go `parser/gen/CEL.g4`."""

from __future__ import annotations

from typing import Final

from cluster.cel.syntax.lexer import BYTES, EOF, ESCAPED, FLOAT, IDENTIFIER, INT, STRING, UINT

Kinds = frozenset[str]

END: Final = ""
"""Stands in a set for what may follow the rule that the set ends in."""

RELATIONS: Final = frozenset({"==", "!=", "in", "<", "<=", ">=", ">"})
PRODUCTS: Final = frozenset({"*", "/", "%"})
SUMS: Final = frozenset({"+", "-"})

LITERAL: Final = frozenset({"-", "true", "false", "null", FLOAT, INT, UINT, STRING, BYTES})
MEMBER: Final = LITERAL | {".", "(", "[", "{", IDENTIFIER}
EXPRESSION: Final = MEMBER | {"!"}
FIELD: Final = frozenset({IDENTIFIER, ESCAPED})
OPTION: Final = frozenset({"?"})

RESERVED: Final = frozenset({
    "as", "break", "const", "continue", "else", "false", "for", "function", "if", "import", "in", "let", "loop",
    "package", "namespace", "null", "return", "true", "var", "void", "while",
})  # fmt: skip
"""Names that no variable has; fields may."""

_ORDER: Final = (
    EOF, "==", "!=", "in", "<", "<=", ">=", ">", "&&", "||", "[", "]", "{", "}", "(", ")", ".", ",", "-", "!", "?", ":", "+", "*", "/", "%",
    "true", "false", "null", FLOAT, INT, UINT, STRING, BYTES, IDENTIFIER, ESCAPED,
)  # fmt: skip
_UNQUOTED: Final = frozenset({EOF, FLOAT, INT, UINT, STRING, BYTES, IDENTIFIER, ESCAPED})


def kinds(*each: str) -> Kinds:
    return frozenset(each)


def shown(expected: Kinds) -> str:
    """As messages list what was expected."""
    names = [each if each in _UNQUOTED else f"'{each}'" for each in _ORDER if each in expected]
    return names[0] if len(names) == 1 else "{" + ", ".join(names) + "}"
