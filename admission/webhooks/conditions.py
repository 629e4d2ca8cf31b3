"""Match conditions: expressions that must all hold for a webhook to be asked.

What an expression is, and how it is evaluated, is somebody else's: a `Compile` is handed in.  A server without one judges nothing by
conditions, and so lets nothing pass that depends on them.
Upstream: apiserver `pkg/admission/plugin/webhook/matchconditions/matcher.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from cluster.api.names import Object
from cluster.api.user import UserInfo
from rbac.authz.union import aggregated

BUDGET: Final = 2_500_000
"""What all conditions of one webhook may cost together.  Upstream: apiserver `pkg/apis/cel/config.go`."""
OUT_OF_BUDGET: Final = "validation failed due to running out of cost budget, no further validation rules will be run"


@dataclass(frozen=True, slots=True)
class Subject:
    """What expressions look at.  None of it may be changed."""

    object: Object | None
    old_object: Object | None
    request: Object
    """The AdmissionRequest without its uid and objects."""
    user: UserInfo
    """Whose rights `authorizer` asks about."""


class EvaluationError(Exception):
    """An expression that came to nothing, or is none; worded as upstream words it."""

    def __init__(self, message: str, cost: int = 0) -> None:
        super().__init__(message)
        self.cost = cost


class BudgetExceeded(Exception):
    """The evaluation was stopped, for it costs too much."""


class NoConditions(Exception):
    """Expressions can not be evaluated here at all."""


class Evaluator(Protocol):
    def __call__(self, subject: Subject, budget: int) -> tuple[bool, int]:
        """(whether it holds, what it cost); EvaluationError, and BudgetExceeded where it would cost more than the budget."""
        ...


Compile = Callable[[str], Evaluator]
"""Of an expression, its evaluator; EvaluationError, NoConditions."""


def no_conditions(expression: str) -> Evaluator:
    """The Compile of a server that has none."""
    raise NoConditions(f'match conditions can not be evaluated by this server: remove "{expression}" and all others from the webhook')


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the webhook is to be asked; `failed` is the name of a condition that says no, `errors` what could not be evaluated.

    With `error`, which is empty otherwise, the write is to be refused.
    """

    matches: bool
    failed: str = ""
    error: str = ""
    errors: tuple[str, ...] = ()


class Conditions:
    """Of one webhook, compiled when they are first needed."""

    def __init__(self, expressions: Sequence[tuple[str, str]], ignore: bool, compile_condition: Compile) -> None:
        """`expressions`: (name, expression); `ignore`: whether what can not be told counts as no."""
        self._expressions = tuple(expressions)
        self._ignore = ignore
        self._compile = compile_condition
        self._compiled: list[tuple[str, Evaluator | EvaluationError]] | None = None

    def judge(self, subject: Subject) -> Verdict:
        """Any condition that is false says no; else, one that fails is for the failure policy to judge."""
        errors: list[str] = []
        failed = ""
        budget = BUDGET
        try:
            for name, evaluator in self._evaluators():
                try:
                    if isinstance(evaluator, EvaluationError):
                        raise evaluator
                    holds, cost = evaluator(subject, budget)
                    if not holds and not failed:
                        failed = name
                except EvaluationError as error:
                    errors.append(str(error))
                    cost = error.cost
                budget -= cost
        except BudgetExceeded:
            return self._undecided([OUT_OF_BUDGET])
        except NoConditions as error:
            return Verdict(False, error=str(error), errors=(str(error),))
        if failed:
            return Verdict(False, failed=failed, errors=tuple(errors))
        return self._undecided(errors) if errors else Verdict(True)

    def _undecided(self, errors: list[str]) -> Verdict:
        return Verdict(False, error="" if self._ignore else aggregated(errors), errors=tuple(errors))

    def _evaluators(self) -> list[tuple[str, Evaluator | EvaluationError]]:
        if self._compiled is None:
            self._compiled = [(name, self._compiled_or_not(expression)) for name, expression in self._expressions]
        return self._compiled

    def _compiled_or_not(self, expression: str) -> Evaluator | EvaluationError:
        try:
            return self._compile(expression)
        except EvaluationError as error:
            return error
