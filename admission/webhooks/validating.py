"""ValidatingAdmissionWebhook: webhooks say whether a write may be; all that it concerns are asked at once.

Upstream: apiserver `pkg/admission/plugin/webhook/validating/dispatcher.go`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from admission.annotations import annotate
from admission.attributes import Attributes, Operation
from admission.versions import FixedVersions
from admission.webhooks.call import CallFailed, denial
from admission.webhooks.hooked import Hooked, Kind, Rejected, raised
from admission.webhooks.index import Candidate
from admission.webhooks.review import Answer
from cluster.api.errors import InternalError, StatusError
from cluster.api.names import GroupResource

log = logging.getLogger(__name__)
KIND: Final = Kind(
    "ValidatingAdmissionWebhook",
    GroupResource("admissionregistration.k8s.io", "validatingwebhookconfigurations"),
    "validating",
    "validate",
)
_FAILED_OPEN: Final = "failed-open.validating.webhook.admission.k8s.io"


class _Asked(Struct):
    """A webhook that is asked, and what came of it."""

    candidate: Candidate
    answer: Answer | None = None
    error: Exception | None = None
    seconds: float = 0.0


class ValidatingAdmissionWebhook:
    name = KIND.plugin

    def __init__(self, hooked: Hooked) -> None:
        self._hooked = hooked

    def handles(self, operation: Operation) -> bool:  # noqa: ARG002 - a Plugin
        return True

    def validate(self, attributes: Attributes) -> None:
        """The error of the first webhook that denies, or that can not be called where it must be."""
        candidates = self._hooked.candidates(attributes)
        if not candidates:
            return
        versions = FixedVersions(attributes, self._hooked.objects)
        asked = []
        for candidate in candidates:
            if self._hooked.concerns(candidate, attributes, versions):
                versions.at(candidate.target.kind)  # what can not be converted is told before anyone is asked
                asked.append(_Asked(candidate))
        if asked:
            self._hooked.in_time(attributes)
            self._ask_all(asked, attributes, versions)
            self._judge(asked, attributes)

    def _ask_all(self, asked: Sequence[_Asked], attributes: Attributes, versions: FixedVersions) -> None:
        """One in this thread, the others in threads of their own; whoever is waited for too long fails by itself."""
        threads = [threading.Thread(target=self._ask, args=(each, attributes, versions), daemon=True) for each in asked[1:]]
        for thread in threads:
            thread.start()
        self._ask(asked[0], attributes, versions)
        for thread in threads:
            thread.join()

    def _ask(self, asked: _Asked, attributes: Attributes, versions: FixedVersions) -> None:
        candidate = asked.candidate
        began = self._hooked.clock()
        try:
            asked.answer = self._hooked.calls.ask(candidate, attributes, versions.at(candidate.target.kind), mutating=False)
            if not asked.answer.allowed:
                asked.error = Rejected(denial(candidate.hook.name, asked.answer.status))
        except (CallFailed, StatusError) as error:
            asked.error = error
        except Exception as error:  # in a thread of its own it would be lost, and the write would pass
            log.exception("asking webhook %s failed", candidate.hook.name)
            asked.error = _failed_here(candidate, error)
        asked.seconds = self._hooked.clock() - began

    def _judge(self, asked: Sequence[_Asked], attributes: Attributes) -> None:
        """Counts and tells all that came, and raises the first error."""
        errors = []
        for position, each in enumerate(asked):
            hook, error = each.candidate.hook, each.error
            if each.answer is not None:
                for key, value in each.answer.annotations.items():
                    annotate(attributes.annotations, f"{hook.name}/{key}", value)
                attributes.warnings += each.answer.warnings
            self._hooked.count(hook, attributes, each.seconds, error)
            called = each.answer is not None
            self._hooked.tell(hook, attributes, "called" if called else "error", "" if error is None else _shown(error))
            if isinstance(error, CallFailed) and hook.ignore:
                self._hooked.fails_open(hook, attributes, error, f"{_FAILED_OPEN}/round_0_index_{position}")
            elif error is not None:
                errors.append(raised(hook, error))
        if errors:
            for other in errors[1:]:
                log.warning("another webhook refuses the same write: %s", other.message)
            raise errors[0]


def _failed_here(candidate: Candidate, error: Exception) -> Exception:
    hook = candidate.hook
    if hook.ignore:
        return CallFailed(hook.name, str(error), 0)
    return InternalError.of(f"ValidatingAdmissionWebhook/{hook.name} has panicked: {error}")


def _shown(error: Exception) -> str:
    return error.error.message if isinstance(error, Rejected) else str(error)
