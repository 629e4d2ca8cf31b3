"""auditevents: what each may read of the audit log, page by page, and what nobody is told."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cluster.assembly.options import AuditOptions
from tests.support import Answer, ApiServer, start_api_server

POLICY = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"], "rules": [{"level": "RequestResponse"}]}
PATH = "/apis/berth.io/v1alpha1"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    root = tmp_path_factory.mktemp("events")
    policy = root / "policy.json"
    policy.write_text(json.dumps(POLICY))
    server = start_api_server(root, audit=AuditOptions(audit_policy_file=str(policy), audit_log_maxsize=1, audit_log_compress=True))
    try:
        for name in ("red", "blue"):
            assert server.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}}).code == 201
            _grant(server, name)
        yield server
    finally:
        server.stop()


def _grant(server: ApiServer, name: str) -> None:
    """The owner of a namespace reads its events, and writes there."""
    rules = [
        {"apiGroups": ["berth.io"], "resources": ["auditevents"], "verbs": ["get", "list"]},
        {"apiGroups": [""], "resources": ["configmaps", "secrets", "serviceaccounts/token", "serviceaccounts"], "verbs": ["*"]},
    ]
    base = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{name}"
    assert server.request("POST", f"{base}/roles", {"metadata": {"name": "owner"}, "rules": rules}).code == 201
    ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "owner"}
    subjects = [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": f"{name}-owner"}]
    assert server.request("POST", f"{base}/rolebindings", {"metadata": {"name": "owner"}, "roleRef": ref, "subjects": subjects}).code == 201
    server.issue(f"{name}-owner", f"{name}-owner")


def _listed(server: ApiServer, namespace: str, selector: str = "", identity: str = "admin", query: str = "") -> list[dict[str, Any]]:
    base = f"{PATH}/namespaces/{namespace}/auditevents" if namespace else f"{PATH}/auditevents"
    answer = server.request("GET", f"{base}?fieldSelector={selector}{query}", identity=identity)
    assert answer.code == 200, answer.body
    items: list[dict[str, Any]] = answer.body["items"]
    return items


def _create(server: ApiServer, namespace: str, audit_id: str, identity: str = "admin") -> Answer:
    body = {"metadata": {"name": audit_id}, "data": {"of": namespace}}
    return server.request("POST", f"/api/v1/namespaces/{namespace}/configmaps", body, identity=identity, headers={"Audit-Id": audit_id})


def test_tenant_reads_the_events_of_its_own_namespace_alone(server: ApiServer) -> None:
    assert _create(server, "red", "in-red", "red-owner").code == 201
    assert _create(server, "blue", "in-blue", "blue-owner").code == 201
    assert _create(server, "blue", "tried-blue", "red-owner").code == 403
    mine = _listed(server, "red", identity="red-owner")
    assert {each["metadata"]["namespace"] for each in mine} == {"red"}
    names = {each["metadata"]["name"] for each in mine}
    assert "in-red" in names
    assert not names & {"in-blue", "tried-blue"}


@pytest.mark.parametrize("path", ["/namespaces/blue/auditevents", "/auditevents", "/namespaces/blue/auditevents/in-blue"])
def test_tenant_is_refused_what_is_not_its_own(server: ApiServer, path: str) -> None:
    assert server.request("GET", PATH + path, identity="red-owner").code == 403


def test_one_event_is_had_by_its_audit_id_in_its_own_namespace(server: ApiServer) -> None:
    _create(server, "red", "once", "red-owner")
    answer = server.request("GET", f"{PATH}/namespaces/red/auditevents/once", identity="red-owner")
    assert answer.body["event"]["requestObject"]["data"] == {"of": "red"}
    assert server.request("GET", f"{PATH}/namespaces/blue/auditevents/once").code == 404


def test_newest_come_first_and_pages_go_on_where_they_ended(server: ApiServer) -> None:
    for number in range(7):
        _create(server, "blue", f"page-{number}", "blue-owner")
    found, token = [], ""
    while True:
        query = "?fieldSelector=verb%3Dcreate,user%3Dblue-owner&limit=3" + (f"&continue={token}" if token else "")
        answer = server.request("GET", f"{PATH}/namespaces/blue/auditevents{query}").body
        assert len(answer["items"]) <= 3
        found += [each["metadata"]["name"] for each in answer["items"]]
        token = answer["metadata"].get("continue", "")
        if not token:
            break
    pages = [name for name in found if name.startswith("page-")]
    assert pages == [f"page-{number}" for number in range(6, -1, -1)]
    assert len(found) == len(set(found))


SELECTORS = [
    ("user=red-owner", lambda event: event["user"]["username"] == "red-owner"),
    ("verb!=create", lambda event: event["verb"] != "create"),
    ("resource=configmaps", lambda event: event["objectRef"]["resource"] == "configmaps"),
    ("code=403", lambda event: event["responseStatus"]["code"] == 403),
    ("code=4xx", lambda event: 400 <= event["responseStatus"]["code"] < 500),
    ("decision=forbid", lambda event: event["annotations"]["authorization.k8s.io/decision"] == "forbid"),
    ("since=1h", lambda event: True),
    ("resource=roles.rbac.authorization.k8s.io", lambda event: event["objectRef"]["resource"] == "roles"),
]


@pytest.mark.parametrize(("selector", "holds"), SELECTORS, ids=[each for each, _ in SELECTORS])
def test_field_selectors_narrow(server: ApiServer, selector: str, holds: Any) -> None:
    _create(server, "red", f"s-{secrets.token_hex(4)}", "red-owner")
    _create(server, "red", f"s-{secrets.token_hex(4)}", "blue-owner")
    server.request("GET", "/api/v1/namespaces/red/configmaps/none")
    found = [each["event"] for each in _listed(server, "red", selector.replace("=", "%3D"))]
    assert found
    assert all(holds(event) for event in found)


def test_nothing_is_younger_than_now(server: ApiServer) -> None:
    assert _listed(server, "red", "since%3D2999-01-01T00:00:00Z") == []


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("fieldSelector=color%3Dred", '"color" is not a known field selector: only "metadata.name", "metadata.namespace", "user", '),
        ("fieldSelector=since!%3D1h", 'the field selector "since" takes "=" alone'),
        ("fieldSelector=since%3Dsoon", 'since "soon": time: invalid duration "soon"'),
        ("fieldSelector=since%3D2026-99", 'since "2026-99" is no time'),
        ("continue=x", "continue key is not valid"),
        ("continue=eyJhIjoxfQ", "continue key is not valid"),
    ],
)
def test_what_is_not_supported_is_refused_clearly(server: ApiServer, query: str, message: str) -> None:
    answer = server.request("GET", f"{PATH}/auditevents?{query}")
    assert answer.code == 400
    assert answer.body["message"].startswith(message)


def test_position_of_a_log_that_is_gone_has_expired(server: ApiServer) -> None:
    import base64

    token = base64.urlsafe_b64encode(b'["0123",5]').rstrip(b"=").decode()
    answer = server.request("GET", f"{PATH}/auditevents?continue={token}")
    assert (answer.code, answer.body["reason"]) == (410, "Expired")


def test_bodies_of_secrets_and_tokens_are_shown_to_nobody(server: ApiServer) -> None:
    secret = secrets.token_hex(16)
    body = {"metadata": {"name": "hidden"}, "stringData": {"password": secret}}
    server.request("POST", "/api/v1/namespaces/red/secrets", body, headers={"Audit-Id": "hidden"})
    event = server.request("GET", f"{PATH}/namespaces/red/auditevents/hidden").body["event"]
    assert event["responseStatus"]["code"] == 201
    assert not {"requestObject", "responseObject"} & event.keys()


@pytest.mark.parametrize(
    ("path", "told"), [("/apis/rbac.authorization.k8s.io/v1/clusterroles", False), ("/api/v1/namespaces/re%64/configmaps", True)]
)
def test_a_request_is_of_the_namespace_in_its_url(server: ApiServer, path: str, told: bool) -> None:
    """Whatever its body says: what somebody did elsewhere is nothing for the namespace's readers."""
    name = f"about-{secrets.token_hex(4)}"
    server.request("POST", path, {"metadata": {"name": name, "namespace": "red"}}, headers={"Audit-Id": name})
    assert bool(_listed(server, "red", f"metadata.name={name}", "red-owner")) == told
    assert len(_listed(server, "", f"metadata.name={name}")) == 1


REVIEWED = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview"}
EXPLAINED = {"resourceAttributes": {"verb": "get", "resource": "pods"}}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/apis/authentication.k8s.io/v1/tokenreviews", REVIEWED | {"spec": {}}),
        (f"{PATH}/accessexplanations", {"spec": EXPLAINED}),
        (f"{PATH}/namespaces/red/localaccessexplanations", {"spec": EXPLAINED}),
    ],
)
def test_tokens_that_are_asked_about_are_shown_to_nobody(server: ApiServer, path: str, body: dict[str, Any]) -> None:
    token, audit_id = f"token-{secrets.token_hex(16)}", f"asked-{secrets.token_hex(4)}"
    server.request("POST", path, body | {"spec": body["spec"] | {"token": token}}, headers={"Audit-Id": audit_id})
    (found,) = _listed(server, "", f"metadata.name={audit_id}")
    assert found["event"]["objectRef"]["resource"] == path.rpartition("/")[2]
    assert token not in json.dumps(found)


def test_table_tells_who_did_what(server: ApiServer) -> None:
    _create(server, "red", "shown", "red-owner")
    accept = {"Accept": "application/json;as=Table;g=meta.k8s.io;v=v1"}
    table = server.request("GET", f"{PATH}/namespaces/red/auditevents/shown", headers=accept).body
    assert [each["name"] for each in table["columnDefinitions"]] == ["Time", "User", "Verb", "Object", "Code", "Decision", "Name"]
    assert table["rows"][0]["cells"][1:] == ["red-owner", "create", "configmaps shown", "201", "allow", "shown"]


def test_events_are_read_from_rotated_and_compressed_files(server: ApiServer) -> None:
    filler = "x" * 200_000
    _create(server, "red", "before-rotation", "red-owner")
    for number in range(12):
        body = {"metadata": {"name": f"big-{number}"}, "data": {"x": filler}}
        assert server.request("POST", "/api/v1/namespaces/blue/configmaps", body).code == 201
    logs = Path(server.config.home.logs)
    assert len(list(logs.glob("audit-*.log*"))) >= 2
    assert server.request("GET", f"{PATH}/namespaces/red/auditevents/before-rotation").code == 200


def test_without_a_log_it_says_so(tmp_path: Path) -> None:
    server = start_api_server(tmp_path, workers=1, audit=AuditOptions(audit_log_path="none"))
    try:
        answer = server.request("GET", f"{PATH}/auditevents")
        assert answer.code == 400
        assert "there is no audit log to read" in answer.body["message"]
        assert not (tmp_path / "logs" / "audit.log").exists()
    finally:
        server.stop()
