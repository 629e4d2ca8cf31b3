"""Every feature of suites through the real chain: the suite in `data` passes, and nothing of what they test is left out."""

from __future__ import annotations

import base64
import datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from policies.lab.results import PASSED
from policies.lab.worker import Chains
from rbac.authn.service_accounts import TokenSigner
from rbac.credentials.certificates import issue_client_certificate
from tests.integration.policies.suites import CONFIG, FOLDER, result, states, written, wrong
from tests.support import ROOT
from tests.support_https import authority as service_authority
from tests.support_https import https_service
from tests.support_webhooks import Webhooks
from tests.unit.rbac.keys import Keys, authority, ec_key, rsa_key

ISSUER = "https://kubernetes.default.svc.cluster.local"
DENIED = {"allowed": False, "stage": "authentication", "code": 401, "reason": "Unauthorized", "message": "Unauthorized"}


def test_every_feature_of_suites_passes_and_is_covered(chains: Chains) -> None:
    found = result(chains, FOLDER / "chain.suite.yaml", coverage=True)
    assert {name: wrong(case) for name, case in zip(states(found), found.cases(), strict=True) if not case.good} == {}
    assert found.exit_code == 0
    assert found.coverage is not None
    assert [each for each in found.coverage.items if not each.covered] == []


def test_the_documents_example_is_one(chains: Chains) -> None:
    example = ROOT / "examples" / "replicas" / "suite.yaml"
    assert example.read_text().partition("\n")[2].strip() in (ROOT / "docs" / "policy-tests.md").read_text()
    assert result(chains, example, threshold=100.0).exit_code == 0


def kubeconfig(path: Path, **user: Any) -> None:
    cluster = {"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}
    context = {"name": "c", "context": {"cluster": "c", "user": "u"}}
    path.write_bytes(
        orjson.dumps({"current-context": "c", "clusters": [cluster], "contexts": [context], "users": [{"name": "u", "user": user}]})
    )


@pytest.fixture(scope="module")
def credentials(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("credentials")
    robot = {"metadata": {"name": "robot", "namespace": "team-a", "uid": "u-1"}}
    (folder / "ca.crt").write_bytes(authority()[0])
    (folder / "sa.key").write_bytes(ec_key())
    for name, uid, key in (("robot", "u-1", ec_key()), ("former", "u-0", ec_key()), ("forged", "u-1", rsa_key())):
        token = TokenSigner(Keys(key), ISSUER).issue({"metadata": robot["metadata"] | {"uid": uid}}, lifetime=3600)
        kubeconfig(folder / name, token=token)
    (folder / "token").write_text(orjson.loads((folder / "robot").read_bytes())["users"][0]["user"]["token"] + "\n")
    kubeconfig(folder / "named", tokenFile="token")
    kubeconfig(folder / "unknown", token="bad")
    kubeconfig(folder / "nobody")
    certificate, _ = issue_client_certificate(*authority(), "jane", ("dev",), datetime.timedelta(days=1))
    (folder / "jane.crt").write_bytes(certificate)
    kubeconfig(folder / "jane", **{"client-certificate": "jane.crt"})
    certificate, _ = service_authority().issue("jane")
    (folder / "stranger.crt").write_bytes(certificate)
    kubeconfig(folder / "stranger", **{"client-certificate": "stranger.crt"})
    return folder


def asked(name: str, expect: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    who = more.pop("as_", {"kubeconfig": name})
    return {
        "name": name,
        "as": who,
        "verb": "list",
        "resource": "pods",
        "namespace": "team-a",
        "expect": expect or {"allowed": True},
    } | more


ROLE = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "Role",
    "metadata": {"name": "r", "namespace": "team-a"},
    "rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}],
}


def test_kubeconfigs_are_authenticated_indeed_and_roles_exercised_by_whatever_is_asked(chains: Chains, credentials: Path) -> None:
    forbidden = {"allowed": False, "stage": "rbac"}
    cases = [
        asked("jane"),
        asked("robot"),
        asked("named"),
        *(asked(name, DENIED) for name in ("stranger", "former", "forged", "unknown")),
        asked("nobody", forbidden | {"messageContains": "system:anonymous"}),
        asked("acting", as_={"kubeconfig": "robot", "impersonate": {"user": "bob", "groups": ["dev"]}}),
        asked("acting without leave", forbidden, as_={"kubeconfig": "jane", "impersonate": {"user": "bob"}}),
        asked("named outright", as_={"serviceAccount": "team-a/robot"}),
        asked(
            "escalating",
            forbidden | {"messageContains": "attempting to grant RBAC permissions"},
            **{"as": {"kubeconfig": "jane"}, "verb": "create", "resource": None, "object": ROLE},
        ),
    ]
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "robot", "namespace": "team-a", "uid": "u-1"}}
    (credentials / "roles.yaml").write_bytes((FOLDER / "roles.yaml").read_bytes())
    options = {"clientCA": "ca.crt", "serviceAccountKeys": ["sa.key"]}
    path = written(credentials, policies=["roles.yaml"], world={"objects": [account]}, options=options, cases=cases)
    found = result(chains, path, coverage=True)
    assert {case.case.name: wrong(case) for case in found.cases() if not case.good} == {}
    assert found.coverage is not None
    assert [each.part for each in found.coverage.items if not each.covered] == []


def test_a_live_webhook_is_called(chains: Chains, tmp_path: Path) -> None:
    hooks = Webhooks()
    with https_service(tmp_path, hooks.answer) as service:
        configuration = {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": "hooks"},
            "webhooks": [
                {
                    "name": "deny.example.com",
                    "clientConfig": {"url": f"{service.url}/always-deny", "caBundle": base64.b64encode(service.ca.encode()).decode()},
                    "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}],
                    "sideEffects": "None",
                    "admissionReviewVersions": ["v1"],
                }
            ],
        }
        (tmp_path / "hooks.yaml").write_bytes(orjson.dumps(configuration))
        expect = {"allowed": False, "webhook": "deny.example.com", "messageContains": "denies all requests"}
        case = {"name": "c", "object": CONFIG, "webhooks": {"deny.example.com": {"live": True}}, "expect": expect}
        world = {"namespaces": {"team-a": None}}
        path = written(tmp_path, policies=["hooks.yaml"], world=world, cases=[case, {**case, "name": "d", "webhooks": {}}])
        found = result(chains, path)
    first, second = found.cases()
    assert wrong(first) == [PASSED, ""]
    assert len(hooks.reviews["/always-deny"]) == 1
    told = 'webhook "deny.example.com" was called, and the suite has no answer of it: give it one in "webhooks"'
    assert wrong(second) == ["broken", told]


UNMATCHED: list[tuple[str, dict[str, Any], str]] = [
    (
        "allowed",
        {"object": CONFIG, "expect": {"allowed": True}},
        "nothing that is under test has to do with it: write matched: false, if that is meant",
    ),
    (
        "denied by a plugin",
        {"object": {**CONFIG, "metadata": {"name": "c", "namespace": "none"}}, "expect": {"allowed": False}},
        'plugin "NamespaceLifecycle" denies it, and nothing that is under test: expect that, or write matched: false',
    ),
    (
        "denied by RBAC",
        {"as": {"user": "jane"}, "object": CONFIG, "expect": {"allowed": False}},
        'stage "rbac" denies it, and nothing that is under test: expect that, or write matched: false',
    ),
    (
        "misspelt",
        {"object": {**CONFIG, "dat": {}}, "expect": {"allowed": False}},
        'stage "decoding" denies it, and nothing that is under test: expect that, or write matched: false',
    ),
]


@pytest.mark.parametrize(("case", "why"), [pytest.param(case, why, id=name) for name, case, why in UNMATCHED])
def test_a_case_that_matched_no_rule_is_told_apart_from_a_pass(chains: Chains, tmp_path: Path, case: dict[str, Any], why: str) -> None:
    world: dict[str, Any] = {"namespaces": {"team-a": {}}}
    meant = {**case, "name": "meant", "expect": case["expect"] | {"matched": False}}
    path = written(tmp_path, policies=[str(FOLDER / "replicas.yaml")], world=world, cases=[{"name": "c", **case}, meant])
    found = result(chains, path)
    first, second = found.cases()
    assert (wrong(first), second.state, found.exit_code) == (["unmatched", why], PASSED, 1)


def test_where_roles_are_tested_their_refusal_is_what_is_tested(chains: Chains, tmp_path: Path) -> None:
    case = {"name": "c", "as": {"user": "jane"}, "object": CONFIG, "expect": {"allowed": False}}
    path = written(tmp_path, policies=[str(FOLDER / "roles.yaml")], world={"namespaces": {"team-a": {}}}, cases=[case])
    assert states(result(chains, path)) == {"suite/c": PASSED}


def test_a_failure_is_told_with_what_happened_stage_by_stage(chains: Chains, tmp_path: Path) -> None:
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "team-a"},
        "spec": {
            "replicas": 6,
            "selector": {"matchLabels": {"a": "b"}},
            "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}},
        },
    }
    case = {"name": "c", "object": deployment, "expect": {"allowed": True}}
    world = {"namespaces": {"team-a": {"tier": "shared"}}}
    (failed,) = result(chains, written(tmp_path, policies=[str(FOLDER / "replicas.yaml")], world=world, cases=[case])).cases()
    assert wrong(failed) == ["failed", "", ["allowed", True, False]]
    assert failed.trace is not None
    assert failed.trace["rbac"] == {"allowed": True, "reason": "member of system:masters"}
    (step,) = failed.trace["admission"]
    judged = {each["part"]: (each["outcome"], each.get("values")) for each in step["judgements"]}
    assert judged["matchConditions[0]"] == ("true", {"request.userInfo.username": "admin"})
    assert judged["validations[0]"] == ("false", {"object.spec.replicas": 6})
    assert step["denied"] == failed.trace["result"]["message"]
