"""Tokens of service accounts through the whole pipeline: whom nodes get them for, what they say, and with what they end."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest

from tests.integration.rbac.test_pipeline import RBAC, People

ACCOUNTS, PODS, SECRETS = (f"/api/v1/namespaces/dev/{each}" for each in ("serviceaccounts", "pods", "secrets"))
NODE = {"Impersonate_User": "system:node:node1", "Impersonate_Group": "system:nodes"}
NOW = {"gracePeriodSeconds": 0}
API = "https://kubernetes.default.svc.cluster.local"
YEAR = 365 * 24 * 3600


def pod(name: str = "web", account: str = "user", node: str = "node1", **spec: Any) -> dict[str, Any]:
    containers = [{"name": "c", "image": "busybox"}]
    placed = {"nodeName": node} if node else {}
    return {"metadata": {"name": name}, "spec": {"serviceAccountName": account, "containers": containers} | placed | spec}


class Tokens:
    """Asks for tokens of the service accounts of `dev`, and has them reviewed."""

    def __init__(self, people: People) -> None:
        self.must = people.admin.must
        self._admin = people.admin

    def ask(self, account: str = "user", *, metadata: Any = None, headers: dict[str, str] | None = None, **spec: Any) -> tuple[int, Any]:
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "metadata": metadata or {}, "spec": spec}
        return self._admin("POST", f"{ACCOUNTS}/{account}/token", body, **(headers or {}))

    def of_node(self, uid: str, audience: str, account: str = "user") -> str:
        """What a node is told that asks for a token for its pod; empty where it gets it."""
        bound = {"kind": "Pod", "apiVersion": "v1", "name": "web", "uid": uid}
        code, answer = self.ask(account, headers=NODE, audiences=[audience], boundObjectRef=bound)
        assert code in (201, 403), answer
        return "" if code == 201 else str(answer["message"])

    def get(self, account: str = "user", **spec: Any) -> dict[str, Any]:
        code, answer = self.ask(account, **spec)
        assert code == 201, answer
        found: dict[str, Any] = answer
        return found

    def review(self, token: str) -> dict[str, Any]:
        found: dict[str, Any] = self.must("POST", "/apis/authentication.k8s.io/v1/tokenreviews", {"spec": {"token": token}})["status"]
        return found

    def good(self, answer: dict[str, Any]) -> bool:
        return "authenticated" in self.review(answer["status"]["token"])

    def bound(self, kind: str, name: str, uid: str = "") -> dict[str, Any]:
        return {"boundObjectRef": {"kind": kind, "apiVersion": "v1", "name": name} | ({"uid": uid} if uid else {})}


def claims(answer: dict[str, Any]) -> dict[str, Any]:
    payload = answer["status"]["token"].split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=="))
    return found


@pytest.fixture
def tokens(people: People) -> Tokens:
    return Tokens(people)


def made(tokens: Tokens, path: str, body: dict[str, Any]) -> str:
    """The uid of a new object."""
    uid: str = tokens.must("POST", path, body)["metadata"]["uid"]
    return uid


# what tokens are bound to

OBJECTS: list[tuple[str, str, dict[str, Any]]] = [
    ("Pod", PODS, pod(node="")),
    ("Secret", SECRETS, {"metadata": {"name": "web"}}),
    ("Node", "/api/v1/nodes", {"metadata": {"name": "web"}}),
]


@pytest.mark.parametrize(("kind", "path", "body"), OBJECTS, ids=[each[0] for each in OBJECTS])
def test_a_token_lives_with_what_it_is_bound_to(tokens: Tokens, kind: str, path: str, body: dict[str, Any]) -> None:
    assert tokens.ask("gone", **tokens.bound(kind, "web"))[0] == 404
    assert tokens.ask(**tokens.bound(kind, "web"))[0] == 404
    uid = made(tokens, path, body)
    assert tokens.ask(**tokens.bound(kind, "web", "wrong"))[0] == 409
    answers = [tokens.get(**tokens.bound(kind, "web", each)) for each in (uid, "")]
    for answer in answers:
        said = claims(answer)
        assert (said["sub"], said["aud"]) == ("system:serviceaccount:dev:user", [API])
        private = said["kubernetes.io"]
        assert private.keys() == {"namespace", "serviceaccount", kind.lower()}
        assert (private["namespace"], private["serviceaccount"]["name"], private[kind.lower()]) == (
            "dev",
            "user",
            {"name": "web", "uid": uid},
        )
        assert tokens.good(answer)
    extra = tokens.review(answers[0]["status"]["token"])["user"]["extra"]
    del extra["authentication.kubernetes.io/credential-id"]
    part = f"authentication.kubernetes.io/{kind.lower()}"
    assert extra == ({} if kind == "Secret" else {f"{part}-name": ["web"], f"{part}-uid": [uid]})
    for _ in range(2):  # one of the same name is another
        tokens.must("DELETE", f"{path}/web", NOW)
        assert not any(map(tokens.good, answers))
        made(tokens, path, body)
    assert not any(map(tokens.good, answers))


@pytest.mark.parametrize("there", [True, False])
def test_a_token_for_a_pod_names_the_pods_node(tokens: Tokens, there: bool) -> None:
    node = made(tokens, "/api/v1/nodes", {"metadata": {"name": "node1"}}) if there else ""
    uid = made(tokens, PODS, pod())
    answer = tokens.get(**tokens.bound("Pod", "web", uid))
    assert claims(answer)["kubernetes.io"]["node"] == {"name": "node1"} | ({"uid": node} if there else {})
    extra = tokens.review(answer["status"]["token"])["user"]["extra"]
    assert extra["authentication.kubernetes.io/node-name"] == ["node1"]
    assert extra.get("authentication.kubernetes.io/node-uid") == ([node] if there else None)


def test_a_token_lives_with_its_account(tokens: Tokens) -> None:
    """An account of the same name is another, and gets tokens of its own."""
    answer = tokens.get()
    assert claims(answer)["kubernetes.io"].keys() == {"namespace", "serviceaccount"}
    tokens.must("DELETE", f"{ACCOUNTS}/user")
    assert not tokens.good(answer)
    made(tokens, ACCOUNTS, {"metadata": {"name": "user"}})
    assert not tokens.good(answer)
    assert tokens.good(tokens.get())


@pytest.mark.parametrize(
    ("metadata", "code", "message"),
    [
        ({"name": "another"}, 422, "must match the service account name if specified"),
        ({"namespace": "another"}, 400, "does not match the namespace sent on the request"),
        ({"uid": "wrong"}, 409, "the UID in the token request (wrong) does not match the UID of the service account"),
    ],
)
def test_a_request_is_for_the_account_in_its_path(tokens: Tokens, metadata: dict[str, str], code: int, message: str) -> None:
    answered, status = tokens.ask(metadata=metadata)
    assert (answered, message in status["message"]) == (code, True)


def test_a_request_may_say_the_accounts_uid_and_is_told_it(tokens: Tokens) -> None:
    uid = tokens.must("GET", f"{ACCOUNTS}/user")["metadata"]["uid"]
    found = [tokens.ask(metadata=metadata)[1]["metadata"] for metadata in ({"uid": uid}, {})]
    assert [(each["uid"], each["name"], each["namespace"], "creationTimestamp" in each) for each in found] == [
        (uid, "user", "dev", True)
    ] * 2


def test_no_token_for_a_pod_of_another_account(tokens: Tokens) -> None:
    made(tokens, ACCOUNTS, {"metadata": {"name": "other"}})
    made(tokens, PODS, pod(account="other"))
    assert tokens.ask(**tokens.bound("Pod", "web"))[0] == 400


# for whom and how long


@pytest.mark.parametrize(("audiences", "good"), [([], True), ([API], True), (["not-the-api"], False), (["not-the-api", API], True)])
def test_a_token_is_good_for_its_audiences(tokens: Tokens, audiences: list[str], good: bool) -> None:
    answer = tokens.get(audiences=audiences)
    assert (claims(answer)["aud"], tokens.good(answer)) == (audiences or [API], good)


@pytest.mark.parametrize(
    ("audiences", "lifetime", "warns"), [([API], YEAR, 3607), (["not-the-api", API], 3607, None), (["not-the-api"], 3607, None)]
)
def test_the_token_of_a_pods_volume_lives_longer_where_it_is_for_the_api_alone(
    tokens: Tokens, audiences: list[str], lifetime: int, warns: int | None
) -> None:
    uid, asked = made(tokens, PODS, pod(node="")), time.time()
    answer = tokens.get(audiences=audiences, expirationSeconds=3607, **tokens.bound("Pod", "web", uid))
    said = claims(answer)
    assert said["exp"] - said["iat"] == lifetime
    late = said["kubernetes.io"].get("warnafter")
    assert (late and late - said["iat"], answer["spec"]["expirationSeconds"]) == (warns, 3607)
    told = time.mktime(time.strptime(answer["status"]["expirationTimestamp"], "%Y-%m-%dT%H:%M:%SZ")) - time.timezone
    assert told == pytest.approx(asked + 3607, abs=10)


# what nodes get


@pytest.fixture
def nodes(tokens: Tokens) -> Tokens:
    """With two nodes there, who may ask for any token as far as authorizers go: what is left is admission."""
    for name in ("node1", "node2"):
        made(tokens, "/api/v1/nodes", {"metadata": {"name": name}})
    rule = {"verbs": ["create"], "apiGroups": [""], "resources": ["serviceaccounts/token"]}
    made(tokens, f"{RBAC}/clusterroles", {"metadata": {"name": "asks"}, "rules": [rule]})
    made(tokens, f"{RBAC}/clusterrolebindings", bound("ClusterRole", "asks", {"kind": "Group", "name": "system:nodes"}))
    return tokens


def bound(kind: str, role: str, subject: dict[str, str]) -> dict[str, Any]:
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role}
    return {"metadata": {"name": role}, "roleRef": reference, "subjects": [subject | {"apiGroup": "rbac.authorization.k8s.io"}]}


@pytest.mark.parametrize(
    ("node", "reference", "code", "message"),
    [
        ("node1", {}, 403, "node requested token not bound to a pod"),
        ("node1", {"name": "gone", "uid": "x"}, 404, 'pod "gone" not found'),
        (
            "node1",
            {"name": "web", "uid": "random"},
            403,
            "the UID in the bound object reference (random) does not match the UID in record.",
        ),
        ("node2", {"name": "web"}, 403, "node requested token bound to a pod scheduled on a different node"),
        ("node1", {"name": "web"}, 201, ""),
    ],
)
def test_a_node_gets_tokens_for_its_own_pods(nodes: Tokens, node: str, reference: dict[str, str], code: int, message: str) -> None:
    uid = made(nodes, PODS, pod())
    spec = {"boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "uid": uid} | reference} if reference else {}
    answered, answer = nodes.ask(headers=NODE | {"Impersonate_User": f"system:node:{node}"}, audiences=[""], **spec)
    assert (answered, message in answer.get("message", "")) == (code, True)


def refusal(audience: str) -> str:
    why = f'audience "{audience}" not found in pod spec volume, system:node:node1 is not authorized to request tokens for this audience'
    return f'serviceaccounts "user" is forbidden: {why}'


USER, NODES = {"kind": "User", "name": "system:node:node1"}, {"kind": "Group", "name": "system:nodes"}
ODD = "myaud://audience1/audience2.com"


@pytest.mark.parametrize(
    ("role", "binding", "subject", "resource", "names", "granted"),
    [
        ("ClusterRole", "clusterrolebindings", USER, "audience1", ["user"], ["audience1"]),
        ("ClusterRole", "rolebindings", USER, "audience1", ["user"], ["audience1"]),
        ("Role", "rolebindings", USER, "audience1", ["user"], ["audience1"]),
        ("Role", "rolebindings", USER, "audience1", ["another"], []),
        ("Role", "rolebindings", USER, "audience1", [], ["audience1"]),
        ("Role", "rolebindings", NODES, "*", ["user"], ["audience1", "audience2", "", ODD]),
        ("Role", "rolebindings", NODES, "*", [], ["audience1", "audience2", "", ODD]),
        ("Role", "rolebindings", NODES, "", [], [""]),
        ("Role", "rolebindings", NODES, ODD, [], [ODD]),
    ],
)
def test_a_node_gets_tokens_for_audiences_that_it_is_granted(
    nodes: Tokens, role: str, binding: str, subject: dict[str, str], resource: str, names: list[str], granted: list[str]
) -> None:
    uid = made(nodes, PODS, pod(automountServiceAccountToken=False))
    audiences = ("audience1", "audience2", "", ODD)
    assert [nodes.of_node(uid, each) for each in audiences] == [refusal(each) for each in audiences]
    rule = {"verbs": ["request-serviceaccounts-token-audience"], "apiGroups": [""], "resources": [resource], "resourceNames": names}
    roles = f"{RBAC}/clusterroles" if role == "ClusterRole" else f"{RBAC}/namespaces/dev/roles"
    bindings = f"{RBAC}/{binding}" if binding == "clusterrolebindings" else f"{RBAC}/namespaces/dev/{binding}"
    made(nodes, roles, {"metadata": {"name": "audiences"}, "rules": [rule]})
    made(nodes, bindings, bound(role, "audiences", subject))
    assert [each for each in audiences if not nodes.of_node(uid, each)] == granted
    nodes.must("DELETE", f"{bindings}/audiences")
    assert [nodes.of_node(uid, each) for each in audiences] == [refusal(each) for each in audiences]


@pytest.mark.parametrize("audience", ["", "vault"])
def test_a_node_gets_tokens_for_audiences_that_its_pod_projects(nodes: Tokens, audience: str) -> None:
    source = {"serviceAccountToken": {"audience": audience, "path": "token"}}
    volume = {"name": "token", "projected": {"sources": [source]}}
    uid = made(nodes, PODS, pod(automountServiceAccountToken=False, volumes=[volume]))
    assert (nodes.of_node(uid, audience), nodes.of_node(uid, "audience1")) == ("", refusal("audience1"))


DRIVER = "com.example.csi.mydriver"
STORAGE = {"accessModes": ["ReadOnlyMany"], "resources": {"requests": {"storage": "1"}}}


@pytest.mark.parametrize(
    ("volume", "driver"),
    [
        ({"csi": {"driver": DRIVER}}, DRIVER),
        ({"persistentVolumeClaim": {"claimName": "claimed"}}, DRIVER),
        ({"ephemeral": {"volumeClaimTemplate": {"spec": STORAGE}}}, DRIVER),
        ({"persistentVolumeClaim": {"claimName": "azure"}}, "file.csi.azure.com"),
        ({"azureFile": {"shareName": "default", "secretName": "s"}}, "file.csi.azure.com"),
    ],
)
def test_a_node_gets_tokens_for_audiences_of_its_pods_drivers(nodes: Tokens, volume: dict[str, Any], driver: str) -> None:
    sources = {"claimed": {"csi": {"driver": DRIVER, "volumeHandle": "h"}}, "azure": {"azureFile": {"shareName": "s", "secretName": "s"}}}
    claimed = {"claimed": "claimed", "azure": "azure", "web-v": "claimed"}
    for name, source in sources.items():
        spec = {"accessModes": ["ReadOnlyMany"], "capacity": {"storage": "1"}} | source
        made(nodes, "/api/v1/persistentvolumes", {"metadata": {"name": name}, "spec": spec})
    for name, persistent in claimed.items():
        body = {"metadata": {"name": name}, "spec": STORAGE | {"volumeName": persistent}}
        made(nodes, "/api/v1/namespaces/dev/persistentvolumeclaims", body)
    uid = made(nodes, PODS, pod(automountServiceAccountToken=False, volumes=[{"name": "v"} | volume]))
    why = f'error validating audience "csi": csidriver.storage.k8s.io "{driver}" not found'
    assert nodes.of_node(uid, "csi") == f'serviceaccounts "user" is forbidden: {why}'
    made(nodes, "/apis/storage.k8s.io/v1/csidrivers", {"metadata": {"name": driver}, "spec": {"tokenRequests": [{"audience": "csi"}]}})
    assert (nodes.of_node(uid, "csi"), nodes.of_node(uid, "another")) == ("", refusal("another"))


def test_a_node_asks_for_one_audience_at_a_time(nodes: Tokens) -> None:
    uid = made(nodes, PODS, pod())
    bound_to = {"kind": "Pod", "apiVersion": "v1", "name": "web", "uid": uid}
    code, status = nodes.ask(headers=NODE, audiences=["a", "b"], boundObjectRef=bound_to)
    assert (code, "node may only request 0 or 1 audiences" in status["message"]) == (403, True)
