"""`berth auth` against a real API server that has the roles and bindings of which a kube-apiserver was asked."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.cli.command import main
from tests.support import ApiServer, start_api_server
from tests.unit.rbac.explain.oracle import cases, objects

RBAC = "/apis/rbac.authorization.k8s.io/v1"
Run = Callable[..., tuple[int, str, str]]
SAMPLE = 40
"""Every so manieth question is asked over HTTP."""


@pytest.fixture(name="server", scope="module")
def server_fixture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    server = start_api_server(tmp_path_factory.mktemp("auth"), workers=1)
    try:
        for namespace in ("dev", "prod", "qa"):
            assert server.request("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}}).code == 201
        for obj in objects():
            scope = f"{RBAC}/namespaces/{obj['metadata']['namespace']}" if "namespace" in obj["metadata"] else RBAC
            # those that every cluster has are there
            assert server.request("POST", f"{scope}/{obj['kind'].lower()}s", obj).code in (201, 409)
        yield server
    finally:
        server.stop()


@pytest.fixture(name="run")
def run_fixture(server: ApiServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command as the administrator: (exit code, standard output, standard error)."""
    admin = server.kubeconfig(tmp_path / "admin")

    def run(action: str, *arguments: str, by: Path = admin) -> tuple[int, str, str]:
        code = main(["auth", action, *arguments, "--kubeconfig", str(by)])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


def test_reviews_and_explanations_over_http_say_what_a_kube_apiserver_said(server: ApiServer) -> None:
    wrong = []
    for case in cases()[::SAMPLE]:
        review = server.request("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", {"spec": case.spec}).body["status"]
        explained = server.request("POST", "/apis/berth.io/v1alpha1/accessexplanations", {"spec": case.spec}).body
        told = explained.get("status", {})
        if (review["allowed"], told.get("allowed"), told.get("reason")) != (case.allowed, case.allowed, review.get("reason")):
            wrong.append((case, review, explained))
    assert wrong == []


def test_allowed_is_exit_code_0_and_denied_1(run: Run) -> None:
    assert [run("why", "get", "pods")[0], run("why", "get", "pods", "--as", "nobody-at-all")[0]] == [0, 1]


def test_who_asks_is_the_subject_unless_another_is_named(run: Run) -> None:
    _, out, _ = run("why", "delete", "nodes", "n1")
    assert 'question:    "kubernetes-admin" (system:masters, system:authenticated): delete nodes "n1" at the cluster scope' in out
    assert "authorizer:  system:masters" in out


def test_a_denial_reads_well(run: Run) -> None:
    code, out, _ = run("why", "get", "po", "web", "-n", "dev", "--as", "tina", "--as-group", "ops")
    head, _, grant = out.partition("The smallest grant that allows it:\n\n")
    lines = head.splitlines()
    assert (code, lines[0]) == (1, "denied by authorization")
    assert lines[1] == 'question:    "tina" (ops, system:authenticated): get pods "web" in namespace dev'
    assert lines[2] == "authorizer:  none allows it"
    assert lines[3].startswith('message:     pods "web" is forbidden: User "tina" cannot get resource "pods"')
    assert all(line[:13].strip() == "" or line[:12].rstrip().endswith(":") for line in lines[1:] if line)
    assert [each["kind"] for each in yaml.safe_load_all(grant)] == ["Role", "RoleBinding"]


def test_a_service_account_has_its_groups(run: Run) -> None:
    answer = json.loads(run("why", "get", "pods", "-n", "dev", "--as", "system:serviceaccount:dev:x", "-o", "json")[1])
    assert answer["spec"]["groups"] == ["system:serviceaccounts", "system:serviceaccounts:dev", "system:authenticated"]


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (("po",), {"resource": "pods", "version": "v1", "namespace": "default"}),
        (("pod", "web"), {"resource": "pods", "version": "v1", "namespace": "default", "name": "web"}),
        (("pods/web",), {"resource": "pods", "version": "v1", "namespace": "default", "name": "web"}),
        (("pods/log", "web"), {"resource": "pods", "version": "v1", "namespace": "default", "subresource": "log", "name": "web"}),
        (("deploy",), {"resource": "deployments", "group": "apps", "version": "v1", "namespace": "default"}),
        (
            ("deployments.apps/scale",),
            {"resource": "deployments", "group": "apps", "version": "v1", "namespace": "default", "subresource": "scale"},
        ),
        (("Deployment.v1.apps",), {"resource": "deployments", "group": "apps", "version": "v1", "namespace": "default"}),
        (("no", "n1"), {"resource": "nodes", "version": "v1", "name": "n1"}),
        (("gizmos.example.com",), {"resource": "gizmos", "group": "example.com", "namespace": "default"}),
        (("pods", "-A"), {"resource": "pods", "version": "v1"}),
        (
            ("pods", "--field-selector", "spec.nodeName=n1", "-l", "a=b"),
            {
                "resource": "pods",
                "version": "v1",
                "namespace": "default",
                "fieldSelector": {"rawSelector": "spec.nodeName=n1"},
                "labelSelector": {"rawSelector": "a=b"},
            },
        ),
    ],
)
def test_a_resource_is_written_as_for_kubectl(run: Run, words: tuple[str, ...], asked: dict[str, Any]) -> None:
    answer = json.loads(run("why", "list", *words, "-o", "json")[1])
    attributes = answer["spec"]["resourceAttributes"]
    assert {key: value for key, value in attributes.items() if value} == {"verb": "list", **asked}


def test_a_path_is_asked_for(run: Run) -> None:
    code, out, _ = run("why", "get", "--url", "/metrics", "--as", "tina")
    assert (code, 'forbidden: User "tina" cannot get path "/metrics"' in out) == (1, True)


def test_a_token_is_explained_from_standard_input(server: ApiServer, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    server.request("POST", "/api/v1/namespaces/dev/serviceaccounts", {"metadata": {"name": "builder"}})
    token = server.request("POST", "/api/v1/namespaces/dev/serviceaccounts/builder/token", {"spec": {}}).body["status"]["token"]
    for given, shown in ((token, "credentials: accepted by ServiceAccountToken"), (token[:-9], "denied by authentication")):
        monkeypatch.setattr("sys.stdin", io.StringIO(given + "\n"))
        out = run("why", "get", "pods", "-n", "dev", "--token", "-")[1]
        assert shown in out
        assert given not in out


def test_the_credentials_of_a_kubeconfig_are_explained(server: ApiServer, run: Run, tmp_path: Path) -> None:
    server.issue("tina", "tina", "ops")
    code, out, _ = run("why", "get", "pods", "--kubeconfig-of", str(server.kubeconfig(tmp_path / "tina", "tina")))
    assert (code, '"tina" (ops, system:authenticated): get pods' in out, "accepted by Certificate" in out) == (1, True, True)


def test_an_object_is_shown_to_admission(run: Run, tmp_path: Path) -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    (tmp_path / "pod.yaml").write_text(yaml.safe_dump(pod))
    code, out, _ = run("why", "create", "pods", "-n", "dev", "-f", str(tmp_path / "pod.yaml"))
    assert (code, out.splitlines()[0]) == (1, "denied by admission (ServiceAccount)")
    assert "admission:   refused by ServiceAccount (403 Forbidden)" in out


def test_who_can_is_a_table_with_notes(run: Run) -> None:
    code, out, _ = run("who-can", "get", "secrets", "-n", "kube-system")
    lines = out.splitlines()
    assert (code, lines[0].split()) == (0, ["SUBJECT", "BINDING", "ROLE", "RULE"])
    assert any(line.startswith("Group system:masters") for line in lines)
    assert lines[-1].startswith("note: ")


def test_who_can_do_what_nobody_can(run: Run) -> None:
    _, out, _ = run("who-can", "post", "--url", "/nowhere-at-all")
    assert "Group system:masters" in out


def test_rules_are_a_table(run: Run) -> None:
    code, out, _ = run("rules", "--as", "u1", "-n", "dev")
    assert (code, out.splitlines()[0].split()) == (0, ["RULE", "ROLE", "BINDING", "SUBJECT"])
    assert "ClusterRoleBinding system:basic-user" in out


def test_the_matrix_is_a_table_csv_and_json_of_one_content(run: Run) -> None:
    asked = ("--subjects", "user:u1", "sa:dev:builder", "--resources", "po", "deploy", "pods/log", "--verbs", "get", "list", "-n", "dev")
    tables, sheets, answers = (run("matrix", *asked, "-o", output)[1] for output in ("table", "csv", "json"))
    rows = json.loads(answers)["status"]["rows"]
    sheet = list(csv.DictReader(io.StringIO(sheets)))
    assert len(rows) == len(sheet) == len(tables.splitlines()) - 1 == 6
    assert [[verb for verb in ("get", "list") if row[verb] == "yes"] for row in sheet] == [row["allowed"] for row in rows]
    assert [row["resource"] for row in sheet] == ["pods", "deployments.apps", "pods/log"] * 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("why", "get"), "name a RESOURCE, or a path with --url, and not both"),
        (("why", "get", "pods", "--url", "/x"), "name a RESOURCE, or a path with --url, and not both"),
        (("why", "get", "pods", "--as", "x", "--token", "y"), "name one of --as, --token and --kubeconfig-of"),
        (("why", "get", "pods", "--as", "x", "--as-extra", "y"), 'extra "y" is not KEY=VALUE'),
        (("why", "get", "pods", "--kubeconfig-of", "/nowhere"), 'kubeconfig "/nowhere" cannot be read'),
        (("why", "create", "pods", "-f", "/nowhere"), '"/nowhere" cannot be read: No such file or directory'),
        (("matrix", "--subjects", "tina"), 'subject "tina" is not user:NAME, group:NAME or serviceaccount:NAMESPACE:NAME'),
        (("matrix", "--subjects", "sa:tina"), 'subject "sa:tina" names no service account of a namespace'),
    ],
)
def test_what_cannot_be_asked_is_explained(run: Run, arguments: tuple[str, ...], message: str) -> None:
    code, out, err = run(*arguments)
    assert (code, out, message in err) == (1, "", True)


def test_who_may_not_ask_is_told_so(server: ApiServer, run: Run, tmp_path: Path) -> None:
    server.issue("tom", "tom")
    code, _, err = run("why", "get", "pods", by=server.kubeconfig(tmp_path / "tom", "tom"))
    assert (code, 'accessexplanations.berth.io is forbidden: User "tom" cannot create' in err) == (1, True)


def test_a_tenants_administrator_is_answered_about_their_namespace(server: ApiServer, run: Run, tmp_path: Path) -> None:
    server.issue("ann", "ann")
    subject = {"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "ann"}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "berth:tenant-owner"}
    body = {"metadata": {"name": "ann"}, "roleRef": reference, "subjects": [subject]}
    assert server.request("POST", f"{RBAC}/namespaces/dev/rolebindings", body).code == 201
    ann = server.kubeconfig(tmp_path / "ann", "ann")
    asked = (
        ("why", "get", "pods", "-n", "dev", "--as", "u1", "-o", "json"),
        ("who-can", "get", "pods", "-n", "dev", "-o", "json"),
        ("rules", "--as", "u1", "-n", "dev", "-o", "json"),
        ("matrix", "--subjects", "user:u1", "-n", "dev", "-o", "json"),
    )
    kinds = [json.loads(run(*each, by=ann)[1])["kind"] for each in asked]
    assert kinds == ["LocalAccessExplanation", "LocalWhoCanReview", "LocalSubjectRulesReview", "LocalAccessMatrixReview"]
    code, _, err = run("why", "get", "pods", "-n", "prod", "--as", "u1", by=ann)
    assert (code, "accessexplanations.berth.io is forbidden" in err) == (1, True)


def test_an_api_server_that_does_not_answer_is_said(server: ApiServer, run: Run, tmp_path: Path) -> None:
    away = json.loads(server.kubeconfig(tmp_path / "away").read_text())
    away["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    (tmp_path / "away").write_text(json.dumps(away))
    code, out, err = run("why", "get", "pods", by=tmp_path / "away")
    assert (code, out, "the API server cannot be reached" in err) == (1, "", True)


def test_a_kubeconfig_that_is_none_is_said(run: Run, tmp_path: Path) -> None:
    code, _, err = run("why", "get", "pods", by=tmp_path / "nothing")
    assert (code, f'kubeconfig "{tmp_path / "nothing"}" cannot be used' in err) == (1, True)
