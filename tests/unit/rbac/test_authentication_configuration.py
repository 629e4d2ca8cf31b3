"""AuthenticationConfiguration files: what they may say, and what is said of those that may not be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from cluster.cel.environment import Environment, Program
from rbac.authn.anonymous import Anonymous
from rbac.authn.structured_config import JwtIssuer, load_authentication_configuration

RECORDED: Final = json.loads((Path(__file__).parents[2] / "data" / "rbac" / "authentication_configurations.json").read_text())
"""What a kube-apiserver, whose service-account issuer is https://k, says of files; nothing of a good one."""
HEADER: Final = {"apiVersion": "apiserver.config.k8s.io/v1", "kind": "AuthenticationConfiguration"}


def load(document: Any) -> Any:
    data = document if isinstance(document, bytes) else yaml.safe_dump(HEADER | document).encode()
    return load_authentication_configuration(data, ("https://k", "https://second"))


def authenticator(**mappings: Any) -> dict[str, Any]:
    beside = {name: mappings.pop(name) for name in ("claimValidationRules", "userValidationRules") if name in mappings}
    issuer = {"url": "https://issuer.example", "audiences": ["berth"]} | mappings.pop("issuer", {})
    return {"issuer": issuer, "claimMappings": {"username": {"claim": "sub", "prefix": ""}} | mappings, **beside}


def fault(document: Any) -> str:
    with pytest.raises(ValueError, match=r".") as raised:
        load(document)
    return str(raised.value)


@pytest.mark.parametrize("case", RECORDED, ids=[case["name"] for case in RECORDED])
def test_files_are_judged_as_by_a_kube_apiserver(case: dict[str, str]) -> None:
    try:
        load_authentication_configuration(case["file"].encode(), ("https://k",))
        said = ""
    except ValueError as error:
        said = str(error)
    assert said.startswith(case["error"]) if case["error"].startswith("no kind") else said == case["error"]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (b"# nothing\n", "Object 'Kind' is missing in '# nothing\n'"),
        (b"kind: AuthenticationConfiguration\n", "Object 'apiVersion' is missing in 'kind: AuthenticationConfiguration\n'"),
        (
            yaml.safe_dump(HEADER).encode() + b"jwt: []\njwt: []\n",
            'strict decoding error: yaml: unmarshal errors:\n  line 4: key "jwt" already set in map',
        ),
        (b'{"kind":"AuthenticationConfiguration",' + b'"jwt":' + b"[" * 300 + b"]" * 300 + b"}", "exceeded max depth"),
        (
            {"jwt": [authenticator(issuer={"url": f"https://i{number}.example"}) for number in range(65)]},
            "invalid authentication configuration: jwt: Too many: 65: must have at most 64 items",
        ),
        (
            {"jwt": [authenticator(issuer={"url": "https://second"})]},
            'invalid authentication configuration: jwt[0].issuer.url: Invalid value: "https://second": '
            "URL must not overlap with disallowed issuers: [https://k https://second]",
        ),
        (
            {"jwt": [authenticator(issuer={"egressSelectorType": "cluster"})]},
            "invalid authentication configuration: jwt[0].issuer.egressSelectorType: Forbidden: "
            "egress selectors are not supported: leave it out, issuers are then called directly",
        ),
    ],
)
def test_more_files_that_are_refused(document: Any, message: str) -> None:
    assert message in fault(document)


EXPRESSIONS: Final[dict[str, Any]] = {
    "username": {"expression": "'k8s-' + claims.sub"},
    "groups": {"expression": "claims.groups"},
    "uid": {"expression": "claims.uid"},
    "extra": [{"key": "example.org/foo", "valueExpression": "'x'"}, {"key": "example.org/bar", "valueExpression": "claims.uid"}],
    "claimValidationRules": [{"expression": "claims.hd == 'x'", "message": "m"}, {"claim": "hd", "requiredValue": "x"}],
    "userValidationRules": [{"expression": "!user.username.startsWith('system:')"}],
}


@pytest.mark.parametrize("version", ["v1", "v1beta1", "v1alpha1"])
def test_expressions_are_what_the_file_says_in_each_version(version: str) -> None:
    (found,) = load({"apiVersion": f"apiserver.config.k8s.io/{version}", "jwt": [authenticator(**dict(EXPRESSIONS))]}).issuers
    assert (found.username_claim, found.groups_claim, found.uid_claim, found.required_claims) == ("", "", "", (("hd", "x"),))
    assert [each.text for each in (found.username, found.groups, found.uid)] == ["'k8s-' + claims.sub", "claims.groups", "claims.uid"]
    assert [(key, each.text) for key, each in found.extra] == [("example.org/foo", "'x'"), ("example.org/bar", "claims.uid")]
    assert [(each.expression.text, each.message) for each in found.claim_rules] == [("claims.hd == 'x'", "m")]
    assert [(each.expression.text, each.message) for each in found.user_rules] == [("!user.username.startsWith('system:')", "")]


def test_an_expression_is_compiled_once_however_often_a_file_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[str] = []
    original = Environment.compile

    def counting(self: Environment, text: str, *expected: Any) -> Program:
        compiled.append(text)
        return original(self, text, *expected)

    monkeypatch.setattr(Environment, "compile", counting)
    load({"jwt": [authenticator(issuer={"url": f"https://i{number}.example"}, **dict(EXPRESSIONS)) for number in range(3)]})
    assert sorted(compiled) == sorted(set(compiled))
    assert len(compiled) == 6


@pytest.mark.parametrize("version", ["v1", "v1beta1", "v1alpha1"])
def test_a_file_of_each_version_says_the_same(version: str) -> None:
    groups, uid = {"claim": "groups", "prefix": "g:"}, {"claim": "oid"}
    rules = [{"claim": "hd", "requiredValue": "x"}, {"claim": "empty"}]
    issuer = {"audiences": ["a", "b"], "audienceMatchPolicy": "MatchAny", "discoveryURL": "https://discovery.example"}
    member = authenticator(issuer=issuer, groups=groups, uid=uid, claimValidationRules=rules)
    found = load({"apiVersion": f"apiserver.config.k8s.io/{version}", "jwt": [member]})
    assert found.issuers == (
        JwtIssuer(
            url="https://issuer.example",
            audiences=("a", "b"),
            username_claim="sub",
            groups_claim="groups",
            groups_prefix="g:",
            uid_claim="oid",
            discovery_url="https://discovery.example",
            required_claims=(("hd", "x"), ("empty", "")),
        ),
    )
    assert found.anonymous is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"enabled": False}, Anonymous(False)),
        ({"enabled": True}, Anonymous(True)),
        ({}, Anonymous(False)),
        ({"enabled": True, "conditions": [{"path": "/livez"}]}, Anonymous(True, frozenset({"/livez"}))),
    ],
)
def test_a_file_may_say_who_is_anonymous(value: dict[str, Any], expected: Anonymous) -> None:
    assert load({"anonymous": value}).anonymous == expected


@pytest.mark.parametrize(
    ("rule", "path", "allowed"),
    [
        (Anonymous(True), "/anything", True),
        (Anonymous(False), "/livez", False),
        (Anonymous(True, frozenset({"/livez"})), "/livez", True),
        (Anonymous(True, frozenset({"/livez"})), "/livez/", False),
        (Anonymous(True, frozenset({"/livez"})), "/livez/ping", False),
    ],
)
def test_anonymous_paths_are_whole_paths(rule: Anonymous, path: str, allowed: bool) -> None:
    assert rule.allows(path) is allowed
