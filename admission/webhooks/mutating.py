"""MutatingAdmissionWebhook: webhooks change what is written, one after the other, each what the one before has left.

Upstream: apiserver `pkg/admission/plugin/webhook/mutating/{dispatcher,reinvocationcontext}.go`.
"""

from __future__ import annotations

from typing import Any, Final

from admission.annotations import annotate, encoded
from admission.attributes import Attributes, Operation
from admission.reinvocation import Rounds
from admission.versions import ChangingVersions
from admission.webhooks.call import CallFailed, denial
from admission.webhooks.hooked import Hooked, Kind, Rejected, raised
from admission.webhooks.index import Candidate
from admission.webhooks.patch import Patch, decoded, patched
from admission.webhooks.review import JSON_PATCH, Answer
from cluster.api.errors import InternalError, StatusError
from cluster.api.field import quoted
from cluster.api.names import GroupResource

KIND: Final = Kind(
    "MutatingAdmissionWebhook",
    GroupResource("admissionregistration.k8s.io", "mutatingwebhookconfigurations"),
    "admit",
    "admit",
)
_MUTATION: Final = "mutation.webhook.admission.k8s.io"
_PATCH: Final = "patch.webhook.admission.k8s.io"
_FAILED_OPEN: Final = f"failed-open.{_MUTATION}"


class MutatingAdmissionWebhook:
    name = KIND.plugin

    def __init__(self, hooked: Hooked) -> None:
        self._hooked = hooked

    def handles(self, operation: Operation) -> bool:  # noqa: ARG002 - a Plugin
        return True

    def admit(self, attributes: Attributes) -> None:
        """The error of a webhook that denies, or that can not be called where it must be."""
        candidates = self._hooked.candidates(attributes)
        if not candidates:
            return
        again = attributes.reinvocation
        rounds: Rounds = again.values.setdefault(self.name, Rounds())
        if again.running and rounds.has_changed(attributes.object):
            rounds.changed()  # by plugins that are no webhooks
        versions = ChangingVersions(attributes, self._hooked.objects)
        for candidate in candidates:
            hook = candidate.hook
            if not self._hooked.concerns(candidate, attributes, versions):
                continue
            if again.running and hook.uid not in rounds.due:
                continue  # the second round calls nobody for the first time
            if self._ask(candidate, attributes, versions):
                rounds.changed()
                again.wanted = True
            if hook.reinvoke:
                rounds.willing.add(hook.uid)
        versions.settle()
        rounds.leave(attributes.object)

    def _ask(self, candidate: Candidate, attributes: Attributes, versions: ChangingVersions) -> bool:
        """Whether the webhook has changed the object; StatusError where it stops the write."""
        hook, hooked = candidate.hook, self._hooked
        place = f"round_{int(attributes.reinvocation.running)}_index_{candidate.position}"
        began, changed, error = hooked.clock(), False, None
        try:
            changed = self._called(candidate, attributes, versions, place)
        except (CallFailed, Rejected, StatusError) as failure:
            error = failure
        mutation: dict[str, Any] = {"configuration": hook.configuration, "webhook": hook.name, "mutated": changed}
        annotate(attributes.annotations, f"{_MUTATION}/{place}", encoded(mutation))
        hooked.count(hook, attributes, hooked.clock() - began, error)
        if error is None:
            hooked.tell(hook, attributes, "mutated" if changed else "unchanged")
            return changed
        if isinstance(error, CallFailed) and hook.ignore:
            hooked.fails_open(hook, attributes, error, f"{_FAILED_OPEN}/{place}")
            hooked.tell(hook, attributes, "error", str(error))
            hooked.in_time(attributes)
            return False
        hooked.tell(hook, attributes, "called" if isinstance(error, Rejected) else "error", str(error))
        raise raised(hook, error)

    def _called(self, candidate: Candidate, attributes: Attributes, versions: ChangingVersions, place: str) -> bool:
        hook = candidate.hook
        pair = versions.at(candidate.target.kind)
        answer = self._hooked.calls.ask(candidate, attributes, pair, mutating=True)
        for key, value in answer.annotations.items():
            annotate(attributes.annotations, f"{hook.name}/{key}", value)
        attributes.warnings += answer.warnings
        if not answer.allowed:
            raise Rejected(denial(hook.name, answer.status))
        patch = _patch(hook.name, answer)
        if not patch:
            return False
        if pair[0] is None:
            why = f"admission webhook {quoted(hook.name)} attempted to modify the object, which is not supported for this operation"
            raise InternalError.of(why)
        if answer.patch_type != JSON_PATCH:
            raise CallFailed(hook.name, f"unsupported patch type {quoted(answer.patch_type)}", 400)
        made, changed = patched(self._hooked.objects, candidate.target.kind, pair[0], patch)
        shown = [{key: operation[key] for key in sorted(operation)} for operation in patch]
        told = {"configuration": hook.configuration, "webhook": hook.name, "patch": shown, "patchType": JSON_PATCH}
        annotate(attributes.request_annotations, f"{_PATCH}/{place}", encoded(told))
        versions.replace(made)
        return changed


def _patch(name: str, answer: Answer) -> Patch:
    if not answer.patch:
        return []
    try:
        return decoded(answer.patch)
    except ValueError as error:
        raise CallFailed(name, f"received undecodable patch in webhook response: {error}", 503) from None
