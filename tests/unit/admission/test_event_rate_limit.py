"""Events that are too many: of all, of a namespace, by a user, of one source about one object."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from admission.attributes import Attributes, Operation
from admission.plugins.event_rate_limit import EventRateLimit
from cluster.api.errors import TooManyRequests
from cluster.api.names import Object
from cluster.api.user import UserInfo
from tests.unit.admission.writes import write


def limit(kind: str, qps: int = 1, burst: int = 2, **more: object) -> Object:
    return {"type": kind, "qps": qps, "burst": burst, **more}


def configuration(*limits: Object, **more: object) -> Object:
    return {"apiVersion": "eventratelimit.admission.k8s.io/v1alpha1", "kind": "Configuration", "limits": list(limits), **more}


class Limited:
    """The plugin, and the time that it lives in."""

    def __init__(self, *limits: Object) -> None:
        self.now = 0.0
        self.plugin = EventRateLimit(configuration(*limits), lambda: self.now)

    def refusal(self, attributes: Attributes) -> str:
        """What is answered, without `Too many requests: `; empty where the event is taken."""
        try:
            self.plugin.validate(attributes)
        except TooManyRequests as error:
            return error.message.removeprefix("Too many requests: ")
        return ""


def event(namespace: str = "dev", user: str = "tina", operation: str = "CREATE", what: str = "events", **fields: Any) -> Attributes:
    return write(operation, what, {"metadata": {"name": "e"}, **fields}, namespace=namespace, user=UserInfo(user))


SOURCE = {"source": {"component": "kubelet", "host": "n1"}}
ABOUT = {"involvedObject": {"kind": "Pod", "namespace": "dev", "name": "web", "uid": "7", "apiVersion": "v1"}}


@pytest.mark.parametrize(
    ("kind", "same", "other", "key"),
    [
        ("Namespace", event("dev"), event("prod"), "dev"),
        ("User", event(user="tina"), event(user="rita"), "tina"),
        ("SourceAndObject", event(**SOURCE, **ABOUT), event(**SOURCE), "kubeletn1Poddevweb7v1"),
        ("SourceAndObject", event(), event(**SOURCE), ""),
    ],
)
def test_whose_events_are_counted_together(kind: str, same: Attributes, other: Attributes, key: str) -> None:
    limited = Limited(limit(kind))
    why = f"limit reached on type {kind} for key {key}"
    assert [limited.refusal(each) for each in (same, same, same, other, same)] == ["", "", why, "", why]


def test_a_limit_of_the_server_is_for_all() -> None:
    limited = Limited(limit("Server", cacheSize=-1))
    events = (event("dev", "tina"), event("prod", "rita"), event("test", "nina"))
    assert [limited.refusal(each) for each in events] == ["", "", "limit reached on type Server for key "]


def test_too_many_are_429() -> None:
    limited = Limited(limit("Server", burst=1))
    limited.refusal(event())
    with pytest.raises(TooManyRequests) as refused:
        limited.plugin.validate(event())
    message = "Too many requests: limit reached on type Server for key "
    assert refused.value.status() == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": "TooManyRequests",
        "code": 429,
    }


def test_updates_count_as_creates_do() -> None:
    limited = Limited(limit("Server", burst=1))
    assert [bool(limited.refusal(each)) for each in (event(), event(operation="UPDATE"))] == [False, True]


def test_a_bucket_fills_again_up_to_its_burst() -> None:
    limited = Limited(limit("Server", qps=2, burst=3))
    assert [bool(limited.refusal(event())) for _ in range(4)] == [False, False, False, True]
    limited.now += 0.5
    assert [bool(limited.refusal(event())) for _ in range(2)] == [False, True]
    limited.now += 100
    assert [bool(limited.refusal(event())) for _ in range(4)] == [False, False, False, True]


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 20), st.integers(1, 20), st.lists(st.floats(0, 3), max_size=60))
def test_never_more_than_the_burst_and_what_has_come_back_since(qps: int, burst: int, pauses: list[float]) -> None:
    limited = Limited(limit("Server", qps, burst))
    taken = 0
    for pause in pauses:
        limited.now += pause
        taken += limited.refusal(event()) == ""
    assert taken <= burst + qps * limited.now + 1e-6


def test_every_limit_is_asked_and_all_that_are_reached_are_told() -> None:
    limited = Limited(limit("Server", burst=1), limit("Namespace", burst=1), limit("User", burst=3))
    limited.refusal(event())
    reached = "[limit reached on type Server for key , limit reached on type Namespace for key dev]"
    assert limited.refusal(event()) == reached
    assert limited.refusal(event("prod", "tina")) == "limit reached on type Server for key "
    assert limited.refusal(event("test", "tina")).endswith("limit reached on type User for key tina]")


def test_a_bucket_that_was_forgotten_is_full() -> None:
    limited = Limited(limit("Namespace", burst=1, cacheSize=2))
    assert [bool(limited.refusal(event(each))) for each in ("a", "b", "c", "a", "c")] == [False, False, False, False, True]


def test_long_keys_are_told_apart_and_told_in_full() -> None:
    limited = Limited(limit("User", burst=1))
    long = "x" * 1000
    assert [bool(limited.refusal(event(user=long + each))) for each in ("a", "b")] == [False, False]
    assert limited.refusal(event(user=long + "a")) == f"limit reached on type User for key {long}a"


def test_what_is_no_write_of_an_event_is_not_counted() -> None:
    limited = Limited(limit("Server", burst=1))
    dry = event()
    dry.dry_run = True
    for each in (dry, event(what="events.events.k8s.io"), event(what="configmaps")):
        assert limited.refusal(each) == ""
    assert [limited.refusal(event()) for _ in range(2)] == ["", "limit reached on type Server for key "]
    assert [each for each in Operation if limited.plugin.handles(each)] == [Operation.CREATE, Operation.UPDATE]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (None, "limits: Invalid value: null: must not be empty"),
        (configuration() | {"limits": None}, "limits: Invalid value: null: must not be empty"),
        (
            configuration(limit("Node")),
            'limits[0].type: Unsupported value: "Node": supported values: "Server", "Namespace", "User", "SourceAndObject"',
        ),
        (
            configuration(limit("User"), limit("Namespace", 0, -1, cacheSize=-1)),
            "[limits[1].burst: Invalid value: -1: must be positive, limits[1].qps: Invalid value: 0: must be positive, "
            "limits[1].cacheSize: Invalid value: -1: must not be negative]",
        ),
        (
            {"kind": "Configuration", "apiVersion": "eventratelimit.admission.k8s.io/v1"},
            'no kind "Configuration" is registered for version "eventratelimit.admission.k8s.io/v1": write kind "Configuration", '
            'apiVersion "eventratelimit.admission.k8s.io/v1alpha1"',
        ),
        (configuration(limit("User", speed=1)), 'strict decoding error: unknown field "limits[0].speed"'),
        (configuration(limit("User") | {"qps": "5"}), "json: cannot unmarshal string into Go struct field Limit.limits.qps of type int32"),
        (
            configuration(limit("User") | {"qps": 1 << 31}),
            "json: cannot unmarshal number 2147483648 into Go struct field Limit.limits.qps of type int32",
        ),
    ],
)
def test_a_bad_configuration_is_told_of(given: Object | None, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        EventRateLimit(given)
