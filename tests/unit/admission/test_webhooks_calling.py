"""What webhooks are asked, and what is made of their answers, good and bad."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from admission.attributes import Attributes
from cluster.api.errors import BadRequest, InternalError, StatusError, Timeout
from cluster.api.names import Object
from cluster.api.protocols import HttpAnswer, HttpFailure
from cluster.api.user import UserInfo
from tests.unit.admission.hooks import HookWorld, allow, configuration, deny, hook, patch
from tests.unit.admission.writes import write

NAME = "hook.example.com"
KEY = NAME.replace(".", "_")
POD: Object = {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "web", "namespace": "dev"}, "spec": {}}
FAILED = f'Internal error occurred: failed calling webhook "{NAME}": '


def pod(**more: Any) -> Attributes:
    attributes = write("CREATE", "pods", json.loads(json.dumps(POD)), namespace="dev")
    attributes.options = {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"}
    for name, value in more.items():
        setattr(attributes, name, value)
    return attributes


def ask(answer: Any, *, mutating: bool = False, attributes: Attributes | None = None, **settings: Any) -> HookWorld:
    """Asks one webhook, which answers so; what the plugin raises is raised."""
    world = HookWorld(**{KEY: lambda request: answer})
    return asked_in(world, mutating=mutating, attributes=attributes, **settings)


def asked_in(world: HookWorld, *, mutating: bool = False, attributes: Attributes | None = None, **settings: Any) -> HookWorld:
    given = configuration("c", hook(NAME, **settings))
    if mutating:
        world.mutating(given).admit(attributes or pod())
    else:
        world.validating(given).validate(attributes or pod())
    return world


def test_a_review_says_all_of_the_write() -> None:
    user = UserInfo("tina", "u1", ("ops", "dev"), {"scopes": ("a", "b")})
    attributes = pod(user=user)
    world = ask(allow(), attributes=attributes)
    ((_, review),) = world.asked
    request = review["request"]
    assert list(review) == ["kind", "apiVersion", "request"]
    assert (review["kind"], review["apiVersion"]) == ("AdmissionReview", "admission.k8s.io/v1")
    assert len(request.pop("uid")) == 36
    kind, resource = {"group": "", "version": "v1", "kind": "Pod"}, {"group": "", "version": "v1", "resource": "pods"}
    assert request == {
        "kind": kind,
        "resource": resource,
        "requestKind": kind,
        "requestResource": resource,
        "name": "web",
        "namespace": "dev",
        "operation": "CREATE",
        "userInfo": {"username": "tina", "uid": "u1", "groups": ["ops", "dev"], "extra": {"scopes": ["a", "b"]}},
        "object": POD,
        "oldObject": None,
        "dryRun": False,
        "options": {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"},
    }
    assert world.calls[0][0] == "/?timeout=10s"
    assert world.calls[0][1]["User-Agent"] == "kube-apiserver-admission"


def test_a_review_says_of_a_connection_what_it_is_made_with() -> None:
    options = {"kind": "PodExecOptions", "apiVersion": "v1", "command": ["sh"]}
    attributes = write("CONNECT", "pods/exec", options, namespace="dev", name="web")
    world = ask(allow(), attributes=attributes, rules=[{**hook(NAME)["rules"][0], "resources": ["*/*"]}])
    request = world.asked[0][1]["request"]
    assert (request["object"], request["oldObject"], request["options"]) == (options, None, None)
    assert (request["subResource"], request["requestSubResource"]) == ("exec", "exec")


@pytest.mark.parametrize(
    ("versions", "sent"),
    [(["v1"], "v1"), (["v1beta1"], "v1beta1"), (["v1beta1", "v1"], "v1beta1"), (["v2", "v1", "v1beta1"], "v1")],
)
def test_a_webhook_is_asked_in_the_version_that_it_likes_best(versions: list[str], sent: str) -> None:
    world = ask(allow(), admissionReviewVersions=versions)
    assert world.asked[0][1]["apiVersion"] == f"admission.k8s.io/{sent}"


def test_a_webhook_that_understands_no_version_can_not_be_called() -> None:
    why = "could not create admission objects: webhook does not accept known AdmissionReview versions (v1, v1beta1)"
    with pytest.raises(InternalError) as raised:
        ask(allow(), admissionReviewVersions=["v2"])
    assert raised.value.message == FAILED + why


@pytest.mark.parametrize(
    ("client", "url", "path"),
    [
        ({"url": "https://hook.example.com/a/b"}, "https://hook.example.com", "/a/b?timeout=10s"),
        ({"url": "https://hook.example.com:8443/a//b/"}, "https://hook.example.com:8443", "/a/b?timeout=10s"),
        ({"url": "https://hook.example.com"}, "https://hook.example.com", "/?timeout=10s"),
        ({"service": {"namespace": "n", "name": "s", "port": 8443, "path": "/p"}}, "https://s.n.svc:8443", "/p?timeout=10s"),
        ({"service": {"namespace": "n", "name": "s"}}, "https://s.n.svc:443", "/?timeout=10s"),
    ],
)
def test_a_webhook_is_a_url_or_a_service(client: Object, url: str, path: str) -> None:
    world = HookWorld(hook_example_com=lambda request: allow(), s_n_svc=lambda request: allow())
    asked_in(world, clientConfig={**client, "caBundle": base64.b64encode(b"the CA").decode()})
    assert (world.made, world.calls[0][0]) == ([(url, b"the CA")], path)


@pytest.mark.parametrize(
    ("seconds", "deadline", "shown", "limit"),
    [(10, 1000.0, "10s", 10.0), (30, 1000.0, "30s", 30.0), (1, 1000.0, "1s", 1.0), (10, 102.5, "3s", 2.5), (None, 1000.0, "30s", 30.0)],
)
def test_a_webhook_has_as_long_as_it_says_and_no_longer_than_the_request(
    seconds: int | None, deadline: float, shown: str, limit: float
) -> None:
    world = HookWorld(**{KEY: lambda request: allow()})
    world.now = 100.0
    asked_in(world, attributes=pod(deadline=deadline), timeoutSeconds=seconds)
    assert (world.calls[0][0], world.calls[0][2]) == (f"/?timeout={shown}", limit)


def test_nobody_is_asked_of_what_nobody_waits_for() -> None:
    world = HookWorld(**{KEY: lambda request: allow()})
    world.now = 100.0
    with pytest.raises(Timeout) as raised:
        asked_in(world, attributes=pod(deadline=99.0))
    assert (raised.value.code, raised.value.message) == (504, "Timeout: request did not complete within requested timeout")
    assert world.asked == []


@pytest.mark.parametrize(("policy", "goes_on"), [("Fail", False), ("Ignore", False)])
def test_a_mutating_webhook_may_not_outlast_its_request(policy: str, goes_on: bool) -> None:
    world = HookWorld(**{KEY: lambda request: HttpFailure("timed out", "context deadline exceeded")})
    world.now = 100.0
    with pytest.raises(StatusError) as raised:
        asked_in(world, mutating=True, attributes=pod(deadline=99.0), failurePolicy=policy)
    assert isinstance(raised.value, InternalError if policy == "Fail" else Timeout)


@pytest.mark.parametrize(
    ("status", "code", "reason", "message"),
    [
        (None, 400, "", "without explanation"),
        ({}, 400, "", "without explanation"),
        ({"message": "no"}, 400, "", ": no"),
        ({"reason": "Forbidden"}, 400, "Forbidden", ": Forbidden"),
        ({"message": "no", "reason": "Forbidden", "code": 403}, 403, "Forbidden", ": no"),
        ({"message": "no", "code": 200, "status": "Success"}, 400, "", ": no"),
        ({"code": 399}, 400, "", "without explanation"),
        ({"code": 599}, 599, "", "without explanation"),
        ({"code": 100000}, 500, "", "without explanation"),
    ],
)
def test_a_denial_is_told_with_the_webhooks_status(status: Object | None, code: int, reason: str, message: str) -> None:
    with pytest.raises(StatusError) as raised:
        ask({"allowed": False, "status": status} if status is not None else {"allowed": False})
    error = raised.value
    told = f'admission webhook "{NAME}" denied the request'
    assert (error.code, error.reason, error.message) == (code, reason, told + (message if message[0] == ":" else f" {message}"))


def test_a_denial_keeps_the_details() -> None:
    details = {"name": "web", "kind": "pods", "causes": [{"reason": "R", "message": "m", "field": "f"}], "retryAfterSeconds": 7}
    with pytest.raises(StatusError) as raised:
        ask(deny(message="no", details=details, code=429))
    assert raised.value.status()["details"] == details


def answered(review: Any, code: int = 200, kind: str = "application/json") -> HttpAnswer:
    body = review if isinstance(review, bytes) else json.dumps(review).encode()
    return HttpAnswer(code, {"content-type": kind}, body)


def whole(**response: Any) -> Object:
    return {"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "response": response}


POST = f'Post "https://{NAME}/?timeout=10s": '
CONFUSED = (
    r"couldn't get version/kind; json parse error: json: cannot unmarshal string into Go value of type "
    r'struct { APIVersion string "json:\"apiVersion,omitempty\""; Kind string "json:\"kind,omitempty\"" }'
)
BAD = [
    (HttpFailure("x", "context deadline exceeded"), f"failed to call webhook: {POST}context deadline exceeded", 503),
    (HttpFailure('service "s" not found'), f'failed to call webhook: {POST}service "s" not found', 503),
    (answered(b"", 200), "failed to call webhook: 0-length response with status code: 200 and content type: application/json", 503),
    (
        answered(b"oops", 500, "text/plain"),
        'failed to call webhook: an error on the server ("oops") has prevented the request from succeeding',
        500,
    ),
    (answered(b"oops", 500), 'failed to call webhook: an error on the server ("unknown") has prevented the request from succeeding', 500),
    (answered(b"", 404), "failed to call webhook: the server could not find the requested resource", 404),
    (answered(b"no", 403, "text/plain"), "failed to call webhook: no", 403),
    (answered(b"", 302), "failed to call webhook: the server responded with the status code 302 but did not return more information", 302),
    (
        answered({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "mine", "code": 418}, 418),
        "failed to call webhook: mine",
        418,
    ),
    (answered(b"garbage"), f"failed to call webhook: {CONFUSED}", 503),
    (answered(b"[]"), f"failed to call webhook: {CONFUSED.replace('string into', 'array into')}", 503),
    (answered(b"{"), "failed to call webhook: couldn't get version/kind; json parse error: unexpected end of JSON input", 503),
    (
        answered({"kind": "Pod", "apiVersion": "v1"}),
        'failed to call webhook: no kind "Pod" is registered for version "v1" in scheme "pkg/util/webhook/client.go:71"',
        503,
    ),
    (
        answered({"kind": "Status", "apiVersion": "v1"}),
        "failed to call webhook: converting (v1.Status) to (v1.AdmissionReview): unknown conversion",
        503,
    ),
    (
        answered({"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1beta1", "response": {"allowed": True}}),
        "failed to call webhook: converting (v1beta1.AdmissionReview) to (v1.AdmissionReview): unknown conversion",
        503,
    ),
    (
        answered(whole(allowed="yes")),
        "failed to call webhook: json: cannot unmarshal string into Go struct field AdmissionResponse.response.allowed of type bool",
        503,
    ),
    (answered({**whole(), "response": None}), "received invalid webhook response: webhook response was absent", 503),
    (
        answered({"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1"}),
        "received invalid webhook response: webhook response was absent",
        503,
    ),
]


@pytest.mark.parametrize("mutating", [False, True])
@pytest.mark.parametrize(("answer", "why", "code"), BAD)
def test_a_bad_answer_stops_the_write_or_is_ignored(answer: Any, why: str, code: int, mutating: bool) -> None:
    with pytest.raises(InternalError) as raised:
        ask(answer, mutating=mutating)
    assert (raised.value.code, raised.value.reason, raised.value.message) == (500, "InternalError", FAILED + why)
    attributes = pod()
    world = ask(answer, mutating=mutating, attributes=attributes, failurePolicy="Ignore")
    kind, prefix = ("admit", "failed-open.mutation") if mutating else ("validating", "failed-open.validating")
    assert attributes.annotations[f"{prefix}.webhook.admission.k8s.io/round_0_index_0"] == NAME
    assert world.counted.lines == [("called", NAME, kind, "CREATE", False, code), ("open", NAME, kind)]
    assert attributes.object == POD


def echoed(request: Object, version: str = "v1", **response: Any) -> HttpAnswer:
    review = {"kind": "AdmissionReview", "apiVersion": f"admission.k8s.io/{version}", "response": {"uid": request["uid"], **response}}
    return answered({key: value for key, value in review.items() if value is not None})


PATCH = base64.b64encode(b"[]").decode()


@pytest.mark.parametrize(
    ("mutating", "response", "why"),
    [
        (False, {"uid": "other"}, 'expected response.uid="<uid>", got "other"'),
        (False, {"uid": None}, 'expected response.uid="<uid>", got ""'),
        (False, {"patch": PATCH}, "validating webhook may not return response.patch"),
        (False, {"patchType": "JSONPatch"}, "validating webhook may not return response.patchType"),
        (True, {"patch": PATCH}, "webhook returned response.patch but not response.patchType"),
        (True, {"patchType": "JSONPatch"}, "webhook returned response.patchType but not response.patch"),
        (True, {"patch": PATCH, "patchType": ""}, 'webhook returned invalid response.patchType of ""'),
    ],
)
def test_an_answer_that_is_none_to_what_was_asked(mutating: bool, response: Object, why: str) -> None:
    world = HookWorld(
        **{KEY: lambda request: echoed(request, allowed=True) if not response else echoed(request, **{"allowed": True, **response})}
    )
    with pytest.raises(InternalError) as raised:
        asked_in(world, mutating=mutating)
    uid = world.asked[0][1]["request"]["uid"]
    assert raised.value.message == f"{FAILED}received invalid webhook response: {why.replace('<uid>', uid)}"


@pytest.mark.parametrize(
    ("fields", "got"),
    [(("kind",), "admission.k8s.io/v1, Kind="), (("apiVersion",), "/, Kind=AdmissionReview"), (("kind", "apiVersion"), "/, Kind=")],
)
def test_an_answer_must_say_that_it_is_a_review(fields: tuple[str, ...], got: str) -> None:
    def serve(request: Object) -> HttpAnswer:
        review = json.loads(echoed(request, allowed=True).body)
        return answered({key: value for key, value in review.items() if key not in fields})

    with pytest.raises(InternalError) as raised:
        asked_in(HookWorld(**{KEY: serve}))
    assert raised.value.message.endswith(f"expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got {got}")


@pytest.mark.parametrize(
    "response",
    [{"uid": "other"}, {"patch": base64.b64encode(b"[]").decode()}, {"patchType": "None"}, {}],
)
def test_an_answer_in_the_old_version_is_taken_as_it_is(response: Object) -> None:
    world = HookWorld(**{KEY: lambda request: answered({"response": {"allowed": True, **response}})})
    for mutating in (False, True):
        asked_in(world, mutating=mutating, admissionReviewVersions=["v1beta1"])
    assert len(world.asked) == 2


def test_an_answer_may_be_yaml() -> None:
    def serve(request: Object) -> HttpAnswer:
        text = f"kind: AdmissionReview\napiVersion: admission.k8s.io/v1\nresponse:\n  uid: {request['uid']}\n  allowed: false\n"
        return answered(text.encode(), kind="application/yaml")

    with pytest.raises(StatusError, match="denied the request without explanation"):
        asked_in(HookWorld(**{KEY: serve}))


def test_an_answer_that_says_nothing_denies() -> None:
    with pytest.raises(StatusError, match="denied the request without explanation"):
        asked_in(HookWorld(**{KEY: lambda request: echoed(request)}))


def test_an_answer_that_nests_too_deeply_is_none() -> None:
    with pytest.raises(InternalError, match="exceeded max depth"):
        ask(answered(b'{"response":' + b"[" * 10000 + b"]" * 10000 + b"}"))


def test_who_asks_to_be_called_later_is_called_later() -> None:
    world = HookWorld()
    busy = HttpAnswer(429, {"retry-after": "2", "content-type": "text/plain"}, b"busy")
    answers = [busy, HttpAnswer(503, {"retry-after": "3"}, b""), None]
    world.serve[NAME] = lambda request: answers.pop(0) or allow()
    asked_in(world)
    assert (world.slept, [path for path, _, _ in world.calls]) == ([2, 3], ["/?timeout=10s", "/?timeout=8s", "/?timeout=5s"])


def test_who_asks_to_be_called_too_late_is_not_waited_for() -> None:
    world = HookWorld(**{KEY: lambda request: HttpAnswer(503, {"retry-after": "60"}, b"")})
    with pytest.raises(InternalError) as raised:
        asked_in(world)
    assert world.slept == [10]
    assert raised.value.message == f'{FAILED}failed to call webhook: Post "https://{NAME}/": context deadline exceeded'


@pytest.mark.parametrize("retry_after", ["", "soon", "-1", "1.5", "99999999999"])
def test_a_webhook_that_does_not_say_when_is_not_called_again(retry_after: str) -> None:
    world = HookWorld(**{KEY: lambda request: HttpAnswer(503, {"retry-after": retry_after}, b"")})
    with pytest.raises(InternalError, match="the server is currently unable to handle the request"):
        asked_in(world)
    assert len(world.calls) == 1


def test_a_service_that_can_not_be_called_is_told_of() -> None:
    world = HookWorld(**{KEY: lambda request: allow()})
    world.bad_target = ValueError("unable to load root certificates: unable to parse bytes as PEM block")
    with pytest.raises(InternalError) as raised:
        asked_in(world)
    assert raised.value.message == f"{FAILED}could not get REST client: {world.bad_target}"


@pytest.mark.parametrize("mutating", [False, True])
@pytest.mark.parametrize(
    ("side_effects", "refusal"),
    [
        ("None", None),
        ("NoneOnDryRun", None),
        ("Some", f'admission webhook "{NAME}" does not support dry run'),
        ("Unknown", f'admission webhook "{NAME}" does not support dry run'),
    ],
)
def test_what_is_not_going_to_happen_may_have_no_effect(side_effects: str, refusal: str | None, mutating: bool) -> None:
    for policy in ("Fail", "Ignore"):
        settings: Any = {"sideEffects": side_effects, "failurePolicy": policy, "mutating": mutating}
        ask(allow(), **settings)
        if refusal is None:
            assert ask(allow(), attributes=pod(dry_run=True), **settings).asked[0][1]["request"]["dryRun"] is True
            continue
        with pytest.raises(BadRequest) as raised:
            ask(allow(), attributes=pod(dry_run=True), **settings)
        assert raised.value.message == refusal


def test_side_effects_that_are_not_known_are_a_failure_of_the_webhook() -> None:
    with pytest.raises(InternalError) as raised:
        ask(allow(), attributes=pod(dry_run=True), sideEffects=None)
    assert raised.value.message == FAILED + "Webhook SideEffects is nil"
    assert ask(allow(), attributes=pod(dry_run=True), sideEffects=None, failurePolicy="Ignore").asked == []


@pytest.mark.parametrize("mutating", [False, True])
def test_warnings_and_annotations_are_taken_over_whatever_the_answer(mutating: bool) -> None:
    told = {"warnings": ["w1", "w2"], "auditAnnotations": {"key": "value", "a/b": "dropped", "": "dropped", "-x": "dropped", "k2": "v2"}}
    for answer in (allow(**told), {**deny(), **told}):
        attributes = pod()
        try:
            ask(answer, mutating=mutating, attributes=attributes)
        except StatusError:
            assert not answer["allowed"]
        assert attributes.warnings == ["w1", "w2"]
        own = {key: value for key, value in attributes.annotations.items() if not key.startswith("mutation.")}
        assert own == {f"{NAME}/key": "value", f"{NAME}/k2": "v2"}


def test_an_annotation_is_never_overwritten() -> None:
    attributes = pod()
    attributes.annotations[f"{NAME}/key"] = "before"
    ask(allow(auditAnnotations={"key": "after"}), attributes=attributes)
    assert attributes.annotations[f"{NAME}/key"] == "before"


@pytest.mark.parametrize(
    ("answer", "lines"),
    [
        (allow(), [("called", NAME, "validating", "CREATE", False, 200)]),
        (
            deny(code=418),
            [("rejected", NAME, "validating", "CREATE", "no_error", 418), ("called", NAME, "validating", "CREATE", True, 418)],
        ),
        (
            HttpFailure("x"),
            [("rejected", NAME, "validating", "CREATE", "calling_webhook_error", 503), ("called", NAME, "validating", "CREATE", True, 503)],
        ),
    ],
)
def test_what_comes_of_a_call_is_counted(answer: Any, lines: list[Any]) -> None:
    world = HookWorld(**{KEY: lambda request: answer})
    try:
        asked_in(world)
    except StatusError:
        assert answer != allow()
    assert world.counted.lines == lines


def test_a_dry_run_that_is_refused_counts_as_the_servers_own_failure() -> None:
    world = HookWorld()
    with pytest.raises(BadRequest):
        asked_in(world, attributes=pod(dry_run=True), sideEffects="Some")
    assert world.counted.lines == [
        ("rejected", NAME, "validating", "CREATE", "apiserver_internal_error", 0),
        ("called", NAME, "validating", "CREATE", True, 0),
    ]


def test_what_fails_here_is_no_hole() -> None:
    def broken(request: Object) -> Any:
        raise RuntimeError("a fault of this server")

    world = HookWorld(**{KEY: broken})
    with pytest.raises(InternalError, match=r"ValidatingAdmissionWebhook/hook.example.com has panicked: a fault of this server"):
        asked_in(world)
    asked_in(world, failurePolicy="Ignore")
    with pytest.raises(RuntimeError):
        asked_in(HookWorld(**{KEY: broken}), mutating=True)


def test_a_patch_of_no_operations_changes_nothing() -> None:
    world = ask(patch(), mutating=True)
    assert world.counted.lines == [("called", NAME, "admit", "CREATE", False, 200)]
