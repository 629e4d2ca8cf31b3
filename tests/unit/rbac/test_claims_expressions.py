"""Expressions about tokens: whom the claims become, which rules refuse them, and what a refusal says."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import orjson
import pytest

from cluster.cel.values import CelError
from rbac.authn.claims import Claims, unescaped
from rbac.authn.errors import BadCredentials
from rbac.authn.jwt_user import user_of
from rbac.authn.structured_config import JwtIssuer, load_authentication_configuration

RECORDED: Final = orjson.loads((Path(__file__).parents[2] / "data" / "rbac" / "expressions_of_claims.json").read_bytes())
"""What a kube-apiserver makes of tokens with the claims `every` and, unless a row has others, `rich`."""
ROWS: Final = RECORDED["rows"]


def issuer_of(authenticator: dict[str, Any]) -> JwtIssuer:
    head = {"apiVersion": "apiserver.config.k8s.io/v1", "kind": "AuthenticationConfiguration"}
    document = head | {"jwt": [{"issuer": {"url": "https://i", "audiences": ["a"]}, **authenticator}]}
    return load_authentication_configuration(orjson.dumps(document), ()).issuers[0]


def mapping(**mappings: Any) -> JwtIssuer:
    return issuer_of({"claimMappings": {"username": {"claim": "sub", "prefix": ""}} | mappings})


def refusal(issuer: JwtIssuer, claims: dict[str, Any]) -> str:
    with pytest.raises(BadCredentials) as raised:
        user_of(issuer, {"sub": "john", **claims})
    return str(raised.value)


def shown(row: dict[str, Any]) -> str:
    """What a row is about, in its test's name."""
    mappings = {name: each for name, each in row["authenticator"]["claimMappings"].items() if "claim" not in each}
    return " ".join(str(each) for each in (*mappings.values(), *row["authenticator"].get("userValidationRules", ())))[:80]


@pytest.mark.parametrize("row", ROWS, ids=[f"{number} {shown(row)}" for number, row in enumerate(ROWS)])
def test_claims_become_whom_a_kube_apiserver_makes_of_them(row: dict[str, Any]) -> None:
    issuer, claims = issuer_of(row["authenticator"]), RECORDED["every"] | row.get("claims", RECORDED["rich"])
    if "error" in row:
        assert refusal(issuer, claims) == row["error"]
        return
    user = user_of(issuer, claims)
    found = {
        "name": user.name,
        "uid": user.uid,
        "groups": list(user.groups),
        "extra": {key: list(each) for key, each in user.extra.items()},
    }
    assert found == row["user"]


LONG: Final = [str(number) for number in range(100)]


def test_what_costs_too_much_is_refused() -> None:
    looped = "dyn(claims.list).all(a, dyn(claims.list).all(b, dyn(claims.list).all(c, a + b != c + 'x')))"
    rule = {"expression": looped, "message": "m"}
    issuer = issuer_of({"claimMappings": {"username": {"claim": "sub", "prefix": ""}}, "claimValidationRules": [rule]})
    assert user_of(issuer, {"sub": "john", "list": LONG[:5]}).name == "john"
    assert refusal(issuer, {"list": LONG}) == (
        "oidc: error evaluating claim validation expression: "
        f"expression '{looped}' resulted in error: operation cancelled: actual cost limit exceeded"
    )


def test_each_expression_has_a_limit_of_its_own() -> None:
    some = "dyn(claims.list).map(a, dyn(claims.list).map(b, a + b)).size() == 100 ? 'x' : 'y'"
    extra = [{"key": f"example.org/{number}", "valueExpression": f"{some} + '{number}'"} for number in range(12)]
    assert len(user_of(mapping(extra=extra), {"sub": "john", "list": LONG}).extra) == 12


@pytest.mark.parametrize("expression", ["claims.roles.split(',')", "'a1b2'.findAll('[a-z]')", "claims.roles.split(',') + []"])
def test_a_list_that_a_function_has_made_is_a_list(expression: str) -> None:
    """As the documentation of Kubernetes has it; a kube-apiserver takes such lists only if something is made of them."""
    assert user_of(mapping(groups={"expression": expression}), {"sub": "john", "roles": "a,b"}).groups == ("a", "b")


def test_a_claim_that_is_nested_without_end_is_refused_only_where_it_is_looked_at() -> None:
    deep: Any = "x"
    for _ in range(300):
        deep = [deep]
    assert user_of(mapping(uid={"expression": "claims.sub"}), {"sub": "john", "deep": deep}).uid == "john"
    refused = refusal(mapping(uid={"expression": "claims.deep[0]"}), {"deep": deep})
    assert refused.endswith("resulted in error: the claim is nested too deeply")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("a", "a"),
        ("a_b", "a_b"),
        ("a__dot__b", "a.b"),
        ("a__dash__b__slash__c__underscores__d", "a-b/c__d"),
        ("__namespace__", "namespace"),
        ("a__namespace__", None),
        ("__for____dot__", None),
        ("__foo__", None),
        ("a__dot__b__foo__", None),
        ("____", "____"),
        ("__dot", "__dot"),
    ],
)
def test_what_an_escaped_name_means(name: str, meant: str | None) -> None:
    assert unescaped(name) == meant


def test_all_claims_are_looped_over_by_their_values_and_not_by_their_names() -> None:
    claims = Claims({"sub": "john", "n": 1})
    assert list(claims) == ["john", 1.0]
    with pytest.raises(CelError, match="no such overload"):
        claims.items()


def test_the_same_texts_make_the_same_issuer() -> None:
    def made(text: str) -> JwtIssuer:
        return mapping(groups={"expression": text}, extra=[{"key": "example.org/a", "valueExpression": "claims.a"}])

    assert (made("claims.a"), hash(made("claims.a"))) == (made("claims.a"), hash(made("claims.a")))
    assert made("claims.a") != made("claims.b")
