"""What is counted of Pod Security admission.  Upstream: pod-security-admission `metrics/metrics.go`."""

from __future__ import annotations

from typing import Final

from admission.attributes import Attributes, Operation
from admission.pod_security.levels import LATEST, Level, LevelVersion, Version
from cluster.server.counters import Counter, Counters, Family, series_of

EVALUATIONS: Final = Family(
    "pod_security_evaluations_total",
    "counter",
    "ALPHA",
    "Number of policy evaluations that occurred, not counting ignored or exempt requests.",
)
EXEMPTIONS: Final = Family(
    "pod_security_exemptions_total", "counter", "ALPHA", "Number of exempt requests, not counting ignored or out of scope requests."
)
ERRORS: Final = Family(
    "pod_security_errors_total",
    "counter",
    "ALPHA",
    "Number of errors preventing normal evaluation. Non-fatal errors may result in the latest restricted profile being used for "
    "evaluation.",
)
COUNTED: Final = (EVALUATIONS, EXEMPTIONS, ERRORS)
_RESOURCES: Final = {("", "pods"): "pod", ("", "namespaces"): "namespace"}
_WRITES: Final = ("create", "update")


class PodSecurityObserver:
    """Implements `admission.pod_security.observer.EvaluationObserver`; what happens most is told from the start, when it is none."""

    def __init__(self, counters: Counters, kubernetes_version: str) -> None:
        self._counters = counters
        self._served = Version(int(kubernetes_version.split(".")[1]))
        self._known: dict[tuple[str, ...], Counter] = {}
        for operation in _WRITES:
            self._counter(EVALUATIONS, operation, "pod", "", "allow", Level.PRIVILEGED, str(LATEST), "enforce")
            for resource in ("pod", "controller"):
                self._counter(EXEMPTIONS, operation, resource, "")

    def evaluated(self, attributes: Attributes, mode: str, asked: LevelVersion, allowed: bool) -> None:
        decision = "allow" if allowed else "deny"
        self._counter(EVALUATIONS, *_of(attributes), decision, asked.level, self._version(asked), mode).add()

    def exempted(self, attributes: Attributes) -> None:
        self._counter(EXEMPTIONS, *_of(attributes)).add()

    def failed(self, attributes: Attributes, fatal: bool) -> None:
        self._counter(ERRORS, *_of(attributes), "true" if fatal else "false").add()

    def _version(self, asked: LevelVersion) -> str:
        """As a label has it, which is bounded; what is privileged is the same in every version."""
        if asked.level is Level.PRIVILEGED:
            return str(LATEST)
        return "future" if asked.version != LATEST and self._served.older_than(asked.version) else str(asked.version)

    def _counter(self, family: Family, *values: str) -> Counter:
        found = self._known.get((family.name, *values))
        if found is None:
            labels = dict(zip(_LABELS[family], values, strict=True))
            found = self._known[family.name, *values] = self._counters.counter(series_of(family.name, **labels))
        return found


_OF_REQUEST: Final = ("request_operation", "resource", "subresource")
_LABELS: Final = {
    EVALUATIONS: (*_OF_REQUEST, "decision", "policy_level", "policy_version", "mode"),
    EXEMPTIONS: _OF_REQUEST,
    ERRORS: (*_OF_REQUEST, "fatal"),
}


def _of(attributes: Attributes) -> tuple[str, str, str]:
    operation = "create" if attributes.operation is Operation.CREATE else "update"
    return operation, _RESOURCES.get(attributes.resource.group_resource, "controller"), attributes.subresource
