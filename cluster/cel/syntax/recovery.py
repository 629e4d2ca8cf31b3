"""All that is wrong with a text that does not follow the grammar."""

from __future__ import annotations

from cluster.cel.syntax.errors import Problem
from cluster.cel.syntax.lexer import EOF, Lexed


def syntax_problems(text: str, lexed: Lexed) -> list[Problem]:
    return [*lexed.problems, (len(text), f"Syntax error: mismatched input '{EOF}'")]
