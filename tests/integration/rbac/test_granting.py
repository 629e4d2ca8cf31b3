"""Roles and bindings through the whole pipeline: what they open and close, who may write them, and how the default ones come up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from app import create_app
from cluster.assembly import pki
from cluster.assembly.api_server import ApiServer
from cluster.assembly.config import Config, Home
from cluster.assembly.options import AuthorizationOptions
from cluster.storage.local import LocalStore
from rbac.bootstrap.defaults import KUBERNETES
from tests.integration.rbac.test_pipeline import RBAC, REVIEWS, Caller, Peer, People
from tests.integration.rbac.urls import POD, requests
from tests.unit.rbac.keys import client_certificate

GROUP = "rbac.authorization.k8s.io"
JOBS = {"verbs": ["*"], "apiGroups": ["batch"], "resources": ["*"]}
JOB = {
    "metadata": {"name": "pi"},
    "spec": {"template": {"metadata": {"name": "a"}, "spec": {"restartPolicy": "Never", "containers": [{"name": "pi", "image": "perl"}]}}},
}


def rule(verb: str, resource: str, group: str = GROUP) -> dict[str, Any]:
    return {"verbs": [verb], "apiGroups": [group], "resources": [resource]}


def bound(name: str, role: str, *users: str) -> dict[str, Any]:
    subjects = [{"kind": "User", "name": each, "apiGroup": GROUP} for each in users]
    return {"metadata": {"name": name}, "roleRef": {"apiGroup": GROUP, "kind": "ClusterRole", "name": role}, "subjects": subjects}


class Users:
    """Callers by name, whom the admin acts as."""

    def __init__(self, people: People) -> None:
        self.people = people

    def ask(self, who: str, method: str, path: str, body: Any = None, **headers: str) -> int:
        return self.people.admin(method, path, body, Impersonate_User=who, **headers)[0]

    def role(self, name: str, *rules: dict[str, Any]) -> None:
        self.people.admin.must("POST", f"{RBAC}/clusterroles", {"metadata": {"name": name}, "rules": list(rules)})

    def bind(self, role: str, *users: str, namespace: str = "") -> None:
        path = f"{RBAC}/namespaces/{namespace}/rolebindings" if namespace else f"{RBAC}/clusterrolebindings"
        self.people.admin.must("POST", path, bound(role, role, *users))


@pytest.fixture
def users(people: People) -> Users:
    people.admin.must("POST", "/api/v1/namespaces", {"metadata": {"name": "forbidden"}})
    made = Users(people)
    made.role("write-jobs", JOBS)
    made.role("create-rolebindings", rule("create", "rolebindings"))
    made.role("bind-any", rule("bind", "clusterroles"))
    made.bind("write-jobs", "writer")
    made.bind("write-jobs", "local-writer", namespace="dev")
    made.bind("create-rolebindings", "writer", "plain-binder", "any-binder")
    made.bind("create-rolebindings", "local-writer", "local-binder", namespace="dev")
    made.bind("bind-any", "any-binder")
    made.bind("bind-any", "local-binder", namespace="dev")
    return made


def jobs(namespace: str) -> str:
    return f"/apis/batch/v1/namespaces/{namespace}/jobs"


@pytest.mark.parametrize(
    ("who", "namespace", "codes"),
    [
        ("writer", "dev", [200, 404, 201, 200]),
        ("writer", "forbidden", [200, 404, 201, 200]),
        ("local-writer", "dev", [200, 404, 201, 200]),
        ("local-writer", "forbidden", [403, 403, 403, 403]),
        ("nobody", "dev", [403, 403, 403, 403]),
    ],
)
def test_a_binding_opens_its_namespace_and_one_of_the_cluster_all(users: Users, who: str, namespace: str, codes: list[int]) -> None:
    path = jobs(namespace)
    asked = (("GET", path, None), ("GET", f"{path}/pi", None), ("POST", path, JOB), ("GET", f"{path}/pi", None))
    assert [users.ask(who, *each) for each in asked] == codes


@pytest.mark.parametrize(
    ("who", "namespace", "code"),
    [
        ("nobody", "dev", 403),
        ("local-binder", "forbidden", 403),
        ("local-writer", "forbidden", 403),
        ("local-writer", "dev", 201),
        ("writer", "forbidden", 201),
        ("plain-binder", "dev", 403),
        ("any-binder", "dev", 201),
        ("any-binder", "forbidden", 201),
        ("local-binder", "dev", 201),
    ],
)
def test_who_may_bind_a_role(users: Users, who: str, namespace: str, code: int) -> None:
    assert users.ask(who, "POST", f"{RBAC}/namespaces/{namespace}/rolebindings", bound("new", "write-jobs", "pi")) == code


def test_a_reader_reads_everywhere_and_writes_nowhere(users: Users) -> None:
    users.role("read-pods", *(rule(verb, "pods", "") for verb in ("get", "list", "watch")))
    users.bind("read-pods", "reader")
    path = "/api/v1/namespaces/dev/pods"
    asked = (("GET", "/api/v1/pods", None), ("GET", f"{path}/a", None), ("POST", path, POD))
    assert {who: [users.ask(who, *each) for each in asked] for who in ("reader", "nobody")} == {
        "reader": [200, 404, 403],
        "nobody": [403, 403, 403],
    }


LIMITS = "/api/v1/namespaces/dev/limitranges/a"
LIMIT = {"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "a"}, "spec": {"limits": []}}


def test_to_make_by_updating_takes_leave_to_create(users: Users) -> None:
    users.role("changer", rule("update", "limitranges", ""))
    users.bind("changer", "changer")
    codes = [
        users.ask("changer", "PUT", LIMITS, LIMIT),
        users.people.admin("PUT", LIMITS, LIMIT)[0],
        users.ask("changer", "PUT", LIMITS, LIMIT),
    ]
    assert codes == [403, 201, 200]


def test_a_role_is_widened_by_whom_it_covers_only(users: Users) -> None:
    users.role("role-writers", rule("create", "clusterroles"), rule("update", "clusterroles"))
    users.bind("role-writers", "writer")
    narrow, wide = {"metadata": {"name": "r"}, "rules": [JOBS]}, {"metadata": {"name": "r"}, "rules": [JOBS, rule("get", "secrets", "")]}
    assert users.ask("writer", "POST", f"{RBAC}/clusterroles", wide) == 403
    assert users.ask("writer", "POST", f"{RBAC}/clusterroles", narrow) == 201
    assert users.ask("writer", "PUT", f"{RBAC}/clusterroles/r", wide) == 403
    assert users.ask("writer", "PUT", f"{RBAC}/clusterroles/r", narrow) == 200


SOON, LATER = "2999-01-01T00:00:00Z", "2999-06-01T00:00:00Z"


def ending(binding: dict[str, Any], when: str) -> dict[str, Any]:
    return binding | {"metadata": binding["metadata"] | {"annotations": {"berth.io/expires-at": when}}}


def test_a_binding_that_has_ended_opens_nothing(users: Users) -> None:
    path = f"{RBAC}/clusterrolebindings"
    users.people.admin.must("POST", path, ending(bound("past", "write-jobs", "temp"), "2020-01-01T00:00:00Z"))
    assert users.ask("temp", "GET", jobs("dev")) == 403
    users.people.admin.must("POST", path, ending(bound("future", "write-jobs", "temp"), SOON))
    assert users.ask("temp", "GET", jobs("dev")) == 200


def test_who_holds_for_a_time_grants_for_that_time_at_most(users: Users) -> None:
    users.role("binding-changers", rule("update", "rolebindings"), rule("patch", "rolebindings"))
    users.bind("binding-changers", "temp")
    users.people.admin.must("POST", f"{RBAC}/clusterrolebindings", bound("makers", "create-rolebindings", "temp"))
    users.people.admin.must("POST", f"{RBAC}/clusterrolebindings", ending(bound("soon", "write-jobs", "temp"), SOON))
    path = f"{RBAC}/namespaces/dev/rolebindings"
    made = bound("new", "write-jobs", "friend")
    assert [users.ask("temp", "POST", path, each) for each in (made, ending(made, LATER), ending(made, SOON))] == [403, 403, 201]
    merge = {"Content_Type": "application/merge-patch+json"}
    changes: list[str | None] = [None, LATER, "2998-01-01T00:00:00Z"]
    bodies = [{"metadata": {"annotations": {"berth.io/expires-at": when}}} for when in changes]
    assert [users.ask("temp", "PATCH", f"{path}/new", body, **merge) for body in bodies] == [403, 403, 200]


def test_an_end_that_cannot_be_read_is_invalid(people: People) -> None:
    code, status = people.admin("POST", f"{RBAC}/namespaces/dev/rolebindings", ending(bound("b", "view", "tina"), "tomorrow"))
    assert (code, status["details"]["causes"][0]["field"]) == (422, "metadata.annotations[berth.io/expires-at]")


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/healthz"])
def test_monitors_see_how_it_is(people: People, path: str) -> None:
    answer = people.admin("GET", path, Impersonate_User="monitor", Impersonate_Group="system:monitoring")
    assert answer[0] == 200


def started(folder: Path, store: LocalStore, **options: Any) -> tuple[ApiServer, Caller]:
    """A server over a store, and its admin."""
    config = Config(Home(folder), authorization=AuthorizationOptions(**options))
    server = ApiServer(config, lambda: store)
    return server, Caller(create_app(config, server).test_client(), client_certificate("admin", "system:masters"))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    from tests.unit.rbac.keys import authority, rsa_key

    made = Home(tmp_path)
    made.pki.mkdir()
    made.key("sa").write_bytes(rsa_key())
    made.certificate("ca").write_bytes(authority()[0])
    made.key("ca").write_bytes(authority()[1])
    pki.ensure(Config(made))
    return tmp_path


def test_what_was_changed_of_default_bindings_stays_over_a_restart(home: Path) -> None:
    bindings = f"{RBAC}/clusterrolebindings"
    store = LocalStore.temporary()
    _, admin = started(home, store)
    assert "cluster-admin" in [each["metadata"]["name"] for each in admin.must("GET", f"{RBAC}/clusterroles")["items"]]
    discovery = admin.must("GET", f"{bindings}/system:discovery")
    discovery["metadata"]["annotations"] |= {"rbac.authorization.kubernetes.io/autoupdate": "false", "kept": "yes"}
    discovery["subjects"] = discovery["subjects"][:1]
    discovery = admin.must("PUT", f"{bindings}/system:discovery", discovery)
    admin.must("DELETE", f"{bindings}/system:public-info-viewer")
    admin.must("DELETE", f"{bindings}/system:basic-user")
    wrong = admin.must("GET", f"{bindings}/system:node-proxier")
    admin.must("DELETE", f"{bindings}/system:node-proxier")
    reference = {**wrong["roleRef"], "name": "view"}
    made = admin.must("POST", bindings, {"metadata": {"name": "system:node-proxier"}, "roleRef": reference, "subjects": wrong["subjects"]})

    server, admin = started(home, store)
    assert admin.must("GET", f"{bindings}/system:discovery") == discovery
    viewer = admin.must("GET", f"{bindings}/system:public-info-viewer")
    assert (viewer["subjects"], viewer["metadata"]["annotations"]["kept"]) == (discovery["subjects"], "yes")
    assert admin("GET", f"{bindings}/system:basic-user")[0] == 200
    anew = admin.must("GET", f"{bindings}/system:node-proxier")
    assert anew["roleRef"] == wrong["roleRef"]
    assert anew["metadata"]["uid"] != made["metadata"]["uid"]
    server.close()
    store.close()


KINDS = {"ClusterRole": "clusterroles", "ClusterRoleBinding": "clusterrolebindings", "Role": "roles", "RoleBinding": "rolebindings"}


def test_a_new_cluster_has_the_recorded_roles_and_bindings(people: People) -> None:
    """As Kubernetes has them, and beside them Berth's own alone."""

    def shown(obj: dict[str, Any]) -> dict[str, Any]:
        kept = {name: obj["metadata"][name] for name in ("name", "namespace", "labels", "annotations") if name in obj["metadata"]}
        return {name: value for name, value in obj.items() if name not in ("metadata", "kind", "apiVersion") and value} | {"metadata": kept}

    for kind, resource in KINDS.items():
        found = [shown(each) for each in people.admin.must("GET", f"{RBAC}/{resource}")["items"]]
        recorded = [shown(each) for each in yaml.safe_load_all(KUBERNETES.read_bytes()) if each["kind"] == kind]
        assert [each for each in found if not each["metadata"]["name"].startswith("berth:")] == sorted(
            recorded, key=lambda each: (each["metadata"].get("namespace", ""), each["metadata"]["name"])
        )


@pytest.mark.parametrize(
    ("mode", "code", "status"),
    [("AlwaysAllow", 200, {"allowed": True}), ("AlwaysDeny", 403, {"allowed": False, "reason": "Everything is forbidden."})],
)
def test_modes_that_know_nothing(home: Path, mode: str, code: int, status: dict[str, Any]) -> None:
    store = LocalStore.temporary()
    server, admin = started(home, store, authorization_mode=(mode,))
    assert admin("GET", "/api/v1/pods")[0] == 200
    assert admin("GET", "/api/v1/pods", Impersonate_User="tina")[0] == code
    question = {"spec": {"user": "tina", "resourceAttributes": {"verb": "get", "resource": "pods"}}}
    assert admin.must("POST", f"{REVIEWS}/subjectaccessreviews", question)["status"] == status
    server.close()
    store.close()


@pytest.mark.parametrize("version", ["v1", "v1beta1", "v1alpha1"])
def test_a_file_may_name_the_authorizers(home: Path, version: str) -> None:
    file = home / "authorization.yaml"
    head = f"apiVersion: apiserver.config.k8s.io/{version}\nkind: AuthorizationConfiguration\n"
    file.write_text(f"{head}authorizers:\n- type: RBAC\n  name: rbac\n")
    store = LocalStore.temporary()
    server, admin = started(home, store, authorization_config=str(file))
    health = create_app(server.config, server).test_client().get("/healthz", environ_overrides={"gunicorn.socket": Peer(None)})
    assert (health.status_code, health.data) == (200, b"ok")
    asked = {"verb": "create", "version": "v1", "resource": "configmaps", "namespace": "foo"}
    question = {"spec": {"user": "alice", "resourceAttributes": asked}}
    seen = [admin.must("POST", f"{REVIEWS}/subjectaccessreviews", question)["status"]["allowed"]]
    admin.must("POST", f"{RBAC}/clusterroles", {"metadata": {"name": "makers"}, "rules": [rule("create", "configmaps", "")]})
    admin.must("POST", f"{RBAC}/clusterrolebindings", bound("makers", "makers", "alice"))
    seen.append(admin.must("POST", f"{REVIEWS}/subjectaccessreviews", question)["status"]["allowed"])
    assert seen == [False, True]
    server.close()
    store.close()


@pytest.mark.parametrize("mode", ["AlwaysAllow", "AlwaysDeny"])
def test_modes_that_know_nothing_answer_requests_of_every_shape(home: Path, mode: str) -> None:
    store = LocalStore.temporary()
    server, admin = started(home, store, authorization_mode=(mode,))
    admin.must("POST", "/api/v1/namespaces", {"metadata": {"name": "every"}})
    admin.must("POST", "/api/v1/namespaces/every/serviceaccounts", {"metadata": {"name": "default"}})
    tina = Caller(create_app(server.config, server).test_client(), client_certificate("tina"))
    shapes = [each for each in requests("every") if not each.path.endswith(("portforward", "exec"))]
    codes = [tina(each.method, each.path, each.body, Content_Type=each.content_type)[0] for each in shapes]
    assert codes == ([each.code for each in shapes] if mode == "AlwaysAllow" else [403] * len(shapes))
    server.close()
    store.close()
