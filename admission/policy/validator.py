"""What one validating policy says of a write: its expressions evaluated for one binding and parameter, within their budget.

Upstream: apiserver `pkg/admission/plugin/policy/validating` (validator.go, plugin.go: compilePolicy).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from admission.expressions.evaluation import BudgetExceeded, Evaluated, Expression
from admission.policy.compiled import Compiled, Subject, Unfulfilled
from cluster.api.names import Object
from cluster.cel import types
from cluster.cel.environment import PER_CALL_LIMIT
from cluster.schema.admission_variables import Uses

MAX_MESSAGE_BYTES: Final = 5 * 1024
"""Of what a messageExpression makes.  Upstream: apiserver `pkg/apis/cel/config.go`."""


class Decision(Struct, frozen=True):
    """What is wrong with a write: `denied`, or let pass though an expression failed."""

    denied: bool
    message: str
    position: int = 0
    """Of the validation that it is of."""
    reason: str = ""
    """Empty where it is an error, or the policy gives none."""
    seconds: float = 0.0


class AuditAnnotation(Struct, frozen=True):
    """What is told the audit event; with `error`, why it can not be told."""

    key: str
    value: str
    error: str = ""
    seconds: float = 0.0


class Validated(Struct, frozen=True):
    """Of a write with which nothing is wrong there are no decisions."""

    decisions: Sequence[Decision] = ()
    annotations: Sequence[AuditAnnotation] = ()
    unfulfilled: Unfulfilled | None = None


NOTHING_WRONG: Final = Validated()


class _Validation(Struct, frozen=True):
    expression: Expression
    message_expression: Expression | None
    message: str
    reason: str


class Validator:
    """A policy's spec, compiled."""

    def __init__(self, spec: Object) -> None:
        self._compiled = compiled = Compiled(spec)
        made, uses, without_rights = compiled.expression, compiled.uses, Uses(compiled.parameterized)
        self._validations = [
            _Validation(
                made(each["expression"], uses, types.BOOL),
                made(each["messageExpression"], without_rights, types.STRING) if each.get("messageExpression") else None,
                each.get("message") or "",
                each.get("reason") or "",
            )
            for each in spec.get("validations") or ()
        ]
        self._placed = [(f"validations[{position}]", each.expression) for position, each in enumerate(self._validations)]
        self._messaged = {position: each.message_expression for position, each in enumerate(self._validations) if each.message_expression}
        self._most_for_messages = (len(self._messaged) + len(compiled.variables)) * (PER_CALL_LIMIT + 1) if self._messaged else 0
        """What all messages may cost.  As all count, wanted or not, all are made where they could cost more than is left."""
        self._annotations = [
            (each["key"], made(each["valueExpression"], uses, types.STRING, types.NULL)) for each in spec.get("auditAnnotations") or ()
        ]

    def validate(self, subject: Subject) -> Validated:
        """NotFound for a write in a namespace that is missing, Timeout for one that nobody waits for."""
        unfulfilled = self._compiled.unfulfilled(subject)
        if unfulfilled is not None:
            return Validated([self._failed(unfulfilled.error)] if unfulfilled.error else [], unfulfilled=unfulfilled)
        evaluation = self._compiled.evaluation(subject, subject.written.all(subject.target))
        tell, results, all_hold = subject.tell, [], True
        try:
            for place, expression in self._placed:
                result = evaluation.run(expression)
                results.append(result)
                if result.value is True:
                    if tell is not None:
                        tell(place, "true", "")
                    continue
                all_hold = False
                if tell is not None:
                    tell(place, result.truth, result.error)
            if all_hold and not self._annotations and self._most_for_messages <= evaluation.budget:
                return NOTHING_WRONG
            return self._told(subject, results, evaluation.budget)
        except BudgetExceeded as exceeded:
            return Validated([self._failed(str(exceeded))])

    def _told(self, subject: Subject, results: Sequence[Evaluated], budget: int) -> Validated:
        """What is wrong, and what is told the audit event."""
        decisions = self._decisions(subject, results, budget)
        annotations = self._annotated(subject) if self._annotations else ()
        return Validated(decisions, annotations) if decisions or annotations else NOTHING_WRONG

    def _failed(self, message: str, position: int = 0, seconds: float = 0.0) -> Decision:
        return Decision(not self._compiled.ignore, message, position, seconds=seconds)

    # Validations

    def _decisions(self, subject: Subject, results: Sequence[Evaluated], budget: int) -> Sequence[Decision]:
        wrong = [position for position, result in enumerate(results) if result.value is not True]
        all_messages = self._most_for_messages > budget
        if not (wrong or all_messages):
            return ()
        denying = [position for position in wrong if not results[position].error]
        try:
            messages = self._messages(subject, self._messaged if all_messages else denying, budget)
        except BudgetExceeded as exceeded:  # then nothing holds but what failed already
            why = f"failed messageExpression: {exceeded}"
            return [self._failed(each.error or why, position, each.seconds) for position, each in enumerate(results)]
        decisions = []
        for position in wrong:
            result, validation = results[position], self._validations[position]
            if result.error:
                decisions.append(self._failed(result.error, position, result.seconds))
            else:
                message = messages.get(position) or validation.message.strip()
                message = message or f"failed expression: {validation.expression.text.strip()}"
                decisions.append(Decision(True, message, position, validation.reason, seconds=result.seconds))
        return decisions

    def _messages(self, subject: Subject, wanted: Collection[int], budget: int) -> Mapping[int, str]:
        """By the positions of their validations; empty where an expression fails, or makes no good message.  BudgetExceeded."""
        chosen = {position: self._messaged[position] for position in wanted if position in self._messaged}
        if not chosen:
            return {}
        evaluation = self._compiled.evaluation(subject, subject.written.without_rights(subject.target), budget)
        messages = {}
        for position, expression in chosen.items():
            result = evaluation.run(expression)
            if subject.tell is not None:
                place = f"validations[{position}].messageExpression"
                subject.tell(place, "error" if result.error else "evaluated", result.error or str(result.value))
            messages[position] = _good_message(result.value)
        return messages

    # Audit annotations

    def _annotated(self, subject: Subject) -> list[AuditAnnotation]:
        evaluation = self._compiled.evaluation(subject, subject.written.without_rights(subject.target))
        made = []
        for position, (key, expression) in enumerate(self._annotations):
            result = evaluation.run(expression)
            value = "" if result.value is None else str(result.value).strip()
            if subject.tell is not None:
                subject.tell(f"auditAnnotations[{position}]", "error" if result.error else "evaluated", result.error or value)
            if result.error and not self._compiled.ignore:
                made.append(AuditAnnotation(key, "", result.error, result.seconds))
            elif value:
                made.append(AuditAnnotation(key, value))
        return made


def _good_message(value: Any) -> str:
    """Empty for one that is too long, or has several lines."""
    message = value.strip() if isinstance(value, str) else ""
    return "" if "\n" in message or len(message.encode()) > MAX_MESSAGE_BYTES else message
