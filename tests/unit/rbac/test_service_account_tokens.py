"""Service-account tokens: what is issued, what is accepted, and every way to cheat that must fail."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from cluster.api.authorization import Credentials
from cluster.api.errors import Unauthorized
from cluster.api.names import GroupResource, Object
from rbac.authn.bearer import BearerAuthenticator
from rbac.authn.service_accounts import SERVICE_ACCOUNTS
from rbac.authn.union import UnionAuthenticator
from tests.unit.rbac.keys import ec_key, rsa_key
from tests.unit.rbac.token_world import ISSUER, NODE, NODES, NOW, POD, PODS, SECRET, SECRETS, Setting, forged, parts, stamp
from tests.unit.rbac.world import metadata


@pytest.fixture(params=["rsa", "ec"])
def setting(request: pytest.FixtureRequest) -> Setting:
    return Setting(rsa_key() if request.param == "rsa" else ec_key())


def test_a_token_says_what_upstreams_says(setting: Setting) -> None:
    header, claims = parts(setting.issue(pod=POD, node=NODE, warn_after=60))
    public = load_pem_private_key(setting.key, None).public_key()
    digest = hashlib.sha256(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()
    assert header == {"alg": setting.signer.public_keys[0].algorithm, "kid": base64.urlsafe_b64encode(digest).rstrip(b"=").decode()}
    assert len(claims.pop("jti")) == 36
    assert claims == {
        "aud": [ISSUER],
        "exp": NOW + 3600,
        "iat": NOW,
        "iss": ISSUER,
        "kubernetes.io": {
            "namespace": "dev",
            "node": {"name": "n1", "uid": "uid-n1"},
            "pod": {"name": "web", "uid": "uid-web"},
            "serviceaccount": {"name": "user", "uid": "uid-user"},
            "warnafter": NOW + 60,
        },
        "nbf": NOW,
        "sub": "system:serviceaccount:dev:user",
    }


def test_a_token_makes_its_service_account(setting: Setting) -> None:
    token = setting.issue(pod=POD, node=NODE)
    found = setting.authenticator.authenticate_token(token, ())
    assert found is not None
    user, audiences = found
    assert (user.name, user.uid, audiences) == ("system:serviceaccount:dev:user", "uid-user", (ISSUER,))
    assert user.groups == ("system:serviceaccounts", "system:serviceaccounts:dev")
    assert user.extra == {
        "authentication.kubernetes.io/credential-id": (f"JTI={parts(token)[1]['jti']}",),
        "authentication.kubernetes.io/pod-name": ("web",),
        "authentication.kubernetes.io/pod-uid": ("uid-web",),
        "authentication.kubernetes.io/node-name": ("n1",),
        "authentication.kubernetes.io/node-uid": ("uid-n1",),
    }


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda it: it.world.delete(SERVICE_ACCOUNTS, "dev", "user"), 'serviceaccounts "user" not found'),
        (
            lambda it: it.world.put(SERVICE_ACCOUNTS, {"metadata": metadata("user", "dev", uid="new")}),
            "service account UID (new) does not match claim (uid-user)",
        ),
        (
            lambda it: it.world.put(SERVICE_ACCOUNTS, {"metadata": metadata("user", "dev", uid="uid-user", deletionTimestamp=stamp(-120))}),
            "service account dev/user has been deleted",
        ),
        (lambda it: it.world.delete(PODS, "dev", "web"), "service account token has been invalidated"),
        (
            lambda it: it.world.put(PODS, {"metadata": metadata("web", "dev", uid="new"), "spec": {}}),
            "pod UID (new) does not match service account pod ref claim (uid-web)",
        ),
        (lambda it: setattr(it.clock, "now", NOW + 3600 + 61), "service account token has expired"),
        (lambda it: setattr(it.clock, "now", NOW - 61), "service account token is not valid yet"),
    ],
)
def test_a_token_that_was_good_ends_at_once(setting: Setting, change: Callable[[Setting], object], why: str) -> None:
    """The signature is remembered; everything else is looked at each time."""
    token = setting.issue(pod=POD, node=NODE)
    assert setting.accepts(token)
    change(setting)
    assert setting.why_not(token) == why


@pytest.mark.parametrize(
    "change",
    [
        lambda it: setattr(it.clock, "now", NOW + 3600 + 59),
        lambda it: setattr(it.clock, "now", NOW - 59),
        lambda it: it.world.delete(NODES, "", "n1"),
        lambda it: it.world.put(PODS, {"metadata": metadata("web", "dev", uid="uid-web", deletionTimestamp=stamp(-30)), "spec": {}}),
    ],
    ids=["a minute late", "a minute early", "the pod's node is gone", "the pod is being deleted"],
)
def test_what_a_token_outlives(setting: Setting, change: Callable[[Setting], object]) -> None:
    token = setting.issue(pod=POD, node=NODE)
    change(setting)
    assert setting.accepts(token)


@pytest.mark.parametrize(("kind", "resource", "bound"), [("secret", SECRETS, SECRET), ("node", NODES, NODE)])
def test_a_token_ends_with_what_it_is_bound_to(setting: Setting, kind: str, resource: GroupResource, bound: Object) -> None:
    token = setting.issue(**{kind: bound})
    assert setting.accepts(token)
    setting.world.delete(resource, bound["metadata"].get("namespace", ""), bound["metadata"]["name"])
    assert setting.why_not(token) == "service account token has been invalidated"
    setting.world.put(resource, {**bound, "metadata": {**bound["metadata"], "uid": "new"}})
    was = bound["metadata"]["uid"]
    assert setting.why_not(token) == f"{kind} UID (new) does not match service account {kind} ref claim ({was})"


def _resigned(it: Setting, payload: Object) -> str:
    """With another key, under our key's ID."""
    return jwt.encode(payload, rsa_key(1).decode(), "RS256", headers={"kid": it.signer.public_keys[0].key_id})


def _confused(it: Setting, payload: Object) -> str:
    """HS256 with the public key as its secret, which whoever lets the token name its algorithm would accept."""
    import hmac

    pem = it.signer.public_keys[0].key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    unsigned = forged({"alg": "HS256", "kid": it.signer.public_keys[0].key_id}, payload).rstrip(".")
    signature = hmac.new(pem, unsigned.encode(), hashlib.sha256).digest()
    return f"{unsigned}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def _signed(it: Setting, payload: Object, **change: object) -> str:
    key = it.signer.public_keys[0]
    return jwt.encode({**payload, **change}, it.key.decode(), key.algorithm, headers={"kid": key.key_id})


ATTACKS: dict[str, Callable[[Setting, str, Object, Object], str]] = {
    "no algorithm": lambda it, token, header, payload: forged({"alg": "none"}, payload),
    "no algorithm, our key ID": lambda it, token, header, payload: forged({**header, "alg": "none"}, payload),
    "no algorithm, old signature": lambda it, token, header, payload: forged({**header, "alg": "None"}, payload) + token.split(".")[2],
    "public key as secret": lambda it, token, header, payload: _confused(it, payload),
    "other key, our key ID": lambda it, token, header, payload: _resigned(it, payload),
    "other key, its own ID": lambda it, token, header, payload: jwt.encode(payload, rsa_key(1).decode(), "RS256", headers={"kid": "x"}),
    "other key, no ID": lambda it, token, header, payload: jwt.encode(payload, rsa_key(1).decode(), "RS256"),
    "truncated": lambda it, token, header, payload: token[:-10],
    "no signature": lambda it, token, header, payload: token.rpartition(".")[0] + ".",
    "two parts": lambda it, token, header, payload: token.rpartition(".")[0],
    "four parts": lambda it, token, header, payload: token + ".x",
    "trailing rubbish": lambda it, token, header, payload: token + "!",
    "blank inside": lambda it, token, header, payload: token.replace(".", ". ", 1),
    "line break at the end": lambda it, token, header, payload: token + "\n",
    "not ASCII": lambda it, token, header, payload: token[:-1] + "é",
    "another account in the claims": lambda it, token, header, payload: forged(header, {**payload, "sub": "system:serviceaccount:dev:x"}),
    "signature of another payload": lambda it, token, header, payload: ".".join(
        [token.split(".")[0], it.issue(60).split(".")[1], token.split(".")[2]]
    ),
    "other issuer": lambda it, token, header, payload: _signed(it, payload, iss="https://evil"),
    "issuer of another type": lambda it, token, header, payload: jwt.PyJWS().encode(
        json.dumps({**payload, "iss": [payload["iss"]]}).encode(), it.keys.current().signing, it.signer.public_keys[0].algorithm
    ),
    "an extension that must be known": lambda it, token, header, payload: forged({**header, "crit": ["x"], "x": 1}, payload, b"x"),
    "no issuer": lambda it, token, header, payload: _signed(it, {k: v for k, v in payload.items() if k != "iss"}),
    "other audience": lambda it, token, header, payload: _signed(it, payload, aud=["vault"]),
    "expired": lambda it, token, header, payload: _signed(it, payload, exp=int(NOW) - 61),
    "not yet valid": lambda it, token, header, payload: _signed(it, payload, nbf=int(NOW) + 61),
    "issued in the future": lambda it, token, header, payload: _signed(it, payload, iat=int(NOW) + 61),
    "no account": lambda it, token, header, payload: _signed(it, {k: v for k, v in payload.items() if k != "kubernetes.io"}),
    "account of another type": lambda it, token, header, payload: _signed(it, payload, **{"kubernetes.io": "dev"}),
    "account without uid": lambda it, token, header, payload: _signed(
        it, payload, **{"kubernetes.io": {"namespace": "dev", "serviceaccount": {"name": "user"}}}
    ),
    "expiry of another type": lambda it, token, header, payload: jwt.PyJWS().encode(
        json.dumps({**payload, "exp": True}).encode(), it.keys.current().signing, it.signer.public_keys[0].algorithm
    ),
    "payload that is no object": lambda it, token, header, payload: jwt.PyJWS().encode(
        b'["iss"]', it.keys.current().signing, it.signer.public_keys[0].algorithm
    ),
    "too long": lambda it, token, header, payload: _signed(it, payload, padding="x" * 20000),
    "rubbish": lambda it, token, header, payload: "abc",
    "empty parts": lambda it, token, header, payload: "..",
    "deeply nested header": lambda it, token, header, payload: ".".join(
        [base64.urlsafe_b64encode(b"[" * 9000).decode().rstrip("="), token.split(".")[1], "e30"]
    ),
    "nested header of ours": lambda it, token, header, payload: ".".join(
        [base64.urlsafe_b64encode(b'{"a":' * 1500 + b"1" + b"}" * 1500).decode().rstrip("="), token.split(".")[1], "e30"]
    ),
    "key ID that is a number": lambda it, token, header, payload: forged({**header, "kid": 5}, payload, b"x"),
    "header that is no object": lambda it, token, header, payload: ".".join(["W10", token.split(".")[1], "e30"]),
    "bytes that are no text": lambda it, token, header, payload: ".".join(["_-79", token.split(".")[1], "e30"]),
    "deeply nested": lambda it, token, header, payload: "e30." + base64.urlsafe_b64encode(b"[" * 9000).decode().rstrip("=") + ".e30",
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_is_refused(setting: Setting, attack: str) -> None:
    token = setting.issue()
    assert setting.accepts(token)
    assert not setting.accepts(ATTACKS[attack](setting, token, *parts(token)))


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attacker_is_not_even_anonymous(setting: Setting, attack: str) -> None:
    token = setting.issue()
    everyone = UnionAuthenticator([BearerAuthenticator([setting.authenticator], [ISSUER])], lambda _path: True)
    assert everyone.authenticate(Credentials(bearer_token=token)).name == "system:serviceaccount:dev:user"
    with pytest.raises(Unauthorized):
        everyone.authenticate(Credentials(bearer_token=ATTACKS[attack](setting, token, *parts(token))))


def test_an_audience_is_narrowed_to_what_was_asked_for(setting: Setting) -> None:
    token = setting.issue(audiences=["vault", "db", "web"])
    found = setting.authenticator.authenticate_token(token, ["db", "vault", "other"])
    assert found is not None
    assert found[1] == ("vault", "db")
    assert setting.why_not(token) == f'token audiences ["vault" "db" "web"] is invalid for the target audiences ["{ISSUER}"]'


def test_an_old_key_still_verifies_after_rotation(setting: Setting) -> None:
    """Nobody is logged out as long as the old public key stays; who signs by the old private key is, once that is gone too."""
    old, token = setting.key, setting.issue()
    assert setting.accepts(token)
    setting.keys.change(rsa_key(1), old)
    assert setting.accepts(token)
    assert jwt.get_unverified_header(setting.issue())["kid"] != jwt.get_unverified_header(token)["kid"]
    assert setting.accepts(setting.issue())
    setting.keys.change(rsa_key(1))
    assert setting.why_not(token) == "invalid signature, no keys found"


def test_the_key_set_verifies_tokens(setting: Setting) -> None:
    document = setting.signer.key_set()["keys"][0]
    key = jwt.PyJWK(document)
    claims = jwt.decode(setting.issue(), key.key, [document["alg"]], audience=ISSUER, options={"verify_iat": False, "verify_nbf": False})
    assert (claims["iss"], document["use"]) == (ISSUER, "sig")


def test_the_discovery_document(setting: Setting) -> None:
    assert setting.signer.discovery_document("https://127.0.0.1:6443/openid/v1/jwks") == {
        "issuer": ISSUER,
        "jwks_uri": "https://127.0.0.1:6443/openid/v1/jwks",
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [setting.signer.public_keys[0].algorithm],
    }


def test_the_memory_of_good_tokens_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rbac.authn.service_account_tokens._CACHE_SIZE", 3)
    setting = Setting(ec_key())
    tokens = [setting.issue() for _ in range(5)]
    assert all(setting.accepts(token) for token in tokens)
    assert len(setting.authenticator._verified) == 3
