"""Match conditions: expressions that must all hold for a policy or webhook to be concerned.

Upstream: apiserver `pkg/admission/plugin/webhook/matchconditions/matcher.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from msgspec import Struct

from admission.expressions.evaluation import BudgetExceeded, Evaluation, Expression, Values
from cluster.api.names import Object
from cluster.cel import types
from cluster.cel.environment import STORED, Program
from cluster.schema.admission_expressions import shared
from cluster.schema.admission_variables import Uses
from rbac.authz.union import aggregated

Tell = Callable[[str, str, str], None]
"""Told of each part of a policy or webhook that was looked at: its path in the spec, its outcome, and a message."""
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


_ALL_HOLD: Final = Verdict(True)


class Conditions:
    """Of one policy or webhook, compiled when they are first needed."""

    def __init__(self, conditions: Sequence[Object], ignore: bool, compile_expression: Compile) -> None:
        """`ignore`: whether what can not be told counts as no."""
        self._texts = tuple((each["name"], each["expression"]) for each in conditions)
        self._ignore = ignore
        self._compile = compile_expression
        self._compiled: list[tuple[str, str, Expression]] | None = None
        """Each with its name and its path in the spec."""
        self._programs: tuple[Program, ...] | None = None
        """Where none of them looks at what is the policy's own."""

    def are_known_to_hold(self, values: Values, tell: Tell | None) -> bool:
        """Whether the same conditions were found to hold with these values, if only as another policy's."""
        if self._programs is None or self._programs not in values.holding:
            return False
        if tell is not None:
            for _, place, _ in self._compiled or ():
                tell(place, "true", "")
        return True

    def judge(self, evaluation: Evaluation, tell: Tell | None = None) -> Verdict:
        """Any condition that is false says no; else one that fails does, or has the write refused unless it is to be ignored."""
        if self._compiled is None:
            named = enumerate(self._texts)
            self._compiled = [(name, f"matchConditions[{position}]", self._compile(text)) for position, (name, text) in named]
            programs = tuple(each.program for _, _, each in self._compiled if each.program is not None and each.general)
            self._programs = programs if len(programs) == len(self._compiled) else None
        failed = ""
        problems: list[str] = []
        try:
            for name, place, expression in self._compiled:
                result = evaluation.run(expression)
                if tell is not None:
                    tell(place, result.truth, result.error)
                if failed:
                    continue
                if result.error:
                    problems.append(result.error)
                elif result.value is False:
                    failed = name
        except BudgetExceeded as exceeded:
            return self._undecided([str(exceeded)], 0)
        if failed:
            return Verdict(False, failed=failed, errors=len(problems))
        if problems:
            return self._undecided(problems, len(problems))
        if self._programs is not None:
            evaluation.values.holding.add(self._programs)
        return _ALL_HOLD

    def _undecided(self, problems: list[str], errors: int) -> Verdict:
        why = aggregated(problems)
        return Verdict(False, why=why, error="" if self._ignore else why, errors=errors)


def conditions_of_webhook(conditions: Sequence[Object], ignore: bool) -> Conditions:
    """They know neither parameters nor variables."""

    def compile_expression(text: str) -> Expression:
        return Expression.of(text, lambda: shared(STORED, Uses(authorizer=True), text, (types.BOOL,)))

    return Conditions(conditions, ignore, compile_expression)
