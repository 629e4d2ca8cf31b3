"""Match conditions: expressions that must all hold for a policy or webhook to be concerned.

Upstream: apiserver `pkg/admission/plugin/webhook/matchconditions/matcher.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from admission.expressions.evaluation import BudgetExceeded, Evaluation, Expression
from cluster.api.names import Object
from cluster.cel import types
from cluster.cel.environment import STORED
from cluster.schema.admission_expressions import shared
from cluster.schema.admission_variables import Uses
from rbac.authz.union import aggregated

Told = Callable[[int, bool, str], None]
"""Told of a condition that was evaluated: its position, whether it holds, or why that can not be told."""


Compile = Callable[[str], Expression]


class Verdict(Struct, frozen=True):
    """Whether all conditions hold; `failed` is the name of one that does not, `why` what could not be evaluated.

    With `error`, which is empty otherwise, that can not be told, and the write is to be refused.  `errors` counts conditions that failed.
    """

    matches: bool
    failed: str = ""
    why: str = ""
    error: str = ""
    errors: int = 0


class Conditions:
    """Of one policy or webhook, compiled when they are first needed."""

    def __init__(self, conditions: Sequence[Object], ignore: bool, compile_expression: Compile) -> None:
        """`ignore`: whether what can not be told counts as no."""
        self._texts = tuple((each["name"], each["expression"]) for each in conditions)
        self._ignore = ignore
        self._compile = compile_expression
        self._compiled: list[tuple[str, Expression]] | None = None

    def judge(self, evaluation: Evaluation, told: Told | None = None) -> Verdict:
        """Any condition that is false says no; else one that fails does, or has the write refused unless it is to be ignored."""
        if self._compiled is None:
            self._compiled = [(name, self._compile(text)) for name, text in self._texts]
        failed = ""
        problems: list[str] = []
        try:
            for position, (name, expression) in enumerate(self._compiled):
                value, error, _ = evaluation.run(expression)
                if told is not None:
                    told(position, value is True, error)
                if failed:
                    continue
                if error:
                    problems.append(error)
                elif value is False:
                    failed = name
        except BudgetExceeded as exceeded:
            return self._undecided([str(exceeded)], 0)
        if failed:
            return Verdict(False, failed=failed, errors=len(problems))
        return self._undecided(problems, len(problems)) if problems else Verdict(True)

    def _undecided(self, problems: list[str], errors: int) -> Verdict:
        why = aggregated(problems)
        return Verdict(False, why=why, error="" if self._ignore else why, errors=errors)


def conditions_of_webhook(conditions: Sequence[Object], ignore: bool) -> Conditions:
    """They know neither parameters nor variables."""

    def compile_expression(text: str) -> Expression:
        return Expression.of(text, lambda: shared(STORED, Uses(authorizer=True), text, (types.BOOL,)))

    return Conditions(conditions, ignore, compile_expression)
