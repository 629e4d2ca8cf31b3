"""`berth tenant`, run as its users run it, against a real API server."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster.api.names import Object
from cluster.cli.command import main
from cluster.cli.tenant import without_subject
from tests.support import ApiServer

TENANTS = "/apis/berth.io/v1alpha1/tenants"
Told = pytest.CaptureFixture[str]


@pytest.fixture
def berth(api_server: ApiServer, tmp_path: Path) -> list[str]:
    """What ends each command: who does it, and where."""
    return ["--kubeconfig", str(api_server.kubeconfig(tmp_path / "admin"))]


def spec(api_server: ApiServer, name: str) -> Object:
    found: Object = api_server.request("GET", f"{TENANTS}/{name}").body["spec"]
    return found


def test_a_tenant_is_made_as_the_options_say(api_server: ApiServer, berth: list[str], capsys: Told) -> None:
    owners = ["--owner", "user:alice", "--owner", "group:ops", "--owner", "serviceaccount:ci:bot"]
    bounds = ["--namespace-quota", "3", "--quota", "cpu=4,pods=20", "--pod-security", "baseline", "--no-isolation"]
    assert main(["tenant", "create", "shop", *owners, *bounds, "--namespace", "dev", "--namespace", "shop-test", *berth]) == 0
    made = spec(api_server, "shop")
    assert [each["name"] for each in made["owners"]] == ["alice", "ops", "bot"]
    assert made["namespaces"] == {"prefix": "shop-", "quota": 3, "names": ["shop-dev", "shop-test"]}
    assert made["resourceQuotas"] == [{"name": "quota", "spec": {"hard": {"cpu": "4", "pods": "20"}}}]
    assert (made["podSecurity"], made["defaultNetworkPolicy"]) == ({"enforce": "baseline"}, "None")
    assert main(["tenant", "list", *berth]) == 0
    assert "user:alice,group:ops,serviceaccount:ci:bot" in capsys.readouterr().out


def test_roles_are_granted_shown_and_taken_back(api_server: ApiServer, berth: list[str], capsys: Told) -> None:
    assert main(["tenant", "create", "given", *berth]) == 0
    assert main(["tenant", "grant", "given", "user:mia", "--role", "edit", "--for", "8h", "-n", "given-dev", *berth]) == 0
    assert main(["tenant", "grant", "given", "group:ops", "--role", "view", *berth]) == 0
    timed, plain = spec(api_server, "given")["roles"]
    assert (timed["clusterRole"], timed["namespaces"], "expiresAt" in timed) == ("edit", ["given-dev"], True)
    assert "expiresAt" not in plain
    capsys.readouterr()
    assert main(["tenant", "show", "given", *berth]) == 0
    shown = capsys.readouterr().out
    assert f"edit to user:mia in given-dev until {timed['expiresAt']}" in shown
    assert "view to group:ops in all namespaces" in shown
    assert main(["tenant", "revoke-grant", "given", "user:mia", *berth]) == 0
    assert spec(api_server, "given")["roles"] == [plain]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["create", "x", "--owner", "robot:r"], 'subject "robot:r" is not user:NAME'),
        (["create", "x", "--owner", "serviceaccount:bot"], "names no service account of a namespace"),
        (["create", "x", "--quota", "cpu"], 'quota "cpu" is not NAME=AMOUNT'),
        (["create", "kube-x"], "is reserved: names of the system's namespaces begin so"),
        (["create", "x", "--prefix", "errs-a"], "overlaps with the prefix of another tenant"),
        (["create", "x", "--namespace", "a", "--namespace-quota", "0"], "must not be less than the number of declared namespaces"),
        (["grant", "errs", "user:mia", "--role", "edit", "--for", "soon"], 'lifetime "soon" is no duration'),
        (["grant", "nil", "user:mia", "--role", "edit"], 'tenants.berth.io "nil" not found'),
        (["revoke-grant", "errs", "user:mia"], 'user:mia has no role in tenant "errs"'),
        (["revoke-grant", "errs", "user:mia", "--role", "edit"], 'user:mia does not have role "edit" in tenant "errs"'),
        (["show", "nil"], 'tenants.berth.io "nil" not found'),
        (["delete", "nil"], 'tenants.berth.io "nil" not found'),
    ],
)
def test_mistakes_are_explained_and_change_nothing(
    api_server: ApiServer, berth: list[str], capsys: Told, arguments: list[str], told: str
) -> None:
    main(["tenant", "create", "errs", *berth])
    before = spec(api_server, "errs")
    capsys.readouterr()
    assert main(["tenant", *arguments, *berth]) == 1
    assert told in capsys.readouterr().err
    assert spec(api_server, "errs") == before


def test_who_may_not_make_tenants_is_told(api_server: ApiServer, tmp_path: Path, capsys: Told) -> None:
    file = api_server.kubeconfig(tmp_path / "nobody", api_server.issue("nobody", "nobody"))
    assert main(["tenant", "list", "--kubeconfig", str(file)]) == 1
    assert 'User "nobody" cannot list resource "tenants" in API group "berth.io" at the cluster scope' in capsys.readouterr().err


def test_deletion_is_asked_for_with_or_without_namespaces(api_server: ApiServer, berth: list[str]) -> None:
    assert main(["tenant", "create", "bye", *berth]) == 0
    assert main(["tenant", "delete", "bye", "--namespaces", *berth]) == 0
    found = api_server.request("GET", f"{TENANTS}/bye").body  # its finalizer is the controller's, which doesn't run here
    assert (found["spec"]["deletionPolicy"], "deletionTimestamp" in found["metadata"]) == ("Delete", True)


MIA, OPS = {"kind": "User", "name": "mia"}, {"kind": "Group", "name": "ops"}


@pytest.mark.parametrize(
    ("role", "left", "taken"),
    [
        ("", [{"clusterRole": "view", "subjects": [OPS]}], 2),
        ("edit", [{"clusterRole": "view", "subjects": [MIA, OPS]}], 1),
        ("admin", None, 0),
    ],
)
def test_a_subject_is_taken_out_of_its_roles(role: str, left: list[Object] | None, taken: int) -> None:
    roles = [{"clusterRole": "view", "subjects": [MIA, OPS]}, {"clusterRole": "edit", "subjects": [MIA]}]
    assert without_subject(roles, "user:mia", role) == (roles if left is None else left, taken)
