"""An authorizer that asks a remote service: what it sends, what it makes of the answer, what it remembers, how it fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
from msgspec.structs import replace

from cluster.api.authorization import Attributes, Decision, Verdict
from cluster.api.protocols import HttpAnswer, HttpFailure
from cluster.api.user import UserInfo
from rbac.authz.configuration import AuthorizerConfiguration, WebhookConfiguration
from rbac.authz.match_conditions import environment
from rbac.authz.webhook import CACHE_SIZE, MAX_KEPT_CHARACTERS, WebhookAuthorizer
from rbac.expressions import Compiler

JANE = UserInfo("jane", "7", ("dev", "ops"), {"scopes": ("a", "b")})
QUESTION = Attributes(JANE, "list", "kittens", "apps", "v1", "deployments", "scale", "tom")
JSON = {"content-type": "application/json"}
Reply = Callable[[dict[str, Any]], HttpAnswer]


def answering(**status: Any) -> Reply:
    """The review that was sent, with a status."""
    return lambda review: HttpAnswer(200, JSON, orjson.dumps(review | {"status": status}))


def saying(code: int, body: bytes = b"", **headers: str) -> Reply:
    given = {"content-type": "text/plain"} | {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _: HttpAnswer(code, given, body)


@dataclass
class Hook:
    """A service that answers with each of the replies in turn, and with the last one from then on."""

    replies: list[Reply | Exception]
    sent: list[dict[str, Any]] = field(default_factory=list)
    timeouts: list[float] = field(default_factory=list)

    def call(
        self, method: str, path: str = "", body: bytes | None = None, *, headers: Mapping[str, str] | None = None, timeout: float = 30.0
    ) -> HttpAnswer:
        assert (method, path) == ("POST", "")
        self.sent.append(orjson.loads(body or b""))
        self.timeouts.append(timeout)
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if isinstance(reply, Exception):
            raise reply
        return reply(self.sent[-1])


class Told:
    """What an observer is told of calls, of failures that are no opinion, and of match conditions."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.open: list[str] = []
        self.conditions: list[str] = []

    def decisions(self, kind: str, name: str) -> Callable[[Decision], None]:
        raise AssertionError(f"{kind} {name} does not count opinions itself")

    def called(self, name: str, result: str, seconds: float) -> None:
        assert (name, seconds > 0) == ("hook", True)
        self.calls.append(result)

    def failed_open(self, name: str, result: str) -> None:
        assert name == "hook"
        self.open.append(result)

    def conditions_judged(self, name: str, seconds: float, failed: bool) -> None:
        assert (name, seconds > 0) == ("hook", True)
        self.conditions.append("failed" if failed else "judged")

    def conditions_excluded(self, name: str) -> None:
        assert name == "hook"
        self.conditions.append("excluded")


@dataclass
class Asked:
    """An authorizer, its service, and the time that they live in."""

    hook: Hook
    authorizer: WebhookAuthorizer
    now: list[float]
    slept: list[float]
    told: Told

    def __call__(self, question: Attributes = QUESTION) -> Verdict:
        return self.authorizer.authorize(question)


def asking(*replies: Reply | Exception, conditions: Sequence[str] = (), **settings: Any) -> Asked:
    compiler = Compiler(environment)
    settings["match_conditions"] = tuple(compiler.compile(each, boolean=True) for each in conditions)
    hook, now = Hook(list(replies)), [0.0]
    slept: list[float] = []
    told = Told()
    configured = AuthorizerConfiguration("Webhook", "hook", replace(WebhookConfiguration("/k", timeout=3.0), **settings))
    authorizer = WebhookAuthorizer(configured, hook, clock=lambda: now[0], sleep=slept.append, observer=told)
    return Asked(hook, authorizer, now, slept, told)


def test_a_question_about_a_resource_is_sent_as_a_review() -> None:
    asked = asking(answering(allowed=True))
    asked()
    assert asked.hook.sent == [
        {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "metadata": {},
            "spec": {
                "user": "jane",
                "uid": "7",
                "groups": ["dev", "ops"],
                "extra": {"scopes": ["a", "b"]},
                "resourceAttributes": {
                    "verb": "list",
                    "namespace": "kittens",
                    "group": "apps",
                    "version": "v1",
                    "resource": "deployments",
                    "subresource": "scale",
                    "name": "tom",
                },
            },
        }
    ]


def test_v1beta1_calls_the_groups_group() -> None:
    asked = asking(answering(allowed=True), version="v1beta1")
    asked()
    (sent,) = asked.hook.sent
    assert (sent["apiVersion"], sent["spec"]["group"], "groups" in sent["spec"]) == ("authorization.k8s.io/v1beta1", ["dev", "ops"], False)


def test_a_question_about_a_path_is_sent_as_one() -> None:
    asked = asking(answering(allowed=True))
    asked(Attributes(UserInfo("jane"), "get", is_resource=False, path="/healthz"))
    assert asked.hook.sent[0]["spec"] == {"user": "jane", "nonResourceAttributes": {"path": "/healthz", "verb": "get"}}


def test_selectors_are_sent() -> None:
    asked = asking(answering(allowed=True))
    fields = (("spec.nodeName", "=", "n1"), ("metadata.name", "!=", "a"))
    labels = (("app", "In", ("a", "b")), ("old", "DoesNotExist", ()))
    asked(replace(QUESTION, field_selector=fields, label_selector=labels))
    sent = asked.hook.sent[0]["spec"]["resourceAttributes"]
    assert sent["fieldSelector"]["requirements"] == [
        {"key": "spec.nodeName", "operator": "In", "values": ["n1"]},
        {"key": "metadata.name", "operator": "NotIn", "values": ["a"]},
    ]
    assert sent["labelSelector"]["requirements"] == [
        {"key": "app", "operator": "In", "values": ["a", "b"]},
        {"key": "old", "operator": "DoesNotExist"},
    ]


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        ({"allowed": True, "reason": "ok"}, Verdict(Decision.ALLOW, "ok")),
        ({"allowed": False}, Verdict(Decision.NO_OPINION)),
        ({"allowed": False, "reason": "dunno"}, Verdict(Decision.NO_OPINION, "dunno")),
        ({"allowed": False, "denied": True, "reason": "no"}, Verdict(Decision.DENY, "no")),
        (
            {"allowed": True, "denied": True},
            Verdict(Decision.DENY, "", "webhook subject access review returned both allow and deny response"),
        ),
        ({}, Verdict(Decision.NO_OPINION)),
    ],
)
def test_the_answer_is_the_verdict(status: dict[str, Any], verdict: Verdict) -> None:
    assert asking(answering(**status))() == verdict


@pytest.mark.parametrize(("allowed", "kept"), [(True, 300.0), (False, 30.0)])
def test_an_answer_is_remembered_for_its_time(allowed: bool, kept: float) -> None:
    asked = asking(answering(allowed=allowed))
    first = asked()
    asked.now[0] = kept - 0.1
    assert asked() == first
    assert len(asked.hook.sent) == 1
    asked.now[0] = kept
    asked()
    assert len(asked.hook.sent) == 2


def test_answers_that_are_not_to_be_kept_are_asked_for_each_time() -> None:
    asked = asking(answering(allowed=True), authorized_ttl=0.0)
    asked()
    asked()
    assert len(asked.hook.sent) == 2


@pytest.mark.parametrize(
    "other",
    [
        {"name": "jerry"},
        {"user": replace(JANE, extra={"scopes": ("a",)})},
        {"user": replace(JANE, uid="8")},
        {"user": replace(JANE, groups=("dev",))},
        {"field_selector": (("spec.nodeName", "=", "n1"),)},
        {"label_selector": (("app", "Exists", ()),)},
    ],
)
def test_every_part_of_a_question_counts_for_what_is_remembered(other: dict[str, Any]) -> None:
    asked = asking(answering(allowed=True), answering(allowed=False))
    assert (asked().allowed, asked(replace(QUESTION, **other)).allowed) == (True, False)


def test_what_is_oversized_is_not_remembered() -> None:
    asked = asking(answering(allowed=True))
    for name in ("x" * MAX_KEPT_CHARACTERS, "x" * 100):
        asked(replace(QUESTION, name=name))
        asked(replace(QUESTION, name=name))
    assert len(asked.hook.sent) == 3


def test_the_memory_is_bounded() -> None:
    asked = asking(answering(allowed=True))
    for number in range(CACHE_SIZE + 1):
        asked(replace(QUESTION, name=str(number)))
    asked(replace(QUESTION, name=str(CACHE_SIZE)))
    assert len(asked.hook.sent) == CACHE_SIZE + 1
    asked(replace(QUESTION, name="0"))
    assert len(asked.hook.sent) == CACHE_SIZE + 2


RESET = HttpFailure("POST https://hook: connection reset")
RESET.__cause__ = ConnectionResetError()


@pytest.mark.parametrize("passing", [saying(500), saying(502), saying(504), saying(429), saying(503, retry_after="1"), RESET])
def test_a_failure_that_may_pass_is_tried_again_after_a_growing_wait(passing: Reply | Exception) -> None:
    asked = asking(passing, passing, answering(allowed=True))
    assert asked().allowed
    first, second = asked.slept
    assert 0.5 <= first <= 0.6 < 0.75 <= second <= 0.9


def test_it_is_not_tried_for_ever() -> None:
    asked = asking(saying(500, b"<oops>"))
    assert asked() == Verdict(Decision.NO_OPINION, "", 'an error on the server ("<oops>") has prevented the request from succeeding')
    assert (len(asked.hook.sent), len(asked.slept)) == (5, 4)


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (saying(401), "the server has asked for the client to provide credentials"),
        (saying(404), "the server could not find the requested resource"),
        (saying(403, b"go away"), "go away"),
        (saying(503), "the server is currently unable to handle the request"),
        (saying(302), "the server responded with the status code 302 but did not return more information"),
        (saying(400, b'{"kind":"Status","message":"bad spec"}'), "bad spec"),
        (saying(200, b"malformed response"), "couldn't get version/kind; json parse error: "),
        (saying(200), "0-length response with status code: 200 and content type: text/plain"),
        (saying(200, b"[]"), "expected authorization.k8s.io/v1 SubjectAccessReview, got list"),
        (saying(200, b'{"apiVersion":"v1","kind":"Pod"}'), "expected authorization.k8s.io/v1 SubjectAccessReview, got v1 Pod"),
        (answering(allowed="yes"), "status.allowed is no boolean"),
        (answering(reason=1), "status.reason is no string"),
        (HttpFailure("POST https://hook: timed out"), "POST https://hook: timed out"),
    ],
)
@pytest.mark.parametrize(("policy", "decision"), [("NoOpinion", Decision.NO_OPINION), ("Deny", Decision.DENY)])
def test_a_failure_is_no_opinion_or_a_denial_as_configured(reply: Reply | Exception, error: str, policy: str, decision: Decision) -> None:
    asked = asking(reply, failure_policy=policy)
    verdict = asked()
    assert (verdict.decision, verdict.reason, len(asked.hook.sent)) == (decision, "", 1)
    assert verdict.error.startswith(error)


def test_a_failure_is_not_remembered() -> None:
    asked = asking(saying(401), answering(allowed=True))
    assert (asked().allowed, asked().allowed) == (False, True)


def test_a_call_takes_as_long_as_configured() -> None:
    asked = asking(answering(allowed=True), timeout=1.5)
    asked()
    assert asked.hook.timeouts == [1.5]


LATE = HttpFailure("POST https://hook: context deadline exceeded")
LATE.__cause__ = TimeoutError()


@pytest.mark.parametrize(
    ("replies", "calls"),
    [
        ([answering(allowed=True)], ["success"]),
        ([answering(allowed=False, denied=True)], ["success"]),
        ([saying(500), RESET, saying(504), answering(allowed=False)], ["error", "error", "timeout", "success"]),
        ([saying(500)], ["error"] * 5),
        ([LATE], ["timeout"]),
        ([saying(403)], ["error"]),
        ([saying(200, b"malformed response")], ["error"]),
        ([answering(allowed="yes")], ["error"]),
    ],
)
@pytest.mark.parametrize("policy", ["NoOpinion", "Deny"])
def test_each_call_is_told_and_each_failure_that_is_no_opinion(replies: list[Reply | Exception], calls: list[str], policy: str) -> None:
    asked = asking(*replies, failure_policy=policy)
    asked()
    failed = calls[-1] != "success"
    assert (asked.told.calls, asked.told.open) == (calls, calls[-1:] if failed and policy == "NoOpinion" else [])


def test_what_is_remembered_is_no_call() -> None:
    asked = asking(answering(allowed=True))
    assert [asked(), asked()] == [Verdict(Decision.ALLOW)] * 2
    assert asked.told.calls == ["success"]


IS_JANE, NO_PATH, IS_LIST = (
    "request.user == 'jane'",
    "request.nonResourceAttributes.path == '/'",
    "request.resourceAttributes.verb == 'list'",
)
UNKNOWN = f"cel evaluation error: expression '{NO_PATH}' resulted in error: no such key: nonResourceAttributes"
OTHER = "request.nonResourceAttributes.verb == 'get'"


@pytest.mark.parametrize(
    ("conditions", "told", "asked", "error"),
    [
        ([], [], True, ""),
        ([IS_JANE], ["judged"], True, ""),
        ([IS_JANE, IS_LIST], ["judged"], True, ""),
        (["request.user == 'bob'"], ["judged", "excluded"], False, ""),
        ([IS_JANE, "request.uid == ''", IS_LIST], ["judged", "excluded"], False, ""),
        ([NO_PATH], ["failed"], False, UNKNOWN),
        ([IS_JANE, NO_PATH, IS_LIST], ["failed"], False, UNKNOWN),
        ([NO_PATH, OTHER], ["failed"], False, f"[{UNKNOWN}, {UNKNOWN.replace(NO_PATH, OTHER)}]"),
        ([NO_PATH, "request.user == 'bob'"], ["failed", "excluded"], False, ""),
        (["request.user == 'bob'", NO_PATH], ["judged", "excluded"], False, ""),
    ],
)
@pytest.mark.parametrize(("policy", "decision"), [("NoOpinion", Decision.NO_OPINION), ("Deny", Decision.DENY)])
def test_the_service_is_asked_where_all_conditions_hold(
    conditions: list[str], told: list[str], asked: bool, error: str, policy: str, decision: Decision
) -> None:
    made = asking(answering(allowed=True), conditions=conditions, failure_policy=policy)
    expected = Verdict(Decision.ALLOW) if asked else Verdict(decision, "", error) if error else Verdict(Decision.NO_OPINION)
    assert made() == expected
    assert (made.told.conditions, len(made.hook.sent), made.told.open) == (told, int(asked), [])


def test_conditions_are_asked_of_every_question_and_the_service_of_new_ones() -> None:
    asked = asking(answering(allowed=True), conditions=[IS_JANE])
    assert [asked(), asked()] == [Verdict(Decision.ALLOW)] * 2
    assert (asked.told.conditions, len(asked.hook.sent)) == (["judged"] * 2, 1)


def test_a_condition_that_costs_too_much_fails() -> None:
    looped = "request.groups.all(a, " * 6 + "a != ''" + ")" * 6
    asked = asking(answering(allowed=True), conditions=[looped], failure_policy="Deny")
    verdict = asked(replace(QUESTION, user=replace(JANE, groups=tuple(map(str, range(30))))))
    assert (verdict.decision, len(asked.hook.sent)) == (Decision.DENY, 0)
    assert verdict.error.endswith("resulted in error: operation cancelled: actual cost limit exceeded")


NARROWED = replace(
    QUESTION,
    field_selector=(("spec.nodeName", "=", "n1"), ("metadata.name", "!=", "x")),
    label_selector=(("app", "In", ("a", "b")), ("old", "Exists", ())),
)
PATH = Attributes(UserInfo(""), "get", is_resource=False, path="/healthz")
SELECTORS = "request.resourceAttributes.{}Selector.requirements"


@pytest.mark.parametrize(
    ("condition", "question", "holds"),
    [
        ("request.uid == '7' && request.groups == ['dev', 'ops']", QUESTION, True),
        ("request.extra['scopes'] == ['a', 'b'] && request.extra.size() == 1", QUESTION, True),
        ("has(request.extra.scopes) && !has(request.extra.other)", QUESTION, True),
        ("request.user == '' && request.uid == '' && request.groups == [] && request.extra == {}", PATH, True),
        ("has(request.resourceAttributes)", QUESTION, True),
        ("has(request.nonResourceAttributes)", QUESTION, False),
        ("has(request.resourceAttributes)", PATH, False),
        ("request.nonResourceAttributes.path == '/healthz' && request.nonResourceAttributes.verb == 'get'", PATH, True),
        ("request.?resourceAttributes.verb.orValue('none') == 'none'", PATH, True),
        ("request.resourceAttributes.namespace == 'kittens' && request.resourceAttributes.group == 'apps'", QUESTION, True),
        ("request.resourceAttributes.version == 'v1' && request.resourceAttributes.resource == 'deployments'", QUESTION, True),
        ("request.resourceAttributes.subresource == 'scale' && request.resourceAttributes.name == 'tom'", QUESTION, True),
        ("request.resourceAttributes.subresource == ''", replace(QUESTION, subresource=""), True),
        ("has(request.resourceAttributes.fieldSelector) || has(request.resourceAttributes.labelSelector)", QUESTION, False),
        (f"{SELECTORS.format('field')}.exists(r, r.key == 'spec.nodeName' && r.operator == 'In' && r.values == ['n1'])", NARROWED, True),
        (f"{SELECTORS.format('field')}.exists_one(r, r.operator == 'NotIn' && r.values == ['x'])", NARROWED, True),
        (f"{SELECTORS.format('label')}.map(r, r.key) == ['app', 'old'] && {SELECTORS.format('label')}[1].values == []", NARROWED, True),
        ("has(request.resourceAttributes.labelSelector.rawSelector)", NARROWED, False),
    ],
)
def test_what_conditions_see_of_a_question(condition: str, question: Attributes, holds: bool) -> None:
    asked = asking(answering(allowed=True), conditions=[condition])
    assert asked(question).allowed is holds
    assert asked.told.conditions == (["judged"] if holds else ["judged", "excluded"])
