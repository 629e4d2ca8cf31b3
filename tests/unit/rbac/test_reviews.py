"""The reviews and the token request, in upstream's words."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from collections.abc import Callable

import pytest

from cluster.api.authorization import Attributes, Decision, Verdict
from cluster.api.errors import BadRequest, Conflict, Invalid, NotFound, StatusError
from cluster.api.names import GroupResource, Object
from cluster.api.user import UserInfo
from rbac.authn.build import Settings, build_authentication
from rbac.authn.service_accounts import SERVICE_ACCOUNTS, TokenSigner
from rbac.authz.build import build_authorization
from rbac.reviews import (
    local_subject_access_review,
    self_subject_access_review,
    self_subject_review,
    self_subject_rules_review,
    subject_access_review,
    token_request,
    token_review,
)
from tests.unit.rbac.keys import Keys, ec_key
from tests.unit.rbac.world import NODE, World, binding, cluster_role, metadata, rule, url_rule, user

TINA = user("tina", "ops")
ISSUER = "https://kubernetes.default.svc.cluster.local"
GET_PODS = {"verb": "get", "resource": "pods", "namespace": "dev"}
INVALID = '.authorization.k8s.io "" is invalid: '


class Recorder:
    """An authorizer that remembers the question and gives the answer it is told to."""

    def __init__(self, verdict: Verdict) -> None:
        self.verdict = verdict
        self.asked: Attributes | None = None

    def authorize(self, attributes: Attributes) -> Verdict:
        self.asked = attributes
        return self.verdict


YES, NO, NEVER = Verdict(Decision.ALLOW, "why"), Verdict(Decision.NO_OPINION), Verdict(Decision.DENY, "no")


def review(**spec: object) -> Object:
    return {"kind": "SubjectAccessReview", "apiVersion": "authorization.k8s.io/v1", "metadata": {}, "spec": spec}


@pytest.mark.parametrize(
    ("verdict", "status"),
    [(YES, {"allowed": True, "reason": "why"}), (NO, {"allowed": False}), (NEVER, {"allowed": False, "denied": True, "reason": "no"})],
)
def test_a_review_shows_the_verdict(verdict: Verdict, status: Object) -> None:
    sent = review(user="tom", groups=["a"], uid="1", extra={"k": ["v"]}, resourceAttributes=GET_PODS)
    recorder = Recorder(verdict)
    assert subject_access_review(sent, recorder) == {**sent, "status": status}
    assert recorder.asked == Attributes(UserInfo("tom", "1", ("a",), {"k": ("v",)}), "get", "dev", "", "*", "pods")


@pytest.mark.parametrize(
    ("verdict", "status"),
    [
        (Verdict(Decision.ALLOW, "you're not dave"), {"allowed": True, "reason": "you're not dave"}),
        (
            Verdict(Decision.NO_OPINION, "no", "I'm sorry, Dave"),
            {"allowed": False, "reason": "no", "evaluationError": "I'm sorry, Dave"},
        ),
        (
            Verdict(Decision.DENY, "no", "I'm sorry, Dave"),
            {"allowed": False, "denied": True, "reason": "no", "evaluationError": "I'm sorry, Dave"},
        ),
    ],
)
@pytest.mark.parametrize(
    "answered",
    [
        lambda asked: subject_access_review(review(user="dave", resourceAttributes=GET_PODS), asked),
        lambda asked: self_subject_access_review(review(resourceAttributes=GET_PODS), TINA, asked),
        lambda asked: local_subject_access_review(local(resourceAttributes=GET_PODS), "dev", asked),
    ],
    ids=["subject", "self", "local"],
)
def test_every_review_shows_reason_and_error(answered: Callable[[Recorder], Object], verdict: Verdict, status: Object) -> None:
    assert answered(Recorder(verdict))["status"] == status


def test_a_review_asks_about_a_path() -> None:
    recorder = Recorder(YES)
    self_subject_access_review(review(nonResourceAttributes={"verb": "get", "path": "/x"}), TINA, recorder)
    assert recorder.asked == Attributes(TINA, "get", is_resource=False, path="/x")


@pytest.mark.parametrize(
    ("selectors", "requirements", "problem"),
    [
        ({"fieldSelector": {"rawSelector": "spec.nodeName=n1"}}, (("spec.nodeName", "=", "n1"),), None),
        (
            {"fieldSelector": {"requirements": [{"key": "a", "operator": "NotIn", "values": ["b"]}]}},
            (("a", "!=", "b"),),
            None,
        ),
        ({"fieldSelector": {"rawSelector": "a"}}, (), "spec.resourceAttributes.fieldSelector ignored due to parse error"),
        (
            {"fieldSelector": {"requirements": [{"key": "a", "operator": "In", "values": ["b"]}, {"key": "c", "operator": "Exists"}]}},
            (("a", "=", "b"),),
            "spec.resourceAttributes.fieldSelector partially ignored due to parse error",
        ),
        ({"labelSelector": {"rawSelector": "a in"}}, (), "spec.resourceAttributes.labelSelector ignored due to parse error"),
        ({"labelSelector": {"requirements": [{"key": "a", "operator": "Exists"}]}}, (), None),
    ],
)
def test_a_review_with_selectors(selectors: Object, requirements: tuple[object, ...], problem: str | None) -> None:
    recorder = Recorder(NO)
    answer = self_subject_access_review(review(resourceAttributes=GET_PODS | selectors), TINA, recorder)
    assert recorder.asked is not None
    assert (recorder.asked.field_selector, answer["status"].get("evaluationError")) == (requirements, problem)


NOTHING_ASKED = "spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified"


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (review(), f'[{NOTHING_ASKED}, spec.user: Invalid value: "": at least one of user or group must be specified]'),
        (review(user="a"), NOTHING_ASKED),
        (
            review(user="a", resourceAttributes=GET_PODS, nonResourceAttributes={"path": "/x", "verb": "get"}),
            'spec.nonResourceAttributes: Invalid value: {"Path":"/x","Verb":"get"}: '
            "cannot be specified in combination with resourceAttributes",
        ),
        (
            {**review(user="a", resourceAttributes=GET_PODS), "metadata": {"name": "x"}},
            'metadata: Invalid value: {"name":"x"}: must be empty',
        ),
        (
            review(user="a", resourceAttributes=GET_PODS | {"fieldSelector": {}}),
            "spec.resourceAttributes.fieldSelector.requirements: Required value: "
            "when spec.resourceAttributes.fieldSelector is specified, requirements or rawSelector is required",
        ),
        (
            review(user="a", resourceAttributes=GET_PODS | {"fieldSelector": {"requirements": [{"key": "", "operator": "In"}]}}),
            "[spec.resourceAttributes.fieldSelector.requirements[0].key: Required value: must be specified, "
            "spec.resourceAttributes.fieldSelector.requirements[0].values: Required value: "
            "must be specified when `operator` is 'In' or 'NotIn']",
        ),
    ],
)
def test_a_bad_review_is_invalid(sent: Object, message: str) -> None:
    with pytest.raises(Invalid) as refusal:
        subject_access_review(sent, Recorder(YES))
    assert refusal.value.message == INVALID + message


def local(namespace: str | None = "dev", **spec: object) -> Object:
    return {**review(user="a", **spec), "metadata": {"namespace": namespace} if namespace else {}}


def test_a_local_review_asks_within_its_namespace() -> None:
    assert local_subject_access_review(local(resourceAttributes=GET_PODS), "dev", Recorder(YES))["status"]["allowed"]


@pytest.mark.parametrize(
    ("sent", "code", "message"),
    [
        (
            local(resourceAttributes=GET_PODS | {"namespace": "x"}),
            422,
            INVALID + 'spec.resourceAttributes.namespace: Invalid value: "x": must match metadata.namespace',
        ),
        (
            local(nonResourceAttributes={"verb": "get", "path": "/a"}),
            422,
            INVALID + 'spec.nonResourceAttributes: Invalid value: {"Path":"/a","Verb":"get"}: disallowed on this kind of request',
        ),
        (
            local("x", resourceAttributes=GET_PODS | {"namespace": "x"}),
            400,
            "spec.resourceAttributes.namespace must match namespace: dev",
        ),
    ],
)
def test_a_local_review_beyond_its_namespace_is_refused(sent: Object, code: int, message: str) -> None:
    with pytest.raises(StatusError) as refusal:
        local_subject_access_review(sent, "dev", Recorder(YES))
    assert (refusal.value.code, refusal.value.message) == (code, message)


def test_a_rules_review_lists_both_sorts_of_rules() -> None:
    world = World()
    world.add(cluster_role("r", rule("get", "pods"), url_rule("get", "/x")), binding("", "b", "ClusterRole/r", "User:tina"))
    answer = self_subject_rules_review(review(namespace="dev"), TINA, build_authorization(world).authorizer.rules_for)
    assert answer["status"] == {
        "resourceRules": [{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}],
        "nonResourceRules": [{"verbs": ["get"], "nonResourceURLs": ["/x"]}],
        "incomplete": False,
    }


def test_a_nodes_rules_are_incomplete() -> None:
    status = self_subject_rules_review(review(namespace="dev"), NODE, build_authorization(World()).authorizer.rules_for)["status"]
    assert (status["incomplete"], status["evaluationError"]) == (True, "node authorizer does not support user rule resolution")


def test_a_rules_review_needs_a_namespace() -> None:
    with pytest.raises(BadRequest, match=r"^no namespace on request$"):
        self_subject_rules_review(review(), TINA, build_authorization(World()).authorizer.rules_for)


def test_the_callers_own_review() -> None:
    answer = self_subject_review({"apiVersion": "authentication.k8s.io/v1"}, UserInfo("tina", "7", ("ops",), {"k": ("v",)}))
    assert answer["status"] == {"userInfo": {"username": "tina", "uid": "7", "groups": ["ops"], "extra": {"k": ["v"]}}}


ACCOUNT = {"metadata": metadata("user", "dev", uid="uid-user")}
POD = {"metadata": metadata("web", "dev", uid="uid-web"), "spec": {"serviceAccountName": "user", "nodeName": "n1"}}


@pytest.fixture
def world() -> World:
    made = World()
    made.put(SERVICE_ACCOUNTS, ACCOUNT)
    made.put(GroupResource("", "pods"), POD)
    made.put(GroupResource("", "pods"), {"metadata": metadata("other", "dev", uid="o"), "spec": {"serviceAccountName": "x"}})
    made.put(GroupResource("", "secrets"), {"metadata": metadata("s", "dev", uid="uid-s")})
    made.put(GroupResource("", "nodes"), {"metadata": metadata("n1", uid="uid-n1")})
    return made


SIGNER = TokenSigner(Keys(ec_key()), ISSUER)


def request(world: World, spec: Object | None = None, **meta: object) -> Object:
    sent = {"kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1", "metadata": dict(meta), "spec": spec or {}}
    return token_request(sent, "dev", "user", SIGNER, world)


def bound_to(kind: str, name: str, uid: str = "", version: str = "v1") -> Object:
    return {"boundObjectRef": {"kind": kind, "apiVersion": version, "name": name, **({"uid": uid} if uid else {})}}


def claims_of(answer: Object) -> Object:
    found: Object = json.loads(urlsafe_b64decode(answer["status"]["token"].split(".")[1] + "=="))
    return found


def test_a_token_request_is_filled_in(world: World) -> None:
    answer = request(world)
    assert answer["spec"] == {"audiences": [ISSUER], "expirationSeconds": 3600, "boundObjectRef": None}
    assert (answer["metadata"]["name"], answer["metadata"]["namespace"], answer["metadata"]["uid"]) == ("user", "dev", "uid-user")
    claims = claims_of(answer)
    assert claims["exp"] - claims["iat"] == 3600


def test_its_token_is_good(world: World) -> None:
    tokens = build_authentication(Settings(issuers=(ISSUER,), keys=SIGNER.keys), world).tokens
    sent = {"kind": "TokenReview", "metadata": {}, "spec": {"token": request(world)["status"]["token"]}}
    status = token_review(sent, tokens.authenticate_token)["status"]
    groups = ["system:serviceaccounts", "system:serviceaccounts:dev", "system:authenticated"]
    assert (status["authenticated"], status["audiences"]) == (True, [ISSUER])
    assert (status["user"]["username"], status["user"]["groups"]) == ("system:serviceaccount:dev:user", groups)


@pytest.mark.parametrize(
    ("token", "audiences", "error"),
    [
        ("abc", [], "invalid bearer token"),
        (" abc", [], "invalid bearer token"),
        (None, ["vault"], f'[invalid bearer token, token audiences ["{ISSUER}"] is invalid for the target audiences ["vault"]]'),
    ],
)
def test_the_review_of_a_bad_token_says_why(world: World, token: str | None, audiences: list[str], error: str) -> None:
    tokens = build_authentication(Settings(issuers=(ISSUER,), keys=SIGNER.keys), world).tokens
    sent = {"metadata": {}, "spec": {"token": token or request(world)["status"]["token"], "audiences": audiences}}
    assert token_review(sent, tokens.authenticate_token)["status"] == {"user": {}, "error": error}


def test_a_token_review_needs_a_token(world: World) -> None:
    with pytest.raises(BadRequest, match=r"^token is required for TokenReview in authentication$"):
        token_review({"spec": {}}, build_authentication(Settings(issuers=(ISSUER,), keys=SIGNER.keys), world).tokens.authenticate_token)


def test_a_token_for_a_pod_says_its_node(world: World) -> None:
    private = claims_of(request(world, bound_to("Pod", "web", "uid-web")))["kubernetes.io"]
    assert (private["pod"], private["node"]) == ({"name": "web", "uid": "uid-web"}, {"name": "n1", "uid": "uid-n1"})


def test_a_pods_volume_token_lives_on_when_it_is_stale(world: World) -> None:
    answer = request(world, bound_to("Pod", "web") | {"expirationSeconds": 3607})
    claims = claims_of(answer)
    assert (claims["exp"] - claims["iat"], claims["kubernetes.io"]["warnafter"] - claims["iat"]) == (365 * 24 * 3600, 3607)
    assert answer["spec"]["expirationSeconds"] == 3607


@pytest.mark.parametrize(
    ("spec", "error", "message"),
    [
        (
            {"expirationSeconds": 599},
            Invalid,
            'TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: 599: '
            "may not specify a duration less than 10 minutes",
        ),
        (
            {"expirationSeconds": (1 << 32) + 1},
            Invalid,
            'TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: 4294967297: '
            "may not specify a duration larger than 2^32 seconds",
        ),
        (bound_to("Pod", "gone"), NotFound, 'pods "gone" not found'),
        (bound_to("Pod", ""), BadRequest, "Name parameter required."),
        ({"boundObjectRef": {}}, BadRequest, "cannot bind token to object of type /, Kind="),
        (bound_to("Secret", "gone"), NotFound, 'secrets "gone" not found'),
        (bound_to("Node", "gone"), NotFound, 'nodes "gone" not found'),
        (bound_to("ConfigMap", "x"), BadRequest, "cannot bind token to object of type /v1, Kind=ConfigMap"),
        (bound_to("Deployment", "x", version="apps/v1"), BadRequest, "cannot bind token to object of type apps/v1, Kind=Deployment"),
        (
            bound_to("Pod", "other"),
            BadRequest,
            'cannot bind token for serviceaccount "user" to pod running with different serviceaccount name.',
        ),
        (
            bound_to("Secret", "s", "old"),
            Conflict,
            'Operation cannot be fulfilled on Secret "s": the UID in the bound object reference (old) does not match the UID in record. '
            "The object might have been deleted and then recreated",
        ),
    ],
)
def test_a_token_that_cannot_be_granted(world: World, spec: Object, error: type[StatusError], message: str) -> None:
    with pytest.raises(error) as refusal:
        request(world, spec)
    assert refusal.value.message == message


@pytest.mark.parametrize(
    ("meta", "message"),
    [
        (
            {"name": "x"},
            'TokenRequest.authentication.k8s.io "user" is invalid: metadata.name: Invalid value: "x": '
            "must match the service account name if specified",
        ),
        ({"namespace": "x"}, "the namespace of the provided object does not match the namespace sent on the request"),
        (
            {"uid": "x"},
            'Operation cannot be fulfilled on TokenRequest.authentication.k8s.io "user": '
            "the UID in the token request (x) does not match the UID of the service account (uid-user)",
        ),
    ],
)
def test_a_token_request_for_another_account_is_refused(world: World, meta: dict[str, str], message: str) -> None:
    with pytest.raises(StatusError) as refusal:
        request(world, **meta)
    assert refusal.value.message == message


def test_no_token_for_no_account(world: World) -> None:
    with pytest.raises(NotFound, match=r'^serviceaccounts "gone" not found$'):
        token_request({"spec": {}}, "dev", "gone", SIGNER, world)


def test_a_lifetime_is_no_longer_than_the_longest_and_not_extended_where_that_is_off(world: World) -> None:
    strict = TokenSigner(Keys(ec_key()), ISSUER, longest=3600, extends=False)
    warnings: list[str] = []
    annotations: dict[str, str] = {}
    sent: Object = {"spec": bound_to("Pod", "web") | {"expirationSeconds": 3607}}
    answer = token_request(sent, "dev", "user", strict, world, warnings=warnings, annotations=annotations)
    claims = claims_of(answer)
    assert (answer["spec"]["expirationSeconds"], claims["exp"] - claims["iat"]) == (3600, 3600)
    assert "warnafter" not in claims["kubernetes.io"]
    assert warnings == ["requested expiration of 3607 seconds shortened to 3600 seconds"]
    assert annotations == {"authentication.kubernetes.io/issued-credential-id": f"JTI={claims['jti']}"}


def test_what_is_admitted_is_the_request_with_its_defaults(world: World) -> None:
    seen: list[Object] = []
    with pytest.raises(NotFound):
        token_request({"spec": bound_to("Pod", "gone")}, "dev", "user", SIGNER, world, admit=seen.append)
    assert (seen[0]["spec"]["audiences"], seen[0]["spec"]["expirationSeconds"], seen[0]["metadata"]["name"]) == ([ISSUER], 3600, "user")
