"""The evaluation of one expression after the other, all within one budget.

Upstream: apiserver `pkg/admission/plugin/cel` (activation.go, composition.go), `pkg/apis/cel/config.go`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from msgspec import Struct, field

from cluster.api.errors import Timeout
from cluster.api.field import quoted
from cluster.cel.environment import PER_CALL_LIMIT, Outcome, Program
from cluster.cel.values import CelError
from cluster.schema.admission_expressions import ExpressionError
from cluster.schema.admission_variables import PARAMS, VARIABLES

BUDGET: Final = 10_000_000
"""What all expressions of a policy may cost together, for one write and one binding."""
CONDITIONS_BUDGET: Final = 2_500_000
"""What all match conditions of a policy or webhook may cost together."""
OUT_OF_BUDGET: Final = "validation failed due to running out of cost budget, no further validation rules will be run"

_MOST_KEPT: Final = 10_000
"""What an outcome may have cost that is kept for other policies: what cost little is small, and all of a write's are kept together."""
_LONG: Final = 0.01
"""Seconds for which an evaluation may keep others waiting without a thought of them."""
_clock: Final = time.monotonic

Watch = Callable[[str, str], None]
"""Told of a variable that was evaluated: its name, and why it has no value, or nothing."""


class BudgetExceeded(Exception):
    """The expressions cost more than they may together."""

    def __init__(self) -> None:
        super().__init__(OUT_OF_BUDGET)


class Expression(Struct, frozen=True):
    """A text with its program; None where it is none, and why."""

    text: str
    program: Program | None
    error: str = ""
    general: bool = False
    """Whether it looks at nothing of its own policy, neither variables nor parameters."""

    @classmethod
    def of(cls, text: str, compiled: Callable[[], Program]) -> Expression:
        """`compiled` raises ExpressionError for what is no expression: it fails whenever it is evaluated."""
        try:
            program = compiled()
        except ExpressionError as error:
            return cls(text, None, str(error))
        return cls(text, program, general=program.variables.isdisjoint((VARIABLES, PARAMS)))


class Values(dict[str, Any]):
    """Of variables, by their names; and what general expressions, of whatever policy, have come to with them already.

    `holding` are match conditions that all hold, by their programs.
    """

    __slots__ = ("holding", "outcomes")

    def __init__(self, values: Mapping[str, Any]) -> None:
        super().__init__(values)
        self.outcomes: dict[Program, Outcome] = {}
        self.holding: set[tuple[Program, ...]] = set()


class Variables(dict[str, Any]):
    """What a policy's variables are for one write: each is evaluated when it is first looked at, and never again.

    It is a map to expressions, which are handed their own values with it among them.
    """

    def __init__(
        self, expressions: Mapping[str, Expression], values: Mapping[str, Any], outcomes: dict[Program, Outcome], watch: Watch | None = None
    ) -> None:
        """`values`: of all that expressions look at, these variables among them."""
        super().__init__()
        self.spent = 0
        """What evaluations have cost since somebody took account of it."""
        self._expressions = expressions
        self._values = values
        self._outcomes = outcomes
        self._failed: dict[str, str] = {}
        self._watch = watch

    def __missing__(self, name: str) -> Any:
        expression = self._expressions.get(name)
        if expression is None:
            raise KeyError(name)
        why = self._failed.get(name)
        if why is not None:
            raise CelError(why)
        try:
            value = self[name] = self._evaluated(name, expression)
        except CelError as error:
            self._failed[name] = str(error)
            if self._watch is not None:
                self._watch(name, str(error))
            raise
        if self._watch is not None:
            self._watch(name, "")
        return value

    def _evaluated(self, name: str, expression: Expression) -> Any:
        program = expression.program
        if program is None:
            raise CelError(f"{_shown(name)} fails to compile: {expression.error}")
        outcome = self._outcomes.get(program)
        if outcome is None:
            value, cost, failure = program.attempt(self._values, PER_CALL_LIMIT)
            if failure is not None:
                self.spent += cost
                raise CelError(f"{_shown(name)} fails to evaluate: {failure}")
            outcome = Outcome(value, cost)
            if expression.general and cost <= _MOST_KEPT:
                self._outcomes[program] = outcome
        self.spent += outcome.cost
        return outcome.value

    def __contains__(self, name: object) -> bool:
        return name in self._expressions

    def __iter__(self) -> Iterator[str]:
        return iter(self._expressions)

    def __len__(self) -> int:
        return len(self._expressions)


def _shown(name: str) -> str:
    return f"composited variable {quoted(name)}"


class Evaluated(Struct, frozen=True):
    """What an expression came to; with `error`, to nothing."""

    value: Any
    error: str = ""
    seconds: float = 0.0
    """That it took."""

    @property
    def truth(self) -> str:
        """Of a condition or validation, as observers are told."""
        return "error" if self.error else "true" if self.value is True else "false"


Bind = Callable[[Values], tuple[Mapping[str, Any], Variables | None]]
"""Adds to values what is a policy's own: parameters, and variables, which are told apart."""


def _nothing_more(values: Values) -> tuple[Mapping[str, Any], None]:
    return values, None


class Evaluation(Struct):
    """Evaluates expressions over the same values; what they cost goes from one budget.

    `bind` is called when an expression first looks at what is a policy's own.  `deadline` is when, on the monotonic clock, nobody waits for
    what is evaluated any more.
    """

    values: Values
    budget: int = BUDGET
    """What is left."""
    deadline: float = math.inf
    bind: Bind = _nothing_more
    _now: float = field(default_factory=_clock)
    _own: Mapping[str, Any] | None = None
    _variables: Variables | None = None

    def run(self, expression: Expression) -> Evaluated:
        """Worded as upstream; BudgetExceeded, Timeout."""
        began = self._now
        if began > self.deadline:
            raise Timeout.of("request did not complete within requested timeout")
        program, general, budget = expression.program, expression.general, self.budget
        if program is None:
            return Evaluated(None, f"compilation error: {expression.error}")
        limit = budget if budget < PER_CALL_LIMIT else PER_CALL_LIMIT
        if general:
            values: Mapping[str, Any] = self.values
            known = self.values.outcomes.get(program)
            if known is not None and known.cost <= limit:
                self.budget = budget - known.cost
                return Evaluated(known.value)
        elif self._own is None:
            values, self._variables = self.bind(self.values)
            self._own = values
        else:
            values = self._own
        value, cost, failure = program.attempt(values, limit)
        if general and cost <= _MOST_KEPT and failure is None:
            self.values.outcomes[program] = Outcome(value, cost)
        self._now = now = _clock()
        took = now - began
        if took > _LONG:
            time.sleep(0)  # whoever shares the worker had to wait, and comes first now
        variables = self._variables
        if variables is not None and variables.spent:
            cost += variables.spent
            variables.spent = 0
        if cost > budget:
            raise BudgetExceeded
        self.budget = budget - cost
        why = "" if failure is None else f"expression '{expression.text}' resulted in error: {failure}"
        return Evaluated(value, why, took)
