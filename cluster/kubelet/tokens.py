"""Tokens of pods' service accounts: asked for when they are first shown, and anew before they run out.

Upstream: `pkg/kubelet/token/token_manager.go`.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import Final, Protocol

from msgspec import Struct

from cluster.api.errors import StatusError
from cluster.api.names import Object

_LONGEST_USE: Final = 24 * 3600.0
_REST: Final = 0.2
"""The part of its life that a token has left when it is replaced."""
_JITTER_SECONDS: Final = 10.0


class TokenFailure(Exception):
    """There is no token now; the text is for the pod's event."""


class TokenSource(Protocol):
    def __call__(self, namespace: str, service_account: str, request: Object) -> Object:
        """Answers a TokenRequest."""
        ...


class _Token(Struct, frozen=True):
    text: str
    refresh_at: float
    expires: float


class ServiceAccountTokens:
    """One token a pod, audience and lifetime, bound to the pod."""

    def __init__(self, source: TokenSource, *, now: Callable[[], float] = time.time, jitter: Callable[[], float] = random.random) -> None:
        """`jitter` gives numbers from 0 to 1: not all tokens of a node are asked for at once."""
        self._source = source
        self._now = now
        self._jitter = jitter
        self._tokens: dict[tuple[str, ...], _Token] = {}
        self._lock = threading.Lock()

    def get(self, pod: Object, audience: str, seconds: int) -> str:
        """A token that is good now; `audience` empty: the API server's.  TokenFailure."""
        metadata = pod["metadata"]
        namespace, account = metadata["namespace"], pod["spec"].get("serviceAccountName") or "default"
        key = (metadata["uid"], account, audience, str(seconds))
        with self._lock:
            held = self._tokens.get(key)
        now = self._now()
        if held is not None and now < held.refresh_at:
            return held.text
        bound = {"kind": "Pod", "apiVersion": "v1", "name": metadata["name"], "uid": metadata["uid"]}
        request = {
            "kind": "TokenRequest",
            "apiVersion": "authentication.k8s.io/v1",
            "metadata": {"name": account, "namespace": namespace},
            "spec": {"audiences": [audience] if audience else [], "expirationSeconds": seconds, "boundObjectRef": bound},
        }
        try:
            answer = self._source(namespace, account, request)
        except StatusError as error:
            if held is None:
                raise TokenFailure(f"failed to fetch token: {error.message}") from error
            if now > held.expires:
                raise TokenFailure(f'token "{account}"/"{namespace}" expired and refresh failed: {error.message}') from error
            return held.text
        token = self._token(answer, seconds)
        with self._lock:
            self._tokens[key] = token
        return token.text

    def _token(self, answer: Object, seconds: int) -> _Token:
        """What was answered, which may live longer or less long than was asked for."""
        status, lifetime = answer["status"], (answer.get("spec") or {}).get("expirationSeconds") or seconds
        expires = datetime.fromisoformat(status["expirationTimestamp"]).timestamp()
        refresh_at = min(expires - lifetime + _LONGEST_USE, expires - _REST * lifetime)
        return _Token(str(status["token"]), refresh_at - self._jitter() * _JITTER_SECONDS, expires)

    def forget(self, uid: str) -> None:
        """The pod of that uid is gone."""
        with self._lock:
            for key in [key for key in self._tokens if key[0] == uid]:
                del self._tokens[key]
