"""What both plugins do with a webhook: find out whether a write concerns it, call it, count that, and tell what came of it.

Upstream: apiserver `pkg/admission/plugin/webhook/generic/webhook.go` (ShouldCallHook), and what both dispatchers share.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from admission.annotations import annotate
from admission.attributes import Attributes
from admission.counting import CALLING_ERROR, NO_ERROR, SERVER_ERROR, Counting
from admission.matching.selectors import Namespaces, in_selected_namespace, is_selected_object
from admission.objects import Objects
from admission.observer import Judgement
from admission.versions import Versions
from admission.webhooks.call import CallFailed, Calls
from admission.webhooks.configuration import kubeconfig_of
from admission.webhooks.hooks import Hook
from admission.webhooks.index import Candidate, Index
from cluster.api.authorization import Authorizer
from cluster.api.errors import Forbidden, InternalError, StatusError, Timeout
from cluster.api.field import quoted
from cluster.api.names import GroupResource, GroupVersionKind, Object
from cluster.api.protocols import HttpCallers, Reader

if TYPE_CHECKING:
    from admission.expressions.conditions import Conditions, Tell

log = logging.getLogger(__name__)
_GROUP: Final = "admissionregistration.k8s.io"
_EXEMPT: Final = frozenset(
    {
        "MutatingAdmissionPolicy",
        "MutatingAdmissionPolicyBinding",
        "MutatingWebhookConfiguration",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "ValidatingWebhookConfiguration",
    }
)


class Kind(Struct, frozen=True):
    """Of webhooks: the plugin that asks them, the resource that configures them, and what metrics call them."""

    plugin: str
    resource: GroupResource
    counted: str
    conditions_counted: str


def build_hooked(
    kind: Kind,
    reader: Reader,
    objects: Objects,
    callers: HttpCallers,
    configuration: Object | None,
    authorizer: Authorizer,
    counting: Counting,
) -> Hooked:
    """The webhooks of a kind, called as the configuration says; ValueError where it is not good."""
    kubeconfig = kubeconfig_of(configuration)
    try:
        webhook_callers = callers.for_webhooks(kubeconfig)
    except OSError as error:
        raise ValueError(f"{kind.plugin}: the kubeconfig {quoted(kubeconfig)} cannot be read: {error}") from None
    return Hooked(kind, reader, objects, Calls(reader, webhook_callers), authorizer, counting)


class Rejected(Exception):
    """A webhook denies the write, and this is what its client is told."""

    def __init__(self, error: StatusError) -> None:
        super().__init__(error.message)
        self.error = error


class Hooked:
    """The webhooks of one kind, for the plugin that asks them."""

    def __init__(
        self,
        kind: Kind,
        reader: Reader,
        objects: Objects,
        calls: Calls,
        authorizer: Authorizer,
        counting: Counting,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.kind: Final = kind
        self.objects: Final = objects
        self.calls: Final = calls
        self.counting: Final = counting
        self.clock: Final = clock
        self._reader = reader
        self._authorizer = authorizer
        self._index = Index(kind.resource, reader, objects)

    def candidates(self, attributes: Attributes) -> tuple[Candidate, ...]:
        """The webhooks whose rules match; of objects that nobody is asked about none."""
        found = self._index.candidates(attributes)
        return () if found and _is_exempt(attributes.kind) else found

    def concerns(self, candidate: Candidate, attributes: Attributes, versions: Versions) -> bool:
        """Whether the webhook is to be asked; StatusError where that can not be told.

        Selectors are judged by the object as it is now, match conditions by the version that the webhook wants.
        """
        hook = candidate.hook
        now = versions.now()
        if not in_selected_namespace(hook.namespace_selector, attributes, now, Namespaces(self._reader)):
            return self._skip(hook, attributes, "namespaceSelector")
        if not is_selected_object(hook.object_selector, now, attributes.old_object):
            return self._skip(hook, attributes, "objectSelector")
        return hook.conditions is None or self._fulfils(hook, hook.conditions, candidate.target.kind, attributes, versions)

    def _fulfils(self, hook: Hook, conditions: Conditions, kind: GroupVersionKind, attributes: Attributes, versions: Versions) -> bool:
        from admission.expressions.evaluation import CONDITIONS_BUDGET, Evaluation
        from admission.expressions.values import Written

        operation = attributes.operation.value
        values = Written(attributes, versions, Namespaces(self._reader), self._authorizer).for_conditions(kind)
        began = self.clock()
        evaluation = Evaluation(values, CONDITIONS_BUDGET, attributes.deadline)
        verdict = conditions.judge(evaluation, self._teller(hook, attributes))
        if verdict.matches:
            return True
        self.counting.conditions_judged("webhook", hook.name, self.kind.counted, operation, self.clock() - began, verdict.errors)
        if verdict.error:
            log.warning("failed evaluating match conditions, failing closed %s: %s", hook.name, verdict.error)
            self.tell(hook, attributes, "error", verdict.error, "matchConditions")
            raise Forbidden.of(attributes.resource.group_resource, attributes.name, verdict.error)
        self.counting.conditions_excluded(hook.name, self.kind.conditions_counted, operation)
        return self._skip(hook, attributes, "matchConditions", verdict.failed or verdict.why)

    def _teller(self, hook: Hook, attributes: Attributes) -> Tell | None:
        if attributes.observer is None:
            return None
        return lambda part, outcome, message: self.tell(hook, attributes, outcome, message, part)

    def _skip(self, hook: Hook, attributes: Attributes, part: str, message: str = "") -> bool:
        self.tell(hook, attributes, "skipped", message, part)
        return False

    def tell(self, hook: Hook, attributes: Attributes, outcome: str, message: str = "", part: str = "") -> None:
        """Tells the observer, if there is one."""
        if attributes.observer is not None:
            where = f"{hook.part}.{part}" if part else hook.part
            attributes.observer.judged(Judgement(self.kind.plugin, hook.configuration, "", where, outcome, message))

    def count(self, hook: Hook, attributes: Attributes, seconds: float, error: Exception | None) -> None:
        """What became of a call: None where the webhook allows the write."""
        operation, kind, rejected, code = attributes.operation.value, self.kind.counted, error is not None, 200
        if isinstance(error, CallFailed):
            rejected, code, why = not hook.ignore, error.code, CALLING_ERROR
        elif isinstance(error, Rejected):
            code, why = error.error.code, NO_ERROR
        elif error is not None:
            code, why = 0, SERVER_ERROR
        if rejected:
            self.counting.webhook_rejected(hook.name, kind, operation, why, code)
        self.counting.webhook_called(hook.name, kind, operation, seconds, rejected, code)

    def fails_open(self, hook: Hook, attributes: Attributes, error: Exception, key: str) -> None:
        """The write goes on without the webhook; `key` names the annotation that tells the audit event so."""
        log.warning("failed calling webhook, failing open %s: %s", hook.name, error)
        self.counting.webhook_failed_open(hook.name, self.kind.counted)
        annotate(attributes.annotations, key, hook.name)

    def in_time(self, attributes: Attributes) -> None:
        """Timeout where nobody waits for the write any more."""
        if self.clock() > attributes.deadline:
            raise Timeout.of("request did not complete within requested timeout")


def raised(hook: Hook, error: Exception) -> StatusError:
    """What the client is told of a call that stops its write."""
    if isinstance(error, Rejected):
        return error.error
    if isinstance(error, StatusError):
        return error
    log.warning("failed calling webhook, failing closed %s: %s", hook.name, error)
    return InternalError.of(error)


def _is_exempt(kind: GroupVersionKind) -> bool:
    """Whether nobody is asked about such objects: what configures admission could otherwise make itself undeletable."""
    return kind.group == _GROUP and kind.kind in _EXEMPT
