"""The smallest cluster with service-account tokens: who signs them, who accepts them, what they are bound to."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from cluster.api import meta
from cluster.api.errors import Unauthorized
from cluster.api.names import GroupResource, Object
from cluster.api.token_keys import LEGACY_ISSUER
from rbac.authn.bound_tokens import BoundTokens
from rbac.authn.legacy_tokens import LegacyTokens
from rbac.authn.service_account_tokens import ServiceAccountTokenAuthenticator, TokenKind
from rbac.authn.service_accounts import SERVICE_ACCOUNTS, TokenSigner
from rbac.credentials.check import CredentialCheck
from tests.unit.rbac.keys import Keys
from tests.unit.rbac.world import World, metadata

ISSUER = "https://kubernetes.default.svc.cluster.local"
OLD_ISSUER = "https://old.example.com"
NOW = 1_800_000_000.0
ACCOUNT = {"metadata": metadata("user", "dev", uid="uid-user")}
POD = {"metadata": metadata("web", "dev", uid="uid-web"), "spec": {"nodeName": "n1"}}
NODE = {"metadata": metadata("n1", uid="uid-n1")}
SECRET = {"metadata": metadata("s", "dev", uid="uid-s")}
PODS, NODES, SECRETS = GroupResource("", "pods"), GroupResource("", "nodes"), GroupResource("", "secrets")


def stamp(seconds: float) -> str:
    return meta.format_time(datetime.fromtimestamp(NOW + seconds, UTC))


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


class Setting:
    """A signer, an authenticator, and the cluster that both belong to."""

    def __init__(self, key: bytes) -> None:
        self.clock = Clock()
        self.world = World()
        self.key = key
        self.keys = Keys(key)
        self.signer = TokenSigner(self.keys, ISSUER, clock=self.clock)
        self.labelled: list[tuple[str, str, str]] = []
        legacy = LegacyTokens(self.world, self._label, clock=self.clock)
        bound = BoundTokens(self.world, CredentialCheck(self.world, clock=self.clock), clock=self.clock)
        kinds: dict[str, TokenKind] = {LEGACY_ISSUER: legacy, ISSUER: bound, OLD_ISSUER: bound}
        self.authenticator = ServiceAccountTokenAuthenticator(self.keys, kinds, (ISSUER,))
        self.world.put(SERVICE_ACCOUNTS, ACCOUNT)
        self.world.put(PODS, POD)
        self.world.put(NODES, NODE)
        self.world.put(SECRETS, SECRET)

    def issue(self, lifetime: int = 3600, **more: Any) -> str:
        return self.signer.issue(ACCOUNT, lifetime=lifetime, **more)

    def _label(self, secret: Object, key: str, value: str) -> None:
        self.labelled.append((secret["metadata"]["name"], key, value))

    def accepts(self, token: str, *audiences: str) -> bool:
        try:
            return self.authenticator.authenticate_token(token, audiences) is not None
        except Unauthorized:
            return False

    def why_not(self, token: str, *audiences: str) -> str:
        with pytest.raises(Unauthorized) as refusal:
            self.authenticator.authenticate_token(token, audiences)
        assert refusal.value.message == "Unauthorized"
        return str(refusal.value)


def parts(token: str) -> tuple[Object, Object]:
    header, payload, _ = token.split(".")
    return tuple(json.loads(base64.urlsafe_b64decode(each + "==")) for each in (header, payload))


def forged(header: Object, payload: Object, signature: bytes = b"") -> str:
    encoded = [base64.urlsafe_b64encode(json.dumps(each).encode()).rstrip(b"=").decode() for each in (header, payload)]
    return ".".join([*encoded, base64.urlsafe_b64encode(signature).rstrip(b"=").decode()])
