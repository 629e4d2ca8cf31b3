"""PodSecurity: pods keep to the Pod Security Standard that their namespace asks for.

Upstream: pod-security-admission `admission/admission.go`, and `plugin/pkg/admission/security/podsecurity`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from admission.attributes import Attributes, Operation
from admission.denial import forbidden
from admission.observer import Judgement
from admission.pod_security import existing
from admission.pod_security.check import Violation
from admission.pod_security.configuration import read_configuration
from admission.pod_security.evaluator import Evaluator, details
from admission.pod_security.levels import Level, LevelVersion
from admission.pod_security.observer import UNOBSERVED, EvaluationObserver
from admission.pod_security.pod import Pod
from admission.pod_security.policy import AUDIT, ENFORCE, PRIVILEGED, WARN, Policy, ignored, policy_of
from admission.pod_security.templates import TEMPLATES, is_significant, template_of
from admission.pods import PODS
from cluster.api.errors import BadRequest, InternalError, Invalid, NotFound, StatusError
from cluster.api.field import FieldError, quoted
from cluster.api.names import GroupKind, GroupResource, Object
from cluster.api.protocols import Reader
from cluster.api.tenancy import POD_SECURITY
from rbac.authz.union import aggregated

NAMESPACES: Final = GroupResource("", "namespaces")
_LOOKED_AT: Final = frozenset(each.resource for each in (PODS, NAMESPACES, *TEMPLATES))
_EVERYTHING_GOES: Final = str(PRIVILEGED)
_POD: Final = GroupKind("", "Pod")
_IGNORED: Final = frozenset({"exec", "attach", "binding", "eviction", "log", "portforward", "proxy", "status"})
"""Subresources of pods that change no pod's spec; what is not known is looked at as a pod, and refused where it is none."""


class PodSecurity:
    name = "PodSecurity"
    resources: Final = frozenset((PODS, NAMESPACES, *TEMPLATES))

    def __init__(
        self,
        reader: Reader,
        configuration: Object | None = None,
        kubernetes_version: str = "1.36",
        observer: EvaluationObserver = UNOBSERVED,
        bounds: existing.Bounds = existing.BOUNDS,
    ) -> None:
        """`latest` means the rules of the server's own version.  ValueError for a configuration that is none."""
        self._reader = reader
        self._configuration = read_configuration(configuration)
        self._evaluator = Evaluator(newest=int(kubernetes_version.split(".")[1]))
        self._observer = observer
        self._bounds = bounds

    def handles(self, operation: Operation) -> bool:
        return operation in (Operation.CREATE, Operation.UPDATE)

    def validate(self, attributes: Attributes) -> None:
        """Forbidden for a pod that its namespace does not allow, Invalid for a namespace whose labels ask for what there is not."""
        if attributes.resource.resource not in _LOOKED_AT:
            return
        resource = attributes.resource.group_resource
        if resource == PODS:
            if attributes.subresource not in _IGNORED:
                self._validate_pod(attributes)
        elif not attributes.subresource:
            if resource == NAMESPACES:
                self._validate_namespace(attributes)
            elif resource in TEMPLATES:
                self._warn_of_template(attributes, resource)

    # pods, and what makes them

    def _validate_pod(self, attributes: Attributes) -> None:
        if self._is_exempt(attributes):
            return
        namespace = self._reader.get(NAMESPACES, "", attributes.namespace)
        if namespace is None:
            missing = NotFound.of(NAMESPACES, attributes.namespace).message
            raise self._failed(attributes, InternalError.of(f"failed to lookup namespace {quoted(attributes.namespace)}"), f": {missing}")
        policy, errors = self._policy(namespace)
        if not errors and policy.fully_privileged():
            self._observer.evaluated(attributes, ENFORCE, PRIVILEGED, True)
            _annotate(attributes, "enforce-policy", _EVERYTHING_GOES)
            return
        pod, old = attributes.object, attributes.old_object
        if pod is None or attributes.kind.group_kind != _POD:
            raise self._failed(attributes, BadRequest("failed to decode pod"))
        if old is None or is_significant(pod, old):
            self._evaluate(attributes, policy, errors, pod, enforce=True)

    def _warn_of_template(self, attributes: Attributes, resource: GroupResource) -> None:
        """What makes pods is not refused, for its pods will be; that they will be is told as soon as it can be known."""
        if self._is_exempt(attributes):
            return
        namespace = self._reader.get(NAMESPACES, "", attributes.namespace)
        if namespace is None:
            missing = NotFound.of(NAMESPACES, attributes.namespace).message
            self._observer.failed(attributes, True)
            _annotate(attributes, "error", f"failed to lookup namespace {quoted(attributes.namespace)}: {missing}")
            return
        policy, errors = self._policy(namespace)
        if not errors and policy.warn.level is policy.audit.level is Level.PRIVILEGED:
            return
        template = template_of(resource, attributes.object or {})
        if template is not None:
            self._evaluate(attributes, policy, errors, template, enforce=False)

    def _evaluate(self, attributes: Attributes, policy: Policy, errors: Sequence[FieldError], pod: Object, *, enforce: bool) -> None:
        """Of `pod` only metadata and spec are looked at."""
        spec = pod.get("spec") or {}
        if spec.get("runtimeClassName") in self._configuration.runtime_classes:
            self._exempt(attributes, "runtimeClass")
            return
        if errors:
            self._observer.failed(attributes, False)
            _annotate(attributes, "error", f"Failed to parse policy: {aggregated([str(each) for each in errors])}")
        evaluation = _Evaluation(self._evaluator, Pod(pod.get("metadata") or {}, spec), attributes)
        refused: Sequence[Violation] = ()
        if enforce:
            _annotate(attributes, "enforce-policy", str(policy.enforce))
            refused = evaluation.of(ENFORCE, policy.enforce)
            self._observer.evaluated(attributes, ENFORCE, policy.enforce, not refused)
        audited = evaluation.of(AUDIT, policy.audit)
        if audited:
            self._observer.evaluated(attributes, AUDIT, policy.audit, False)
            _annotate(attributes, "audit-violations", _would_violate(policy.audit, audited))
        if refused:
            raise forbidden(attributes, f"violates PodSecurity {quoted(str(policy.enforce))}: {details(refused)}")
        warned = evaluation.of(WARN, policy.warn)
        if warned:
            self._observer.evaluated(attributes, WARN, policy.warn, False)
            attributes.warnings.append(_would_violate(policy.warn, warned))

    def _is_exempt(self, attributes: Attributes) -> bool:
        if attributes.namespace in self._configuration.namespaces:
            self._exempt(attributes, "namespace")
            return True
        if attributes.user.name in self._configuration.usernames:
            self._exempt(attributes, "user")
            return True
        return False

    def _exempt(self, attributes: Attributes, why: str) -> None:
        self._observer.exempted(attributes)
        _annotate(attributes, "exempt", why)

    def _failed(self, attributes: Attributes, error: StatusError, why: str = "") -> StatusError:
        """What can not be judged is refused; the audit event is told why."""
        self._observer.failed(attributes, True)
        _annotate(attributes, "error", f"{error.message}{why}")
        return error

    def _policy(self, namespace: Object | None) -> tuple[Policy, tuple[FieldError, ...]]:
        return policy_of(_labels(namespace), self._configuration.defaults)

    # namespaces

    def _validate_namespace(self, attributes: Attributes) -> None:
        new, old = attributes.object, attributes.old_object
        policy, errors = self._policy(new)
        before, errors_before = self._policy(old)
        if errors and (old is None or errors != errors_before):
            raise Invalid.of(attributes.kind.group_kind, attributes.name, errors)
        if old is not None and not _asks_for_more(policy.enforce, before.enforce):
            return
        if attributes.name in self._configuration.namespaces:
            warning = ignored(attributes.name, policy, self._configuration.defaults, _labels(new))
            attributes.warnings += [warning] if warning else []
        elif old is not None:
            attributes.warnings += existing.warnings_of(
                self._evaluator,
                attributes.name,
                policy.enforce,
                self._reader.list(PODS, attributes.name),
                self._configuration.runtime_classes,
                self._bounds,
                attributes.deadline,
            )


class _Evaluation:
    """What the levels say of one pod, each asked once, and told to who observes the request."""

    def __init__(self, evaluator: Evaluator, pod: Pod, attributes: Attributes) -> None:
        self._evaluator = evaluator
        self._pod = pod
        self._attributes = attributes
        self._found: dict[LevelVersion, Sequence[Violation]] = {}

    def of(self, mode: str, asked: LevelVersion) -> Sequence[Violation]:
        if self._attributes.observer is not None:
            self._tell(mode, asked)
        found = self._found.get(asked)
        if found is None:
            found = self._found[asked] = self._evaluator.evaluate(asked, self._pod)
        return found

    def _tell(self, mode: str, asked: LevelVersion) -> None:
        assert self._attributes.observer is not None
        for check, judge in self._evaluator.judges(asked):
            violation = judge(self._pod)
            outcome, message = ("true", "") if violation is None else ("false", str(violation))
            self._attributes.observer.judged(Judgement(PodSecurity.name, str(asked), mode, check, outcome, message))


def _asks_for_more(new: LevelVersion, old: LevelVersion) -> bool:
    """Whether there may be pods that the old one let be and the new one does not: another version may say anything."""
    if new == old or new.level is Level.PRIVILEGED:
        return False
    return new.version != old.version or new.level.stricter_than(old.level)


def _labels(namespace: Object | None) -> dict[str, str]:
    return ((namespace or {}).get("metadata") or {}).get("labels") or {}


def _would_violate(asked: LevelVersion, violations: Sequence[Violation]) -> str:
    return f"would violate PodSecurity {quoted(str(asked))}: {details(violations)}"


def _annotate(attributes: Attributes, key: str, value: str) -> None:
    attributes.annotations[f"{POD_SECURITY}{key}"] = value
