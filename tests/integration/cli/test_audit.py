"""`berth audit` as a user runs it, and `berth start` with audit options that cannot be."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.cli.command import main
from rbac.audit.default_policy import DEFAULT_POLICY
from tests.integration.cli.conftest import Berth
from tests.support import ApiServer, eventually, start_api_server

RBAC = "/apis/rbac.authorization.k8s.io/v1"
KINDS = ("Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    root = tmp_path_factory.mktemp("audit")
    server = start_api_server(root)
    server.kubeconfig(root / "admin.kubeconfig")
    try:
        assert server.request("POST", "/api/v1/namespaces", {"metadata": {"name": "dev"}}).code == 201
        _bind(server, "edit")
        _bind(server, "view")
        server.issue("alice", "alice")
        for path in ("configmaps", "pods"):
            assert server.request("GET", f"/api/v1/namespaces/dev/{path}", identity="alice").code == 200
        assert server.request("GET", "/api/v1/namespaces/dev/configmaps/one", identity="alice").code == 404
        assert server.request("GET", "/api/v1/namespaces/kube-system/secrets", identity="alice").code == 403
        yield server
    finally:
        server.stop()


def _bind(server: ApiServer, role: str, user: str = "alice") -> None:
    ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}
    subjects = [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}]
    body = {"metadata": {"name": f"{user}-{role}"}, "roleRef": ref, "subjects": subjects}
    assert server.request("POST", f"{RBAC}/namespaces/dev/rolebindings", body).code == 201


def _run(server: ApiServer, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    assert main(["audit", *arguments, "--home", str(server.config.home.root)]) == 0
    return capsys.readouterr().out


def test_events_are_shown_newest_first(server: ApiServer, capsys: pytest.CaptureFixture[str]) -> None:
    head, *rows = _run(server, capsys, "events", "--user", "alice").splitlines()
    assert head.split() == ["TIME", "USER", "VERB", "NAMESPACE", "OBJECT", "CODE", "DECISION"]
    assert rows[0].split()[1:] == ["alice", "list", "kube-system", "secrets", "403", "forbid"]
    assert len(rows) == 4


def test_events_are_narrowed_and_printed_as_json(server: ApiServer, capsys: pytest.CaptureFixture[str]) -> None:
    printed = json.loads(_run(server, capsys, "events", "--user", "alice", "--code", "4xx", "--since", "1h", "-o", "json"))
    assert [each["responseStatus"]["code"] for each in printed["items"]] == [403, 404]


def test_events_of_a_file_are_those_of_the_api(server: ApiServer, capsys: pytest.CaptureFixture[str]) -> None:
    file = str(server.config.home.logs / "audit.log")
    asked = ("events", "--user", "alice", "-n", "dev", "-o", "json")
    assert json.loads(_run(server, capsys, *asked, "--file", file)) == json.loads(_run(server, capsys, *asked))


def test_roles_that_are_printed_can_be_applied_and_suffice(server: ApiServer, capsys: pytest.CaptureFixture[str]) -> None:
    text = _run(server, capsys, "roles", "--subject", "user:alice")
    role, binding = yaml.safe_load_all(text)
    assert role["rules"] == [
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"], "resourceNames": ["one"]},
        {"apiGroups": [""], "resources": ["configmaps", "pods"], "verbs": ["list"]},
    ]
    for name in ("alice-edit", "alice-view"):
        assert server.request("DELETE", f"{RBAC}/namespaces/dev/rolebindings/{name}").code == 200
    for each, plural in ((role, "roles"), (binding, "rolebindings")):
        assert server.request("POST", f"{RBAC}/namespaces/dev/{plural}", each).code == 201
    eventually(lambda: server.request("GET", "/api/v1/namespaces/dev/pods", identity="alice").code == 200, "the roles suffice")
    assert server.request("GET", "/api/v1/namespaces/dev/configmaps/one", identity="alice").code == 404
    assert server.request("GET", "/api/v1/namespaces/dev/configmaps/two", identity="alice").code == 403


def test_grants_that_were_never_used_are_named(server: ApiServer, capsys: pytest.CaptureFixture[str]) -> None:
    server.issue("bob", "bob")
    _bind(server, "view", "bob")
    _bind(server, "system:node-proxier", "bob")
    assert server.request("GET", "/api/v1/namespaces/dev/pods", identity="bob").code == 200
    text = _run(server, capsys, "roles", "--subject", "user:bob")
    assert "# - RoleBinding bob-system:node-proxier in dev of ClusterRole system:node-proxier: nothing of it\n" in text
    assert "# - RoleBinding bob-view in dev of ClusterRole view: not all of it\n" in text
    assert "#     get, watch pods\n" in text


def test_offline_roles_need_no_cluster(server: ApiServer, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = server.config.home.logs / "audit.log"
    capsys.readouterr()
    arguments = ["audit", "roles", "--subject", "user:alice", "--file", str(file), "--home", str(tmp_path / "none"), "-o", "json"]
    assert main(arguments) == 0
    assert {each["kind"] for each in json.loads(capsys.readouterr().out)["items"]} <= set(KINDS)


def test_built_in_policy_is_printed_as_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "policy"]) == 0
    assert yaml.safe_load(capsys.readouterr().out) == DEFAULT_POLICY


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["roles", "--subject", "alice"], 'subject "alice" is not user:NAME'),
        (["roles", "--subject", "user:nobody"], 'the log shows no allowed request of "user:nobody" since 30d: widen --since'),
        (["events", "--since", "soon"], 'since "soon": time: invalid duration "soon"'),
        (["events", "--limit", "-1"], '--limit "-1" is negative'),
        (["events", "--file", "/nowhere/audit.log"], 'audit log "/nowhere/audit.log" cannot be read'),
        (["events", "--file", __file__], "line 1 is no audit event"),
        (["events", "--kubeconfig", "/nowhere"], 'kubeconfig "/nowhere" cannot be used'),
    ],
)
def test_what_cannot_be_is_explained(server: ApiServer, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str) -> None:
    capsys.readouterr()
    assert main(["audit", *arguments, "--home", str(server.config.home.root)]) == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--audit-policy-file", "{policy}"], "loading audit policy file: rules[0].level: Required value: from file {policy}"),
        (["--audit-policy-file", "/nowhere"], 'loading audit policy file: failed to read file path "/nowhere"'),
        (["--audit-log-path", "{folder}"], 'audit log path "{folder}" is a directory'),
        (["--audit-webhook-config-file", "{policy}"], "initializing audit webhook: "),
        (
            ["--audit-webhook-config-file", "{policy}", "--audit-webhook-mode", "never"],
            'invalid audit webhook mode never, allowed modes are "batch,blocking,blocking-strict"',
        ),
    ],
)
def test_start_refuses_what_the_server_could_not_use(berth: Berth, tmp_path: Path, flags: list[str], message: str) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{}]\n")
    known: dict[str, Any] = {"policy": str(policy), "folder": str(tmp_path)}
    started = berth.run("start", "--port", str(berth.port), *(each.format(**known) for each in flags), check=False)
    assert started.returncode == 1
    assert message.format(**known) in started.stderr
    assert not (berth.home / "store.db").exists()
