"""Groups that a token does not hold but says where to fetch, from real HTTPS services."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cluster.api.user import UserInfo
from cluster.client.callers import Callers
from rbac.authn.structured import StructuredAuthentication
from tests.support_issuer import Issuer, closed, configuration, issuer_service, refusal

CLAIM = "groups"


@pytest.fixture
def issuer(tmp_path: Path) -> Iterator[Issuer]:
    with issuer_service(tmp_path) as running:
        yield running


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Issuer]:
    """An issuer of claims of its own, not configured for users."""
    with issuer_service(tmp_path, key=1) as running:
        yield running


class World:
    def __init__(self, folder: Path, issuer: Issuer, **mappings: Any) -> None:
        self.file = folder / "authentication.yaml"
        self.file.write_text(configuration(issuer.authenticator(**({"groups": {"claim": CLAIM, "prefix": "g:"}} | mappings))))
        self.now = 0.0
        self.authn = StructuredAuthentication(str(self.file), Callers(), (), ("api",), lambda: time.time() + self.now)
        self.authn.start()

    def user(self, token: str) -> UserInfo:
        found = self.authn.authenticate_token(token, ())
        assert found is not None
        return found[0]

    def groups(self, token: str) -> tuple[str, ...]:
        return self.user(token).groups

    def refusal(self, token: str) -> str:
        return refusal(self.authn, token)


@pytest.fixture
def mappings(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What a test has in place of or beside the mapping of groups."""
    return dict(getattr(request, "param", {}))


@pytest.fixture
def world(tmp_path: Path, issuer: Issuer, mappings: dict[str, Any]) -> Iterator[World]:
    made = World(tmp_path, issuer, **mappings)
    yield made
    closed(made.authn)


def elsewhere(endpoint: str, **more: Any) -> dict[str, Any]:
    return {"_claim_names": {CLAIM: "there"}, "_claim_sources": {"there": {"endpoint": endpoint, **more}}}


def test_groups_are_fetched_from_the_issuer_itself(issuer: Issuer, world: World) -> None:
    issuer.tokens["/groups"] = issuer.token(groups=["a", "b"])
    token = issuer.token(**elsewhere(issuer.service.url + "/groups", access_token="opens it"))
    assert world.groups(token) == ("g:a", "g:b")
    (asked,) = [request for request in issuer.service.seen if request.path == "/groups"]
    assert asked.headers["authorization"] == "Bearer opens it"


def test_groups_are_fetched_from_another_issuer(issuer: Issuer, other: Issuer, world: World) -> None:
    other.tokens["/groups"] = other.token(groups="a")
    assert world.groups(issuer.token(**elsewhere(other.service.url + "/groups"))) == ("g:a",)
    (asked,) = [request for request in other.service.seen if request.path == "/groups"]
    assert "authorization" not in asked.headers


SEEN = [{"key": "example.org/seen", "valueExpression": "claims.groups"}]


@pytest.mark.parametrize("mappings", [{"extra": SEEN, "userValidationRules": [{"expression": "'g:a' in user.groups"}]}], indirect=True)
def test_expressions_see_the_groups_that_were_fetched(issuer: Issuer, world: World) -> None:
    issuer.tokens["/groups"] = issuer.token(groups=["a", "b"])
    user = world.user(issuer.token(**elsewhere(issuer.service.url + "/groups")))
    assert (user.groups, user.extra) == (("g:a", "g:b"), {"example.org/seen": ("a", "b")})


@pytest.mark.parametrize("mappings", [{"groups": {"expression": "has(claims.groups) ? claims.groups : ['none']"}}], indirect=True)
def test_groups_of_an_expression_are_not_fetched(issuer: Issuer, world: World) -> None:
    issuer.tokens["/groups"] = issuer.token(groups=["a"])
    assert world.groups(issuer.token(**elsewhere(issuer.service.url + "/groups"))) == ("none",)
    assert [request for request in issuer.service.seen if request.path == "/groups"] == []


def test_groups_are_fetched_again_after_ten_seconds(issuer: Issuer, world: World) -> None:
    issuer.tokens["/groups"] = issuer.token(groups=["a"])
    token = issuer.token(**elsewhere(issuer.service.url + "/groups"))
    assert world.groups(token) == ("g:a",)
    issuer.tokens["/groups"] = issuer.token(groups=["b"])
    assert world.groups(token) == ("g:a",)
    world.now = 11.0
    assert world.groups(token) == ("g:b",)


@pytest.mark.parametrize(
    ("claims", "groups"),
    [
        ({"groups": ["here"], **elsewhere("https://127.0.0.1:1/never")}, ("g:here",)),
        ({"_claim_names": {"other": "there"}, "_claim_sources": {"there": {"endpoint": "https://127.0.0.1:1/never"}}}, ()),
        ({"_claim_names": {}, "_claim_sources": {}}, ()),
        ({"_claim_names": {CLAIM: "there"}, "_claim_sources": {"there": {"JWT": "aggregated"}}}, ()),
    ],
)
def test_what_needs_no_fetching_is_not_fetched(issuer: Issuer, world: World, claims: dict[str, Any], groups: tuple[str, ...]) -> None:
    assert world.groups(issuer.token(**claims)) == groups


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"_claim_names": {CLAIM: "there"}}, "oidc: verify token: oidc: source does not exist"),
        ({"_claim_names": {}}, "oidc: could not expand distributed claims: oidc: no claim sources"),
        ({"_claim_names": {CLAIM: ""}, "_claim_sources": {}}, "oidc: verify token: oidc: failed to obtain source from claim name"),
        ({"_claim_names": {CLAIM: 1}, "_claim_sources": {}}, "number into Go struct field idToken._claim_names of type string"),
        ({"_claim_names": []}, "array into Go struct field idToken._claim_names of type map[string]string"),
        (elsewhere("http://127.0.0.1:1/groups"), 'while getting distributed claim "groups": URL scheme must be https'),
        (elsewhere("https://127.0.0.1:1/groups", access_token="a\r\nHost: b"), "the access token is not printable"),
        (elsewhere("https://127.0.0.1:1/groups"), 'while getting distributed claim "groups": GET "https://127.0.0.1:1/groups"'),
        (elsewhere("{issuer}/none"), "error while getting distributed claim JWT: 404 Not Found"),
        (elsewhere("{issuer}/garbage"), 'failed for claim "groups": malformed token'),
        (elsewhere("{issuer}/expired"), "verify distributed claim token: oidc: token is expired"),
        (elsewhere("{issuer}/audience"), "verify distributed claim token: oidc: expected audience"),
        (elsewhere("{issuer}/without"), "did not contain claim: groups"),
        (elsewhere("{issuer}/nobody"), 'verifier not initialized for issuer: "https://127.0.0.1:1"'),
        (elsewhere("{issuer}/plain"), "verifying untrusted issuer http://127.0.0.1:1 failed: URL scheme must be https"),
    ],
)
def test_groups_that_cannot_be_had_refuse_the_token(issuer: Issuer, world: World, claims: dict[str, Any], why: str) -> None:
    issuer.tokens = {
        "/garbage": "garbage",
        "/expired": issuer.token(groups=["a"], exp=1),
        "/audience": issuer.token(groups=["a"], aud="another"),
        "/without": issuer.token(),
        "/nobody": issuer.token(groups=["a"], iss="https://127.0.0.1:1"),
        "/plain": issuer.token(groups=["a"], iss="http://127.0.0.1:1"),
    }
    sources = claims.get("_claim_sources")
    if isinstance(sources, dict) and "there" in sources:
        endpoint = sources["there"]["endpoint"].replace("{issuer}", issuer.service.url)
        claims = claims | {"_claim_sources": {"there": sources["there"] | {"endpoint": endpoint}}}
    assert why in world.refusal(issuer.token(**claims))


def test_groups_that_another_key_has_signed_are_refused(issuer: Issuer, other: Issuer, world: World) -> None:
    issuer.tokens["/groups"] = other.token(groups=["system:masters"], iss=issuer.url)
    refusal = world.refusal(issuer.token(**elsewhere(issuer.service.url + "/groups")))
    assert "verify distributed claim token: failed to verify signature" in refusal
