"""What is told of configuration files, authorizers and issuers: by whichever worker knows the latest."""

from __future__ import annotations

import hashlib

import pytest

from cluster.api.authorization import Decision
from cluster.server.counters import Counters
from cluster.server.metrics_configuration import COUNTED, AuthorizerObserver, FileObserver, IssuersObserver, durations, gauges

ME = hashlib.sha256(b"me").hexdigest()
ONE, TWO = "https://one.example", "https://two.example"


def sha(data: bytes | str) -> str:
    return "sha256:" + hashlib.sha256(data.encode() if isinstance(data, str) else data).hexdigest()


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def counters() -> Counters:
    made = Counters(1)
    made.join()
    return made


def told(counters: Counters, kind: str) -> dict[str, float]:
    """The gauges of a kind, without what all their names and labels have."""
    found = {series: value for each in gauges(counters).values() for series, value in each.items()}
    short = {series.replace(f'apiserver_id_hash="sha256:{ME}",', ""): value for series, value in found.items()}
    return {series.removeprefix(f"apiserver_{kind}_"): value for series, value in short.items() if series.startswith(f"apiserver_{kind}_")}


@pytest.mark.parametrize("what", ["authentication", "authorization"])
def test_of_a_file_is_told_when_it_changed_and_which_is_in_force(counters: Counters, what: str) -> None:
    clock, kind = Clock(), f"{what}_config_controller"
    observer = FileObserver(counters, what, "me", clock)
    observer.begins(b"first")
    assert told(counters, kind) == {f'last_config_info{{hash="{sha(b"first")}"}}': 1}
    clock.now += 1.5
    observer.failed()
    failed = {'automatic_reload_last_timestamp_seconds{status="failure"}': 1001.5}
    assert told(counters, kind) == failed | {f'last_config_info{{hash="{sha(b"first")}"}}': 1}
    clock.now += 1
    observer.changed(b"second")
    succeeded = {'automatic_reload_last_timestamp_seconds{status="success"}': 1002.5}
    assert told(counters, kind) == failed | succeeded | {f'last_config_info{{hash="{sha(b"second")}"}}': 1}
    clock.now += 1
    observer.changed(b"first")
    assert f'last_config_info{{hash="{sha(b"first")}"}}' in told(counters, kind)
    assert len(told(counters, kind)) == 3
    assert {series.partition(",")[2]: value for series, value in counters.totals().items() if "reloads_total" in series} == {
        'status="failure"}': 1,
        'status="success"}': 2,
    }


def test_the_worker_that_saw_the_latest_file_says_which_is_in_force() -> None:
    """A worker that is replaced leaves what it told to the one that comes."""
    counters, clock = Counters(1), Clock()
    counters.join()
    FileObserver(counters, "authorization", "me", clock).begins(b"first")
    clock.now += 1
    counters.join()  # the same slot, as whoever comes next takes it
    FileObserver(counters, "authorization", "me", clock).begins(b"second")
    assert told(counters, "authorization_config_controller") == {f'last_config_info{{hash="{sha(b"second")}"}}': 1}


def test_of_issuers_is_told_when_their_keys_came_and_which_they_are_as_long_as_they_are_configured(counters: Counters) -> None:
    clock = Clock()
    observer = IssuersObserver(counters, "me", clock)
    observer.configured([ONE, TWO])
    observer.fetched(ONE, b"keys")
    clock.now += 1
    observer.fetched(TWO, None)
    observer.fetched("https://other.example", b"keys")

    def shown(issuer: str, keys: bytes) -> str:
        return f'last_key_set_info{{hash="{sha(keys)}",jwt_issuer_hash="{sha(issuer)}"}}'

    def at(issuer: str, result: str) -> str:
        return f'last_timestamp_seconds{{jwt_issuer_hash="{sha(issuer)}",result="{result}"}}'

    kind = "authentication_jwt_authenticator_jwks_fetch"
    of_one = {at(ONE, "success"): 1000.0}
    assert told(counters, kind) == of_one | {shown(ONE, b"keys"): 1, at(TWO, "failure"): 1001.0}
    clock.now += 1
    observer.fetched(ONE, b"other keys")
    observer.fetched(TWO, b"keys")
    of_two = {at(TWO, "failure"): 1001.0, at(TWO, "success"): 1002.0, shown(TWO, b"keys"): 1}
    assert told(counters, kind) == of_two | {at(ONE, "success"): 1002.0, shown(ONE, b"other keys"): 1}
    observer.configured([TWO])
    observer.fetched(ONE, b"late")
    assert told(counters, kind) == of_two
    counters.join()  # who comes next, while neither is configured
    IssuersObserver(counters, "me", clock).configured([])
    assert told(counters, kind) == {}


def test_opinions_and_calls_of_authorizers_are_counted(counters: Counters) -> None:
    observer = AuthorizerObserver(counters)
    tell = observer.decisions("Webhook", "hook")
    for each in (Decision.ALLOW, Decision.DENY, Decision.DENY):
        tell(each)
    for result in ("success", "error", "error"):
        observer.called("hook", result, 0.02)
    observer.failed_open("hook", "error")
    for failed in (False, True, False):
        observer.conditions_judged("hook", 0.0005, failed)
    observer.conditions_excluded("hook")
    totals = counters.totals()
    counted = {series: value for series, value in totals.items() if ":" not in series}
    assert {series.removeprefix("apiserver_authorization_"): value for series, value in counted.items()} == {
        'decisions_total{decision="allowed",name="hook",type="Webhook"}': 1,
        'decisions_total{decision="denied",name="hook",type="Webhook"}': 2,
        'webhook_evaluations_total{name="hook",result="success"}': 1,
        'webhook_evaluations_total{name="hook",result="error"}': 2,
        'webhook_evaluations_fail_open_total{name="hook",result="error"}': 1,
        'match_condition_evaluation_errors_total{name="hook",type="Webhook"}': 1,
        'match_condition_exclusions_total{name="hook",type="Webhook"}': 1,
    }
    assert {series.partition("{")[0] for series in counted} <= {family.name for family in COUNTED}
    timed = {series: value for lines in durations(totals).values() for series, value in lines.items()}
    of_calls, of_conditions = (f"apiserver_authorization_{each}_seconds" for each in ("webhook_duration", "match_condition_evaluation"))
    assert [timed[f'{of_calls}_count{{name="hook",result="{result}"}}'] for result in ("success", "error")] == [1, 2]
    assert [timed[f'{of_calls}_bucket{{name="hook",result="error",le="{bound}"}}'] for bound in ("0.01", "0.025")] == [0, 2]
    assert timed[f'{of_conditions}_bucket{{name="hook",type="Webhook",le="0.001"}}'] == 3
    assert round(timed[f'{of_conditions}_sum{{name="hook",type="Webhook"}}'], 6) == 0.0015
