"""Tokens that a webhook reviews: what it is asked, what is made of its answers, and what is remembered."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from typing import Any

import pytest

from cluster.api.errors import Unauthorized
from cluster.api.protocols import HttpAnswer, HttpFailure
from cluster.api.user import UserInfo
from rbac.authn.webhook import WebhookTokenAuthenticator
from rbac.webhook import HEADERS

YES = {"authenticated": True, "user": {"username": "alice", "uid": "1", "groups": ["ops"], "extra": {"k": ["v", "w"]}}}
ALICE = UserInfo("alice", "1", ("ops",), {"k": ("v", "w")})
RESET = HttpFailure("reset")
NO_USER = "the webhook's answer is no TokenReview: it names no user, or not as it must"
RESET.__cause__ = ConnectionResetError()


class Service:
    """A webhook that answers as it is told, the last answer for ever; it remembers what it was asked."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[Any] = []
        self.timeouts: list[float] = []

    def call(
        self, method: str, path: str = "", body: bytes | None = None, *, headers: Mapping[str, str] | None = None, timeout: float = 30.0
    ) -> HttpAnswer:
        assert (method, path, headers) == ("POST", "", HEADERS)
        asked = json.loads(body or b"")
        self.asked.append(asked)
        self.timeouts.append(timeout)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, HttpAnswer):
            return answer
        return HttpAnswer(
            201,
            {},
            answer
            if isinstance(answer, bytes)
            else json.dumps({name: asked[name] for name in ("apiVersion", "kind")} | {"status": answer}).encode(),
        )


class Reviewed:
    """An authenticator whose clock and sleep are ours."""

    def __init__(self, *answers: Any, version: str = "v1", ttl: float = 120.0) -> None:
        self.now = 0.0
        self.slept: list[float] = []
        self.service = Service(*answers)
        self.authenticator = WebhookTokenAuthenticator(
            self.service, ("api",), version=version, ttl=ttl, clock=lambda: self.now, sleep=self._sleep
        )

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def find(self, *audiences: str, token: str = "t") -> tuple[UserInfo, tuple[str, ...]] | None:
        return self.authenticator.authenticate_token(token, audiences)

    def why_not(self) -> str:
        with pytest.raises(Unauthorized) as refusal:
            self.find()
        return str(refusal.value)


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_what_the_webhook_is_asked(version: str) -> None:
    reviewed = Reviewed(YES, version=version)
    assert reviewed.find("api", "vault") == (ALICE, ("api",))
    assert reviewed.service.asked == [
        {
            "kind": "TokenReview",
            "apiVersion": f"authentication.k8s.io/{version}",
            "metadata": {},
            "spec": {"token": "t", "audiences": ["api", "vault"]},
            "status": {"user": {}},
        }
    ]


def test_other_versions_are_unknown() -> None:
    with pytest.raises(ValueError, match=r'^unsupported authentication webhook version "v2", supported versions are "v1", "v1beta1"$'):
        Reviewed(YES, version="v2")


@pytest.mark.parametrize(
    ("told", "asked", "good_for"),
    [
        ([], (), ("api",)),
        (["api"], (), ("api",)),
        (["vault", "api"], ("api", "vault", "x"), ("api", "vault")),
        (["vault"], (), None),
        ([], ("vault",), None),
    ],
)
def test_audiences_are_those_that_were_asked_for_and_told(
    told: list[str], asked: tuple[str, ...], good_for: tuple[str, ...] | None
) -> None:
    found = Reviewed(YES | {"audiences": told}).find(*asked)
    assert found == ((ALICE, good_for) if good_for else None)


@pytest.mark.parametrize(
    "status", [{}, {"authenticated": False}, {"authenticated": "true"}, {"authenticated": 1, "user": {"username": "x"}}]
)
def test_a_token_that_the_webhook_does_not_know(status: Any) -> None:
    assert Reviewed(status).find() is None


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ({"authenticated": False, "error": "no such token"}, "no such token"),
        (b'{"kind":"TokenReview"}', "the webhook's answer is no TokenReview"),
        (b'{"apiVersion":"v1"}', "expected authentication.k8s.io/v1 TokenReview, got v1 None"),
        (b'{"kind":"Pod"}', "expected authentication.k8s.io/v1 TokenReview, got None Pod"),
        ([], "the webhook's answer is no TokenReview"),
        (YES | {"user": {"username": 5}}, NO_USER),
        (YES | {"user": {"username": "x", "groups": "ops"}}, NO_USER),
        (YES | {"audiences": "api"}, NO_USER),
        (YES | {"user": {"username": "x", "extra": {"k": 5}}}, NO_USER),
        (YES | {"user": "x"}, NO_USER),
        (HttpAnswer(403, {"content-type": "text/plain"}, b"not you"), "not you"),
        (HttpFailure("no route"), "no route"),
    ],
)
def test_an_answer_that_says_why_or_is_none_is_refused_and_not_kept(answer: Any, why: str) -> None:
    reviewed = Reviewed(answer)
    assert [reviewed.why_not(), reviewed.why_not()] == [why, why]
    assert len(reviewed.service.asked) >= 2
    assert reviewed.slept == []


@pytest.mark.parametrize(("answer", "found"), [(YES, (ALICE, ("api",))), ({"authenticated": False}, None)], ids=["yes", "no"])
def test_answers_are_kept_for_their_time(answer: Any, found: Any) -> None:
    reviewed = Reviewed(answer)
    for now, asked in ((0, 1), (119.9, 1), (120, 2), (121, 2)):
        reviewed.now = now
        assert reviewed.find() == found
        assert len(reviewed.service.asked) == asked
    assert reviewed.find(token="u") == found
    assert reviewed.find("other", "api") == found
    assert len(reviewed.service.asked) == 4, "another token and other audiences are other questions"


def test_nothing_is_kept_where_it_is_not_to_be() -> None:
    reviewed = Reviewed(YES, ttl=0)
    assert [reviewed.find(), reviewed.find()] == [(ALICE, ("api",))] * 2
    assert len(reviewed.service.asked) == 2


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rbac.authn.webhook._CACHE_SIZE", 3)
    reviewed = Reviewed(YES)
    for number in range(10):
        assert reviewed.find(token=str(number)) is not None
    assert len(reviewed.authenticator._known) == 3


@pytest.mark.parametrize(
    "failure", [HttpAnswer(code, {}, b"") for code in (429, 500, 504)] + [HttpAnswer(503, {"retry-after": "1"}, b""), RESET]
)
def test_what_may_pass_is_tried_again(failure: Any) -> None:
    reviewed = Reviewed(failure, failure, YES)
    assert reviewed.find() == (ALICE, ("api",))
    assert len(reviewed.service.asked) == 3
    for pause, base in zip(reviewed.slept, (0.5, 0.75), strict=True):
        assert base <= pause <= base * 1.2


def test_it_is_tried_five_times_and_within_bounds() -> None:
    reviewed = Reviewed(HttpAnswer(500, {}, b""))
    assert reviewed.why_not() == 'an error on the server ("unknown") has prevented the request from succeeding'
    assert len(reviewed.service.asked) == 5
    assert reviewed.service.timeouts == sorted(reviewed.service.timeouts, reverse=True)
    assert max(reviewed.service.timeouts) == 30


def test_many_who_come_with_one_token_ask_once() -> None:
    class Slow(Service):
        def call(self, *arguments: Any, **more: Any) -> HttpAnswer:
            entered.set()
            assert go.wait(5)
            return super().call(*arguments, **more)

    entered, go = threading.Event(), threading.Event()
    service = Slow(YES)
    authenticator = WebhookTokenAuthenticator(service, ("api",))
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(authenticator.authenticate_token("t", ()))) for _ in range(5)]
    for thread in threads:
        thread.start()
    assert entered.wait(5)
    go.set()
    for thread in threads:
        thread.join(5)
    assert found == [(ALICE, ("api",))] * 5
    assert len(service.asked) == 1
