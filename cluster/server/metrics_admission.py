"""What is counted of admission: its phases, its plugins, webhooks, policies.

Names, labels and help are upstream's: apiserver `pkg/admission/metrics/metrics.go`, `pkg/admission/plugin/policy/*/metrics`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from admission.counting import Passed
from cluster.server.counters import Counter, Counters, Family, series_of
from cluster.server.histograms import HISTOGRAM, Buckets, Histogram, told

_SECONDS: Final = (0.005, 0.025, 0.1, 0.5, 1.0, 2.5)
_BROKEN_OUT: Final = "and broken out for each operation and API resource and type (validate or admit)."
_CONDITIONS: Final = "broken out for each kind containing matchConditions (webhook or policy), operation and"


def _webhooks(name: str, help_text: str) -> Family:
    return Family(f"apiserver_admission_webhook_{name}", "counter", "ALPHA", help_text)


STEPS: Final = Buckets(
    Family(
        "apiserver_admission_step_admission_duration_seconds",
        HISTOGRAM,
        "STABLE",
        "Admission sub-step latency histogram in seconds, broken out for each operation and API resource and step type (validate or "
        "admit).",
    ),
    _SECONDS,
)
CONTROLLERS: Final = Buckets(
    Family(
        "apiserver_admission_controller_admission_duration_seconds",
        HISTOGRAM,
        "STABLE",
        f"Admission controller latency histogram in seconds, identified by name {_BROKEN_OUT}",
    ),
    _SECONDS,
)
WEBHOOKS: Final = Buckets(
    Family(
        "apiserver_admission_webhook_admission_duration_seconds",
        HISTOGRAM,
        "STABLE",
        f"Admission webhook latency histogram in seconds, identified by name {_BROKEN_OUT}",
    ),
    (*_SECONDS, 10.0, 25.0),
)
CONDITIONS: Final = Buckets(
    Family(
        "apiserver_admission_match_condition_evaluation_seconds",
        HISTOGRAM,
        "ALPHA",
        f"Admission match condition evaluation time in seconds, identified by name and {_CONDITIONS} type (validate or admit).",
    ),
    (0.001, 0.005, 0.01, 0.025, 0.1, 0.2, 0.25),
)
_BOUNDED: Final = "Codes greater than 600 are truncated to 600, to keep the metrics cardinality bounded."
REJECTIONS: Final = _webhooks(
    "rejection_count",
    "Admission webhook rejection count, identified by name and broken out for each admission type (validating or admit) and operation. "
    "Additional labels specify an error type (calling_webhook_error or apiserver_internal_error if an error occurred; no_error "
    "otherwise) and optionally a non-zero rejection code if the webhook rejects the request with an HTTP status code (honored by the "
    f"apiserver when the code is greater or equal to 400). {_BOUNDED}",
)
FAILED_OPEN: Final = _webhooks(
    "fail_open_count",
    "Admission webhook fail open count, identified by name and broken out for each admission type (validating or admit).",
)
REQUESTS: Final = _webhooks(
    "request_total",
    "Admission webhook request total, identified by name and broken out for each admission type (validating or admit) and operation. "
    f"Additional labels specify whether the request was rejected or not and an HTTP status code. {_BOUNDED}",
)
CONDITION_ERRORS: Final = Family(
    "apiserver_admission_match_condition_evaluation_errors_total",
    "counter",
    "ALPHA",
    "Admission match condition evaluation errors count, identified by name of resource containing the match condition and "
    f"{_CONDITIONS} admission type (validate or admit).",
)
EXCLUSIONS: Final = Family(
    "apiserver_admission_match_condition_exclusions_total",
    "counter",
    "ALPHA",
    "Admission match condition evaluation exclusions count, identified by name of resource containing the match condition and "
    f"{_CONDITIONS} admission type (validate or admit).",
)
POLICY_CHECKS: Final = Family(
    "apiserver_validating_admission_policy_check_total",
    "counter",
    "BETA",
    "Validation admission policy check total, labeled by policy and further identified by binding and enforcement action taken.",
)
POLICY_SECONDS: Final = Buckets(
    Family(
        "apiserver_validating_admission_policy_check_duration_seconds",
        HISTOGRAM,
        "BETA",
        "Validation admission latency for individual validation expressions in seconds, labeled by policy and further including binding "
        "and enforcement action taken.",
    ),
    (0.0000005, 0.001, 0.01, 0.1, 1.0),
)
MUTATIONS: Final = Family(
    "apiserver_mutating_admission_policy_check_total",
    "counter",
    "ALPHA",
    "Mutation admission policy check total, labeled by policy and further identified by binding.",
)
MUTATION_SECONDS: Final = Buckets(
    Family(
        "apiserver_mutating_admission_policy_check_duration_seconds",
        HISTOGRAM,
        "ALPHA",
        "Mutation admission latency for individual mutation expressions in seconds, labeled by policy and binding.",
    ),
    (0.0000005, 0.001, 0.01, 0.1, 1.0),
)
COUNTED: Final = (REJECTIONS, FAILED_OPEN, REQUESTS, CONDITION_ERRORS, EXCLUSIONS, POLICY_CHECKS, MUTATIONS)
_TIMED: Final = (STEPS, CONTROLLERS, WEBHOOKS, CONDITIONS, POLICY_SECONDS, MUTATION_SECONDS)
_GREATEST_CODE: Final = 600
_NANOSECONDS: Final = 1_000_000_000


class AdmissionObserver:
    """Implements `admission.counting.Counting`."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._histograms: dict[tuple[str, ...], Histogram] = {}
        self._known: dict[tuple[str, ...], Counter] = {}

    def step(self, kind: str, operation: str) -> Passed:
        return self._passed(STEPS, type=kind, operation=operation)

    def controller(self, name: str, kind: str, operation: str) -> Passed:
        return self._passed(CONTROLLERS, name=name, type=kind, operation=operation)

    def webhook_called(self, name: str, kind: str, operation: str, seconds: float, rejected: bool, code: int) -> None:
        labels = {"name": name, "type": kind, "operation": operation, "rejected": _truth(rejected)}
        self._counter(REQUESTS, **labels, code=_bounded(code)).add()
        self._histogram(WEBHOOKS, **labels).observe(int(seconds * _NANOSECONDS))

    def webhook_rejected(self, name: str, kind: str, operation: str, error: str, code: int) -> None:
        self._counter(REJECTIONS, name=name, type=kind, operation=operation, error_type=error, rejection_code=_bounded(code)).add()

    def webhook_failed_open(self, name: str, kind: str) -> None:
        self._counter(FAILED_OPEN, name=name, type=kind).add()

    def conditions_judged(self, of: str, name: str, kind: str, operation: str, seconds: float, errors: int) -> None:
        labels = {"name": name, "kind": of, "type": kind, "operation": operation}
        self._histogram(CONDITIONS, **labels).observe(int(seconds * _NANOSECONDS))
        if errors:
            self._counter(CONDITION_ERRORS, **labels).add(errors)

    def conditions_excluded(self, name: str, kind: str, operation: str) -> None:
        self._counter(EXCLUSIONS, name=name, kind="webhook", type=kind, operation=operation).add()

    def policy_checked(self, policy: str, binding: str, error: str, action: str, nanoseconds: int) -> None:
        labels = {"policy": policy, "policy_binding": binding, "error_type": error, "enforcement_action": action}
        self._counter(POLICY_CHECKS, **labels).add()
        self._histogram(POLICY_SECONDS, **labels).observe(nanoseconds)

    def policy_mutated(self, policy: str, binding: str, error: str, nanoseconds: int) -> None:
        labels = {"policy": policy, "policy_binding": binding, "error_type": error}
        self._counter(MUTATIONS, **labels).add()
        self._histogram(MUTATION_SECONDS, **labels).observe(nanoseconds)

    def _passed(self, buckets: Buckets, **labels: str) -> Passed:
        """The series are made when something is first counted."""
        made: dict[bool, Histogram] = {}

        def passed(nanoseconds: int, rejected: bool) -> None:
            found = made.get(rejected)
            if found is None:
                found = made[rejected] = Histogram(self._counters, buckets, rejected=_truth(rejected), **labels)
            found.observe(nanoseconds)

        return passed

    def _histogram(self, buckets: Buckets, **labels: str) -> Histogram:
        key = (buckets.family.name, *labels.values())
        found = self._histograms.get(key)
        if found is None:
            found = self._histograms[key] = Histogram(self._counters, buckets, **labels)
        return found

    def _counter(self, family: Family, **labels: str) -> Counter:
        key = (family.name, *labels.values())
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._counters.counter(series_of(family.name, **labels))
        return found


def durations(totals: Mapping[str, int]) -> dict[Family, dict[str, float]]:
    """The metrics of durations that have been counted, each in its order."""
    found = {buckets.family: told(buckets, totals) for buckets in _TIMED}
    return {family: lines for family, lines in found.items() if lines}


def _truth(value: bool) -> str:
    return "true" if value else "false"


def _bounded(code: int) -> str:
    return str(min(code, _GREATEST_CODE))
