"""Where expressions are compiled: the variables and libraries that they may use.  Upstream: apiserver `pkg/cel/environment`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from cluster.cel.functions import Bounds
from cluster.cel.syntax.ast import Tree
from cluster.cel.types import Type

PER_CALL_LIMIT: Final = 1_000_000
"""What one evaluation may cost, unless it is told otherwise.  Upstream: apiserver `pkg/apis/cel/config.go`."""


class CompileError(Exception):
    """An expression that is none; the message is cel-go's, every error with its line, column and a pointer into the text."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an evaluation came to, and what it cost."""

    value: Any
    cost: int


class Program(Protocol):
    """A compiled expression.  Safe to be used by several threads or greenlets at once."""

    tree: Tree
    type: Type
    variables: frozenset[str]
    """The names of the variables that it looks at."""

    def evaluate(self, values: Mapping[str, Any], limit: int = PER_CALL_LIMIT) -> Outcome:
        """With a value for each variable; CelError where the expression fails, CostExceeded where it costs more than the limit."""
        ...

    def estimate(self, sizes: Mapping[tuple[str, ...], Bounds] | None = None) -> Bounds:
        """The least and the most that an evaluation may cost; `sizes` bounds what is found by a path from a variable."""
        ...
