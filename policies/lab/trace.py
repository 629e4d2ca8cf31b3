"""What an observer makes of the chain: the judgements alone, for every case, or all that happens, for those that somebody looks at."""

from __future__ import annotations

from typing import Final

import orjson
from msgspec import Struct, field

from admission.attributes import Attributes
from admission.matching.rules import Target
from admission.observer import Judgement
from admission.requests import request_of
from cluster.api.errors import StatusError
from cluster.api.names import Object


class Judgements:
    """Keeps what policies and webhooks judged."""

    thorough = False

    def __init__(self) -> None:
        self.judgements: list[Judgement] = []
        self.judged: Final = self.judgements.append
        """See admission.observer.Observer; a case has many judgements, so that nothing is between them and the list."""

    def entered(self, phase: str, plugin: str, attributes: Attributes) -> None:
        """See admission.observer.Observer."""

    def left(self, phase: str, plugin: str, attributes: Attributes, error: StatusError | None) -> None:
        """See admission.observer.Observer."""


class Step(Struct):
    """One plugin in one phase; the object before and after it, as JSON."""

    phase: str
    plugin: str
    before: bytes
    old: bytes
    """What the write replaces."""
    namespace: str
    request: Object
    """The write as admission.k8s.io describes it."""
    after: bytes = b""
    judgements: list[Judgement] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    denial: str = ""

    @property
    def changed(self) -> bool:
        return self.before != self.after

    @property
    def idle(self) -> bool:
        """Whether the plugin had nothing to do with the write."""
        return not (self.changed or self.warnings or self.denial or any(each.outcome != "skipped" for each in self.judgements))


class Trace:
    """Keeps every plugin's step."""

    thorough = True

    def __init__(self) -> None:
        self.judgements: list[Judgement] = []
        self.steps: list[Step] = []
        self._warned = 0

    def entered(self, phase: str, plugin: str, attributes: Attributes) -> None:
        """See admission.observer.Observer."""
        request = request_of(attributes, Target(attributes.resource, attributes.kind))
        before, old = orjson.dumps(attributes.object), orjson.dumps(attributes.old_object)
        self.steps.append(Step(phase, plugin, before, old, attributes.namespace, request))
        self._warned = len(attributes.warnings)

    def left(self, phase: str, plugin: str, attributes: Attributes, error: StatusError | None) -> None:  # noqa: ARG002
        """See admission.observer.Observer."""
        step = self.steps[-1]
        step.after = orjson.dumps(attributes.object)
        step.warnings = attributes.warnings[self._warned :]
        step.denial = "" if error is None else error.message

    def judged(self, judgement: Judgement) -> None:
        """See admission.observer.Observer."""
        self.judgements.append(judgement)
        if self.steps:
            self.steps[-1].judgements.append(judgement)
