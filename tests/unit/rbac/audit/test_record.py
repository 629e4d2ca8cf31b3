"""What an event holds at each level, and what none may hold."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from cluster.api.authorization import Attributes
from cluster.api.user import UserInfo
from rbac.audit.model import PANIC, REQUEST_RECEIVED, RESPONSE_COMPLETE, AuditConfig, AuditEvent, Level
from rbac.audit.record import Record, micro_time, source_ips

ALICE = UserInfo("alice", "u-1", ("devs", "system:authenticated"), {"scopes": ("a", "b")})
SECRET = "hunter2-" + "x" * 8
MANAGED = {"metadata": {"name": "a", "managedFields": [{"manager": "m"}]}}


@dataclass
class Kept:
    """A sink that keeps."""

    events: list[AuditEvent] = field(default_factory=list)

    def process(self, events: Sequence[AuditEvent]) -> bool:
        self.events += events
        return True

    def close(self) -> None:
        """Nothing waits."""


def record(level: Level, *, resource: str = "secrets", group: str = "", verb: str = "create", **config: Any) -> Record:
    asked = Attributes(ALICE, verb, "dev", group, "v1", resource)
    return Record(AuditConfig(level, **config), Kept(), "id", "/api", asked, ["127.0.0.1"], "agent", 1_700_000_000_123_456_789, {})


def told(made: Record, stage: str = RESPONSE_COMPLETE) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(made.event(stage).encoded)
    return event


@pytest.mark.parametrize(
    ("level", "in_request", "in_response"),
    [(Level.METADATA, False, False), (Level.REQUEST, True, False), (Level.REQUEST_RESPONSE, True, True)],
)
def test_bodies_are_in_events_whose_level_allows_them(level: Level, in_request: bool, in_response: bool) -> None:
    made = record(level)
    made.request_object({"metadata": {"name": "s"}, "stringData": {"password": SECRET}})
    made.response_body(json.dumps({"kind": "Secret", "data": {"password": SECRET}}).encode())
    made.answered(201)
    event = told(made)
    assert ("requestObject" in event, "responseObject" in event) == (in_request, in_response)
    assert (SECRET in json.dumps(event)) == (in_request or in_response)


def test_metadata_of_the_object_completes_the_reference_at_every_level() -> None:
    made = record(Level.METADATA)
    made.request_object({"metadata": {"name": "s", "uid": "u", "resourceVersion": "7", "namespace": "other"}})
    assert told(made)["objectRef"] == {
        "resource": "secrets", "namespace": "dev", "name": "s", "uid": "u", "apiVersion": "v1", "resourceVersion": "7",
    }  # fmt: skip


def test_patch_stays_on_one_line_and_is_kept_even_where_it_is_no_json() -> None:
    made = record(Level.REQUEST)
    made.request_patch(b'{\n "a":\n 1}')
    assert b"\n" not in made.event(RESPONSE_COMPLETE).encoded
    assert told(made)["requestObject"] == {"a": 1}
    made.request_patch(b"{broken\n")
    assert told(made)["requestObject"] == "{broken\n"


@pytest.mark.parametrize("level", [Level.METADATA, Level.REQUEST, Level.REQUEST_RESPONSE])
@pytest.mark.parametrize("resource", ["kubeconfigs", "clusterkubeconfigs"])
def test_credential_of_an_issued_kubeconfig_is_in_no_event(level: Level, resource: str) -> None:
    made = record(level, resource=resource, group="berth.io")
    one = {"metadata": {"name": "k"}, "status": {"kubeconfig": SECRET, "expires": "then"}}
    made.request_object(one)
    made.response_body(json.dumps(one).encode())
    assert SECRET not in json.dumps(told(made))
    made.response_body(json.dumps({"items": [one], "rows": [{"object": one}]}).encode())
    assert SECRET not in json.dumps(told(made))


@pytest.mark.parametrize("body", [MANAGED, {"items": [MANAGED]}, {"rows": [{"cells": [], "object": MANAGED}]}])
def test_managed_fields_are_omitted_where_the_policy_says_so(body: dict[str, Any]) -> None:
    for omitted in (True, False):
        made = record(Level.REQUEST_RESPONSE, omit_managed_fields=omitted)
        made.response_body(json.dumps(body).encode())
        assert ("managedFields" in json.dumps(told(made))) is not omitted


def test_status_of_a_failure_is_told_without_its_kind() -> None:
    made = record(Level.METADATA)
    made.failed(
        {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": "no", "reason": "Forbidden", "code": 403}
    )
    assert told(made)["responseStatus"] == {"metadata": {}, "status": "Failure", "message": "no", "reason": "Forbidden", "code": 403}


def test_panic_tells_its_kind_and_not_what_it_says() -> None:
    made = record(Level.METADATA)
    made.panicked(KeyError(SECRET))
    assert told(made, PANIC)["responseStatus"]["message"] == "APIServer panic'd: KeyError"


def test_omitted_stages_are_not_given_to_the_sink() -> None:
    made = record(Level.METADATA, omit_stages=frozenset({REQUEST_RECEIVED}))
    assert made.process(REQUEST_RECEIVED)
    assert made.process(RESPONSE_COMPLETE)
    assert isinstance(made.sink, Kept)
    assert [each.fields["stage"] for each in made.sink.events] == [RESPONSE_COMPLETE]


def test_impersonation_tells_both_users_and_the_constraint() -> None:
    made = record(Level.METADATA)
    made.impersonated, made.constraint = UserInfo("bob", groups=("g",)), "impersonate:user-info"
    event = told(made)
    assert event["user"]["extra"] == {"scopes": ["a", "b"]}
    assert event["impersonatedUser"] == {"username": "bob", "groups": ["g"]}
    assert event["authenticationMetadata"] == {"impersonationConstraint": "impersonate:user-info"}


def test_fields_come_in_the_order_of_the_api() -> None:
    made = record(Level.REQUEST_RESPONSE)
    made.request_object({})
    made.response_body(b"{}")
    made.answered(200)
    assert list(told(made)) == [
        "kind", "apiVersion", "level", "auditID", "stage", "requestURI", "verb", "user", "sourceIPs", "userAgent", "objectRef",
        "responseStatus", "requestObject", "responseObject", "requestReceivedTimestamp", "stageTimestamp",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("forwarded", "real", "remote", "expected"),
    [
        ("", "", "1.2.3.4", ["1.2.3.4"]),
        ("", "", "", []),
        ("10.0.0.1", "", "1.2.3.4", ["10.0.0.1", "1.2.3.4"]),
        ("10.0.0.1, nonsense,::1", "10.0.0.1", "::1", ["10.0.0.1", "::1"]),
        ("", "10.9.9.9", "1.2.3.4", ["10.9.9.9", "1.2.3.4"]),
        ("", "1.2.3.4", "1.2.3.4", ["1.2.3.4"]),
        ("010.001.2.3", "", "1.2.3.4", ["10.1.2.3", "1.2.3.4"]),
        ("::ffff:10.0.0.1", "", "1.2.3.4", ["10.0.0.1", "1.2.3.4"]),
    ],
)
def test_source_addresses(forwarded: str, real: str, remote: str, expected: list[str]) -> None:
    assert source_ips(forwarded, real, remote) == expected


@pytest.mark.parametrize(("length", "shown"), [(1024, 1024), (1025, 1024 + len("...TRUNCATED"))])
def test_long_user_agents_are_cut(length: int, shown: int) -> None:
    made = record(Level.METADATA)
    made.user_agent = "x" * length
    assert len(told(made)["userAgent"]) == shown


def test_times_have_microseconds() -> None:
    assert micro_time(1_700_000_000_000_456_789) == "2023-11-14T22:13:20.000456Z"
    assert told(record(Level.METADATA), REQUEST_RECEIVED)["stageTimestamp"] == "2023-11-14T22:13:20.123456Z"
