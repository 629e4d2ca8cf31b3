"""What policies of all sorts have: variables, match conditions, and expressions that are evaluated within a budget.

Upstream: apiserver `pkg/admission/plugin/policy/{validating,mutating}` (compilePolicy), `pkg/admission/plugin/cel/composition.go`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial
from typing import Any

from msgspec import Struct

from admission.expressions.conditions import Conditions, Tell
from admission.expressions.evaluation import BUDGET, CONDITIONS_BUDGET, Evaluation, Expression, Values, Variables, Watch
from admission.expressions.values import Written
from admission.matching.rules import Target
from cluster.api.names import Object
from cluster.cel import types
from cluster.cel.types import Type
from cluster.schema.admission_expressions import Composition
from cluster.schema.admission_variables import PARAMS, VARIABLES, Uses


class Subject(Struct, frozen=True):
    """What is judged: a write as it is taken, one parameter, and who is told."""

    written: Written
    target: Target
    parameter: Object | None
    tell: Tell | None = None
    thorough: bool = False
    """Whether who is told wants to know of variables, too."""


class Unfulfilled(Struct, frozen=True):
    """Match conditions do not hold: the seconds that they took, how many could not be evaluated, and why that refuses the write."""

    seconds: float
    errors: int
    error: str


class Compiled:
    """A policy's spec: each expression may use the variables, which were compiled before it."""

    def __init__(self, spec: Object) -> None:
        self.parameterized = spec.get("paramKind") is not None
        self.ignore = spec.get("failurePolicy") == "Ignore"
        self.uses = Uses(self.parameterized, True)
        self._composition = Composition()
        self.variables: dict[str, Expression] = {}
        self._places: dict[str, str] = {}
        for position, each in enumerate(spec.get("variables") or ()):
            self.variables[each["name"]] = self._declared(each)
            self._places[each["name"]] = f"variables[{position}]"
        conditions = spec.get("matchConditions")
        self._conditions = Conditions(conditions, self.ignore, self._condition) if conditions else None

    def _declared(self, variable: Object) -> Expression:
        name, text = variable["name"], variable["expression"]
        return Expression.of(text, lambda: self._composition.declare(name, text, self.uses))

    def _condition(self, text: str) -> Expression:
        return self.expression(text, self.uses, types.BOOL)

    def expression(self, text: str, uses: Uses, *expected: Type) -> Expression:
        return Expression.of(text, lambda: self._composition.compile(text, uses, expected))

    def unfulfilled(self, subject: Subject) -> Unfulfilled | None:
        """None where the policy applies."""
        conditions = self._conditions
        if conditions is None:
            return None
        values = subject.written.for_conditions(subject.target.kind)
        if conditions.are_known_to_hold(values, subject.tell):
            return None
        began = time.perf_counter()
        verdict = conditions.judge(self.evaluation(subject, values, CONDITIONS_BUDGET), subject.tell)
        return None if verdict.matches else Unfulfilled(time.perf_counter() - began, verdict.errors, verdict.error)

    def values(self, subject: Subject, values: Values) -> Mapping[str, Any]:
        return {**values, PARAMS: subject.parameter} if self.parameterized else values

    def evaluation(self, subject: Subject, values: Values, budget: int = BUDGET) -> Evaluation:
        """With the policy's variables as they are for these values."""
        return Evaluation(values, budget, subject.written.deadline, partial(self._bound, subject))

    def _bound(self, subject: Subject, values: Values) -> tuple[Mapping[str, Any], Variables | None]:
        given, variables = self.values(subject, values), None
        if self.variables:
            given = {**given}
            variables = given[VARIABLES] = Variables(self.variables, given, values.outcomes, self._watch(subject))
        return given, variables

    def _watch(self, subject: Subject) -> Watch | None:
        tell = subject.tell
        if tell is None or not subject.thorough:
            return None
        return lambda name, error: tell(self._places[name], "error" if error else "evaluated", error)
