"""One write before all mutating policies that it may concern: each changes what those before it have left.

Upstream: apiserver `pkg/admission/plugin/policy/mutating/dispatcher.go`, `pkg/admission/plugin/policy/generic/policy_dispatcher.go`.
There each version of an object is changed by itself, and only the last one counts; here one object is changed, in whichever version.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from msgspec import Struct

from admission.attributes import Attributes
from admission.counting import VALIDATE, Counting
from admission.denial import forbidden
from admission.expressions.evaluation import OUT_OF_BUDGET
from admission.expressions.values import Written
from admission.objects import Objects
from admission.policy.compiled import Subject
from admission.policy.index import Binding, Invocation, Policy
from admission.policy.mutator import Mutator
from admission.policy.observing import teller
from admission.reinvocation import Rounds
from admission.versions import ChangingVersions
from cluster.api.errors import StatusError
from cluster.api.field import quoted

PLUGIN: Final = "MutatingAdmissionPolicy"
_INVALID: Final = "Invalid"


class Refusal(Struct, frozen=True):
    policy: str
    binding: str | None
    """None where it is the policy itself that can not be applied."""
    message: str
    reason: str = "Forbidden"

    def __str__(self) -> str:
        who = f"policy {quoted(self.policy)}" if self.binding is None else f"policy '{self.policy}' with binding '{self.binding}'"
        return f"{who} denied request: {self.message}"


class Changing:
    def __init__(self, attributes: Attributes, written: Written, versions: ChangingVersions, objects: Objects, counting: Counting) -> None:
        self._attributes = attributes
        self._written = written
        self._versions = versions
        self._objects = objects
        self._counting = counting
        self.refusals: list[Refusal] = []

    def refuse(self, policy: Policy[Any], binding: Binding | None, message: str) -> None:
        self.refusals.append(Refusal(policy.name, None if binding is None else binding.name, message))

    def change(self, invocations: Iterable[Invocation[Mutator]], rounds: Rounds) -> None:
        """In their order, in the second round those alone that are due.  The write has what comes of it once all are through."""
        again = self._attributes.reinvocation
        if again.running and rounds.has_changed(self._attributes.object):
            rounds.changed()  # by others than policies
        for invocation in invocations:
            self._invoke(invocation, rounds)
        if self._versions.changed:
            rounds.changed()  # even by a mutation that came to the same: upstream has whoever asks for it invoked again
            again.wanted = True
        self._versions.settle()
        rounds.leave(self._attributes.object)

    def _invoke(self, invocation: Invocation[Mutator], rounds: Rounds) -> None:
        attributes, policy, binding = self._attributes, invocation.policy, invocation.binding
        observer = attributes.observer
        tell = None if observer is None else teller(PLUGIN, observer, policy, binding)
        subject = Subject(self._written, invocation.target, invocation.parameter, tell, observer is not None and observer.thorough)
        mutator = policy.evaluator
        unfulfilled = mutator.unfulfilled(subject)
        if unfulfilled is not None:
            seconds, errors = unfulfilled.seconds, unfulfilled.errors
            self._counting.conditions_judged("policy", policy.name, VALIDATE, attributes.operation.value, seconds, errors)
            if unfulfilled.error:
                self._fail(invocation, unfulfilled.error)
            return
        key = _key(invocation)
        if attributes.reinvocation.running and key not in rounds.due:
            return

        def counted(why: str, nanoseconds: int) -> None:
            self._counting.policy_mutated(policy.name, binding.name, _error_of(why), nanoseconds)

        for problem in mutator.mutate(subject, self._versions, self._objects, counted):
            self._fail(invocation, problem)
        if mutator.reinvocable:
            rounds.willing.add(key)

    def _fail(self, invocation: Invocation[Mutator], why: str) -> None:
        if not invocation.policy.ignore:
            self.refusals.append(Refusal(invocation.policy.name, invocation.binding.name, why, _INVALID))


def denied(attributes: Attributes, refusals: Sequence[Refusal]) -> StatusError:
    """The first is told of, and all are its causes."""
    error = forbidden(attributes, "admission request denied by policy")
    details = {**(error.details or {}), "causes": [{"message": str(each)} for each in refusals]}
    return StatusError(str(refusals[0]), code=error.code, reason=refusals[0].reason, details=details)


def _key(invocation: Invocation[Mutator]) -> tuple[str, ...]:
    metadata = {} if invocation.parameter is None else invocation.parameter["metadata"]
    return (invocation.policy.name, invocation.binding.name, metadata.get("namespace") or "", metadata.get("name") or "")


def _error_of(message: str) -> str:
    """What metrics call what is wrong, which upstream tells by its message."""
    if not message:
        return "no_error"
    if message.startswith("compilation"):
        return "compile_error"
    return "out_of_budget" if message.startswith(OUT_OF_BUDGET) else "invalid_error"
