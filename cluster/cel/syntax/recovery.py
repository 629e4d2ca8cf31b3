"""The tokens of a text as rules read them, and what happens where the next one does not fit.

One superfluous token is skipped, one that is missing is made up; otherwise the rule is given up, and reading goes on at the next token
that some rule around it can follow on.  So a text's mistakes are all found, and reported in the words in which upstream reports them.
Upstream: the ANTLR runtime's default error strategy, limited as in cel-go `parser/parser.go`.
"""

from __future__ import annotations

import re
from typing import Final

from cluster.cel.syntax.errors import Problem
from cluster.cel.syntax.grammar import END, Kinds, shown
from cluster.cel.syntax.lexer import EOF, Lexed, Token

MAX_MISTAKES: Final = 100
MAX_RECOVERIES: Final = 30
MAX_SKIPPED: Final = 256

_NAMED_CONSTANT: Final = re.compile(r"no viable alternative at input '.(true|false|null)'")


class Mistake(Exception):
    """The current rule cannot go on; `state` is the place in the grammar."""

    def __init__(self, message: str, state: str) -> None:
        super().__init__(message)
        self.message = message
        self.state = state


class GivenUp(Exception):
    """There is too much that is wrong; nothing of the text is looked at any more."""


class TokenStream:
    """`kind` is that of the token that is next.  `enter` and `leave` tell which rules are being read."""

    def __init__(self, lexed: Lexed, problems: list[Problem]) -> None:
        self._lexed = lexed
        self._tokens = lexed.tokens
        self._position = 0
        self._problems = problems
        self._follow: list[Kinds] = []
        self._reported = 0
        self._recovering = False
        self._recoveries = 0
        self._last_position = -1
        self._last_states: set[str] = set()
        self.kind = lexed.tokens[0].kind

    def enter(self, follow: Kinds) -> None:
        """A rule, behind which the one around it goes on with one of these."""
        self._follow.append(follow)

    def leave(self) -> None:
        self._follow.pop()

    @property
    def token(self) -> Token:
        return self._tokens[self._position]

    def ahead(self, count: int) -> str:
        """The kind of the token behind the next `count`."""
        return self._tokens[min(self._position + count, len(self._tokens) - 1)].kind

    def advance(self) -> Token:
        """The next token, which fits."""
        if self._recovering:
            self._fits()
        return self._consume()

    def match(self, kind: str, follow: Kinds, state: str) -> Token:
        """The next token, which must be of this kind; `follow` is what may come behind it.  Raises Mistake."""
        if self.kind == kind:
            return self.advance()
        self._attempt()
        expected = frozenset({kind})
        if self.ahead(1) == kind:
            self._superfluous(expected)
            return self.advance()
        if self.kind in self._expected(follow):
            if not self._recovering:
                self._recovering = True
                self._report(self.token, f"missing {shown(expected)} at {_quoted(self.token.text)}")
            return Token(kind, f"<missing '{kind}'>", self.token.offset)
        raise self._mismatched(expected, state)

    def sync(self, expected: Kinds, state: str) -> None:
        """Before a choice among these kinds: skip a superfluous token.  Raises Mistake."""
        if self._recovering or self.kind in expected or END in expected:
            return
        if self.ahead(1) not in self._expected(expected):
            raise self._mismatched(expected, state)
        self._superfluous(self._expected(expected))

    def sync_repeated(self, expected: Kinds) -> None:
        """Before what may be repeated: skip all that neither repeats it nor goes on behind it or the rules around it."""
        if self._recovering or self.kind in expected:
            return
        wanted = self._expected(expected)
        self._recovering = True
        self._report(self.token, f"extraneous input {_quoted(self.token.text)} expecting {shown(wanted)}")
        self._skip_to(wanted | self._recovery_set(), -len(self._tokens))

    def no_alternative(self, count: int, state: str) -> Mistake:
        """What the next `count` tokens and the one behind them begin is none of what may be read here."""
        start = self.token
        last = self._tokens[min(self._position + count, len(self._tokens) - 1)]
        end = last.offset + (0 if last.kind == EOF else len(last.text))
        text = EOF if start.kind == EOF else self._lexed.between(start.offset, end)
        if not self._recovering:
            self._recovering = True
            message = f"no viable alternative at input {_quoted(text)}"
            self._report(last, _NAMED_CONSTANT.sub(r"mismatched input '\1' expecting IDENTIFIER", message))
        return Mistake("", state)

    def recover(self, mistake: Mistake) -> None:
        """Go on behind the rule that was given up.  Raises GivenUp."""
        if not self._recovering:
            self._recovering = True
            self._report(self.token, mistake.message)
        self._attempt()
        stuck = self._last_position == self._position and mistake.state in self._last_states
        if stuck:
            self._consume()
        self._last_position = self._position
        self._last_states.add(mistake.state)
        self._skip_to(self._recovery_set(), int(stuck))

    def _consume(self) -> Token:
        token = self._tokens[self._position]
        if token.kind != EOF:
            self._position += 1
            self.kind = self._tokens[self._position].kind
        return token

    def _fits(self) -> None:
        self._recovering = False
        self._last_position = -1
        self._last_states = set()

    def _superfluous(self, expected: Kinds) -> None:
        if not self._recovering:
            self._recovering = True
            self._report(self.token, f"extraneous input {_quoted(self.token.text)} expecting {shown(expected)}")
        self._consume()
        self._fits()

    def _mismatched(self, expected: Kinds, state: str) -> Mistake:
        wanted = shown(self._expected(expected))
        return Mistake(f"mismatched input {_quoted(self.token.text)} expecting {wanted}", state)

    def _expected(self, kinds: Kinds) -> Kinds:
        """With what may follow the rules that end here."""
        found, latest = kinds, kinds
        for follow in reversed(self._follow):
            if END not in latest:
                break
            latest = follow
            found |= follow
        if END in latest:
            found |= {EOF}
        return found - {END}

    def _recovery_set(self) -> Kinds:
        return frozenset().union(*self._follow) - {END}

    def _skip_to(self, kinds: Kinds, skipped: int) -> None:
        while self.kind != EOF and self.kind not in kinds:
            if skipped == MAX_SKIPPED:
                raise GivenUp(f"error recovery token lookahead limit exceeded: {MAX_SKIPPED}")
            self._consume()
            skipped += 1

    def _attempt(self) -> None:
        if self._recoveries == MAX_RECOVERIES:
            self._report(self.token, f"error recovery attempt limit exceeded: {MAX_RECOVERIES}")
            raise GivenUp
        self._recoveries += 1

    def _report(self, token: Token, message: str) -> None:
        if self._reported == MAX_MISTAKES:
            self._problems.append((token.offset, f"Syntax error: More than {MAX_MISTAKES} syntax errors"))
            raise GivenUp
        self._reported += 1
        self._problems.append((token.offset, f"Syntax error: {message}"))


def _quoted(text: str) -> str:
    return "'" + text.replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r") + "'"
