"""What /metrics tells of admission: durations in buckets, and what became of webhooks."""

from __future__ import annotations

import pytest

from cluster.server.counters import Counters, Family
from cluster.server.histograms import HISTOGRAM, Buckets, Histogram, told
from cluster.server.metrics_admission import STEPS, WEBHOOKS, AdmissionObserver, durations

MILLISECOND = 1_000_000
WAITS = Buckets(Family("waits_seconds", HISTOGRAM, "ALPHA", "Waits."), (0.005, 1.0, 2.5))


@pytest.fixture
def counters() -> Counters:
    made = Counters(1)
    made.join()
    return made


def test_a_histogram_tells_how_many_took_at_most_so_long(counters: Counters) -> None:
    for milliseconds in (0, 5, 6, 1000, 2000, 9000):
        Histogram(counters, WAITS, who="a").observe(milliseconds * MILLISECOND)
    Histogram(counters, WAITS, who="b").observe(MILLISECOND)
    lines = told(WAITS, counters.totals())
    assert list(lines.items())[:6] == [
        ('waits_seconds_bucket{who="a",le="0.005"}', 2),
        ('waits_seconds_bucket{who="a",le="1"}', 4),
        ('waits_seconds_bucket{who="a",le="2.5"}', 5),
        ('waits_seconds_bucket{who="a",le="+Inf"}', 6),
        ('waits_seconds_sum{who="a"}', 12.011),
        ('waits_seconds_count{who="a"}', 6),
    ]
    assert lines['waits_seconds_count{who="b"}'] == 1


def test_a_histogram_without_labels(counters: Counters) -> None:
    Histogram(counters, WAITS).observe(0)
    assert list(told(WAITS, counters.totals()))[:1] == ['waits_seconds_bucket{le="0.005"}']
    assert "waits_seconds_sum" in told(WAITS, counters.totals())


def test_what_was_not_timed_is_not_told(counters: Counters) -> None:
    assert durations(counters.totals()) == {}
    counters.counter("waits_seconds").add()
    assert told(WAITS, counters.totals()) == {}


def test_phases_and_plugins_are_timed(counters: Counters) -> None:
    observer = AdmissionObserver(counters)
    observer.step("admit", "CREATE")(MILLISECOND, False)
    denied = observer.controller("PodSecurity", "validate", "UPDATE")
    for _ in range(2):
        denied(30 * MILLISECOND, True)
    lines = {series: value for each in durations(counters.totals()).values() for series, value in each.items()}
    step = 'apiserver_admission_step_admission_duration_seconds_count{operation="CREATE",rejected="false",type="admit"}'
    controller = "apiserver_admission_controller_admission_duration_seconds"
    labels = 'name="PodSecurity",operation="UPDATE",rejected="true",type="validate"'
    assert lines[step] == 1
    assert (lines[f'{controller}_bucket{{{labels},le="0.025"}}'], lines[f'{controller}_bucket{{{labels},le="0.1"}}']) == (0, 2)
    assert STEPS.family in durations(counters.totals())


def test_what_becomes_of_webhooks_is_counted_with_bounded_codes(counters: Counters) -> None:
    observer = AdmissionObserver(counters)
    observer.webhook_called("a.b.c", "validating", "CREATE", 12.0, True, 999)
    observer.webhook_rejected("a.b.c", "validating", "CREATE", "no_error", 999)
    observer.webhook_failed_open("a.b.c", "admit")
    observer.conditions_judged("webhook", "a.b.c", "admit", "DELETE", 0.5, 2)
    observer.conditions_excluded("a.b.c", "admit", "DELETE")
    totals = counters.totals()
    prefix = "apiserver_admission"
    rejected = 'error_type="no_error",name="a.b.c",operation="CREATE",rejection_code="600",type="validating"'
    condition = 'kind="webhook",name="a.b.c",operation="DELETE",type="admit"'
    expected = {
        f'{prefix}_webhook_request_total{{code="600",name="a.b.c",operation="CREATE",rejected="true",type="validating"}}': 1,
        f"{prefix}_webhook_rejection_count{{{rejected}}}": 1,
        f'{prefix}_webhook_fail_open_count{{name="a.b.c",type="admit"}}': 1,
        f"{prefix}_match_condition_evaluation_errors_total{{{condition}}}": 2,
        f"{prefix}_match_condition_exclusions_total{{{condition}}}": 1,
    }
    assert {series: totals.get(series) for series in expected} == expected
    lines = durations(totals)[WEBHOOKS.family]
    assert lines[f'{WEBHOOKS.family.name}_bucket{{name="a.b.c",operation="CREATE",rejected="true",type="validating",le="25"}}'] == 1


def test_what_policies_find_wrong(counters: Counters) -> None:
    observer = AdmissionObserver(counters)
    for nanoseconds in (400, 2 * MILLISECOND):
        observer.policy_checked("p", "b", "invalid_error", "deny", nanoseconds)
    lines = {series: value for each in durations(counters.totals()).values() for series, value in each.items()}
    labels = 'enforcement_action="deny",error_type="invalid_error",policy="p",policy_binding="b"'
    name = "apiserver_validating_admission_policy_check"
    assert counters.totals()[f"{name}_total{{{labels}}}"] == 2
    assert lines[f'{name}_duration_seconds_bucket{{{labels},le="5e-07"}}'] == 1
    assert lines[f'{name}_duration_seconds_bucket{{{labels},le="0.01"}}'] == 2
    assert lines[f"{name}_duration_seconds_count{{{labels}}}"] == 2


def test_what_mutations_come_to(counters: Counters) -> None:
    observer = AdmissionObserver(counters)
    for error in ("no_error", "invalid_error", "no_error"):
        observer.policy_mutated("p", "b", error, 2 * MILLISECOND)
    lines = {series: value for each in durations(counters.totals()).values() for series, value in each.items()}
    labels, name = 'error_type="no_error",policy="p",policy_binding="b"', "apiserver_mutating_admission_policy_check"
    assert counters.totals()[f"{name}_total{{{labels}}}"] == 2
    assert lines[f'{name}_duration_seconds_bucket{{{labels},le="0.001"}}'] == 0
    assert lines[f"{name}_duration_seconds_count{{{labels}}}"] == 2
