"""One write before all validating policies that it may concern: what each says, and what its bindings make of that.

Upstream: apiserver `pkg/admission/plugin/policy/validating/dispatcher.go`.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from admission.annotations import annotate, encoded
from admission.attributes import Attributes
from admission.counting import VALIDATE, Counting
from admission.denial import forbidden
from admission.expressions.evaluation import OUT_OF_BUDGET
from admission.expressions.values import Written
from admission.matching.selectors import Namespaces
from admission.policy.compiled import Subject
from admission.policy.index import Binding, Candidate, Policy
from admission.policy.invocations import Selecting
from admission.policy.observing import teller
from admission.policy.parameters import Parameters
from admission.policy.validator import NOTHING_WRONG, Decision, Validated, Validator
from admission.versions import Versions
from cluster.api.authorization import Authorizer
from cluster.api.errors import StatusError

PLUGIN: Final = "ValidatingAdmissionPolicy"
FAILURE: Final = "validation.policy.admission.k8s.io/validation_failure"
MAX_ANNOTATION_BYTES: Final = 10 * 1024
_INVALID: Final = "Invalid"
_CODES: Final = {"Forbidden": 403, "Unauthorized": 401, "RequestEntityTooLarge": 413, _INVALID: 422}


class Denial(Struct, frozen=True):
    policy: str
    binding: str
    """Empty where it is the policy itself that can not be applied."""
    message: str
    reason: str = _INVALID

    def __str__(self) -> str:
        bound = f" with binding '{self.binding}'" if self.binding else ""
        return f"ValidatingAdmissionPolicy '{self.policy}'{bound} denied request: {self.message}"


class Judging:
    """One write, before all policies that it may concern."""

    def __init__(
        self,
        attributes: Attributes,
        versions: Versions,
        namespaces: Namespaces,
        authorizer: Authorizer,
        parameters: Parameters,
        counting: Counting,
    ) -> None:
        self._attributes = attributes
        self._written = Written(attributes, versions, namespaces, authorizer)
        self._selecting = Selecting(PLUGIN, attributes, namespaces, parameters, self._refuse)
        self._counting = counting
        self.denials: list[Denial] = []

    def judge(self, candidate: Candidate[Validator]) -> None:
        annotations: dict[str, list[str]] = {}
        observer, tell, thorough = self._attributes.observer, None, False
        for invocation in self._selecting.invocations(candidate):
            policy, binding = invocation.policy, invocation.binding
            if observer is not None:
                tell, thorough = teller(PLUGIN, observer, policy, binding), observer.thorough
            validated = policy.evaluator.validate(Subject(self._written, invocation.target, invocation.parameter, tell, thorough))
            if validated is not NOTHING_WRONG:
                self._apply(policy, binding, validated, annotations)
        for key, values in annotations.items():
            annotate(self._attributes.annotations, f"{candidate.policy.name}/{key}", ", ".join(values))

    def conclude(self) -> None:
        """Raises what the first policy that denies has to say."""
        if self.denials:
            raise denied(self._attributes, self.denials[0])

    def _refuse(self, policy: Policy[Validator], binding: Binding | None, message: str) -> None:
        self.denials.append(Denial(policy.name, "" if binding is None else binding.name, message))

    def _apply(self, policy: Policy[Validator], binding: Binding, validated: Validated, annotations: dict[str, list[str]]) -> None:
        unfulfilled = validated.unfulfilled
        if unfulfilled is not None:
            operation = self._attributes.operation.value
            self._counting.conditions_judged("policy", policy.name, VALIDATE, operation, unfulfilled.seconds, unfulfilled.errors)
        for decision in validated.decisions:
            if not decision.denied:
                self._count(policy, binding, decision.message, decision.seconds, "allow")
                continue
            for action in binding.actions:
                self._act(policy, binding, decision, action)
        for each in validated.annotations:
            if each.error:
                self.denials.append(Denial(policy.name, binding.name, each.error))
                self._count(policy, binding, each.error, each.seconds, "deny")
                continue
            values, value = annotations.setdefault(each.key, []), _shortened(each.value)
            if value not in values:
                values.append(value)

    def _act(self, policy: Policy[Validator], binding: Binding, decision: Decision, action: str) -> None:
        attributes = self._attributes
        if action == "Deny":
            self.denials.append(Denial(policy.name, binding.name, decision.message, decision.reason or _INVALID))
        elif action == "Audit":
            annotate(attributes.annotations, FAILURE, _failure(policy, binding, decision))
        elif action == "Warn":
            told = f"Validation failed for ValidatingAdmissionPolicy '{policy.name}' with binding '{binding.name}': {decision.message}"
            attributes.warnings.append(told)
        self._count(policy, binding, decision.message, decision.seconds, action.lower())

    def _count(self, policy: Policy[Validator], binding: Binding, message: str, seconds: float, action: str) -> None:
        self._counting.policy_checked(policy.name, binding.name, _error_of(message), action, round(seconds * 1e9))


def denied(attributes: Attributes, denial: Denial) -> StatusError:
    """Of all that deny, the first is told of."""
    message = str(denial)
    error = forbidden(attributes, message)
    details = {**(error.details or {}), "causes": [{"message": message}]}
    return StatusError(error.message, code=_CODES.get(denial.reason, _CODES[_INVALID]), reason=denial.reason, details=details)


def _error_of(message: str) -> str:
    """What metrics call what is wrong, which upstream tells by its message: a validation that does not hold is an `invalid_error`, too."""
    if message.startswith("compilation"):
        return "compile_error"
    return "out_of_budget" if message.startswith(OUT_OF_BUDGET) else "invalid_error"


def _failure(policy: Policy[Validator], binding: Binding, decision: Decision) -> str:
    """A list, as upstream foresees several."""
    told = {
        "message": decision.message,
        "policy": policy.name,
        "binding": binding.name,
        "expressionIndex": decision.position,
        "validationActions": binding.actions,
    }
    return encoded([told])


def _shortened(value: str) -> str:
    data = value.encode()
    return value if len(data) <= MAX_ANNOTATION_BYTES else data[:MAX_ANNOTATION_BYTES].decode(errors="ignore")
