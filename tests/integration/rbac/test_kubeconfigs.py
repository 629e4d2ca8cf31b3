"""Kubeconfigs as API objects: issued once, never shown again, with bindings that come and go with them."""

from __future__ import annotations

import datetime
import json
import re
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from rbac.credentials.certificates import issue_client_certificate
from tests.integration.rbac.issued import Issued, issue, order, path
from tests.support import ApiServer, eventually
from tests.support_needs import need_kubectl

VIEW = {"kind": "ClusterRole", "name": "view"}
RBAC = "/apis/rbac.authorization.k8s.io/v1"
MANY = 1000
TABLE = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}


def bindings(server: ApiServer, namespace: str = "") -> list[str]:
    """Names of what kubeconfigs have bound."""
    where = f"{RBAC}/namespaces/{namespace}/rolebindings" if namespace else f"{RBAC}/clusterrolebindings"
    items = server.request("GET", where).body["items"]
    return [each["metadata"]["name"] for each in items if each["metadata"]["name"].startswith("kubeconfig:")]


def secrets_in(file: str) -> list[str]:
    """The token or the key that a kubeconfig has."""
    return re.findall(r"(?:token|client-key-data): (\S+)", file)


@pytest.mark.parametrize("identity", [{"serviceAccountName": "default"}, {"user": "NAMESPACE:alice", "groups": ["NAMESPACE:team"]}])
def test_only_the_answer_has_the_secret(api_server: ApiServer, identity: dict[str, Any]) -> None:
    namespace = api_server.namespace()
    spec = json.loads(json.dumps(identity).replace("NAMESPACE", namespace))
    file = api_server.request("POST", path(namespace), order("one", **spec)).body["status"]["kubeconfig"]
    renewed = api_server.request("POST", path(namespace, "one", "renew")).body["status"]["kubeconfig"]
    (first,), (second,) = secrets_in(file), secrets_in(renewed)
    assert first != second
    shown = [api_server.request("GET", path(namespace, each)).body for each in ("one", "")]
    with api_server.stream(f"{path(namespace)}?watch=1&timeoutSeconds=1") as events:
        shown += list(events)
    home = api_server.config.home.root
    kept = b"".join(each.read_bytes() for each in (*home.glob("store.db*"), *home.rglob("*.log")))
    assert b"kubeconfigs" in kept
    assert not [each for each in (first, second) if each in json.dumps(shown) or each.encode() in kept]


def test_a_service_accounts_file_works_as_it_is(api_server: ApiServer, tmp_path: Path) -> None:
    namespace = api_server.namespace()
    user = issue(api_server, tmp_path, order("robot", serviceAccountName="default", roleRef=VIEW), namespace)
    assert user.document["contexts"][0]["context"]["namespace"] == namespace
    assert user.request("GET", f"/api/v1/namespaces/{namespace}/pods").code == 200
    assert user.request("GET", "/api/v1/namespaces/default/pods").code == 403


def test_what_the_file_says_can_be_chosen(api_server: ApiServer, tmp_path: Path) -> None:
    names = {"server": "https://berth.example:8443", "clusterName": "prod", "contextName": "me", "contextNamespace": "apps"}
    document = issue(api_server, tmp_path, order("named", user="named", **names)).document
    assert document["current-context"] == "me"
    assert document["contexts"] == [{"name": "me", "context": {"cluster": "prod", "namespace": "apps", "user": "me"}}]
    assert document["clusters"][0]["cluster"]["server"] == "https://berth.example:8443"


@pytest.mark.parametrize("action", ["", "renew"])
def test_a_dry_run_issues_nothing(api_server: ApiServer, action: str) -> None:
    namespace = api_server.namespace()
    record = order("dry", user=f"{namespace}:dry", roleRef=VIEW)
    if action:
        assert api_server.request("POST", path(namespace), record).code == 201
    before = api_server.request("GET", path(namespace)).body["items"], bindings(api_server, namespace)
    answer = api_server.request("POST", path(namespace, "dry" if action else "", action) + "?dryRun=All", None if action else record)
    assert (answer.code, answer.body["status"].get("kubeconfig")) == (201, None)
    assert (api_server.request("GET", path(namespace)).body["items"], bindings(api_server, namespace)) == before


@pytest.mark.parametrize(("method", "action"), [("POST", "revoke"), ("DELETE", "")])
def test_bindings_go_with_the_kubeconfig(api_server: ApiServer, method: str, action: str) -> None:
    home, other = api_server.namespace(), api_server.namespace()
    record = order("bound", user=f"{home}:bound", roleRef=VIEW, namespaces=[home, other])
    assert api_server.request("POST", path(home), record).code == 201
    assert [len(bindings(api_server, each)) for each in (home, other)] == [1, 1]
    assert api_server.request(method, path(home, "bound", action)).code in (200, 201)
    assert [bindings(api_server, each) for each in (home, other)] == [[], []]


def test_a_role_without_namespaces_is_bound_in_the_whole_cluster(api_server: ApiServer, tmp_path: Path) -> None:
    looks = issue(api_server, tmp_path, order("looks", user="looks", roleRef=VIEW))
    assert looks.request("GET", "/api/v1/pods").code == 200
    assert [each for each in bindings(api_server) if "looks" in each]
    assert api_server.request("DELETE", path("", "looks")).code == 200
    assert not [each for each in bindings(api_server) if "looks" in each]


def test_bindings_end_with_the_credential_and_last_as_long_as_a_renewal(api_server: ApiServer) -> None:
    namespace = api_server.namespace()
    record = order("ends", user=f"{namespace}:ends", roleRef=VIEW, expirationSeconds=600)
    made = api_server.request("POST", path(namespace), record).body["status"]["credentials"][-1]
    assert end_of_binding(api_server, namespace) == made["expiresAt"]
    renewed = api_server.request("POST", path(namespace, "ends", "renew"), {"spec": {"expirationSeconds": 7200}}).body
    assert end_of_binding(api_server, namespace) == renewed["status"]["credentials"][-1]["expiresAt"] > made["expiresAt"]


def end_of_binding(server: ApiServer, namespace: str) -> str:
    (name,) = bindings(server, namespace)
    binding = server.request("GET", f"{RBAC}/namespaces/{namespace}/rolebindings/{name}").body
    end: str = binding["metadata"]["annotations"]["berth.io/expires-at"]
    return end


def tenant_admin(server: ApiServer, folder: Path, namespace: str) -> Issued:
    """A person who administers one namespace and may issue kubeconfigs there."""
    rules = [{"apiGroups": ["berth.io"], "resources": ["kubeconfigs", "kubeconfigs/renew", "kubeconfigs/revoke"], "verbs": ["*"]}]
    assert server.request("POST", f"{RBAC}/namespaces/{namespace}/roles", {"metadata": {"name": "issuer"}, "rules": rules}).code == 201
    for kind, name in (("Role", "issuer"), ("ClusterRole", "admin")):
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name}
        subject = {"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": f"{namespace}:head"}
        binding = {"metadata": {"name": name}, "roleRef": reference, "subjects": [subject]}
        assert server.request("POST", f"{RBAC}/namespaces/{namespace}/rolebindings", binding).code == 201
    return issue(server, folder, order("head", user=f"{namespace}:head", expirationSeconds=86400), namespace)


def test_a_tenants_administrator_issues_for_the_tenant_alone(api_server: ApiServer, tmp_path: Path) -> None:
    home, other = api_server.namespace(), api_server.namespace()
    head = tenant_admin(api_server, tmp_path, home)
    granted = [
        order("dev", user=f"{home}:dev", groups=[f"{home}:devs"], roleRef={"kind": "ClusterRole", "name": "edit"}),
        order("robot", serviceAccountName="default", roleRef=VIEW),
        order("peer", user=f"{home}:peer", roleRef={"kind": "ClusterRole", "name": "admin"}, expirationSeconds=3600),
    ]
    assert [head.request("POST", path(home), each).code for each in granted] == [201, 201, 201]
    refused = [
        (home, order("a", user="alice")),
        (home, order("b", user=f"{home}:b", groups=["ops"])),
        (home, order("c", user=f"{home}:c", groups=["system:masters"])),
        (home, order("d", user="system:admin")),
        (home, order("e", user=f"{home}:e", roleRef={"kind": "ClusterRole", "name": "cluster-admin"})),
        (home, order("f", user=f"{home}:f", roleRef=VIEW, namespaces=[home, other])),
        (home, order("g", user=f"{home}:g", expirationSeconds=2 * 86400)),
        (home, order("h", serviceAccountName="default", roleRef=VIEW, namespaces=[other])),
        (other, order("i", user=f"{other}:i")),
        ("", order("j", user="j")),
    ]
    before = bindings(api_server, home)
    assert [head.request("POST", path(*each), record).code for *each, record in refused] == [403] * len(refused)
    names = {each["metadata"]["name"] for each in api_server.request("GET", path(home)).body["items"]}
    assert (names, bindings(api_server, home), bindings(api_server, other)) == ({"head", "dev", "robot", "peer"}, before, [])


def test_a_renewal_is_judged_as_an_issue_is(api_server: ApiServer, tmp_path: Path) -> None:
    namespace = api_server.namespace()
    head = tenant_admin(api_server, tmp_path, namespace)
    short = {"spec": {"expirationSeconds": 3600}}
    assert api_server.request("POST", path(namespace), order("free", user="free", expirationSeconds=3600)).code == 201
    assert api_server.request("POST", path(namespace), order("strong", user=f"{namespace}:strong", roleRef=VIEW)).code == 201
    assert [head.request("POST", path(namespace, each, "renew"), short).code for each in ("free", "strong")] == [403, 201]
    assert head.request("POST", path(namespace, "strong", "renew")).code == 403, "a year is longer than the issuer's own day"
    assert head.request("POST", path(namespace, "free", "revoke")).code == 201


@pytest.mark.parametrize("seconds", [-1, 599, 315_360_001, 1 << 40, 1 << 62])
def test_a_renewal_is_as_long_as_an_issue_may_be(api_server: ApiServer, seconds: int) -> None:
    namespace = api_server.namespace()
    api_server.request("POST", path(namespace), order("robot", serviceAccountName="default"))
    answer = api_server.request("POST", path(namespace, "robot", "renew"), {"spec": {"expirationSeconds": seconds}})
    assert (answer.code, answer.body["details"]["causes"][0]["field"]) == (422, "spec.expirationSeconds")
    assert len(api_server.request("GET", path(namespace, "robot")).body["status"]["credentials"]) == 1


def test_nothing_of_a_record_changes_but_its_metadata(api_server: ApiServer) -> None:
    namespace = api_server.namespace()
    record = api_server.request("POST", path(namespace), order("kept", user=f"{namespace}:kept")).body
    record["status"]["credentials"].append({**record["status"]["credentials"][0], "id": "JTI=forged"})
    record["metadata"]["labels"] = {"team": "blue"}
    replaced = api_server.request("PUT", path(namespace, "kept"), record).body
    assert (replaced["metadata"]["labels"], len(replaced["status"]["credentials"]), "kubeconfig" in replaced["status"]) == (
        {"team": "blue"},
        1,
        False,
    )
    patch = {"spec": {"groups": ["system:masters"]}}
    refused = api_server.request("PATCH", path(namespace, "kept"), patch, content_type="application/merge-patch+json")
    assert (refused.code, refused.body["details"]["causes"][0]["field"]) == (422, "spec")


def test_a_record_that_a_client_writes_lists_nothing(api_server: ApiServer) -> None:
    namespace = api_server.namespace()
    forged = {"credentials": [{"id": "JTI=forged", "type": "Token", "issuedBy": "x", "issuedAt": "2026-01-01T00:00:00Z"}]}
    record = {**order("new", user=f"{namespace}:new"), "status": forged}
    made = api_server.request("POST", path(namespace), record).body
    assert [each["type"] for each in made["status"]["credentials"]] == ["Certificate"]


def test_so_many_credentials_are_good_at_a_time(api_server: ApiServer) -> None:
    namespace = api_server.namespace()
    assert api_server.request("POST", path(namespace), order("many", user=f"{namespace}:many")).code == 201
    codes = [api_server.request("POST", path(namespace, "many", "renew")).code for _ in range(8)]
    assert codes == [201] * 7 + [409]
    replaced = api_server.request("POST", path(namespace, "many", "renew"), {"spec": {"revokePrevious": True}}).body["status"][
        "credentials"
    ]
    assert [bool(each.get("revokedAt")) for each in replaced] == [True] * 8 + [False]


def test_what_was_revoked_is_not_renewed(api_server: ApiServer) -> None:
    namespace = api_server.namespace()
    assert api_server.request("POST", path(namespace), order("gone", user=f"{namespace}:gone")).code == 201
    first, again = (api_server.request("POST", path(namespace, "gone", "revoke")) for _ in range(2))
    assert (first.code, first.body) == (again.code, again.body)
    assert first.body["status"]["conditions"][0]["reason"] == "Revoked"
    refused = api_server.request("POST", path(namespace, "gone", "renew"))
    assert (refused.code, "it was revoked" in refused.body["message"]) == (409, True)


def test_a_record_of_the_same_name_is_another(api_server: ApiServer, tmp_path: Path) -> None:
    namespace = api_server.namespace()
    where, record = f"/api/v1/namespaces/{namespace}/pods", order("twin", user=f"{namespace}:twin", roleRef=VIEW)
    first = issue(api_server, tmp_path / "first", record, namespace)
    assert api_server.request("DELETE", path(namespace, "twin")).code == 200
    second = issue(api_server, tmp_path / "second", record, namespace)
    assert [each.request("GET", where).code for each in (first, second)] == [401, 200]


def test_a_record_that_waits_for_a_finalizer_vouches_for_nothing(api_server: ApiServer, tmp_path: Path) -> None:
    namespace = api_server.namespace()
    record = order("held", user=f"{namespace}:held", roleRef=VIEW)
    record["metadata"]["finalizers"] = ["example.com/held"]
    held = issue(api_server, tmp_path, record, namespace)
    assert held.request("GET", f"/api/v1/namespaces/{namespace}/pods").code == 200
    assert api_server.request("DELETE", path(namespace, "held")).body["metadata"]["deletionTimestamp"]
    assert held.request("GET", f"/api/v1/namespaces/{namespace}/pods").code == 401


def test_a_certificate_that_its_record_does_not_list_is_refused(api_server: ApiServer) -> None:
    namespace = api_server.namespace()
    record = api_server.request("POST", path(namespace), order("real", user=f"{namespace}:real")).body
    home, uri = api_server.config.home, f"berth:kubeconfigs/{namespace}/real/{record['metadata']['uid']}"
    authority = home.certificate("ca").read_bytes(), home.key("ca").read_bytes()
    day = datetime.timedelta(days=1)
    pair = issue_client_certificate(*authority, f"{namespace}:real", ["system:masters"], day, uri=uri)
    for target, pem in zip((home.certificate("forged"), home.key("forged")), pair, strict=True):
        target.write_bytes(pem)
    assert api_server.request("GET", "/api/v1/pods", identity="forged").code == 401


def test_the_last_use_is_written_down(api_server: ApiServer, tmp_path: Path) -> None:
    namespace = api_server.namespace()
    used = issue(api_server, tmp_path, order("used", user=f"{namespace}:used"), namespace)
    assert "lastUsedTime" not in api_server.request("GET", path(namespace, "used")).body["status"]
    assert used.request("GET", "/version").code == 200
    eventually(lambda: api_server.request("GET", path(namespace, "used")).body["status"].get("lastUsedTime"), "the use is written down")
    rows = api_server.request("GET", path(namespace), headers=TABLE).body["rows"]
    assert [rows[0]["cells"][i] for i in (0, 1, 3, 7)] == ["used", f"{namespace}:used", "kubernetes-admin", "Active"]


def test_a_thousand_are_issued_and_listed_in_seconds(api_server: ApiServer) -> None:
    namespace = api_server.namespace()
    begun = time.monotonic()
    threads = [threading.Thread(target=_issue_some, args=(api_server, namespace, part)) for part in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    issued = time.monotonic()
    listed = api_server.request("GET", path(namespace)).body["items"]
    assert len(listed) == MANY
    assert (issued - begun, time.monotonic() - issued) < (60.0, 5.0)


def _issue_some(server: ApiServer, namespace: str, part: int) -> None:
    for number in range(part, MANY, 8):
        server.request("POST", path(namespace), order(f"k{number}", user=f"{namespace}:k{number}"))


def test_those_of_one_user_and_those_by_one_issuer_are_selected(api_server: ApiServer, tmp_path: Path) -> None:
    namespace = api_server.namespace()
    head = tenant_admin(api_server, tmp_path, namespace)
    assert head.request("POST", path(namespace), order("hers", user=f"{namespace}:dev", expirationSeconds=600)).code == 201
    selectors = f"status.issuedBy={namespace}:head", f"status.username={namespace}:head"
    found = [api_server.request("GET", f"{path(namespace)}?fieldSelector={each}").body["items"] for each in selectors]
    assert [[each["metadata"]["name"] for each in items] for items in found] == [["hers"], ["head"]]


def test_kubectl_issues_and_uses_one(api_server: ApiServer, tmp_path: Path) -> None:
    kubectl, namespace = need_kubectl(), api_server.namespace()
    admin = ["--kubeconfig", str(api_server.kubeconfig(tmp_path / "admin"))]

    def run(*arguments: str, given: str = "") -> str:
        return subprocess.run([kubectl, *arguments], input=given, capture_output=True, text=True, check=True, timeout=30).stdout

    record = {"apiVersion": "berth.io/v1alpha1", "kind": "Kubeconfig", **order("kate", user=f"{namespace}:kate", roleRef=VIEW)}
    file = run(*admin, "create", "-n", namespace, "-f", "-", "-o", "jsonpath={.status.kubeconfig}", given=json.dumps(record))
    (tmp_path / "kate").write_text(file)
    kate = ["--kubeconfig", str(tmp_path / "kate")]
    assert f"{namespace}:kate" in run(*kate, "auth", "whoami")
    assert run(*kate, "get", "pods", "-o", "name") == ""
    assert "kate" in run(*admin, "get", "kubeconfigs", "-n", namespace)
    assert "Revoked" in run(*admin, "create", "--raw", path(namespace, "kate", "revoke"), "-f", "/dev/null")
    refused = subprocess.run([kubectl, *kate, "get", "pods"], capture_output=True, text=True, check=False, timeout=30)
    assert "You must be logged in to the server" in refused.stderr


def test_of_what_ended_the_oldest_is_left_out(api_server: ApiServer) -> None:
    namespace = api_server.namespace()
    made = [api_server.request("POST", path(namespace), order("long", user=f"{namespace}:long")).body["status"]["credentials"][-1]["id"]]
    for _ in range(12):
        renewed = api_server.request("POST", path(namespace, "long", "renew"), {"spec": {"revokePrevious": True}}).body["status"][
            "credentials"
        ]
        made.append(renewed[-1]["id"])
    assert [each["id"] for each in renewed] == made[-9:]
