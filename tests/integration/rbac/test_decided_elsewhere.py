"""Who is asking and may they, both decided by webhooks, over real connections: requests of every shape, and what the webhook is asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from cluster.assembly.options import AuthenticationOptions, AuthorizationOptions
from tests.integration.rbac.urls import POD, SERVICE, Shape, requests
from tests.support import Answer, ApiServer, start_api_server
from tests.support_https import Reply, Request, Service, http_service

PEOPLE = {
    "alice-token": "alice",
    "bob-token": "bob",
    "dave-token": "dave",
    "here-token": "here",
    "kind-token": "kind",
    "reader-token": "reader",
}
READS = ("get", "list", "watch")


def answer(request: Request) -> Reply:
    sent = json.loads(request.body)
    status = reviewed_token(sent["spec"]["token"]) if sent["kind"] == "TokenReview" else reviewed_access(sent["spec"])
    return Reply(json.dumps({"apiVersion": sent["apiVersion"], "status": status}).encode())


def reviewed_token(token: str) -> dict[str, Any]:
    """Some are known; the answer says nothing of groups and audiences."""
    name = PEOPLE.get(token)
    return {"authenticated": True, "user": {"username": name, "uid": name}} if name else {"authenticated": False}


def reviewed_access(spec: dict[str, Any]) -> dict[str, Any]:
    """alice may do everything, and be a service account; bob may be anyone, and nothing else; others may do a part."""
    asked, user = spec.get("resourceAttributes") or {}, spec.get("user", "")
    impersonates = "impersonate" in asked.get("verb", "")
    if user == "dave":
        return {"allowed": False, "denied": True, "reason": "no", "evaluationError": "I'm sorry, Dave"}
    allowed = {
        "alice": not impersonates or (asked["verb"], asked["resource"]) == ("impersonate", "serviceaccounts"),
        "bob": asked.get("verb") == "impersonate",
        "here": asked.get("namespace", "").startswith("here-"),
        "kind": asked.get("resource") == "services",
        "reader": asked.get("verb") in READS,
    }
    return {"allowed": allowed.get(user, user.startswith("system:serviceaccount:")), "reason": f"{user} is {user}"}


@dataclass
class Asked:
    """The server, and the service behind both webhooks."""

    server: ApiServer
    service: Service

    def send(self, shape: Shape, token: str, **headers: str) -> Answer:
        sent = {"Authorization": f"Bearer {token}"} | {name.replace("_", "-"): value for name, value in headers.items()}
        return self.server.request(*shape[:3], identity="", headers=sent, content_type=shape.content_type)

    def code(self, method: str, path: str, who: str, body: Any = None) -> int:
        return self.send(Shape(method, path, body, 0), f"{who}-token").code

    def reviewed(self) -> list[dict[str, Any]]:
        """What was asked about access since the last time."""
        reviews = [json.loads(each.body) for each in self.service.seen]
        self.service.seen.clear()
        return [each["spec"] for each in reviews if each["kind"] == "SubjectAccessReview"]


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    folder = tmp_path_factory.mktemp("asked")
    with http_service(answer) as service:
        kubeconfig = folder / "webhook.kubeconfig"
        context = {"name": "c", "context": {"cluster": "c", "user": "u"}}
        clusters, users = [{"name": "c", "cluster": {"server": service.url}}], [{"name": "u", "user": {}}]
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": clusters,
            "users": users,
            "contexts": [context],
            "current-context": "c",
        }
        kubeconfig.write_text(json.dumps(document))
        server = start_api_server(
            folder / "home",
            authentication=AuthenticationOptions(
                authentication_token_webhook_config_file=str(kubeconfig), authentication_token_webhook_version="v1beta1"
            ),
            authorization=AuthorizationOptions(
                authorization_mode=("Webhook",),
                authorization_webhook_config_file=str(kubeconfig),
                authorization_webhook_cache_authorized_ttl=0,
                authorization_webhook_cache_unauthorized_ttl=0,
            ),
        )
        try:
            yield Asked(server, service)
        finally:
            server.stop()


@pytest.fixture
def namespace(asked: Asked) -> str:
    return asked.server.namespace()


def test_who_may_do_everything_is_answered_as_it_is(asked: Asked, namespace: str) -> None:
    shapes = requests(namespace)
    answers = [asked.send(each, "alice-token") for each in shapes]
    wrong = [(each.method, each.path, got.code, got.body) for each, got in zip(shapes, answers, strict=True) if got.code != each.code]
    assert not wrong


@pytest.mark.parametrize(("token", "code"), [("bob-token", 403), ("nobody", 401)])
def test_who_may_do_nothing_and_who_is_nobody_learn_nothing(asked: Asked, namespace: str, token: str, code: int) -> None:
    shapes = requests(namespace)
    answers = [(each.method, each.path, asked.send(each, token).code) for each in shapes]
    assert answers == [(each.method, each.path, code) for each in shapes]


@pytest.mark.parametrize(
    ("token", "becomes", "forbidden"),
    [
        ("bob-token", "alice", False),
        ("bob-token", "system:serviceaccount:default:default", False),
        ("alice-token", "system:serviceaccount:default:default", False),
        ("alice-token", "bob", True),
    ],
)
def test_who_acts_as_another_may_do_what_the_other_may(asked: Asked, namespace: str, token: str, becomes: str, forbidden: bool) -> None:
    answers = {asked.send(each, token, Impersonate_User=becomes).code for each in requests(namespace)}
    assert (answers == {403}) if forbidden else (403 not in answers)


def resource(**attributes: str) -> dict[str, Any]:
    return {"resourceAttributes": attributes}


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/api/v1/pods", resource(verb="list", version="v1", resource="pods")),
        ("GET", "/apis/extensions/v1/pods", resource(verb="list", group="extensions", version="v1", resource="pods")),
        (
            "GET",
            "/apis/autoscaling/v1/horizontalpodautoscalers",
            resource(verb="list", group="autoscaling", version="v1", resource="horizontalpodautoscalers"),
        ),
        ("GET", "/api/v1/namespaces/n/pods/p", resource(namespace="n", verb="get", version="v1", resource="pods", name="p")),
        (
            "GET",
            "/api/v1/namespaces/n/pods/p/log",
            resource(namespace="n", verb="get", version="v1", resource="pods", subresource="log", name="p"),
        ),
        ("POST", "/api/v1/namespaces/n/pods", resource(namespace="n", verb="create", version="v1", resource="pods")),
        ("PUT", "/api/v1/nodes/x/status", resource(verb="update", version="v1", resource="nodes", subresource="status", name="x")),
        ("PATCH", "/api/v1/nodes/x", resource(verb="patch", version="v1", resource="nodes", name="x")),
        ("DELETE", "/api/v1/namespaces/n/pods", resource(namespace="n", verb="deletecollection", version="v1", resource="pods")),
        ("GET", "/api/v1/namespaces/n", resource(namespace="n", verb="get", version="v1", resource="namespaces", name="n")),
        ("GET", "/api/v1/pods?watch=1&timeoutSeconds=1", resource(verb="watch", version="v1", resource="pods")),
        ("GET", "/healthz/ping", {"nonResourceAttributes": {"path": "/healthz/ping", "verb": "get"}}),
        ("POST", "/apis", {"nonResourceAttributes": {"path": "/apis", "verb": "post"}}),
    ],
)
def test_what_is_asked_of_a_request(asked: Asked, method: str, path: str, expected: dict[str, Any]) -> None:
    asked.reviewed()
    assert asked.code(method, path, "bob") == 403
    assert asked.reviewed() == [{"user": "bob", "uid": "bob", "groups": ["system:authenticated"]} | expected]


def test_a_part_may_be_what_is_in_one_namespace(asked: Asked) -> None:
    here, there = asked.server.namespace("here"), asked.server.namespace("there")
    steps = (("POST", "", POD), ("GET", "", None), ("GET", "/a", None), ("DELETE", "/a", {"gracePeriodSeconds": 0}))

    def codes(namespace: str) -> list[int]:
        return [asked.code(method, f"/api/v1/namespaces/{namespace}/pods{name}", "here", body) for method, name, body in steps]

    assert {namespace[:4]: codes(namespace) for namespace in (here, there, "default")} == {
        "here": [201, 200, 200, 200],
        "ther": [403] * 4,
        "defa": [403] * 4,
    }
    assert asked.code("GET", "/api/v1/pods", "here") == 403


def test_a_part_may_be_one_resource(asked: Asked, namespace: str) -> None:
    def codes(resource: str, body: Any) -> list[int]:
        path = f"/api/v1/namespaces/{namespace}/{resource}"
        steps = (("POST", path, body), ("GET", path, None), ("GET", f"{path}/a", None), ("DELETE", f"{path}/a", None))
        return [asked.code(method, where, "kind", sent) for method, where, sent in steps]

    assert (codes("services", SERVICE), codes("pods", POD)) == ([201, 200, 200, 200], [403] * 4)


def test_a_part_may_be_reading(asked: Asked, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/pods"
    asks = (("POST", path, POD), ("GET", path, None), ("GET", "/api/v1/namespaces/default/pods/a", None))
    assert [asked.code(method, where, "reader", body) for method, where, body in asks] == [403, 200, 404]


REVIEWS = "/apis/authorization.k8s.io/v1"
QUESTION = {"verb": "list", "version": "v1", "resource": "pods"}
NO = {"allowed": False, "denied": True, "reason": "no"}


@pytest.mark.parametrize(
    ("who", "path", "spec", "code", "expected"),
    [
        ("alice", "subjectaccessreviews", {"user": "alice"}, 201, {"allowed": True, "reason": "alice is alice"}),
        ("alice", "subjectaccessreviews", {"user": "dave"}, 201, NO),
        ("alice", "subjectaccessreviews", {}, 422, "at least one of user or group must be specified"),
        ("alice", "selfsubjectaccessreviews", {}, 201, {"allowed": True, "reason": "alice is alice"}),
        (
            "alice",
            "namespaces/foo/localsubjectaccessreviews",
            {"user": "alice", "namespace": "foo"},
            201,
            {"allowed": True, "reason": "alice is alice"},
        ),
        ("alice", "namespaces/foo/localsubjectaccessreviews", {"user": "dave", "namespace": "foo"}, 201, NO),
        ("alice", "namespaces/foo/localsubjectaccessreviews", {"user": "dave", "namespace": "bar"}, 422, "must match metadata.namespace"),
        ("alice", "namespaces/foo/localsubjectaccessreviews", {"user": "dave"}, 422, "must match metadata.namespace"),
        ("dave", "selfsubjectaccessreviews", {}, 403, 'is forbidden: User "dave" cannot create'),
    ],
)
def test_a_review_tells_what_the_webhook_says(
    asked: Asked, who: str, path: str, spec: dict[str, str], code: int, expected: dict[str, Any] | str
) -> None:
    namespace = {"namespace": spec["namespace"]} if "namespace" in spec else {}
    subject = {key: value for key, value in spec.items() if key == "user"}
    body = {"spec": {"resourceAttributes": QUESTION | namespace} | subject}
    made = asked.send(Shape("POST", f"{REVIEWS}/{path}", body, code), f"{who}-token")
    assert made.code == code, made.body
    if isinstance(expected, str):
        assert expected in made.body["message"]
    else:
        assert made.body["status"] == expected
