"""Bootstrap tokens, with which machines join: Secrets `bootstrap-token-<id>` in kube-system.

Upstream: `plugin/pkg/auth/authenticator/token/bootstrap`, `k8s.io/cluster-bootstrap`.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import logging
import re
import time
from collections.abc import Callable, Sequence
from typing import Final

from cluster.api.bootstrap_tokens import NAMESPACE, TYPE, seconds_left
from cluster.api.names import Object
from cluster.api.protocols import Reader
from cluster.api.user import UserInfo
from rbac.authn.service_accounts import SECRETS

log = logging.getLogger(__name__)
PREFIX: Final = "bootstrap-token-"
GROUP: Final = "system:bootstrappers"
_TOKEN: Final = re.compile(r"([a-z0-9]{6})\.([a-z0-9]{16})", re.ASCII)
_GROUP: Final = re.compile(r"system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]", re.ASCII)


class BootstrapTokenAuthenticator:
    """Implements TokenAuthenticator.  A token that is not good is none of ours: why, only the log says."""

    def __init__(self, reader: Reader, audiences: Sequence[str], *, clock: Callable[[], float] = time.time) -> None:
        """`audiences`: those of the API server, for which alone these tokens are."""
        self._reader = reader
        self._audiences = tuple(audiences)
        self._clock = clock

    def authenticate_token(self, token: str, audiences: Sequence[str]) -> tuple[UserInfo, tuple[str, ...]] | None:
        match = _TOKEN.fullmatch(token)
        good_for = tuple(each for each in self._audiences if each in audiences) if audiences else self._audiences
        if match is None or not good_for:
            return None
        token_id, token_secret = match.groups()
        secret = self._reader.get(SECRETS, NAMESPACE, PREFIX + token_id)
        if secret is None:
            return None
        fault = _fault(secret, token_id, token_secret, self._clock())
        groups = [GROUP] if fault else _groups(secret)
        if fault or groups is None:
            log.info("bootstrap secret %s/%s matching bearer token %s", NAMESPACE, PREFIX + token_id, fault or "names invalid groups")
            return None
        return UserInfo(f"system:bootstrap:{token_id}", groups=tuple(groups)), good_for


def _fault(secret: Object, token_id: str, token_secret: str, now: float) -> str:
    """Why the token is not good; empty where it is."""
    if secret["metadata"].get("deletionTimestamp"):
        return "is deleted and awaiting removal"
    if secret.get("type") != TYPE or not secret.get("data"):
        return f"has invalid type, expected {TYPE}"
    if not hmac.compare_digest(_data(secret, "token-secret"), token_secret.encode()):
        return "has invalid value for key token-secret"
    if _data(secret, "token-id") != token_id.encode():
        return "has invalid value for key token-id"
    if seconds_left(secret, now) == 0:
        return "has expired"
    if _data(secret, "usage-bootstrap-authentication") != b"true":
        return "not marked usage-bootstrap-authentication=true"
    return ""


def _groups(secret: Object) -> list[str] | None:
    """The groups, sorted; None where one is not allowed."""
    extra = _data(secret, "auth-extra-groups").decode(errors="replace")
    names = extra.split(",") if extra else []
    if not all(_GROUP.fullmatch(name) for name in names):
        return None
    return sorted({GROUP, *names})


def _data(secret: Object, key: str) -> bytes:
    try:
        return base64.b64decode(secret["data"].get(key) or "")
    except (binascii.Error, ValueError):
        return b""
