"""Tokens of issuers, verified against real HTTPS issuers on loopback."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from cluster.client.caller import Callers
from rbac.authn.errors import BadCredentials
from rbac.authn.structured import StructuredAuthentication
from tests.support import eventually
from tests.support_issuer import AUDIENCE, Issuer, configuration, issuer_service, jwk, private_key

API = ("https://kubernetes.default.svc",)


class World:
    """A configuration file, and the authenticator that follows it."""

    def __init__(self, folder: Path, *authenticators: dict[str, Any], **more: Any) -> None:
        self.file = folder / "authentication.yaml"
        self.file.write_text(configuration(*authenticators, **more))
        self.ahead = 0.0
        self.authn = StructuredAuthentication(str(self.file), Callers(), API, API, lambda: time.time() + self.ahead)
        self.authn.start()

    def user(self, token: str) -> Any:
        found = self.authn.authenticate_token(token, ())
        return found[0] if found else None

    def refusal(self, token: str) -> str:
        with pytest.raises(BadCredentials) as raised:
            self.authn.authenticate_token(token, ())
        return str(raised.value)


@pytest.fixture
def worlds(tmp_path: Path) -> Iterator[Any]:
    made: list[World] = []

    def make(*authenticators: dict[str, Any], **more: Any) -> World:
        made.append(World(tmp_path, *authenticators, **more))
        return made[-1]

    yield make
    for world in made:
        world.authn.close()


@pytest.fixture
def issuer(tmp_path: Path) -> Iterator[Issuer]:
    with issuer_service(tmp_path) as running:
        yield running


def test_a_token_of_the_issuer_names_a_user(issuer: Issuer, worlds: Any) -> None:
    world = worlds(issuer.authenticator())
    user, audiences = world.authn.authenticate_token(issuer.token(jti="a1"), ())
    assert (user.name, user.groups, user.uid, audiences) == ("k8s-john_doe", (), "", API)
    assert user.extra == {"authentication.kubernetes.io/credential-id": ("JTI=a1",)}
