"""Tenants over HTTP, four workers and no controllers: who sees, makes and deletes which namespaces, and what a tenant may not do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.support import Answer, ApiServer, start_api_server

TENANTS = "/apis/berth.io/v1alpha1/tenants"
PATH = "/apis/berth.io/v1alpha1/tenantnamespaces"
NAMESPACES = "/api/v1/namespaces"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
USERS = {"alice": (), "bob": (), "olga": ("ops",), "mia": ()}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """Alice owns tenant a, Bob and group ops own b, Mia is a member of a."""
    made = start_api_server(tmp_path_factory.mktemp("tenants"), workers=4)
    for name, groups in USERS.items():
        made.issue(name, name, *groups)
    view = {"subjects": [user("mia")], "clusterRole": "view"}
    assert made.request("POST", TENANTS, tenant("a", [user("alice")], roles=[view])).code == 201
    assert made.request("POST", TENANTS, tenant("b", [user("bob"), {"kind": "Group", "name": "ops"}])).code == 201
    for name, owner in (("a-dev", "alice"), ("b-dev", "bob")):
        assert claim(made, owner, name).code == 201
    yield made
    made.stop()


def user(name: str) -> dict[str, str]:
    return {"kind": "User", "name": name}


def tenant(name: str, owners: list[Any], **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"owners": owners, **spec}}


def claim(server: ApiServer, identity: str, name: str, **spec: Any) -> Answer:
    return server.request("POST", PATH, {"metadata": {"name": name}, "spec": spec}, identity=identity)


def names(answer: Answer) -> list[str]:
    assert answer.code == 200, answer.body
    return [each["metadata"]["name"] for each in answer.body["items"]]


# what is seen


@pytest.mark.parametrize(("identity", "seen"), [("alice", ["a-dev"]), ("mia", ["a-dev"]), ("bob", ["b-dev"]), ("olga", ["b-dev"])])
def test_everyone_lists_the_namespaces_that_they_may_get(server: ApiServer, identity: str, seen: list[str]) -> None:
    assert [name for name in names(server.request("GET", PATH, identity=identity)) if name.endswith("-dev")] == seen


def test_the_administrator_lists_all(server: ApiServer) -> None:
    assert {"a-dev", "b-dev", "default", "kube-system"} <= {*names(server.request("GET", PATH))}


def test_namespaces_themselves_are_listed_as_ever(server: ApiServer) -> None:
    assert server.request("GET", NAMESPACES, identity="alice").code == 403
    assert server.request("GET", f"{NAMESPACES}?watch=1", identity="alice").code == 403
    assert server.request("GET", f"{NAMESPACES}/a-dev", identity="alice").code == 200
    assert server.request("GET", f"{NAMESPACES}/b-dev", identity="alice").code == 403


def test_a_foreign_namespace_answers_as_one_that_does_not_exist(server: ApiServer) -> None:
    foreign, absent = (server.request("GET", f"{PATH}/{name}", identity="alice") for name in ("b-dev", "b-nil"))
    assert (foreign.code, absent.code) == (404, 404)
    assert json.dumps(foreign.body).replace("b-dev", "b-nil") == json.dumps(absent.body)
    deleted = server.request("DELETE", f"{PATH}/b-dev", identity="alice")
    assert (deleted.code, deleted.body["message"]) == (404, foreign.body["message"])


def test_one_is_shown_with_its_tenant(server: ApiServer) -> None:
    found = server.request("GET", f"{PATH}/a-dev", identity="alice").body
    assert (found["kind"], found["spec"], found["status"]) == ("TenantNamespace", {"tenant": "a"}, {"phase": "Active"})


@pytest.mark.parametrize(
    ("query", "seen"),
    [
        ("labelSelector=berth.io/tenant%3Da", ["a-dev"]),
        ("labelSelector=berth.io/tenant%3Db", []),
        ("fieldSelector=metadata.name%3Da-dev", ["a-dev"]),
        ("fieldSelector=metadata.name%3Db-dev", []),
        ("fieldSelector=status.phase%3DTerminating", []),
    ],
)
def test_selectors_narrow_what_is_seen(server: ApiServer, query: str, seen: list[str]) -> None:
    assert names(server.request("GET", f"{PATH}?{query}", identity="mia")) == seen


def test_pages_hold_nothing_foreign(server: ApiServer) -> None:
    first = server.request("GET", f"{PATH}?limit=1&labelSelector=berth.io/tenant")
    assert names(first) == ["a-dev"]
    token = first.body["metadata"]["continue"]
    assert "b-dev" in names(server.request("GET", f"{PATH}?limit=1&labelSelector=berth.io/tenant&continue={token}"))
    assert names(server.request("GET", f"{PATH}?limit=5&continue={token}&labelSelector=berth.io/tenant", identity="alice")) == []


def test_kubectl_gets_a_table(server: ApiServer) -> None:
    accept = {"Accept": "application/json;as=Table;g=meta.k8s.io;v=v1"}
    found = server.request("GET", PATH, identity="mia", headers=accept).body
    assert [each["name"] for each in found["columnDefinitions"]] == ["Name", "Tenant", "Status", "Age"]
    assert found["rows"][0]["cells"][:3] == ["a-dev", "a", "Active"]


# what is made


def test_a_new_namespace_is_furnished_at_once(server: ApiServer) -> None:
    bindings = server.request("GET", f"{RBAC}/namespaces/a-dev/rolebindings", identity="alice").body["items"]
    assert {each["roleRef"]["name"] for each in bindings} == {"admin", "berth:tenant-owner", "view"}
    policies = server.request("GET", "/apis/networking.k8s.io/v1/namespaces/a-dev/networkpolicies", identity="alice").body["items"]
    assert policies[0]["spec"]["ingress"] == [{"from": [{"namespaceSelector": {"matchLabels": {"berth.io/tenant": "a"}}}]}]
    assert server.request("POST", f"{NAMESPACES}/a-dev/configmaps", {"metadata": {"name": "c"}}, identity="alice").code == 201
    assert server.request("GET", f"{TENANTS}/a").body["status"]["namespaces"][0] == {"name": "a-dev", "phase": "Active"}


@pytest.mark.parametrize(
    ("identity", "body", "code", "said"),
    [
        ("alice", {"metadata": {"name": "b-new"}}, 403, 'the name must begin with the prefix of a tenant that you own: "a-"'),
        ("alice", {"metadata": {"name": "other"}}, 403, 'the name must begin with the prefix of a tenant that you own: "a-"'),
        ("alice", {"metadata": {"name": "b-new"}, "spec": {"tenant": "b"}}, 403, 'you do not own tenant "b"'),
        ("alice", {"metadata": {"name": "x-new"}, "spec": {"tenant": "nil"}}, 403, 'you do not own tenant "nil"'),
        ("mia", {"metadata": {"name": "a-new"}}, 403, "you own no tenant"),
        ("alice", {"metadata": {"name": "a-"}}, 422, "metadata.name"),
        ("alice", {"metadata": {}}, 422, "name or generateName is required"),
        ("alice", {"metadata": {"name": "a-X"}}, 422, "metadata.name"),
        ("alice", {"metadata": {"name": "a-dev"}}, 409, "already exists"),
        ("alice", {"metadata": {"name": "a-l", "labels": {"berth.io/tenant": "b"}}}, 422, "metadata.labels[berth.io/tenant]"),
        (
            "alice",
            {"metadata": {"name": "a-l", "labels": {"pod-security.kubernetes.io/enforce": "privileged"}}},
            422,
            "namespaces of a tenant have what its spec.namespaces says",
        ),
        ("alice", {"metadata": {"name": "a-l", "annotations": {"x": "y"}}}, 422, "metadata.annotations[x]"),
        ("", {"metadata": {"name": "a-new"}}, 403, "system:anonymous"),
    ],
)
def test_what_cannot_be_made_changes_nothing(server: ApiServer, identity: str, body: Any, code: int, said: str) -> None:
    before = names(server.request("GET", PATH))
    answer = server.request("POST", PATH, body, identity=identity)
    assert (answer.code, said in answer.body["message"]) == (code, True), answer.body
    assert names(server.request("GET", PATH)) == before


def test_names_are_generated_within_the_prefix(server: ApiServer) -> None:
    made = server.request("POST", PATH, {"metadata": {"generateName": "b-gen-"}}, identity="bob")
    assert made.code == 201
    assert made.body["metadata"]["name"].startswith("b-gen-")


def test_a_dry_run_makes_nothing(server: ApiServer) -> None:
    assert server.request("POST", f"{PATH}?dryRun=All", {"metadata": {"name": "a-dry"}}, identity="alice").code == 201
    assert server.request("GET", f"{NAMESPACES}/a-dry").code == 404


def test_concurrent_claims_never_pass_the_quota(server: ApiServer) -> None:
    """Twenty at once, over four workers; a declared namespace that is yet to come counts, too."""
    rules = {"quota": 6, "names": ["crowd-declared"]}
    assert server.request("POST", TENANTS, tenant("crowd", [user("alice")], namespaces=rules)).code == 201
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda number: claim(server, "alice", f"crowd-{number}"), range(20)))
    assert sorted(answer.code for answer in answers) == [201] * 5 + [403] * 15
    told = 'exceeded quota: tenant "crowd" has 6 of at most 6 namespaces'
    assert all(told in answer.body["message"] for answer in answers if answer.code == 403)
    held = names(server.request("GET", f"{NAMESPACES}?labelSelector=berth.io/tenant%3Dcrowd"))
    assert len(held) == 5
    assert [each["name"] for each in server.request("GET", f"{TENANTS}/crowd").body["status"]["namespaces"]] == held


NOTE = "kubectl.kubernetes.io/last-applied-configuration"


def test_what_was_applied_may_be_noted(server: ApiServer) -> None:
    body = {"metadata": {"name": "a-noted", "annotations": {NOTE: "1"}}}
    made = server.request("POST", PATH, body, identity="alice")
    assert (made.code, made.body["metadata"]["annotations"][NOTE]) == (201, "1")
    change = {"metadata": {"annotations": {NOTE: "2"}}}
    noted = server.request("PATCH", f"{PATH}/a-noted", change, identity="alice", content_type="application/merge-patch+json")
    assert (noted.code, noted.body["kind"], noted.body["metadata"]["annotations"][NOTE]) == (200, "TenantNamespace", "2")
    assert "berth.io/tenant-applied" in server.request("GET", f"{NAMESPACES}/a-noted").body["metadata"]["annotations"]


@pytest.mark.parametrize(
    ("identity", "name", "change", "code"),
    [
        ("alice", "a-dev", {"metadata": {"labels": {"x": "y"}}}, 422),
        ("alice", "a-dev", {"metadata": {"labels": {"berth.io/tenant": "b"}}}, 422),
        ("alice", "a-dev", {"metadata": {"labels": None}}, 422),
        ("alice", "a-dev", {"metadata": {"annotations": {"berth.io/tenant-applied": None}}}, 422),
        ("alice", "a-dev", {"spec": {"tenant": "b"}}, 422),
        ("alice", "a-dev", {"metadata": {"resourceVersion": "1", "annotations": {NOTE: "x"}}}, 409),
        ("alice", "a-dev", {"metadata": {"name": "other"}}, 400),
        ("alice", "b-dev", {"metadata": {"annotations": {NOTE: "x"}}}, 404),
        ("mia", "a-dev", {"metadata": {"annotations": {NOTE: "x"}}}, 403),
        ("", "a-dev", {"metadata": {"annotations": {NOTE: "x"}}}, 403),
    ],
)
def test_nothing_else_of_a_namespace_is_changed_here(server: ApiServer, identity: str, name: str, change: Any, code: int) -> None:
    before = server.request("GET", f"{NAMESPACES}/{name}").body
    answer = server.request("PATCH", f"{PATH}/{name}", change, identity=identity, content_type="application/merge-patch+json")
    assert answer.code == code, answer.body
    assert server.request("GET", f"{NAMESPACES}/{name}").body == before


def test_owners_delete_what_is_theirs(server: ApiServer) -> None:
    assert claim(server, "alice", "a-short").code == 201
    refused = server.request("DELETE", f"{PATH}/a-short", identity="mia")
    assert (refused.code, 'only owners of tenant "a" delete its namespaces' in refused.body["message"]) == (403, True)
    gone = server.request("DELETE", f"{PATH}/a-short", identity="alice")
    assert (gone.code, gone.body["status"]["phase"]) == (200, "Terminating")


def test_declared_namespaces_are_the_administrators(server: ApiServer) -> None:
    rules = {"names": ["fixed-one"]}
    assert server.request("POST", TENANTS, tenant("fixed", [user("alice")], namespaces=rules)).code == 201
    assert claim(server, "alice", "fixed-one").code == 201
    refused = server.request("DELETE", f"{PATH}/fixed-one", identity="alice")
    assert (refused.code, "declares it" in refused.body["message"]) == (403, True)


# what a tenant cannot do


def _role(*rules: Any) -> dict[str, Any]:
    return {"metadata": {"name": "r"}, "rules": list(rules)}


def _binding(kind: str, role: str, subject: str) -> dict[str, Any]:
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role}
    return {"metadata": {"name": "grab"}, "roleRef": reference, "subjects": [user(subject)]}


KUBECONFIGS = "/apis/berth.io/v1alpha1/namespaces/a-dev/kubeconfigs"


def _kubeconfig(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "k"}, "spec": spec}


_LABEL = {"metadata": {"labels": {"berth.io/tenant": "b"}}}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", f"{NAMESPACES}/b-dev/pods", None),
        ("GET", f"{NAMESPACES}/b-dev/secrets", None),
        ("GET", "/api/v1/pods", None),
        ("GET", "/api/v1/secrets?watch=1", None),
        ("GET", TENANTS, None),
        ("GET", f"{TENANTS}/a", None),
        ("POST", TENANTS, tenant("c", [user("alice")])),
        ("PATCH", f"{TENANTS}/a", {"spec": {"namespaces": {"quota": 99}}}),
        ("PATCH", f"{TENANTS}/a/status", {"status": {"namespaces": []}}),
        ("POST", NAMESPACES, {"metadata": {"name": "a-own"}}),
        ("PATCH", f"{NAMESPACES}/a-dev", _LABEL),
        ("PATCH", f"{NAMESPACES}/a-dev/status", _LABEL),
        ("PATCH", f"{NAMESPACES}/b-dev", {"metadata": {"labels": {"berth.io/tenant": "a"}}}),
        ("DELETE", f"{NAMESPACES}/b-dev", None),
        ("POST", f"{RBAC}/namespaces/b-dev/rolebindings", _binding("ClusterRole", "admin", "alice")),
        ("POST", f"{RBAC}/namespaces/a-dev/rolebindings", _binding("ClusterRole", "cluster-admin", "alice")),
        ("POST", f"{RBAC}/clusterrolebindings", _binding("ClusterRole", "admin", "alice")),
        ("POST", f"{RBAC}/namespaces/a-dev/roles", _role({"verbs": ["update"], "apiGroups": [""], "resources": ["namespaces"]})),
        ("POST", f"{RBAC}/namespaces/a-dev/roles", _role({"verbs": ["assign"], "apiGroups": ["berth.io"], "resources": ["tenants"]})),
        ("POST", f"{RBAC}/clusterroles", _role({"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]})),
        ("PATCH", f"{NAMESPACES}/a-dev/resourcequotas/x", {"spec": {"hard": {"pods": "9"}}}),
        ("GET", "/apis/berth.io/v1alpha1/namespaces/b-dev/kubeconfigs", None),
        ("POST", "/apis/berth.io/v1alpha1/namespaces/b-dev/kubeconfigs", {"metadata": {"name": "k"}}),
        ("POST", KUBECONFIGS, _kubeconfig(user="bob")),
        ("POST", KUBECONFIGS, _kubeconfig(user="a-dev:x", groups=["ops"])),
        ("POST", KUBECONFIGS, _kubeconfig(user="a-dev:x", roleRef={"kind": "ClusterRole", "name": "cluster-admin"})),
        ("POST", KUBECONFIGS, _kubeconfig(user="a-dev:x", roleRef={"kind": "ClusterRole", "name": "view"}, namespaces=["b-dev"])),
        ("POST", "/apis/berth.io/v1alpha1/clusterkubeconfigs", {"metadata": {"name": "k"}}),
        ("POST", "/apis/berth.io/v1alpha1/accessexplanations", {"spec": {}}),
        ("POST", "/apis/berth.io/v1alpha1/namespaces/b-dev/localwhocanreviews", {"spec": {}}),
    ],
)
def test_an_owner_stays_in_their_tenant(server: ApiServer, method: str, path: str, body: Any) -> None:
    content_type = "application/merge-patch+json" if method == "PATCH" else "application/json"
    answer = server.request(method, path, body, identity="alice", content_type=content_type)
    assert (answer.code, answer.body["reason"]) == (403, "Forbidden"), answer.body


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", f"{NAMESPACES}/a-dev/secrets", None),
        ("POST", f"{NAMESPACES}/a-dev/configmaps", {"metadata": {"name": "c"}}),
        ("GET", f"{NAMESPACES}/b-dev/pods", None),
        ("POST", f"{RBAC}/namespaces/a-dev/rolebindings", _binding("ClusterRole", "view", "mia")),
        ("GET", KUBECONFIGS, None),
        ("POST", KUBECONFIGS, _kubeconfig(serviceAccountName="default")),
        ("POST", PATH, {"metadata": {"name": "a-mia"}}),
        ("DELETE", f"{PATH}/a-dev", None),
    ],
)
def test_a_member_has_their_role_and_no_more(server: ApiServer, method: str, path: str, body: Any) -> None:
    answer = server.request(method, path, body, identity="mia")
    assert (answer.code, answer.body["reason"]) == (403, "Forbidden"), answer.body


def test_an_owner_has_what_admin_and_tenant_owner_give(server: ApiServer) -> None:
    for path in ("kubeconfigs", "auditevents"):
        review = {"verb": "list", "group": "berth.io", "resource": path, "namespace": "a-dev"}
        body = {"spec": {"resourceAttributes": review}}
        answer = server.request("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body, identity="alice")
        assert answer.body["status"]["allowed"] is True
    bound = server.request("POST", f"{RBAC}/namespaces/a-dev/rolebindings", _binding("ClusterRole", "edit", "nia"), identity="alice")
    assert bound.code == 201


def test_who_may_update_namespaces_still_does_not_assign_them(server: ApiServer) -> None:
    server.issue("nora", "nora")
    rule = {"verbs": ["*"], "apiGroups": [""], "resources": ["namespaces"]}
    assert server.request("POST", f"{RBAC}/clusterroles", {"metadata": {"name": "namespacer"}, "rules": [rule]}).code == 201
    bound = {**_binding("ClusterRole", "namespacer", "nora"), "metadata": {"name": "nora"}}
    assert server.request("POST", f"{RBAC}/clusterrolebindings", bound).code == 201
    made = {"metadata": {"name": "smuggled", "labels": {"berth.io/tenant": "b"}}}
    refused = server.request("POST", NAMESPACES, made, identity="nora")
    assert (refused.code, 'may "assign" tenant "b"' in refused.body["message"]) == (403, True)
    for path in (f"{NAMESPACES}/a-dev", f"{NAMESPACES}/a-dev/finalize"):
        put = server.request("GET", f"{NAMESPACES}/a-dev").body
        put["metadata"]["labels"].pop("berth.io/tenant")
        assert server.request("PUT", path, put, identity="nora").code == 403


def test_who_makes_tenants_grants_what_they_hold(server: ApiServer) -> None:
    server.issue("tom", "tom")
    rule = {"verbs": ["*"], "apiGroups": ["berth.io"], "resources": ["tenants"]}
    assert server.request("POST", f"{RBAC}/clusterroles", {"metadata": {"name": "tenanter"}, "rules": [rule]}).code == 201
    bound = {**_binding("ClusterRole", "tenanter", "tom"), "metadata": {"name": "tom"}}
    assert server.request("POST", f"{RBAC}/clusterrolebindings", bound).code == 201
    refused = server.request("POST", TENANTS, tenant("t", [user("tom")]), identity="tom")
    assert (refused.code, "is attempting to grant RBAC permissions not currently held" in refused.body["message"]) == (403, True)
    nobody = server.request("POST", TENANTS, tenant("t", []), identity="tom")
    assert nobody.code == 201
    grown = {"spec": {"roles": [{"subjects": [user("tom")], "clusterRole": "cluster-admin"}]}}
    merge = "application/merge-patch+json"
    assert server.request("PATCH", f"{TENANTS}/t", grown, identity="tom", content_type=merge).code == 403
    relabelled = server.request("PATCH", f"{TENANTS}/t", {"metadata": {"labels": {"x": "y"}}}, identity="tom", content_type=merge)
    assert relabelled.code == 200


@pytest.mark.parametrize("prefix", ["a-", "a", "a-dev-", "b-x-"])
def test_prefixes_do_not_overlap(server: ApiServer, prefix: str) -> None:
    answer = server.request("POST", TENANTS, tenant("over", [], namespaces={"prefix": prefix}))
    assert answer.code == 422
    assert "spec.namespaces.prefix: Invalid value" in answer.body["message"]
    assert "overlaps with the prefix of another tenant" in answer.body["message"]


def test_of_tenants_made_at_once_with_one_prefix_one_is(server: ApiServer) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda n: server.request("POST", TENANTS, tenant(f"race{n}", [], namespaces={"prefix": "race-"})), range(8)))
    assert sorted(answer.code for answer in made) == [201] + [422] * 7


# watches


class Watcher:
    """Reads a watch as one of the users, line by line."""

    def __init__(self, server: ApiServer, identity: str, query: str = "") -> None:
        path = f"{PATH}?watch=1&{query}"
        self.response = server.pool(identity).request("GET", path, preload_content=False, timeout=20)
        assert self.response.status == 200, self.response.data
        self.lines = self._read()

    def _read(self) -> Iterator[Any]:
        waiting = b""
        for chunk in self.response.stream(65536):
            waiting += chunk
            *lines, waiting = waiting.split(b"\n")
            yield from map(json.loads, lines)

    def next(self) -> tuple[str, str]:
        event = next(self.lines)
        return event["type"], event["object"]["metadata"].get("name", "")


@pytest.fixture
def watchers(server: ApiServer) -> Iterator[Any]:
    opened: list[Watcher] = []

    def watch(identity: str, query: str = "") -> Watcher:
        opened.append(Watcher(server, identity, query))
        return opened[-1]

    yield watch
    for each in opened:
        each.response.close()


def _fresh(server: ApiServer, name: str) -> None:
    server.issue(f"{name}-owner", f"{name}-owner")
    assert server.request("POST", TENANTS, tenant(name, [user(f"{name}-owner")])).code == 201


def test_a_watch_tells_of_ones_own_alone(server: ApiServer, watchers: Any) -> None:
    _fresh(server, "seen")
    watch = watchers("seen-owner")
    assert claim(server, "bob", "b-noise").code == 201
    assert claim(server, "seen-owner", "seen-1").code == 201
    assert watch.next() == ("ADDED", "seen-1")
    merge = "application/merge-patch+json"
    assert server.request("PATCH", f"{NAMESPACES}/seen-1", {"metadata": {"labels": {"x": "y"}}}, content_type=merge).code == 200
    assert watch.next() == ("MODIFIED", "seen-1")
    assert server.request("DELETE", f"{PATH}/seen-1", identity="seen-owner").code == 200
    assert watch.next() == ("MODIFIED", "seen-1")


def test_a_watch_follows_the_rights_of_its_caller(server: ApiServer, watchers: Any) -> None:
    server.issue("gina", "gina")
    watch = watchers("gina")
    path = f"{RBAC}/namespaces/a-dev/rolebindings"
    assert server.request("POST", path, {**_binding("ClusterRole", "view", "gina"), "metadata": {"name": "gina"}}).code == 201
    assert watch.next() == ("ADDED", "a-dev")
    assert server.request("DELETE", f"{path}/gina").code == 200
    assert watch.next() == ("DELETED", "a-dev")


def test_a_watch_goes_on_from_a_revision(server: ApiServer, watchers: Any) -> None:
    _fresh(server, "goes")
    since = server.request("GET", PATH, identity="goes-owner").body["metadata"]["resourceVersion"]
    assert claim(server, "bob", "b-between").code == 201
    watch = watchers("goes-owner", f"resourceVersion={since}&allowWatchBookmarks=true")
    assert claim(server, "goes-owner", "goes-1").code == 201
    assert watch.next() == ("ADDED", "goes-1")


def test_a_watch_from_before_a_change_of_rights_is_gone(server: ApiServer, watchers: Any) -> None:
    _fresh(server, "past")
    since = server.request("GET", PATH, identity="past-owner").body["metadata"]["resourceVersion"]
    assert claim(server, "past-owner", "past-1").code == 201
    event = next(watchers("past-owner", f"resourceVersion={since}").lines)
    assert (event["type"], event["object"]["code"], event["object"]["reason"]) == ("ERROR", 410, "Expired")


def test_a_watch_ends_in_its_time_and_begins_with_what_is_there(server: ApiServer, watchers: Any) -> None:
    query = "fieldSelector=metadata.name%3Da-dev&timeoutSeconds=1&allowWatchBookmarks=true"
    events = list(watchers("mia", f"{query}&sendInitialEvents=true&resourceVersionMatch=NotOlderThan").lines)
    assert [event["type"] for event in events] == ["ADDED", "BOOKMARK"]
    assert events[1]["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
    assert events[1]["object"]["kind"] == "TenantNamespace"


def test_a_watch_as_tables(server: ApiServer) -> None:
    accept = {"Accept": "application/json;as=Table;g=meta.k8s.io;v=v1"}
    query = "fieldSelector=metadata.name%3Da-dev&watch=1&timeoutSeconds=1"
    answer = server.request("GET", f"{PATH}?{query}", identity="mia", headers=accept)
    assert answer.code == 200
    assert answer.body["object"]["rows"][0]["cells"][:2] == ["a-dev", "a"]
