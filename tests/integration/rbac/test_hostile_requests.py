"""What members of a namespace try who want more than their role says: each is refused, and nothing is changed."""

from __future__ import annotations

import base64
import datetime
import json
from typing import Any

import pytest
import yaml

from cluster.api.expiry import EXPIRES_AT
from tests.integration.rbac.test_pipeline import RBAC, TINA, People, bind

MERGE, JSON = "application/merge-patch+json", "application/json-patch+json"
POD = {"metadata": {"name": "web"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
SERVICE = {"metadata": {"name": "web"}, "spec": {"ports": [{"port": 80}], "clusterIP": "None"}}


@pytest.mark.parametrize(("resource", "made"), [("pods", POD), ("services", SERVICE)])
@pytest.mark.parametrize("verb", ["GET", "PUT", "PATCH"])
def test_a_proxy_is_no_way_to_an_object_past_its_rules(people: People, resource: str, made: dict[str, Any], verb: str) -> None:
    """Editors may use the proxy of pods and services: that neither shows nor writes the objects themselves."""
    where = f"/api/v1/namespaces/dev/{resource}"
    bind(people, "editors", "edit", TINA)
    people.admin.must("POST", "/api/v1/namespaces/dev/serviceaccounts", {"metadata": {"name": "default"}})
    before = people.admin.must("POST", where, made)
    changed = before | {"status": {"phase": "Failed"}, "spec": before["spec"] | {"serviceAccountName": "user", "clusterIP": "10.96.0.1"}}
    headers = {"Content_Type": "application/merge-patch+json"} if verb == "PATCH" else {}
    code, _ = people.tina(verb, f"{where}/web/proxy", None if verb == "GET" else changed, **headers)
    assert (code, people.admin.must("GET", f"{where}/web")) == (405, before)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "namespaces"),
        ("GET", "namespaces?watch=1&timeoutSeconds=1"),
        ("POST", "namespaces"),
        ("DELETE", "namespaces"),
        ("GET", "namespaces/prod"),
        ("PUT", "namespaces/prod"),
        ("PATCH", "namespaces/prod"),
        ("DELETE", "namespaces/prod"),
        ("PUT", "namespaces/prod/status"),
        ("PUT", "namespaces/prod/finalize"),
        ("GET", "nodes"),
        ("GET", "persistentvolumes"),
    ],
)
def test_all_rights_in_a_namespace_are_none_in_another(people: People, method: str, path: str) -> None:
    """Not by a URL either that has what is the cluster's below the namespace."""
    people.admin.must("POST", "/api/v1/namespaces", {"metadata": {"name": "prod"}})
    bind(people, "everything", "cluster-admin", TINA)
    before = people.admin.must("GET", "/api/v1/namespaces")["items"]
    body = {"metadata": {"name": "prod" if "/" in path else "new", "labels": {"a": "b"}}}
    headers = {"Content_Type": MERGE} if method == "PATCH" else {}
    for prefix in ("/api/v1/namespaces/dev", "/api/v1/watch/namespaces/dev") if method == "GET" else ("/api/v1/namespaces/dev",):
        code, answer = people.tina(method, f"{prefix}/{path}", body if method in ("POST", "PUT", "PATCH") else None, **headers)
        assert code == 404, answer
    assert people.admin.must("GET", "/api/v1/namespaces")["items"] == before


HERE = "metadata/annotations/berth.io~1expires-at"


def ending(hours: int) -> str:
    return f"{datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}"


def grant(name: str, role: str, until: str) -> dict[str, Any]:
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}
    return {"metadata": {"name": name, "annotations": {EXPIRES_AT: until}}, "roleRef": reference, "subjects": [TINA]}


@pytest.mark.parametrize(
    ("content_type", "change"),
    [
        (MERGE, {"metadata": {"annotations": {EXPIRES_AT: None}}}),
        (MERGE, {"metadata": {"annotations": None}}),
        (MERGE, {"metadata": {"annotations": {EXPIRES_AT: ending(3)}}}),
        (MERGE, {"metadata": {"annotations": {EXPIRES_AT: f"{ending(0)[:-1]}-05:00"}}}),
        (MERGE, {"metadata": {"annotations": {EXPIRES_AT: "9999-12-31T23:59:59Z"}}}),
        (MERGE, {"metadata": {"annotations": {EXPIRES_AT: "never"}}}),
        (MERGE, {"metadata": {"annotations": {EXPIRES_AT: None}, "ownerReferences": [], "finalizers": ["a.b/c"]}}),
        (JSON, [{"op": "remove", "path": f"/{HERE}"}]),
        (JSON, [{"op": "move", "from": f"/{HERE}", "path": "/metadata/annotations/x"}]),
    ],
)
@pytest.mark.parametrize("name", ["own", "made"])
def test_who_holds_for_a_time_lengthens_no_grant(people: People, content_type: str, change: Any, name: str) -> None:
    bindings = f"{RBAC}/namespaces/dev/rolebindings"
    people.admin.must("POST", bindings, grant("own", "admin", ending(2)))
    people.tina.must("POST", bindings, grant("made", "view", ending(1)))
    before = people.admin.must("GET", f"{bindings}/{name}")
    code, _ = people.tina("PATCH", f"{bindings}/{name}", change, Content_Type=content_type)
    assert (code, people.admin.must("GET", f"{bindings}/{name}")) == (403, before)


def test_a_page_of_another_lists_token_stays_in_its_namespace(people: People) -> None:
    people.admin.must("POST", "/api/v1/namespaces", {"metadata": {"name": "prod"}})
    bind(people, "viewers", "edit", TINA)
    for namespace in ("dev", "prod"):
        for name in ("a", "b"):
            people.admin.must("POST", f"/api/v1/namespaces/{namespace}/secrets", {"metadata": {"name": name}})
    token = people.admin.must("GET", "/api/v1/secrets?limit=1")["metadata"]["continue"]
    held = json.loads(base64.urlsafe_b64decode(token + "=="))
    for start in (held["start"], "dev/\0", "prod/a\0", "../prod/a\0", "a/a\0", "\0/\0"):
        forged = base64.urlsafe_b64encode(json.dumps(held | {"start": start}).encode()).decode()
        code, page = people.tina("GET", f"/api/v1/namespaces/dev/secrets?limit=9&continue={forged}")
        assert code == 400 or {each["metadata"]["namespace"] for each in page["items"]} <= {"dev"}, start


def test_a_review_of_a_revoked_token_says_that_it_is_nobodys(people: People) -> None:
    path = "/apis/berth.io/v1alpha1/namespaces/dev/kubeconfigs"
    issued = people.admin.must("POST", path, {"metadata": {"name": "robot"}, "spec": {"serviceAccountName": "user"}})
    token = yaml.safe_load(issued["status"]["kubeconfig"])["users"][0]["user"]["token"]

    def reviewed() -> dict[str, Any]:
        found: dict[str, Any] = people.admin.must("POST", "/apis/authentication.k8s.io/v1/tokenreviews", {"spec": {"token": token}})[
            "status"
        ]
        return found

    assert reviewed()["user"]["username"] == "system:serviceaccount:dev:user"
    people.admin.must("POST", f"{path}/robot/revoke")
    assert (reviewed().get("authenticated"), reviewed()["user"]) == (None, {})
    assert people.with_token(token)("GET", "/api", Impersonate_User="tina")[0] == 401
