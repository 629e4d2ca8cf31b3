"""An OpenID Connect issuer for tests: a real HTTPS service with keys that can be rotated, which signs tokens."""

from __future__ import annotations

import contextlib
import json
import textwrap
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import jwt
import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from rbac.authn.errors import BadCredentials
from rbac.authn.structured import StructuredAuthentication
from tests.support_https import Reply, Request, Service, https_service
from tests.unit.rbac.keys import rsa_key

AUDIENCE: Final = "berth-tests"
WELL_KNOWN: Final = "/.well-known/openid-configuration"
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def private_key(number: int = 0) -> rsa.RSAPrivateKey:
    """An RSA key, made once a test run."""
    key = load_pem_private_key(rsa_key(number), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


def jwk(key: PrivateKey, key_id: str, **more: str) -> dict[str, Any]:
    """The public half, as a key set has it."""
    algorithm = jwt.algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else jwt.algorithms.ECAlgorithm
    document: dict[str, Any] = algorithm.to_jwk(key.public_key(), as_dict=True)  # type: ignore[arg-type]
    return {**document, "kid": key_id, "use": "sig", **more}


@dataclass
class Issuer:
    """What a test may change of a running issuer: its keys (by key ID), and what it answers."""

    service: Service
    path: str = ""
    keys: dict[str, PrivateKey] = field(default_factory=dict)
    extra_keys: list[Any] = field(default_factory=list)
    discovery_path: str = WELL_KNOWN
    key_headers: dict[str, str] = field(default_factory=dict)
    discovery: dict[str, Any] = field(default_factory=dict)
    """Replaces members of the discovery document."""
    down: bool = False
    tokens: dict[str, str] = field(default_factory=dict)
    """Answers of other paths: tokens that hold distributed claims."""
    refreshed: dict[str, Any] = field(default_factory=dict)
    """What the token endpoint answers to a refresh token; nothing: it refuses."""

    @property
    def url(self) -> str:
        return self.service.url + self.path

    @property
    def key_fetches(self) -> int:
        return sum(request.path == "/keys" for request in self.service.seen)

    def answer(self, request: Request) -> Reply:
        json_headers = {"Content-Type": "application/json"}
        if self.down:
            return Reply(b"down", 503)
        if request.path == self.discovery_path:
            document = {"issuer": self.url, "jwks_uri": self.service.url + "/keys", "token_endpoint": self.service.url + "/token"}
            return Reply(json.dumps(document | self.discovery).encode(), headers=json_headers)
        if request.path == "/keys":
            keys = [*self.extra_keys, *(jwk(key, key_id) for key_id, key in self.keys.items())]
            return Reply(json.dumps({"keys": keys}).encode(), headers=json_headers | self.key_headers)
        if request.path == "/token" and self.refreshed:
            return Reply(json.dumps({"token_type": "Bearer"} | self.refreshed).encode(), headers=json_headers)
        if request.path in self.tokens:
            return Reply(self.tokens[request.path].encode())
        return Reply(b"not here", 404)

    def claims(self, **more: Any) -> dict[str, Any]:
        """Good claims, with others in place of or beside them; None leaves one out."""
        now = int(time.time())
        claims = {"iss": self.url, "aud": AUDIENCE, "sub": "john_doe", "iat": now, "exp": now + 600}
        return {name: value for name, value in (claims | more).items() if value is not None}

    def token(self, *, key_id: str = "", algorithm: str = "RS256", headers: Mapping[str, Any] | None = None, **more: Any) -> str:
        """A token signed with the key of that ID, or the first."""
        key_id = key_id or next(iter(self.keys))
        return jwt.encode(self.claims(**more), self.keys[key_id], algorithm=algorithm, headers={"kid": key_id, **(headers or {})})

    def authenticator(self, **more: Any) -> dict[str, Any]:
        """Its member of `jwt`; `more` replaces what is below claimMappings, or (issuer=, claimValidationRules=) beside it."""
        issuer = {"url": self.url, "audiences": [AUDIENCE], "certificateAuthority": self.service.ca} | more.pop("issuer", {})
        beside = {name: more.pop(name) for name in ("claimValidationRules", "userValidationRules") if name in more}
        return {"issuer": issuer, "claimMappings": {"username": {"claim": "sub", "prefix": "k8s-"}} | more, **beside}


def configuration(*authenticators: dict[str, Any], **more: Any) -> str:
    """An AuthenticationConfiguration, as YAML."""
    header = {"apiVersion": "apiserver.config.k8s.io/v1", "kind": "AuthenticationConfiguration"}
    return textwrap.dedent(yaml.safe_dump(header | {"jwt": list(authenticators)} | more))


def refusal(authn: StructuredAuthentication, token: str) -> str:
    """Why a token is refused."""
    with pytest.raises(BadCredentials) as raised:
        authn.authenticate_token(token, ())
    return str(raised.value)


def closed(authn: StructuredAuthentication) -> None:
    """Closes it, and waits for the calls that are under way: an issuer that goes while one connects leaves a socket behind."""
    authn.close()
    for thread in threading.enumerate():
        if thread.name.startswith("oidc-"):
            thread.join(10)


@contextlib.contextmanager
def issuer_service(folder: Path, *, path: str = "", key: int = 0) -> Iterator[Issuer]:
    """An issuer with one RSA key, at a URL with that path."""
    with https_service(folder, lambda request: issuer.answer(request)) as service:
        issuer = Issuer(service, path, {"first": private_key(key)}, discovery_path=path + WELL_KNOWN)
        yield issuer
