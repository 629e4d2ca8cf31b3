"""Acting as others over real connections: what each mode of it takes, how a refusal is worded, and what audit and metrics tell."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from cluster.assembly.options import AuditOptions
from tests.integration.server import raw
from tests.integration.server.test_monitoring import figures
from tests.support import Answer, ApiServer, start_api_server
from tests.unit.controllers.signing_requests import pem_of, pkcs10

RBAC = "/apis/rbac.authorization.k8s.io/v1"
AUTHENTICATION = "authentication.k8s.io"
PODS = "/api/v1/pods"
NODE = "system:node:node1"
COUNTED = "apiserver_impersonation_"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    folder = tmp_path_factory.mktemp("impersonating")
    policy = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"], "rules": [{"level": "Metadata"}]}
    (folder / "policy.json").write_text(json.dumps(policy))
    made = start_api_server(folder / "home", workers=1, audit=AuditOptions(audit_policy_file=str(folder / "policy.json")))
    made.issue("monitor", "monitor", "system:monitoring")
    try:
        for who in ("alice", NODE):
            grant(made, who, "list", "pods")
        yield made
    finally:
        made.stop()


def grant(server: ApiServer, user: str, verb: str, resource: str, group: str = "", *names: str) -> None:
    """Lets a user do one more thing in the whole cluster."""
    name = f"{user}-{verb}-{resource}".replace(":", "-")
    rule = {"verbs": [verb], "apiGroups": [group], "resources": [resource]} | ({"resourceNames": list(names)} if names else {})
    assert server.request("POST", f"{RBAC}/clusterroles", {"metadata": {"name": name}, "rules": [rule]}).code == 201
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name}
    subject = {"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": user}
    binding = {"metadata": {"name": name}, "roleRef": reference, "subjects": [subject]}
    assert server.request("POST", f"{RBAC}/clusterrolebindings", binding).code == 201


def refused(user: str, verb: str) -> str:
    return f'pods is forbidden: User "{user}" cannot {verb} resource "pods" in API group "" at the cluster scope'


class Impersonator:
    """Somebody who acts as others; `told` is what audit tells of that, in order."""

    def __init__(self, server: ApiServer, name: str, token: str = "") -> None:
        self.server = server
        self.name = name
        self._token = {"Authorization": f"Bearer {token}"} if token else {}
        self._identity = "" if token else server.issue(name, name)

    def ask(self, method: str, path: str, becomes: str, **more: str) -> Answer:
        headers = self._token | {"Impersonate-User": becomes} | {f"Impersonate-{name}": value for name, value in more.items()}
        return self.server.request(method, path, identity=self._identity, headers=headers)

    def message(self, becomes: str, path: str = PODS) -> str:
        answer = self.ask("GET", path, becomes)
        assert answer.code == 403, answer.body
        found: str = answer.body["message"]
        return found

    @property
    def told(self) -> list[dict[str, Any]]:
        lines = (self.server.config.home.logs / "audit.log").read_text().splitlines()
        events = [event for event in map(json.loads, lines) if event["user"]["username"] == self.name]
        return [
            {
                "verb": event["verb"],
                "code": event["responseStatus"]["code"],
                "as": event.get("impersonatedUser", {}).get("username"),
                "by": event.get("authenticationMetadata", {}).get("impersonationConstraint"),
                "message": event["responseStatus"].get("message"),
            }
            for event in events
            if event["stage"] == "ResponseComplete"
        ]


def denied(message: str, verb: str = "list") -> dict[str, Any]:
    return {"verb": verb, "code": 403, "as": None, "by": None, "message": message}


def allowed(becomes: str, constraint: str | None, verb: str = "list", code: int = 200) -> dict[str, Any]:
    return {"verb": verb, "code": code, "as": becomes, "by": constraint, "message": None}


def counted_since(server: ApiServer, before: dict[str, float]) -> dict[str, float]:
    """What was counted of impersonations."""
    grown = {series: value - before.get(series, 0) for series, value in figures(server).items() if series.startswith(COUNTED)}
    return {series.removeprefix(COUNTED): value for series, value in grown.items() if value}


def test_a_person_becomes_another_with_both_permissions(server: ApiServer) -> None:
    bob, before = Impersonator(server, "bob"), figures(server)
    listing, watching = (refused("bob", f"impersonate-on:user-info:{verb}") for verb in ("list", "watch"))
    assert bob.message("alice") == listing
    grant(server, "bob", "impersonate:user-info", "users", AUTHENTICATION)
    assert bob.message("alice") == listing
    grant(server, "bob", "impersonate-on:user-info:list", "pods")
    assert bob.ask("GET", PODS, "alice").code == 200
    assert bob.message("alice", f"{PODS}?watch=1") == watching
    assert bob.told == [denied(listing), denied(listing), allowed("alice", "impersonate:user-info"), denied(watching, "watch")]
    assert counted_since(server, before) == {
        'attempts_total{decision="allowed",mode="user-info"}': 1,
        'attempts_total{decision="denied",mode=""}': 3,
        'authorization_attempts_total{decision="allowed",mode="user-info"}': 2,
        'authorization_attempts_total{decision="denied",mode="user-info"}': 3,
        'authorization_attempts_total{decision="denied",mode="legacy"}': 3,
    }


def test_a_person_becomes_a_node_with_permission_for_nodes(server: ApiServer) -> None:
    rob, before = Impersonator(server, "rob"), figures(server)
    listing = refused("rob", "impersonate-on:arbitrary-node:list")
    assert rob.message(NODE) == listing
    grant(server, "rob", "impersonate:user-info", "users", AUTHENTICATION)
    grant(server, "rob", "impersonate-on:arbitrary-node:list", "pods")
    being = 'nodes.authentication.k8s.io "node1" is forbidden: User "rob" cannot impersonate:arbitrary-node resource "nodes"'
    being += ' in API group "authentication.k8s.io" at the cluster scope'
    assert rob.message(NODE) == being
    grant(server, "rob", "impersonate:arbitrary-node", "nodes", AUTHENTICATION)
    assert rob.ask("GET", PODS, NODE).code == 200
    assert rob.told == [denied(listing), denied(being), allowed(NODE, "impersonate:arbitrary-node")]
    assert counted_since(server, before) == {
        'attempts_total{decision="allowed",mode="arbitrary-node"}': 1,
        'attempts_total{decision="denied",mode=""}': 2,
        'authorization_attempts_total{decision="allowed",mode="arbitrary-node"}': 3,
        'authorization_attempts_total{decision="denied",mode="arbitrary-node"}': 2,
        'authorization_attempts_total{decision="denied",mode="legacy"}': 2,
    }


def test_an_agent_becomes_the_node_that_it_runs_on(server: ApiServer) -> None:
    """Its token says which that is."""
    namespace = server.namespace()
    user, account = f"system:serviceaccount:{namespace}:default", f"/api/v1/namespaces/{namespace}/serviceaccounts/default/token"
    grant(server, user, "impersonate:associated-node", "nodes", AUTHENTICATION)
    grant(server, user, "impersonate-on:associated-node:list", "pods")

    def on(node: str) -> Impersonator:
        spec = {"nodeName": node, "containers": [{"name": "c", "image": "i"}]}
        assert server.request("POST", f"/api/v1/namespaces/{namespace}/pods", {"metadata": {"name": node}, "spec": spec}).code == 201
        bound = {"spec": {"boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": node}}}
        return Impersonator(server, user, server.request("POST", account, bound).body["status"]["token"])

    elsewhere, before = refused(user, "impersonate-on:arbitrary-node:list"), figures(server)
    assert on("node2").message(NODE) == elsewhere
    here = on("node1")
    assert here.ask("GET", PODS, NODE).code == 200
    assert here.told == [denied(elsewhere), allowed(NODE, "impersonate:associated-node")]
    assert counted_since(server, before) == {
        'attempts_total{decision="allowed",mode="associated-node"}': 1,
        'attempts_total{decision="denied",mode=""}': 1,
        'authorization_attempts_total{decision="allowed",mode="associated-node"}': 2,
        'authorization_attempts_total{decision="denied",mode="arbitrary-node"}': 1,
        'authorization_attempts_total{decision="denied",mode="legacy"}': 1,
    }


def test_who_may_impersonate_without_constraints_needs_nothing_else(server: ApiServer) -> None:
    old, before = Impersonator(server, "old"), figures(server)
    grant(server, "old", "impersonate", "users")
    assert old.ask("GET", PODS, "alice").code == 200
    assert old.told == [allowed("alice", None)]
    assert counted_since(server, before) == {
        'attempts_total{decision="allowed",mode="legacy"}': 1,
        'authorization_attempts_total{decision="allowed",mode="legacy"}': 1,
        'authorization_attempts_total{decision="denied",mode="user-info"}': 1,
    }


def recorded(server: ApiServer, audit_id: str) -> dict[str, Any]:
    """What audit tells of a request."""
    lines = (server.config.home.logs / "audit.log").read_text().splitlines()
    (event,) = [event for event in map(json.loads, lines) if event["auditID"] == audit_id]
    return event


def test_who_is_impersonated_with_a_uid_makes_what_is_made(server: ApiServer) -> None:
    grant(server, "alice", "create", "certificatesigningrequests", "certificates.k8s.io")
    spec = {
        "signerName": "kubernetes.io/kube-apiserver-client",
        "usages": ["client auth"],
        "request": base64.b64encode(pem_of(pkcs10("someone"))).decode(),
    }
    headers = {"Impersonate-User": "alice", "Impersonate-Uid": "1234", "Audit-Id": "with-uid"}
    path = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
    made = server.request("POST", path, {"metadata": {"name": "impersonated"}, "spec": spec}, headers=headers)
    assert made.code == 201, made.body
    assert made.body["spec"] == spec | {"username": "alice", "uid": "1234", "groups": ["system:authenticated"]}
    event = recorded(server, "with-uid")
    assert event["impersonatedUser"] == {"username": "alice", "uid": "1234", "groups": ["system:authenticated"]}
    assert event["authenticationMetadata"] == {"impersonationConstraint": "impersonate:user-info"}


def test_a_uid_alone_is_nobody(server: ApiServer) -> None:
    answer = server.request("GET", "/api/v1/nodes", headers={"Impersonate-Uid": "1234"})
    shown = '&user.DefaultInfo{Name:"", UID:"1234", Groups:[]string(nil), Extra:map[string][]string(nil)}'
    assert (answer.code, answer.body["message"]) == (400, f"requested {shown} without impersonating a user name")


def test_a_uid_must_be_allowed_too(server: ApiServer) -> None:
    grant(server, "system:anonymous", "impersonate:user-info", "users", AUTHENTICATION, "someone")
    grant(server, "system:anonymous", "impersonate-on:user-info:list", "nodes")
    headers = {"Impersonate-User": "someone", "Impersonate-Uid": "1234", "Audit-Id": "uid-refused"}
    answer = server.request("GET", "/api/v1/nodes", identity="", headers=headers)
    why = 'uids.authentication.k8s.io "1234" is forbidden: User "system:anonymous" cannot impersonate:user-info resource "uids"'
    why += ' in API group "authentication.k8s.io" at the cluster scope'
    assert (answer.code, answer.body["message"]) == (403, why)
    event = recorded(server, "uid-refused")
    assert (event["user"]["username"], event["verb"], event["objectRef"]["resource"]) == ("system:anonymous", "list", "nodes")
    assert (event["responseStatus"]["code"], event["responseStatus"]["message"]) == (403, why)
    assert not {"impersonatedUser", "authenticationMetadata"} & event.keys()


MASTERS = "system:masters"


@pytest.mark.parametrize(
    "headers",
    [
        (f"Impersonate-Group: {MASTERS}",),
        ("Impersonate-Group: ops", f"Impersonate-Group: {MASTERS}"),
        ("Impersonate-Group: ops", f"impersonate-GROUP: {MASTERS}"),
        (f"Impersonate-Group: ops,{MASTERS}",),
        (f"Impersonate-Group: ops, {MASTERS}",),
        (f"Impersonate-Group: ops\t{MASTERS}",),
        (f"Impersonate-Group: ops\r\n {MASTERS}",),
        (f"Impersonate-Group: ops\rImpersonate-Group: {MASTERS}",),
        (f"Impersonate-Group: ops\nImpersonate-Group: {MASTERS}",),
        (f"Impersonate-Group: ops\x00{MASTERS}",),
        ("Impersonate-Group: ops", f"Impersonate_Group: {MASTERS}"),
        ("Impersonate-Group: ops", f"X-Remote-Group: {MASTERS}"),
        ("Impersonate-Group: ops", f"Impersonate-Extra-Groups: {MASTERS}"),
        ("Impersonate-Group: ops", "Impersonate-User: kubernetes-admin"),
        ("Impersonate-User: system:serviceaccount:kube-system:namespace-controller",),
    ],
)
def test_no_header_makes_a_member_of_a_group_that_one_may_not_be(server: ApiServer, mallory: str, headers: tuple[str, ...]) -> None:
    """Who may be alice, of group ops, does not come to read what neither may, however the headers are written."""
    lines = ("GET /api/v1/secrets HTTP/1.1", "Host: x", "Connection: close", "Impersonate-User: alice", *headers, "", "")
    code, answer = raw.ask(server, "\r\n".join(lines).encode(), identity=mallory)
    assert code in (400, 403), answer
    assert "items" not in str(answer)


@pytest.fixture(scope="module")
def mallory(server: ApiServer) -> str:
    """May be alice, and of group ops, and nothing else."""
    grant(server, "mallory", "impersonate", "users", "", "alice")
    grant(server, "mallory", "impersonate", "groups", "", "ops")
    identity = server.issue("mallory", "mallory")
    as_allowed = {"Impersonate-User": "alice", "Impersonate-Group": "ops"}
    assert server.request("GET", PODS, identity=identity, headers=as_allowed).code == 200
    return identity
