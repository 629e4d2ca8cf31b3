"""Tokens that pretend: each is refused, and nobody whom such a token names is called."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from hmac import digest
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from cluster.api.user import UserInfo
from cluster.client.callers import Callers
from rbac.authn.errors import BadCredentials
from rbac.authn.jwt_token import MAX_TOKEN_BYTES
from rbac.authn.structured import StructuredAuthentication
from tests.support_https import Reply, Service, https_service
from tests.support_issuer import Issuer, closed, configuration, issuer_service, jwk, private_key

EC = ec.generate_private_key(ec.SECP256R1())
SECRET = base64.urlsafe_b64encode(b"shared secret that the issuer publishes").rstrip(b"=").decode()
Attack = Callable[[Issuer, Service], str]


def encoded(value: Any) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unsigned(algorithm: str) -> Attack:
    return lambda issuer, _: f"{encoded({'alg': algorithm, 'kid': 'first'})}.{encoded(issuer.claims())}."


def hmac(secret: bytes, key_id: str = "first", algorithm: str = "HS256") -> Attack:
    def attack(issuer: Issuer, _: Service) -> str:
        text = f"{encoded({'alg': algorithm, 'kid': key_id})}.{encoded(issuer.claims())}"
        return f"{text}.{encoded(digest(secret, text.encode(), 'sha' + algorithm[2:]))}"

    return attack


def public(form: Encoding) -> bytes:
    kind = PublicFormat.PKCS1 if form is Encoding.DER else PublicFormat.SubjectPublicKeyInfo
    return private_key().public_key().public_bytes(form, kind)


def resigned(**headers: Any) -> Attack:
    """Signed by the attacker's key, which the header offers."""
    return lambda issuer, _: jwt.encode(issuer.claims(), private_key(2), algorithm="RS256", headers={"kid": "first", **headers})


def pointing(name: str) -> Attack:
    return lambda issuer, evil: jwt.encode(
        issuer.claims(), private_key(2), algorithm="RS256", headers={"kid": "evil", name: evil.url + "/keys"}
    )


def changed(part: int, change: Callable[[str], str]) -> Attack:
    def attack(issuer: Issuer, _: Service) -> str:
        parts = issuer.token().split(".")
        parts[part] = change(parts[part])
        return ".".join(parts)

    return attack


def raw(issuer: Issuer, header: dict[str, Any]) -> str:
    """Signed by the issuer, under any header."""
    text = f"{encoded(header)}.{encoded(issuer.claims())}"
    return f"{text}.{encoded(private_key().sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def with_claim(name: str, value: Any) -> Callable[[str], str]:
    """The payload with another claim, under the signature of what it was before."""
    return lambda part: encoded(json.loads(base64.urlsafe_b64decode(part + "==")) | {name: value})


def borrowed(issuer: Issuer, _: Service) -> str:
    head, payload, _signature = issuer.token(sub="admin").split(".")
    return f"{head}.{payload}.{issuer.token(sub='jane').split('.')[2]}"


ATTACKS: dict[str, Attack] = {
    "algorithm none": unsigned("none"),
    "algorithm None": unsigned("None"),
    "algorithm empty": unsigned(""),
    "algorithm of an unsigned RSA token": unsigned("RS256"),
    "HMAC with the public key in PEM": hmac(public(Encoding.PEM)),
    "HMAC with the public key in DER": hmac(public(Encoding.DER)),
    "HMAC-512 with the public key in PEM": hmac(public(Encoding.PEM), algorithm="HS512"),
    "HMAC with a secret from the key set": hmac(b"shared secret that the issuer publishes", "secret"),
    "HMAC with an empty secret": hmac(b""),
    "ES256 with an RSA key": lambda issuer, _: jwt.encode(issuer.claims(), EC, algorithm="ES256", headers={"kid": "first"}),
    "ECDSA with zeros": lambda issuer, _: f"{encoded({'alg': 'ES256', 'kid': 'curve'})}.{encoded(issuer.claims())}.{encoded(bytes(64))}",
    "re-signed": resigned(),
    "re-signed without key ID": lambda issuer, _: jwt.encode(issuer.claims(), private_key(2), algorithm="RS256"),
    "key in the header": resigned(jwk=jwk(private_key(2), "first")),
    "certificate in the header": resigned(x5c=["MIIB"]),
    "key set URL in the header": pointing("jku"),
    "certificate URL in the header": pointing("x5u"),
    "critical header": lambda issuer, _: issuer.token(headers={"crit": ["exp"], "exp": 1}),
    "critical header that is empty": lambda issuer, _: issuer.token(headers={"crit": []}),
    "unencoded payload": lambda issuer, _: raw(issuer, {"alg": "RS256", "kid": "first", "b64": False}),
    "key ID that is a path": lambda issuer, _: issuer.token(headers={"kid": "../../etc/passwd"}),
    "another user under the same signature": changed(1, with_claim("sub", "admin")),
    "a later expiry under the same signature": changed(1, with_claim("exp", 4102444800)),
    "another algorithm under the same signature": changed(0, lambda _: encoded({"alg": "RS512", "kid": "first"})),
    "signature of another token": borrowed,
    "signature cut": changed(2, lambda part: part[:-4]),
    "signature missing": changed(2, lambda _: ""),
    "payload cut": changed(1, lambda part: part[:-4]),
    "header cut": changed(0, lambda part: part[:-4]),
    "header that is a list": changed(0, lambda _: encoded(["RS256"])),
    "algorithm that is a list": changed(0, lambda _: encoded({"alg": ["RS256"], "kid": "first"})),
    "key ID that is a number": changed(0, lambda _: encoded({"alg": "RS256", "kid": 1})),
    "four parts": lambda issuer, _: issuer.token() + ".e30",
    "padding": lambda issuer, _: issuer.token() + "=",
    "white space": lambda issuer, _: issuer.token() + "\n",
    "other alphabet": changed(2, lambda part: "+" + part[1:]),
    "JSON serialization": lambda issuer, _: json.dumps(
        dict(zip(("protected", "payload", "signature"), issuer.token().split("."), strict=True))
    ),
    "oversized": lambda issuer, _: issuer.token(padding="x" * MAX_TOKEN_BYTES),
    "wrong issuer": lambda issuer, _: issuer.token(iss=issuer.url + ".example"),
    "issuer that is a list": changed(1, with_claim("iss", ["x"])),
    "wrong audience": lambda issuer, _: issuer.token(aud="another"),
    "expired": lambda issuer, _: issuer.token(exp=1),
    "not yet valid": lambda issuer, _: issuer.token(nbf=4102444800),
    "expiry beyond all numbers": lambda issuer, _: signed(issuer, b'"exp":1e999'),
    "deep nesting": lambda issuer, _: signed(issuer, b'"exp":4102444800,"a":' + b"[" * 5000 + b"]" * 5000),
    "half a surrogate pair": lambda issuer, _: signed(issuer, rb'"exp":4102444800,"sub":"\ud800"'),
}


def signed(issuer: Issuer, members: bytes) -> str:
    """Signed by the issuer, claims as they are."""
    payload = b'{"iss":"%s","aud":"berth-tests",%s}' % (issuer.url.encode(), members)
    return jwt.PyJWS().encode(payload, issuer.keys["first"], algorithm="RS256", headers={"kid": "first"})


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Issuer]:
    with issuer_service(tmp_path_factory.mktemp("issuer")) as running:
        running.keys["curve"] = EC
        running.extra_keys = [{"kty": "oct", "k": SECRET, "kid": "secret", "alg": "HS256"}]
        yield running


@pytest.fixture(scope="module")
def evil(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service of the attacker's, which has a key set for whoever asks."""
    keys = json.dumps({"keys": [jwk(private_key(2), "evil")]}).encode()
    with https_service(tmp_path_factory.mktemp("evil"), lambda request: Reply(keys)) as running:
        yield running


@pytest.fixture(scope="module")
def authn(tmp_path_factory: pytest.TempPathFactory, issuer: Issuer) -> Iterator[StructuredAuthentication]:
    file: Path = tmp_path_factory.mktemp("authn") / "authentication.yaml"
    file.write_text(configuration(issuer.authenticator()))
    made = StructuredAuthentication(str(file), Callers(), (), ("api",))
    made.start()
    yield made
    closed(made)


def user(authn: StructuredAuthentication, token: str) -> UserInfo | None:
    """None for a token that is refused, as for one that is nobody's: both are 401."""
    try:
        found = authn.authenticate_token(token, ())
    except BadCredentials:
        return None
    return found[0] if found else None


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_a_token_that_pretends_is_refused(authn: StructuredAuthentication, issuer: Issuer, evil: Service, attack: Attack) -> None:
    token = attack(issuer, evil)
    assert user(authn, token) is None
    assert user(authn, token) is None, "and once more, when it might be remembered"
    assert evil.seen == []


def test_a_token_that_does_not_pretend_is_good_all_the_same(authn: StructuredAuthentication, issuer: Issuer) -> None:
    found = user(authn, issuer.token())
    assert found is not None
    assert found.name == "k8s-john_doe"


def test_a_token_as_long_as_allowed_is_good(authn: StructuredAuthentication, issuer: Issuer) -> None:
    empty = len(issuer.token(padding=""))
    token = issuer.token(padding="x" * ((MAX_TOKEN_BYTES - empty) * 3 // 4 - 2))
    assert MAX_TOKEN_BYTES - 8 < len(token) <= MAX_TOKEN_BYTES
    assert user(authn, token) is not None
