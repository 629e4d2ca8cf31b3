"""Tokens of issuers, verified against real HTTPS issuers on loopback."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.utils import to_base64url_uint

from cluster.client.callers import Callers
from rbac.authn.structured import StructuredAuthentication
from rbac.expressions import Expression
from tests.support import eventually
from tests.support_issuer import AUDIENCE, Issuer, closed, configuration, issuer_service, private_key, refusal

API = ("https://kubernetes.default.svc",)


class Observer:
    """Remembers whether the file could be taken over, each time, and what came of key sets."""

    def __init__(self) -> None:
        self.begun: list[bytes] = []
        self.reloads: list[bool] = []
        self.issuers: list[str] = []
        self.fetches: list[tuple[str, bytes | None]] = []

    def begins(self, data: bytes) -> None:
        self.begun.append(data)

    def changed(self, data: bytes) -> None:
        self.reloads.append(True)

    def failed(self) -> None:
        self.reloads.append(False)

    def configured(self, issuers: Collection[str]) -> None:
        self.issuers = list(issuers)

    def fetched(self, issuer: str, key_set: bytes | None) -> None:
        self.fetches.append((issuer, key_set))


class World:
    """A configuration file, and the authenticator that follows it."""

    def __init__(self, folder: Path, *authenticators: dict[str, Any], **more: Any) -> None:
        self.file = folder / "authentication.yaml"
        self.file.write_text(configuration(*authenticators, **more))
        self.ahead = 0.0
        self.observer = Observer()
        clock = lambda: time.time() + self.ahead  # noqa: E731 - a clock that tests can put ahead
        self.authn = StructuredAuthentication(str(self.file), Callers(), API, API, clock, observer=self.observer)
        self.authn.start()

    @property
    def reloads(self) -> list[bool]:
        return self.observer.reloads

    def user(self, token: str) -> Any:
        found = self.authn.authenticate_token(token, ())
        return found[0] if found else None

    def refusal(self, token: str) -> str:
        return refusal(self.authn, token)


@pytest.fixture
def worlds(tmp_path: Path) -> Iterator[Any]:
    made: list[World] = []

    def make(*authenticators: dict[str, Any], **more: Any) -> World:
        made.append(World(tmp_path, *authenticators, **more))
        return made[-1]

    yield make
    for world in made:
        closed(world.authn)


@pytest.fixture
def issuer(tmp_path: Path) -> Iterator[Issuer]:
    with issuer_service(tmp_path) as running:
        yield running


def test_a_token_of_the_issuer_names_a_user(issuer: Issuer, worlds: Any) -> None:
    world = worlds(issuer.authenticator())
    user, audiences = world.authn.authenticate_token(issuer.token(jti="a1"), ())
    assert (user.name, user.groups, user.uid, audiences) == ("k8s-john_doe", (), "", API)
    assert user.extra == {"authentication.kubernetes.io/credential-id": ("JTI=a1",)}


def test_without_asking_for_audiences_and_with_those_of_the_server_a_token_is_good_but_for_others_it_is_not_ours(
    issuer: Issuer, worlds: Any
) -> None:
    world, token = worlds(issuer.authenticator()), issuer.token()
    assert world.authn.authenticate_token(token, ("other", *API))[1] == API
    assert world.authn.authenticate_token(token, ("other",)) is None


@pytest.mark.parametrize(
    "token", ["", "opaque", "a.b.c", "a.b", ".".join(["e30"] * 3), "e30.W10.e30", "e30.eyJpc3MiOjF9.e30", '{"payload":"x"}', "x" * 100_000]
)
def test_what_is_no_token_of_an_issuer_is_none_of_ours(issuer: Issuer, worlds: Any, token: str) -> None:
    assert worlds(issuer.authenticator()).user(token) is None


def test_a_token_of_an_issuer_that_is_not_configured_is_none_of_ours(issuer: Issuer, worlds: Any) -> None:
    world = worlds(issuer.authenticator())
    assert world.user(issuer.token(iss="https://other.example")) is None
    assert world.user(issuer.token(iss=issuer.url + "/")) is None


CLAIMS: list[tuple[str, dict[str, Any], dict[str, Any], tuple[str, tuple[str, ...], str] | str]] = [
    ("a prefixed user", {}, {}, ("k8s-john_doe", (), "")),
    ("a user without prefix", {"username": {"claim": "sub", "prefix": ""}}, {}, ("john_doe", (), "")),
    ("an empty user name", {"username": {"claim": "sub", "prefix": ""}}, {"sub": ""}, ("", (), "")),
    ("no such claim", {"username": {"claim": "name", "prefix": ""}}, {}, 'oidc: parse username claims "name": claim not present'),
    (
        "a user name that is a number",
        {"username": {"claim": "name", "prefix": ""}},
        {"name": 1},
        'oidc: parse username claims "name": json: cannot unmarshal number into Go value of type string',
    ),
    ("an email", {"username": {"claim": "email", "prefix": ""}}, {"email": "a@b.example"}, ("a@b.example", (), "")),
    (
        "a verified email",
        {"username": {"claim": "email", "prefix": "e:"}},
        {"email": "a@b.example", "email_verified": True},
        ("e:a@b.example", (), ""),
    ),
    (
        "an unverified email",
        {"username": {"claim": "email", "prefix": ""}},
        {"email": "a@b.example", "email_verified": False},
        "oidc: email not verified",
    ),
    (
        "an email verified by a text",
        {"username": {"claim": "email", "prefix": ""}},
        {"email": "a@b.example", "email_verified": "true"},
        "oidc: parse 'email_verified' claim: json: cannot unmarshal string into Go value of type bool",
    ),
    ("an unverified email that is not the user name", {}, {"email": "a@b.example", "email_verified": False}, ("k8s-john_doe", (), "")),
    ("groups", {"groups": {"claim": "groups", "prefix": ""}}, {"groups": ["a", "b"]}, ("k8s-john_doe", ("a", "b"), "")),
    ("prefixed groups", {"groups": {"claim": "groups", "prefix": "g:"}}, {"groups": ["a", "b"]}, ("k8s-john_doe", ("g:a", "g:b"), "")),
    ("one group as a text", {"groups": {"claim": "role", "prefix": "g:"}}, {"role": "a"}, ("k8s-john_doe", ("g:a",), "")),
    ("no groups claim in the token", {"groups": {"claim": "groups", "prefix": "g:"}}, {}, ("k8s-john_doe", (), "")),
    ("groups that nothing maps", {}, {"groups": ["system:masters"]}, ("k8s-john_doe", (), "")),
    (
        "groups that are a number",
        {"groups": {"claim": "groups", "prefix": ""}},
        {"groups": 1},
        'oidc: parse groups claim "groups": json: cannot unmarshal number into Go value of type string',
    ),
    (
        "groups that hold a number",
        {"groups": {"claim": "groups", "prefix": ""}},
        {"groups": ["a", 1]},
        'oidc: parse groups claim "groups": json: cannot unmarshal array into Go value of type string',
    ),
    ("a uid", {"uid": {"claim": "oid"}}, {"oid": "1234"}, ("k8s-john_doe", (), "1234")),
    ("no uid claim in the token", {"uid": {"claim": "oid"}}, {}, 'oidc: parse uid claim "oid": claim not present'),
    (
        "a uid that is a number",
        {"uid": {"claim": "oid"}},
        {"oid": 1},
        'oidc: parse uid claim "oid": json: cannot unmarshal number into Go value of type string',
    ),
    ("a required claim", {"claimValidationRules": [{"claim": "hd", "requiredValue": "x"}]}, {"hd": "x"}, ("k8s-john_doe", (), "")),
    (
        "a required claim that is missing",
        {"claimValidationRules": [{"claim": "hd", "requiredValue": "x"}]},
        {},
        "oidc: required claim hd not present in ID token",
    ),
    (
        "a required claim of another value",
        {"claimValidationRules": [{"claim": "hd", "requiredValue": "x"}]},
        {"hd": "y"},
        "oidc: required claim hd value does not match. Got = y, want = x",
    ),
    (
        "a required claim that is a list",
        {"claimValidationRules": [{"claim": "hd", "requiredValue": "x"}]},
        {"hd": ["x"]},
        "oidc: parse claim hd: json: cannot unmarshal array into Go value of type string",
    ),
    (
        "the first of several required claims that fails",
        {"claimValidationRules": [{"claim": "a", "requiredValue": "1"}, {"claim": "b", "requiredValue": "2"}]},
        {"a": "1", "b": "3"},
        "oidc: required claim b value does not match. Got = 3, want = 2",
    ),
    ("one of two audiences", {"issuer": {"audiences": ["x", AUDIENCE], "audienceMatchPolicy": "MatchAny"}}, {}, ("k8s-john_doe", (), "")),
    ("several audiences in the token", {}, {"aud": ["x", AUDIENCE]}, ("k8s-john_doe", (), "")),
    ("another audience", {}, {"aud": "x"}, f'oidc: verify token: oidc: expected audience "{AUDIENCE}" got ["x"]'),
    ("no audience", {}, {"aud": None}, f'oidc: verify token: oidc: expected audience "{AUDIENCE}" got []'),
    (
        "none of two audiences",
        {"issuer": {"audiences": ["two", "one"], "audienceMatchPolicy": "MatchAny"}},
        {"aud": ["x"]},
        'oidc: verify token: oidc: expected audience in ["one" "two"] got ["x"]',
    ),
    (
        "an audience that is a number",
        {},
        {"aud": [1]},
        "oidc: verify token: oidc: failed to unmarshal claims: "
        "json: cannot unmarshal number into Go struct field idToken.aud of type string",
    ),
    ("no expiry", {}, {"exp": None}, "oidc: verify token: oidc: token is expired (Token Expiry: 0001-01-01 00:00:00 +0000 UTC)"),
    ("an expiry long ago", {}, {"exp": 1}, "oidc: verify token: oidc: token is expired (Token Expiry: 1970-01-01 00:00:01 +0000 UTC)"),
    (
        "an expiry that is a text",
        {},
        {"exp": "never"},
        'oidc: verify token: oidc: failed to unmarshal claims: json: invalid number literal, trying to unmarshal "\\"never\\"" into Number',
    ),
    ("a date as a text", {}, {"exp": "4102444800"}, ("k8s-john_doe", (), "")),
    ("a date with a fraction", {}, {"exp": 4102444800.75}, ("k8s-john_doe", (), "")),
    ("a start that is half a minute ahead", {}, {"nbf": time.time() + 30}, ("k8s-john_doe", (), "")),
    ("a token ID that is no text", {}, {"jti": 1}, ("k8s-john_doe", (), "")),
]


@pytest.fixture(scope="module")
def steady(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Issuer]:
    """An issuer that no test changes."""
    with issuer_service(tmp_path_factory.mktemp("steady")) as running:
        yield running


@pytest.mark.parametrize(("mapping", "claims", "expected"), [row[1:] for row in CLAIMS], ids=[row[0] for row in CLAIMS])
def test_claims_become_a_user(
    steady: Issuer, worlds: Any, mapping: dict[str, Any], claims: dict[str, Any], expected: tuple[str, tuple[str, ...], str] | str
) -> None:
    world, token = worlds(steady.authenticator(**dict(mapping))), steady.token(**claims)
    if isinstance(expected, str):
        assert world.refusal(token) == expected
    else:
        user = world.user(token)
        assert (user.name, user.groups, user.uid) == expected


def test_a_token_that_is_not_valid_yet_is_refused(steady: Issuer, worlds: Any) -> None:
    assert "before the nbf (not before) time" in worlds(steady.authenticator()).refusal(steady.token(nbf=time.time() + 120))


def test_a_token_is_refused_from_the_second_it_expires_though_it_was_seen_before(steady: Issuer, worlds: Any) -> None:
    world, token = worlds(steady.authenticator()), steady.token()
    assert world.user(token).name == "k8s-john_doe"
    world.ahead = 598.0
    assert world.user(token).name == "k8s-john_doe"
    world.ahead = 602.0
    assert "oidc: token is expired" in world.refusal(token)


def test_a_token_seen_before_is_the_same_user_and_asks_nobody(issuer: Issuer, worlds: Any) -> None:
    world, token = worlds(issuer.authenticator()), issuer.token()
    user = world.user(token)
    asked = len(issuer.service.seen)
    assert all(world.user(token) is user for _ in range(20))
    assert len(issuer.service.seen) == asked


def test_expressions_are_evaluated_once_for_a_token_however_often_it_comes(
    issuer: Issuer, worlds: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluated: list[str] = []
    original = Expression.evaluate

    def counting(self: Expression, values: Any) -> Any:
        evaluated.append(self.text)
        return original(self, values)

    monkeypatch.setattr(Expression, "evaluate", counting)
    rules = [{"expression": "claims.sub != 'nobody'"}]
    world = worlds(issuer.authenticator(username={"expression": "'cel-' + claims.sub"}, claimValidationRules=rules))
    first, second = issuer.token(), issuer.token(sub="jane")
    assert [world.user(each).name for each in (first, first, second, first, second)] == ["cel-john_doe"] * 2 + [
        "cel-jane",
        "cel-john_doe",
        "cel-jane",
    ]
    assert evaluated == ["'cel-' + claims.sub", "claims.sub != 'nobody'"] * 2


def test_several_issuers_each_map_their_own_claims(tmp_path: Path, issuer: Issuer, worlds: Any) -> None:
    with issuer_service(tmp_path, key=1) as other:
        second = other.authenticator(username={"claim": "name", "prefix": "two:"})
        world = worlds(issuer.authenticator(), second)
        assert world.user(issuer.token()).name == "k8s-john_doe"
        assert world.user(other.token(name="jane")).name == "two:jane"
        assert "failed to verify id token signature" in world.refusal(issuer.token(iss=other.url, name="jane"))


@pytest.mark.parametrize("path", ["", "/", "/realms/one", "/realms/one/"])
def test_an_issuers_url_may_have_a_path(tmp_path: Path, worlds: Any, path: str) -> None:
    with issuer_service(tmp_path, path=path) as issuer:
        issuer.discovery_path = path.rstrip("/") + "/.well-known/openid-configuration"
        assert worlds(issuer.authenticator()).user(issuer.token()).name == "k8s-john_doe"


@pytest.mark.parametrize("url", ["https://example.com", "https://example.com/a/b/foo"])
@pytest.mark.parametrize("discovery", ["/.well-known/openid-configuration", "/c/d/bar/.well-known/openid-configuration", "/c/d/bar"])
def test_the_discovery_document_may_be_elsewhere(issuer: Issuer, worlds: Any, url: str, discovery: str) -> None:
    """There it is asked for; the issuer that it names, and whose name tokens have, is where nobody is asked."""
    issuer.discovery_path, issuer.discovery = discovery, {"issuer": url}
    world = worlds(issuer.authenticator(issuer={"url": url, "discoveryURL": issuer.service.url + discovery}))
    assert world.user(issuer.token(iss=url)).name == "k8s-john_doe"
    assert world.user(issuer.token()) is None
    assert [each.path for each in issuer.service.seen] == [discovery, "/keys"]


DISCOVERY = [
    (
        {"issuer": "https://other.example"},
        'issuer did not match the issuer returned by provider, expected "{url}" got "https://other.example"',
    ),
    ({"issuer": None}, 'issuer did not match the issuer returned by provider, expected "{url}" got ""'),
    ({"jwks_uri": ""}, "provider did not return JWKS URL"),
    ({"jwks_uri": "http://127.0.0.1/keys"}, 'oidc: jwks_uri "http://127.0.0.1/keys": URL scheme must be https'),
]


@pytest.mark.parametrize(("document", "fault"), DISCOVERY)
def test_a_discovery_document_that_cannot_be_leaves_tokens_refused_until_it_is_mended(
    issuer: Issuer, worlds: Any, document: dict[str, Any], fault: str
) -> None:
    issuer.discovery = document
    world = worlds(issuer.authenticator())
    assert world.refusal(issuer.token()) == "oidc: authenticator not initialized"
    assert fault.format(url=issuer.url) in world.authn._issuers.authenticators[0].fault
    issuer.discovery = {}
    eventually(lambda: not world.authn._issuers.authenticators[0].fault, "the issuer is discovered")
    assert world.user(issuer.token()).name == "k8s-john_doe"


def test_an_issuer_that_is_down_at_the_start_is_tried_again(issuer: Issuer, worlds: Any) -> None:
    issuer.down = True
    world = worlds(issuer.authenticator())
    assert world.refusal(issuer.token()) == "oidc: authenticator not initialized"
    assert world.authn._issuers.authenticators[0].fault == "503 Service Unavailable: down"
    issuer.down = False
    eventually(lambda: not world.authn._issuers.authenticators[0].fault, "the issuer is discovered")
    assert world.user(issuer.token()).name == "k8s-john_doe"


def test_an_issuer_of_another_ca_is_not_believed(issuer: Issuer, worlds: Any) -> None:
    from tests.support_https import Authority

    world = worlds(issuer.authenticator(issuer={"certificateAuthority": Authority("other").pem.decode()}))
    assert world.refusal(issuer.token()) == "oidc: authenticator not initialized"
    assert "certificate verify failed" in world.authn._issuers.authenticators[0].fault


def test_a_good_ca_takes_the_place_of_a_bad_one_and_no_bad_one_that_of_a_good_one(
    issuer: Issuer, worlds: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.support_https import Authority

    monkeypatch.setattr("rbac.authn.structured.UPDATE_SECONDS", 0.5)
    good, bad = (issuer.authenticator(issuer={"certificateAuthority": ca}) for ca in (issuer.service.ca, Authority("x").pem.decode()))
    world = worlds(bad)
    assert world.refusal(issuer.token()) == "oidc: authenticator not initialized"
    world.file.write_text(configuration(good))
    world.authn.reload()
    assert (world.user(issuer.token()).name, world.reloads) == ("k8s-john_doe", [True])
    world.file.write_text(configuration(bad))
    world.authn.reload()
    assert (world.user(issuer.token(sub="jane")).name, set(world.reloads[1:])) == ("k8s-jane", {False})


def test_a_new_key_of_the_issuer_is_found_when_a_token_names_it(issuer: Issuer, worlds: Any) -> None:
    world = worlds(issuer.authenticator())
    assert world.user(issuer.token()).name == "k8s-john_doe"
    issuer.keys["second"] = private_key(1)
    assert world.user(issuer.token(key_id="second")).name == "k8s-john_doe"
    assert issuer.key_fetches == 2


def test_a_token_whose_key_is_withdrawn_is_refused_once_the_keys_are_read_again(issuer: Issuer, worlds: Any) -> None:
    world, old = worlds(issuer.authenticator()), issuer.token()
    assert world.user(old).name == "k8s-john_doe"
    issuer.keys = {"second": private_key(1)}
    assert world.user(issuer.token()).name == "k8s-john_doe"
    assert "failed to verify id token signature" in world.refusal(old)


def test_keys_that_were_kept_for_long_are_read_again_without_anyone_waiting(issuer: Issuer, worlds: Any) -> None:
    world, old = worlds(issuer.authenticator()), issuer.token()
    assert world.user(old).name == "k8s-john_doe"
    issuer.keys = {"second": private_key(1)}
    world.ahead = 301.0
    assert world.user(old).name == "k8s-john_doe"
    eventually(lambda: issuer.key_fetches == 2, "the keys are read again")
    eventually(lambda: world.authn._issuers.authenticators[0].provider.key_set.current.version == 2, "they are taken over")
    assert "failed to verify id token signature" in world.refusal(old)


def test_keys_are_kept_as_long_as_the_issuer_allows(issuer: Issuer, worlds: Any) -> None:
    issuer.key_headers = {"Cache-Control": "public, max-age=3600"}
    world, token = worlds(issuer.authenticator()), issuer.token(exp=int(time.time()) + 7200)
    world.user(token)
    world.ahead = 3500.0
    world.user(token)
    assert issuer.key_fetches == 1
    world.ahead = 3700.0
    world.user(token)
    eventually(lambda: issuer.key_fetches == 2, "the keys are read again")


def test_tokens_that_no_key_has_signed_do_not_make_the_server_ask_the_issuer_without_end(issuer: Issuer, worlds: Any) -> None:
    world = worlds(issuer.authenticator())
    for number in range(60):
        assert "failed to verify id token signature" in world.refusal(issuer.token(headers={"kid": f"k{number}"}))
    assert issuer.key_fetches < 30


def test_known_keys_serve_while_the_issuer_is_down_and_unknown_ones_are_refused_with_the_reason(issuer: Issuer, worlds: Any) -> None:
    world = worlds(issuer.authenticator())
    world.user(issuer.token())
    issuer.down = True
    assert world.user(issuer.token(sub="jane")).name == "k8s-jane"
    refusal = world.refusal(issuer.token(headers={"kid": "new"}))
    assert refusal == "oidc: verify token: failed to verify signature: fetching keys oidc: get keys failed 503 Service Unavailable down"
    (first, _), *failed = world.observer.fetches
    assert (first, failed) == (issuer.url, [(issuer.url, None)])


def test_a_key_set_may_hold_keys_that_serve_nothing_here(issuer: Issuer, worlds: Any) -> None:
    edwards = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
    issuer.extra_keys = [None, {}, {"kty": "RSA"}, {"kty": "RSA", "n": "!", "e": "AQAB"}, edwards, {"kty": "oct", "k": "c2VjcmV0"}]
    assert worlds(issuer.authenticator()).user(issuer.token()).name == "k8s-john_doe"


@pytest.mark.parametrize("answer", [b"no json", b"[]", b'{"keys":1}'])
def test_a_key_set_that_cannot_be_read_refuses_tokens(issuer: Issuer, worlds: Any, answer: bytes) -> None:
    from tests.support_https import Reply

    issuer.service.answer = lambda request: Reply(answer) if request.path == "/keys" else issuer.answer(request)
    assert "oidc: failed to decode keys" in worlds(issuer.authenticator()).refusal(issuer.token())


@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"])
def test_rsa_algorithms_are_accepted(steady: Issuer, worlds: Any, algorithm: str) -> None:
    assert worlds(steady.authenticator()).user(steady.token(algorithm=algorithm)).name == "k8s-john_doe"


@pytest.mark.parametrize(("algorithm", "curve"), [("ES256", ec.SECP256R1()), ("ES384", ec.SECP384R1()), ("ES512", ec.SECP521R1())])
def test_ecdsa_algorithms_are_accepted_with_the_curve_that_each_has(
    issuer: Issuer, worlds: Any, algorithm: str, curve: ec.EllipticCurve
) -> None:
    issuer.keys = {"ec": ec.generate_private_key(curve)}
    assert worlds(issuer.authenticator()).user(issuer.token(algorithm=algorithm)).name == "k8s-john_doe"


def test_rsa_keys_that_can_be_broken_verify_nothing(issuer: Issuer, worlds: Any) -> None:
    p, q = 2**256 - 189, 2**255 - 19
    issuer.extra_keys = [{"kty": "RSA", "kid": "short", "n": to_base64url_uint(p * q).decode(), "e": "AQAB"}]
    signed, _, _ = issuer.token(headers={"kid": "short"}).rpartition(".")
    digest = bytes.fromhex("3031300d060960864801650304020105000420") + hashlib.sha256(signed.encode()).digest()
    block = int.from_bytes(b"\0\1" + b"\xff" * (61 - len(digest)) + b"\0" + digest)
    signature = to_base64url_uint(pow(block, pow(65537, -1, (p - 1) * (q - 1)), p * q)).decode()
    assert "failed to verify id token signature" in worlds(issuer.authenticator()).refusal(f"{signed}.{signature}")


def test_without_a_key_id_every_key_is_tried(issuer: Issuer, worlds: Any) -> None:
    issuer.keys = {"first": private_key(1), "second": private_key(0)}
    token = issuer.token(key_id="second", headers={"kid": ""})
    assert worlds(issuer.authenticator()).user(token).name == "k8s-john_doe"


def test_reloads_are_counted_and_a_file_that_says_the_same_is_none(issuer: Issuer, worlds: Any) -> None:
    world = worlds(issuer.authenticator())
    token = issuer.token()
    assert world.user(token).name == "k8s-john_doe"
    good = world.file.read_text()
    world.authn.reload()
    assert world.reloads == []
    world.file.write_text("jwt: [")
    world.authn.reload()
    world.authn.reload()
    assert world.reloads == [False]
    world.file.write_text(good)
    world.authn.reload()
    assert world.reloads == [False, True]
    world.file.unlink()
    world.authn.reload()
    assert set(world.reloads[2:]) == {False}
    assert world.user(token).name == "k8s-john_doe"


EXPRESSED: dict[str, Any] = {
    "username": {"expression": "'k8s-' + claims.sub"},
    "extra": [{"key": "example.org/a", "valueExpression": "claims.sub"}],
    "claimValidationRules": [{"expression": "claims.sub != 'nobody'", "message": "m"}],
    "userValidationRules": [{"expression": "user.username != ''"}],
}


@pytest.mark.parametrize("mapping", [{}, EXPRESSED], ids=["claims", "expressions"])
def test_an_issuer_of_whom_the_file_says_the_same_keeps_its_keys(issuer: Issuer, worlds: Any, mapping: dict[str, Any]) -> None:
    world = worlds(issuer.authenticator(**dict(mapping)))
    world.user(issuer.token())
    issuer.down = True
    first = world.file.read_bytes()
    world.file.write_text(configuration(issuer.authenticator(**dict(mapping))) + "\n")
    world.authn.reload()
    assert (world.observer.begun, world.observer.issuers) == ([first], [issuer.url])
    assert world.reloads == [True]
    assert world.user(issuer.token(sub="jane")).name == "k8s-jane"


def test_what_was_remembered_of_tokens_ends_with_the_file_that_allowed_them(issuer: Issuer, worlds: Any) -> None:
    world, token = worlds(issuer.authenticator()), issuer.token(hd="x")
    assert world.user(token).name == "k8s-john_doe"
    world.file.write_text(configuration(issuer.authenticator(claimValidationRules=[{"claim": "hd", "requiredValue": "z"}])))
    world.authn.reload()
    assert world.refusal(token) == "oidc: required claim hd value does not match. Got = x, want = z"


def test_another_expression_is_another_issuer(issuer: Issuer, worlds: Any) -> None:
    world, token = worlds(issuer.authenticator(username={"expression": "claims.sub"})), issuer.token()
    assert world.user(token).name == "john_doe"
    world.file.write_text(configuration(issuer.authenticator(username={"expression": "claims.sub + '!'"})))
    world.authn.reload()
    assert world.user(token).name == "john_doe!"
    world.file.write_text(configuration(issuer.authenticator(username={"expression": "claims.sub +"})))
    world.authn.reload()
    assert (world.reloads, world.user(token).name) == ([True, False], "john_doe!")


def test_a_file_without_anonymous_leaves_that_to_the_flag(issuer: Issuer, worlds: Any) -> None:
    world = worlds(issuer.authenticator())
    assert world.authn.anonymous is None
    assert world.authn.allows_anonymous("/anything")


@pytest.mark.parametrize("claimed", ["https://accounts.google.com", "accounts.google.com"])
def test_google_may_leave_out_the_scheme(issuer: Issuer, worlds: Any, claimed: str) -> None:
    url = "https://accounts.google.com"
    issuer.discovery = {"issuer": url}
    world = worlds(issuer.authenticator(issuer={"url": url, "discoveryURL": issuer.service.url + issuer.discovery_path}))
    assert world.user(issuer.token(iss=claimed)).name == "k8s-john_doe"
    assert world.user(issuer.token(iss="issuer.example")) is None
