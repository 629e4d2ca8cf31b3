"""How the audit filters tell of requests that end in ways of their own."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, cast

import pytest

from cluster.api.errors import BadRequest, NotAcceptable, NotFound, Unauthorized
from cluster.api.requestinfo import parse
from cluster.api.user import UserInfo
from cluster.server.audit import Auditor, request_uri, with_audit, with_failure_audit
from cluster.server.context import Context, Query
from cluster.server.greenlet_timer import GreenletTimer
from cluster.server.response import Response
from cluster.storage.contract import StoreUnavailable
from rbac.audit.model import AuditConfig, AuditEvent, Level
from rbac.audit.policy import Policy, Rule

POLICY = Policy([Rule(AuditConfig(Level.METADATA))])


class Kept:
    """A sink that keeps, and says of the first event what it is told to."""

    def __init__(self, takes: bool = True) -> None:
        self.takes = takes
        self.events: list[AuditEvent] = []

    def process(self, events: Sequence[AuditEvent]) -> bool:
        self.events += events
        return self.takes

    def close(self) -> None:
        """Nothing waits."""

    @property
    def told(self) -> list[tuple[str, int | None]]:
        return [(each.fields["stage"], (each.fields.get("responseStatus") or {}).get("code")) for each in self.events]


def context(path: str = "/api/v1/namespaces/a/pods/x", user: str = "alice", **environ: Any) -> Context:
    made = Context(environ, "GET", path, Query())
    made.info = parse("GET", path, {"watch": "1"}.get if path.endswith("watched") else {}.get)
    if user:
        made.requester = made.user = UserInfo(user)
    return made


def failing(error: BaseException) -> Callable[[Context], Response]:
    def handle(_: Context) -> Response:
        raise error

    return handle


ENDS = [
    (KeyError("x"), [("RequestReceived", None), ("Panic", 500)]),
    (GreenletTimer(1), [("RequestReceived", None), ("ResponseComplete", 504)]),
    (StoreUnavailable("gone"), [("RequestReceived", None), ("ResponseComplete", 503)]),
    (BadRequest("no"), [("RequestReceived", None), ("ResponseComplete", 400)]),
    (SystemExit(), [("RequestReceived", None), ("Panic", 500)]),
]


@pytest.mark.parametrize(("error", "expected"), ENDS, ids=[type(error).__name__ for error, _ in ENDS])
def test_request_that_raises_is_told_and_raises_on(error: BaseException, expected: list[tuple[str, int | None]]) -> None:
    sink = Kept()
    with pytest.raises(type(error)):
        with_audit(Auditor(POLICY, sink))(context(), failing(error))
    assert sink.told == expected


@pytest.mark.parametrize(("error", "path"), [(NotAcceptable.of(["x"]), "/api/v1/pods"), (NotFound.path(), "/nothing")])
def test_answers_that_upstream_gives_without_a_status_are_told_by_their_code(error: Any, path: str) -> None:
    sink = Kept()
    with pytest.raises(type(error)):
        with_audit(Auditor(POLICY, sink))(context(path), failing(error))
    assert sink.events[-1].fields["responseStatus"] == {"metadata": {}, "code": error.code}


def test_stream_ends_once_its_body_is_closed() -> None:
    sink = Kept()
    closed: list[str] = []

    class Body:
        def __iter__(self) -> Any:
            return iter([b"a"])

        def close(self) -> None:
            closed.append("body")

    answer = with_audit(Auditor(POLICY, sink))(context("/api/v1/pods/x/log"), lambda _: Response(cast(Any, Body())))
    assert [stage for stage, _ in sink.told] == ["RequestReceived", "ResponseStarted"]
    answer.response.close()  # type: ignore[union-attr]
    answer.response.close()  # type: ignore[union-attr]
    assert closed == ["body", "body"]
    assert [stage for stage, _ in sink.told].count("ResponseComplete") == 1


@pytest.mark.parametrize(
    ("age", "impersonates", "told"),
    [(600_000_000, True, ["impersonation", "total"]), (600_000_000, False, ["total"]), (0, True, [])],
)
def test_a_slow_request_is_told_where_its_time_went(age: int, impersonates: bool, told: list[str]) -> None:
    sink, asked = Kept(), context()
    asked.received, asked.impersonates, asked.impersonation_time = time.time_ns() - age, impersonates, 1_500_000
    with_audit(Auditor(POLICY, sink))(asked, lambda _: Response())
    annotations = sink.events[-1].fields.get("annotations", {})
    assert sorted(key.removeprefix("apiserver.latency.k8s.io/") for key in annotations) == told
    assert annotations.get("apiserver.latency.k8s.io/impersonation") == ("1.5ms" if "impersonation" in told else None)


def test_request_whose_beginning_cannot_be_stored_is_refused() -> None:
    answer = with_audit(Auditor(POLICY, Kept(takes=False)))(context(RAW_URI="/api/v1/x"), failing(AssertionError("not reached")))
    assert answer.status_code == 500
    assert answer.get_data(as_text=True) == 'Internal Server Error: "/api/v1/x": failed to store audit event\n'


def test_failed_authentication_is_told_once_without_a_user() -> None:
    sink = Kept()
    with pytest.raises(Unauthorized):
        with_failure_audit(Auditor(POLICY, sink))(context(user=""), failing(Unauthorized()))
    assert sink.told == [("ResponseStarted", 401)]
    assert sink.events[0].fields["user"] == {}


def test_failures_after_authentication_are_left_to_the_other_filter() -> None:
    sink = Kept()
    with pytest.raises(BadRequest):
        with_failure_audit(Auditor(POLICY, sink))(context(), failing(BadRequest("x")))
    assert not sink.events


def test_policy_that_leaves_a_request_out_leaves_no_record() -> None:
    sink, asked = Kept(), context()
    answer = with_audit(Auditor(Policy([]), sink))(asked, lambda _: Response("x"))
    assert (answer.status_code, asked.audit, sink.events) == (200, None, [])


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("/api/v1/pods?limit=1", "/api/v1/pods?limit=1"),
        ("http://host:1/api?x=/", "/api?x=/"),
        ("/a?access_token=secret&b=1", "/a?access_token=REDACTED&b=1"),
    ],
)
def test_request_uri_is_as_it_was_sent_without_tokens(raw: str, shown: str) -> None:
    assert request_uri(context(RAW_URI=raw)) == shown
