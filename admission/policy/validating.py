"""ValidatingAdmissionPolicy: policies say whether a write may be, and their bindings what is done where it may not.

Upstream: apiserver `pkg/admission/plugin/policy/validating/dispatcher.go`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from admission.annotations import annotate, encoded
from admission.attributes import Attributes, Operation
from admission.counting import VALIDATE, Counting
from admission.denial import forbidden
from admission.expressions.evaluation import OUT_OF_BUDGET
from admission.expressions.values import Written
from admission.matching.rules import Target
from admission.matching.scopes import Narrowed
from admission.matching.selectors import Namespaces
from admission.objects import Objects
from admission.observer import Judgement
from admission.policy.index import Binding, Candidate, Index, Policy, Sort
from admission.policy.parameters import Misconfigured, Parameters
from admission.policy.validator import NOTHING_WRONG, Decision, Subject, Tell, Validated, Validator
from admission.versions import FixedVersions
from cluster.api.authorization import Authorizer
from cluster.api.errors import StatusError
from cluster.api.names import GroupResource, Object
from cluster.api.protocols import Reader

SORT: Final[Sort[Validator]] = Sort(
    "ValidatingAdmissionPolicy",
    GroupResource("admissionregistration.k8s.io", "validatingadmissionpolicies"),
    GroupResource("admissionregistration.k8s.io", "validatingadmissionpolicybindings"),
    Validator,
)
FAILURE: Final = "validation.policy.admission.k8s.io/validation_failure"
MAX_ANNOTATION_BYTES: Final = 10 * 1024
_INVALID: Final = "Invalid"
_CODES: Final = {"Forbidden": 403, "Unauthorized": 401, "RequestEntityTooLarge": 413, _INVALID: 422}


@dataclass(frozen=True, slots=True)
class _Denial:
    policy: str
    binding: str
    """Empty where it is the policy itself that can not be applied."""
    message: str
    reason: str = _INVALID

    def __str__(self) -> str:
        bound = f" with binding '{self.binding}'" if self.binding else ""
        return f"ValidatingAdmissionPolicy '{self.policy}'{bound} denied request: {self.message}"


class ValidatingAdmissionPolicy:
    name = SORT.plugin

    def __init__(self, reader: Reader, authorizer: Authorizer, objects: Objects, counting: Counting) -> None:
        self._reader = reader
        self._authorizer = authorizer
        self._objects = objects
        self._counting = counting
        self._parameters = Parameters(objects, reader)
        self._index = Index(SORT, reader, objects)

    def handles(self, operation: Operation) -> bool:  # noqa: ARG002 - a Plugin
        return True

    def validate(self, attributes: Attributes) -> None:
        """What the first policy that denies has to say, once all have been asked."""
        candidates = self._index.candidates(attributes)
        if attributes.observer is not None:
            self._tell_skipped(attributes, candidates)
        if not candidates:
            return
        namespaces = Namespaces(self._reader)
        written = Written(attributes, FixedVersions(attributes, self._objects), namespaces, self._authorizer)
        judging = _Judging(attributes, written, namespaces, self._parameters, self._counting)
        for candidate in candidates:
            judging.judge(candidate)
        if judging.denials:
            raise _denied(attributes, judging.denials[0])

    def _tell_skipped(self, attributes: Attributes, candidates: Sequence[Candidate[Validator]]) -> None:
        known = {candidate.policy.name for candidate in candidates}
        for policy in self._index.policies():
            if policy.name not in known:
                _tell(attributes, policy, None, "matchConstraints", "skipped")


class _Judging:
    """One write, before all policies that it may concern."""

    def __init__(
        self, attributes: Attributes, written: Written, namespaces: Namespaces, parameters: Parameters, counting: Counting
    ) -> None:
        self._attributes = attributes
        self._written = written
        self._namespaces = namespaces
        self._parameters = parameters
        self._counting = counting
        self.denials: list[_Denial] = []

    def judge(self, candidate: Candidate[Validator]) -> None:
        attributes, policy = self._attributes, candidate.policy
        try:
            target = candidate.narrowed.target(attributes, self._namespaces)
            if attributes.observer is not None:
                _tell(attributes, policy, None, "matchConstraints", "skipped" if target is None else "matched")
            if target is None:
                return
            self._parameters.check(policy.parameter_kind)
        except (StatusError, Misconfigured) as error:
            self._misconfigured(policy, None, error)
            return
        annotations: dict[str, list[str]] = {}
        for binding, narrowed in candidate.bindings:
            try:
                if narrowed is not None and not self._is_bound(policy, binding, narrowed):
                    continue
                parameters = self._parameters.collect(policy.parameter_kind, binding.parameter_reference, attributes.namespace)
            except (StatusError, Misconfigured) as error:
                self._misconfigured(policy, binding, error)
                continue
            for parameter in parameters:
                validated = self._validated(policy, binding, target, parameter)
                if validated is not NOTHING_WRONG:
                    self._apply(policy, binding, validated, annotations)
        for key, values in annotations.items():
            annotate(attributes.annotations, f"{policy.name}/{key}", ", ".join(values))

    def _is_bound(self, policy: Policy[Validator], binding: Binding, narrowed: Narrowed) -> bool:
        bound = narrowed.target(self._attributes, self._namespaces) is not None
        _tell(self._attributes, policy, binding, "matchResources", "matched" if bound else "skipped")
        return bound

    def _misconfigured(self, policy: Policy[Validator], binding: Binding | None, error: StatusError | Misconfigured) -> None:
        """Nothing can be said of the write, which denies it unless failures are to be ignored."""
        parts = ("matchConstraints", "paramKind") if binding is None else ("matchResources", "paramRef")
        _tell(self._attributes, policy, binding, parts[isinstance(error, Misconfigured)], "error", str(error))
        if not policy.ignore:
            what, name = ("policy", "") if binding is None else ("binding", binding.name)
            self.denials.append(_Denial(policy.name, name, f"failed to configure {what}: {error}"))

    def _validated(self, policy: Policy[Validator], binding: Binding, target: Target, parameter: Object | None) -> Validated:
        attributes = self._attributes
        tell = None if attributes.observer is None else _teller(attributes, policy, binding)
        validated = policy.evaluator.validate(Subject(self._written, target, parameter, tell))
        if validated.unfulfilled is not None:
            self._counting.conditions_judged("policy", policy.name, VALIDATE, attributes.operation.value, *validated.unfulfilled)
        return validated

    def _apply(self, policy: Policy[Validator], binding: Binding, validated: Validated, annotations: dict[str, list[str]]) -> None:
        for decision in validated.decisions:
            if not decision.denied:
                self._count(policy, binding, decision.message, decision.nanoseconds, "allow")
                continue
            for action in binding.actions:
                self._act(policy, binding, decision, action)
        for each in validated.annotations:
            if each.error:
                self.denials.append(_Denial(policy.name, binding.name, each.error))
                self._count(policy, binding, each.error, each.nanoseconds, "deny")
                continue
            values, value = annotations.setdefault(each.key, []), _shortened(each.value)
            if value not in values:
                values.append(value)

    def _act(self, policy: Policy[Validator], binding: Binding, decision: Decision, action: str) -> None:
        attributes = self._attributes
        if action == "Deny":
            self.denials.append(_Denial(policy.name, binding.name, decision.message, decision.reason or _INVALID))
        elif action == "Audit":
            annotate(attributes.annotations, FAILURE, _failure(policy, binding, decision))
        elif action == "Warn":
            told = f"Validation failed for ValidatingAdmissionPolicy '{policy.name}' with binding '{binding.name}': {decision.message}"
            attributes.warnings.append(told)
        self._count(policy, binding, decision.message, decision.nanoseconds, action.lower())

    def _count(self, policy: Policy[Validator], binding: Binding, message: str, nanoseconds: int, action: str) -> None:
        self._counting.policy_checked(policy.name, binding.name, _error_of(message), action, nanoseconds)


def _denied(attributes: Attributes, denial: _Denial) -> StatusError:
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


def _tell(attributes: Attributes, policy: Policy[Validator], binding: Binding | None, part: str, outcome: str, message: str = "") -> None:
    """Tells the observer, if there is one."""
    if attributes.observer is not None:
        name = "" if binding is None else binding.name
        attributes.observer.judged(Judgement(SORT.plugin, policy.name, name, part, outcome, message))


def _teller(attributes: Attributes, policy: Policy[Validator], binding: Binding) -> Tell:
    return lambda part, outcome, message: _tell(attributes, policy, binding, part, outcome, message)
