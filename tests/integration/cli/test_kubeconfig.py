"""`berth kubeconfig`, with a file that says who issues, against a real API server."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.cli.command import main
from tests.support import ApiServer

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(name="run")
def run_fixture(api_server: ApiServer, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the command as the administrator: (exit code, standard output, standard error)."""
    admin = api_server.kubeconfig(tmp_path / "admin")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "mine"))

    def run(action: str, *arguments: str, by: Path | None = admin) -> tuple[int, str, str]:
        code = main(["kubeconfig", action, *arguments, *(["--kubeconfig", str(by)] if by else [])])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


def created(run: Run, *arguments: str) -> dict[str, Any]:
    code, out, err = run("create", *arguments)
    assert code == 0, err
    document: dict[str, Any] = yaml.safe_load(out)
    return document


def listed(run: Run, *arguments: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = json.loads(run("list", "-o", "json", *arguments)[1])["items"]
    return items


def test_a_service_account_gets_a_token(api_server: ApiServer, run: Run) -> None:
    namespace = api_server.namespace()
    document = created(run, "default", "-n", namespace)
    assert document["users"][0]["user"].keys() == {"token"}
    assert [each["spec"]["serviceAccountName"] for each in listed(run, "-n", namespace)] == ["default"]


def test_a_person_gets_a_certificate_and_belongs_to_the_namespace(api_server: ApiServer, run: Run) -> None:
    namespace = api_server.namespace()
    document = created(
        run, "alice", "--user", "-n", namespace, "--group", f"{namespace}:devs", "--cluster-role", "view", "--lifetime", "2h"
    )
    assert document["users"][0]["user"].keys() == {"client-certificate-data", "client-key-data"}
    spec = listed(run, "-n", namespace)[0]["spec"]
    assert (spec["user"], spec["groups"], spec["expirationSeconds"]) == (f"{namespace}:alice", [f"{namespace}:devs"], 7200)
    assert (spec["roleRef"]["name"], spec["namespaces"]) == ("view", [namespace])


def test_a_person_of_the_cluster_is_called_as_they_are(run: Run) -> None:
    created(run, "tina-of-ops", "--user", "--username", "tina@example.com", "--group", "ops", "--server", "https://example.com:6443")
    found = next(each for each in listed(run) if each["metadata"]["name"] == "tina-of-ops")
    assert (found["kind"], found["spec"]["user"], found["spec"]["groups"]) == ("ClusterKubeconfig", "tina@example.com", ["ops"])


def test_a_file_is_for_its_owner_alone(api_server: ApiServer, run: Run, tmp_path: Path) -> None:
    namespace, target = api_server.namespace(), tmp_path / "out"
    target.write_text("old")
    target.chmod(0o644)
    code, out, _ = run("create", "default", "-n", namespace, "-o", str(target))
    assert (code, stat.S_IMODE(target.stat().st_mode), yaml.safe_load(target.read_text())["kind"]) == (0, 0o600, "Config")
    assert f'issued to "system:serviceaccount:{namespace}:default" until' in out


def test_what_was_issued_but_not_written_is_said(api_server: ApiServer, run: Run, tmp_path: Path) -> None:
    namespace = api_server.namespace()
    code, _, err = run("create", "default", "-n", namespace, "-o", str(tmp_path / "no" / "folder"))
    assert code == 1
    assert f'"berth kubeconfig renew default -n {namespace} --revoke-previous" issues it anew' in err


def test_merging_keeps_what_is_there_and_removing_brings_it_back(api_server: ApiServer, run: Run, tmp_path: Path) -> None:
    namespace, mine = api_server.namespace(), tmp_path / "mine"
    other = {"clusters": [{"name": "x", "cluster": {"server": "https://x"}}], "users": [{"name": "u", "user": {"token": "t"}}]}
    other |= {"contexts": [{"name": "x", "context": {"cluster": "x", "user": "u"}}], "current-context": "x", "extensions": [{"name": "e"}]}
    mine.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "Config", **other}))
    assert run("create", "default", "-n", namespace, "--merge", "--context", "new")[0] == 0
    merged = yaml.safe_load(mine.read_text())
    assert (merged["current-context"], [each["name"] for each in merged["contexts"]], stat.S_IMODE(mine.stat().st_mode)) == (
        "new",
        ["x", "new"],
        0o600,
    )
    assert run("remove", "new", by=None)[0] == 0
    assert yaml.safe_load(mine.read_text()) == {"apiVersion": "v1", "kind": "Config", **other, "current-context": ""}
    assert run("remove", "new", by=None)[0] == 1


def test_a_file_is_merged_into_another(api_server: ApiServer, run: Run, tmp_path: Path) -> None:
    namespace = api_server.namespace()
    run("create", "default", "-n", namespace, "-o", str(tmp_path / "a"), "--context", "a")
    code, out, _ = run("merge", str(tmp_path / "a"), "--into", str(tmp_path / "all"), by=None)
    assert (code, out) == (0, f'* merged "a" into {tmp_path / "all"}\n')
    assert yaml.safe_load((tmp_path / "all").read_text())["current-context"] == "a"


def test_another_cluster_of_the_same_name_is_not_overwritten(api_server: ApiServer, run: Run, tmp_path: Path) -> None:
    namespace, mine = api_server.namespace(), tmp_path / "mine"
    other = {
        "clusters": [{"name": "c", "cluster": {"server": "https://x"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
    }
    mine.write_text(yaml.safe_dump(other))
    code, _, err = run("create", "default", "-n", namespace, "--merge", "--cluster-name", "c")
    assert (code, "issue the kubeconfig with another --cluster-name" in err) == (1, True)
    assert yaml.safe_load(mine.read_text()) == other


@pytest.mark.parametrize(
    "brought",
    [
        {"clusters": [{"name": "c", "cluster": {"server": "https://x", "proxy-url": "http://evil"}}]},
        {"clusters": [{"name": "c", "cluster": {"server": "https://x", "insecure-skip-tls-verify": True}}]},
        {"users": [{"name": "u", "user": {"exec": {"command": "evil"}}}]},
    ],
)
def test_a_file_does_not_lead_contexts_elsewhere_that_it_does_not_name(run: Run, tmp_path: Path, brought: dict[str, Any]) -> None:
    mine, other = tmp_path / "mine", tmp_path / "other"
    held = {
        "clusters": [{"name": "c", "cluster": {"server": "https://x"}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
    }
    mine.write_text(yaml.safe_dump(held))
    other.write_text(yaml.safe_dump({**brought, "contexts": [{"name": "new", "context": {"cluster": "c", "user": "u"}}]}))
    code, _, err = run("merge", str(other), "--into", str(mine), by=None)
    assert (code, 'and context "x" uses it' in err, yaml.safe_load(mine.read_text())) == (1, True, held)


def test_a_missing_file_is_not_merged(run: Run, tmp_path: Path) -> None:
    code, _, err = run("merge", str(tmp_path / "none"), by=None)
    assert (code, err) == (1, f'berth: there is no file "{tmp_path / "none"}"\n')


def test_show_and_list_say_who_by_whom_and_until_when(api_server: ApiServer, run: Run) -> None:
    namespace = api_server.namespace()
    created(run, "alice", "--user", "-n", namespace, "--lifetime", "30d")
    row = run("list", "-n", namespace)[1].splitlines()[1].split()
    assert row[:4] == [namespace, "alice", f"{namespace}:alice", "<none>"]
    assert (row[4], row[6], row[-1]) == ("kubernetes-admin", "29d", "Active")
    shown = run("show", "alice", "-n", namespace)[1]
    assert f"User:        {namespace}:alice\n" in shown
    assert "Certificate, issued" in shown
    assert json.loads(run("show", "alice", "-n", namespace, "-o", "json")[1])["kind"] == "Kubeconfig"
    assert "alice" in run("list", "-A")[1]


def test_renew_and_revoke(api_server: ApiServer, run: Run, tmp_path: Path) -> None:
    namespace, first, second = api_server.namespace(), tmp_path / "first", tmp_path / "second"
    lists = ("list", "-n", namespace)
    assert run("create", "alice", "--user", "-n", namespace, "--cluster-role", "cluster-admin", "-o", str(first))[0] == 0
    assert run("renew", "alice", "-n", namespace, "--revoke-previous", "--lifetime", "1h", "-o", str(second))[0] == 0
    assert (run(*lists, by=first)[0], run(*lists, by=second)[0]) == (1, 0)
    assert run("revoke", "alice", "-n", namespace) == (0, '* kubeconfig "alice" is revoked\n', "")
    assert "your kubeconfig has expired or was revoked" in run(*lists, by=second)[2]
    assert run("revoke", "alice", "-n", namespace, "--delete")[0] == 0
    assert run("list", "-n", namespace)[1] == "no kubeconfigs\n"


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("x",), "name the service account's namespace with -n, or add --user for a person"),
        (("x", "-n", "default", "--group", "g"), "--group and --username are for people: add --user"),
        (("x", "--user", "--service-account", "y"), "--service-account and --user exclude each other"),
        (("x", "--user", "--in", "default"), "--in says where a role is bound"),
        (("x", "--user", "--role", "r"), "--role is bound in a namespace"),
        (("x", "--user", "--lifetime", "1"), 'lifetime "1" is no duration'),
        (("Al Ice", "--user"), 'choose one such as "al-ice"'),
        (("x", "-n", "default", "--service-account", "nobody"), 'serviceaccounts "nobody" not found: create the service account first'),
        (("x", "--user", "--cluster-role", "nothing"), '"nothing": there is no such ClusterRole'),
        (("x", "--user", "--group", "system:authenticated"), "is given by the API server alone"),
    ],
)
def test_what_cannot_be_issued_is_explained(run: Run, arguments: tuple[str, ...], why: str) -> None:
    code, out, err = run("create", *arguments)
    assert (code, out, why in err) == (1, "", True), err


def test_a_name_that_is_taken_is_renewed_or_another_is_chosen(api_server: ApiServer, run: Run) -> None:
    namespace = api_server.namespace()
    created(run, "default", "-n", namespace)
    code, _, err = run("create", "default", "-n", namespace)
    assert (code, f'"berth kubeconfig renew default -n {namespace}" issues another credential' in err) == (1, True)
