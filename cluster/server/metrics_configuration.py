"""What is counted of what configuration files name: how the files are followed, whom authorizers ask, issuers' keys.

Names, labels and help are upstream's: apiserver `pkg/server/options/{authentication,authorization}config/metrics`,
`pkg/authorization/{metrics,cel/metrics.go}`, `plugin/pkg/authorizer/webhook/metrics` and `plugin/pkg/authenticator/token/oidc/metrics.go`.
Each worker follows the files and fetches keys by itself.  Counters are sums over the workers; of what happened last, the latest counts.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final

from cluster.api.authorization import Decision
from cluster.server.counters import Counters, Family, series_of
from cluster.server.histograms import HISTOGRAM, Buckets, Histogram, told

_HASH: Final = re.compile(r'\bhash="[^"]*"')
_MICROSECONDS: Final = 1_000_000
_NANOSECONDS: Final = 1_000_000_000
DECIDED: Final = {Decision.ALLOW: "allowed", Decision.DENY: "denied", Decision.NO_OPINION: "no-opinion"}


def _both(ending: str, kind: str, stability: str, text: str) -> dict[str, Family]:
    """The families of the files of authentication and authorization."""
    return {
        what: Family(f"apiserver_{what}_config_controller_{ending}", kind, stability, text.replace("WHAT", what))
        for what in ("authentication", "authorization")
    }


RELOADS: Final = _both(
    "automatic_reloads_total",
    "counter",
    "BETA",
    "Total number of automatic reloads of WHAT configuration split by status and apiserver identity.",
)
RELOADED: Final = _both(
    "automatic_reload_last_timestamp_seconds",
    "gauge",
    "BETA",
    "Timestamp of the last automatic reload of WHAT configuration split by status and apiserver identity.",
)
IN_FORCE: Final = _both(
    "last_config_info",
    "gauge",
    "ALPHA",
    "Information about the last applied WHAT configuration with hash as label, split by apiserver identity.",
)
DECISIONS: Final = Family(
    "apiserver_authorization_decisions_total",
    "counter",
    "ALPHA",
    "Total number of terminal decisions made by an authorizer split by authorizer type, name, and decision.",
)
CALLS: Final = Family("apiserver_authorization_webhook_evaluations_total", "counter", "ALPHA", "Round-trips to authorization webhooks.")
FAIL_OPEN: Final = Family(
    "apiserver_authorization_webhook_evaluations_fail_open_total",
    "counter",
    "ALPHA",
    "NoOpinion results due to webhook timeout or error.",
)
CALL_SECONDS: Final = Buckets(
    Family("apiserver_authorization_webhook_duration_seconds", HISTOGRAM, "ALPHA", "Request latency in seconds."),
    (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)
CONDITION_SECONDS: Final = Buckets(
    Family(
        "apiserver_authorization_match_condition_evaluation_seconds",
        HISTOGRAM,
        "ALPHA",
        "Authorization match condition evaluation time in seconds, split by authorizer type and name.",
    ),
    (0.001, 0.005, 0.01, 0.025, 0.1, 0.2, 0.25),
)
CONDITION_ERRORS: Final = Family(
    "apiserver_authorization_match_condition_evaluation_errors_total",
    "counter",
    "ALPHA",
    "Total number of errors when an authorization webhook encounters a match condition error split by authorizer type and name.",
)
EXCLUSIONS: Final = Family(
    "apiserver_authorization_match_condition_exclusions_total",
    "counter",
    "ALPHA",
    "Total number of exclusions when an authorization webhook is skipped because match conditions exclude it.",
)
KEYS_FETCHED: Final = Family(
    "apiserver_authentication_jwt_authenticator_jwks_fetch_last_timestamp_seconds",
    "gauge",
    "ALPHA",
    "Timestamp of the last successful or failed JWKS fetch split by result, api server identity and jwt issuer for the JWT authenticator.",
)
KEYS: Final = Family(
    "apiserver_authentication_jwt_authenticator_jwks_fetch_last_key_set_info",
    "gauge",
    "ALPHA",
    "Information about the last JWKS fetched by the JWT authenticator with hash as label, split by api server identity and jwt issuer.",
)
COUNTED: Final = (*RELOADS.values(), DECISIONS, CALLS, FAIL_OPEN, CONDITION_ERRORS, EXCLUSIONS)
_TIMED: Final = (CALL_SECONDS, CONDITION_SECONDS)
_TIMES: Final = (*RELOADED.values(), KEYS_FETCHED)
_INFOS: Final = (*IN_FORCE.values(), KEYS)
GAUGES: Final = (*_TIMES, *_INFOS)


def hashed(data: bytes) -> str:
    """As a label has it."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}" if data else ""


class FileObserver:
    """Counts the changes of a file of `authentication` or `authorization`, and tells what is in force of it."""

    def __init__(self, counters: Counters, what: str, identity: str, clock: Callable[[], float] = time.time) -> None:
        """`identity` is the server's."""
        self._counters = counters
        self._what = what
        self._identity = hashed(identity.encode())
        self._clock = clock

    def begins(self, data: bytes) -> None:
        self._set(IN_FORCE[self._what], hash=hashed(data))

    def changed(self, data: bytes) -> None:
        self._came("success")
        self.begins(data)

    def failed(self) -> None:
        self._came("failure")

    def _came(self, status: str) -> None:
        series = series_of(RELOADS[self._what].name, apiserver_id_hash=self._identity, status=status)
        self._counters.counter(series).add()
        self._set(RELOADED[self._what], status=status)

    def _set(self, family: Family, **labels: str) -> None:
        series = series_of(family.name, apiserver_id_hash=self._identity, **labels)
        self._counters.counter(series).set(int(self._clock() * _MICROSECONDS))


class IssuersObserver(FileObserver):
    """Tells when the keys of each issuer were fetched, and which they are; of issuers that are not configured any more, nothing."""

    def __init__(self, counters: Counters, identity: str, clock: Callable[[], float] = time.time) -> None:
        super().__init__(counters, "authentication", identity, clock)
        self._issuers: frozenset[str] = frozenset()

    def configured(self, issuers: Collection[str]) -> None:
        self._issuers = frozenset(issuers)
        told = [f'jwt_issuer_hash="{hashed(each.encode())}"' for each in issuers]
        for series, counter in self._counters.own():
            if series.startswith((KEYS.name, KEYS_FETCHED.name)) and not any(each in series for each in told):
                counter.set(0)

    def fetched(self, issuer: str, key_set: bytes | None) -> None:
        if issuer not in self._issuers:
            return
        named = {"jwt_issuer_hash": hashed(issuer.encode())}
        if key_set is not None:
            self._set(KEYS, hash=hashed(key_set), **named)
        self._set(KEYS_FETCHED, result="failure" if key_set is None else "success", **named)


class AuthorizerObserver:
    """Counts opinions of authorizers, calls to webhooks, and what their match conditions come to."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._durations: dict[tuple[str, ...], Histogram] = {}

    def decisions(self, kind: str, name: str) -> Callable[[Decision], None]:
        made = {
            decision: self._counters.counter(series_of(DECISIONS.name, decision=DECIDED[decision], name=name, type=kind))
            for decision in (Decision.ALLOW, Decision.DENY)
        }
        return lambda decision: made[decision].add()

    def called(self, name: str, result: str, seconds: float) -> None:
        self._counters.counter(series_of(CALLS.name, name=name, result=result)).add()
        self._took(CALL_SECONDS, seconds, name=name, result=result)

    def failed_open(self, name: str, result: str) -> None:
        self._counters.counter(series_of(FAIL_OPEN.name, name=name, result=result)).add()

    def conditions_judged(self, name: str, seconds: float, failed: bool) -> None:
        self._took(CONDITION_SECONDS, seconds, name=name, type="Webhook")
        if failed:
            self._counters.counter(series_of(CONDITION_ERRORS.name, name=name, type="Webhook")).add()

    def conditions_excluded(self, name: str) -> None:
        self._counters.counter(series_of(EXCLUSIONS.name, name=name, type="Webhook")).add()

    def _took(self, buckets: Buckets, seconds: float, **labels: str) -> None:
        key = (buckets.family.name, *labels.values())
        found = self._durations.get(key)
        if found is None:
            found = self._durations[key] = Histogram(self._counters, buckets, **labels)
        found.observe(int(seconds * _NANOSECONDS))


def durations(totals: Mapping[str, int]) -> dict[Family, dict[str, float]]:
    """The metrics of durations that have been counted, each in its order."""
    found = {buckets.family: told(buckets, totals) for buckets in _TIMED}
    return {family: lines for family, lines in found.items() if lines}


def gauges(counters: Counters) -> dict[Family, dict[str, float]]:
    """When things happened last, in seconds since the epoch; and 1 for each of what is in force now, whose hash tells what that is."""
    peaks = counters.peaks()
    times = {family: _of(family, peaks) for family in _TIMES}
    found = {family: {series: value / _MICROSECONDS for series, value in each.items()} for family, each in times.items()}
    for family in _INFOS:
        found[family] = dict.fromkeys(_latest(_of(family, peaks)), 1.0)
    return {family: each for family, each in found.items() if each}


def _of(family: Family, peaks: Mapping[str, int]) -> dict[str, int]:
    return {series: value for series, value in peaks.items() if value and series.startswith(f"{family.name}{{")}


def _latest(times: Mapping[str, int]) -> Iterable[str]:
    """Of the series that differ by their hash alone, the one that was set last."""
    found: dict[str, str] = {}
    for series, value in times.items():
        what = _HASH.sub("", series)
        if what not in found or value > times[found[what]]:
            found[what] = series
    return found.values()
