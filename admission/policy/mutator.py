"""What one mutating policy makes of a write: its mutations, one after the other, for one binding and parameter.

Upstream: apiserver `pkg/admission/plugin/policy/mutating/{compilation,dispatcher}.go`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from admission.expressions.evaluation import BudgetExceeded, Expression
from admission.objects import Objects
from admission.policy.compiled import Compiled, Subject, Unfulfilled
from admission.policy.made_values import Given
from admission.policy.mutation import PATCHING, MutationFailed, Patching
from admission.versions import ChangingVersions
from cluster.api.errors import StatusError
from cluster.api.names import Object

Counted = Callable[[str, int], None]
"""Told of a mutation: why it can not be made, or nothing, and the nanoseconds that it took."""
_clock: Final = time.perf_counter_ns


class _Mutation(Struct, frozen=True):
    place: str
    expression: Expression
    patching: Patching


class Mutator:
    """A policy's spec, compiled."""

    def __init__(self, spec: Object) -> None:
        self._compiled = Compiled(spec)
        self.reinvocable: Final = spec.get("reinvocationPolicy") == "IfNeeded"
        uses = self._compiled.uses._replace(patches=True)
        self._mutations: list[_Mutation] = []
        for position, each in enumerate(spec.get("mutations") or ()):
            patching = PATCHING[each["patchType"]]
            expression = self._compiled.expression(each[patching.field]["expression"], uses, patching.result)
            self._mutations.append(_Mutation(f"mutations[{position}]", expression, patching))

    def unfulfilled(self, subject: Subject) -> Unfulfilled | None:
        """None where the policy applies."""
        return self._compiled.unfulfilled(subject)

    def mutate(self, subject: Subject, versions: ChangingVersions, objects: Objects, counted: Counted) -> list[str]:
        """What goes wrong; each mutation sees what those before it have made, and one that can not be made changes nothing.

        NotFound for a write in a namespace that is missing, Timeout for one that nobody waits for, and InternalError for what is no
        object any more.
        """
        problems = []
        for mutation in self._mutations:
            obj, _ = versions.at(subject.target.kind)
            if obj is None:
                break
            began = _clock()
            try:
                made = self._made(mutation, subject, obj, objects)
            except (MutationFailed, StatusError) as error:
                counted(str(error), _clock() - began)
                _tell(subject, mutation, "error", str(error))
                if isinstance(error, StatusError):
                    raise
                problems.append(str(error))
                continue
            versions.replace(made)
            subject.written.changed()
            counted("", _clock() - began)
            if subject.tell is not None:
                _tell(subject, mutation, "unchanged" if made == obj else "mutated")
        return problems

    def _made(self, mutation: _Mutation, subject: Subject, obj: Object, objects: Objects) -> Object:
        """The object after the mutation, with its defaults."""
        if mutation.expression.program is None:
            raise MutationFailed(mutation.expression.error)
        shown = subject.written.all(subject.target)
        try:
            result = self._compiled.evaluation(subject, shown).run(mutation.expression)
        except BudgetExceeded as exceeded:
            raise MutationFailed(str(exceeded)) from None
        if result.error:
            raise MutationFailed(result.error)
        given = Given(self._compiled.values(subject, shown).values())
        made = mutation.patching.mutate(objects, subject.target.kind, obj, result.value, given)
        if "metadata" in obj:
            made.setdefault("metadata", {})
        objects.default(subject.target.kind, made)
        return made


def _tell(subject: Subject, mutation: _Mutation, outcome: str, message: str = "") -> None:
    if subject.tell is not None:
        subject.tell(mutation.place, outcome, message)
