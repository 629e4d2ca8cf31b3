"""Bearer tokens that a remote service reviews.

Upstream: apiserver `plugin/pkg/authenticator/token/webhook`, `pkg/authentication/token/cache`, `pkg/util/webhook`.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from cluster.api.names import Object
from cluster.api.protocols import HttpCaller
from cluster.api.user import UserInfo
from rbac.authn.errors import BadCredentials
from rbac.lru_cache import TimedCache
from rbac.webhook import WebhookError, ask

log = logging.getLogger(__name__)
VERSIONS: Final = ("v1", "v1beta1")
TIMEOUT: Final = 30.0
"""Seconds for all attempts of one review together."""
_CACHE_SIZE: Final = 8192
_NO_USER: Final = "the webhook's answer is no TokenReview: it names no user, or not as it must"
Found = tuple[UserInfo, tuple[str, ...]] | None


class WebhookTokenAuthenticator:
    """Implements TokenAuthenticator.  Answers, yes or no, are kept for a while; failures are not."""

    def __init__(
        self,
        caller: HttpCaller,
        audiences: Sequence[str],
        *,
        version: str = "v1",
        ttl: float = 120.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        """`audiences`: those of the API server, which an answer without any is for.  ValueError for an unknown version."""
        if version not in VERSIONS:
            supported = ", ".join(f'"{each}"' for each in VERSIONS)
            raise ValueError(f'unsupported authentication webhook version "{version}", supported versions are {supported}')
        self._caller = caller
        self._audiences = tuple(audiences)
        self._version = f"authentication.k8s.io/{version}"
        self._ttl = ttl
        self._clock = clock
        self._sleep = sleep
        self._known: TimedCache[bytes, tuple[Found]] = TimedCache(_CACHE_SIZE, clock)
        self._asking: dict[bytes, threading.Event] = {}

    def authenticate_token(self, token: str, audiences: Sequence[str]) -> Found:
        """The user whom the service names; None where it knows none; BadCredentials where it says why, or cannot be asked."""
        wanted = tuple(audiences) or self._audiences
        key = hashlib.sha256(repr((token, wanted)).encode("utf-8", "backslashreplace")).digest()
        while True:
            known = self._known.get(key)
            if known is not None:
                return known[0]
            asking = self._asking.setdefault(key, mine := threading.Event())
            if asking is mine:
                break
            if not asking.wait(TIMEOUT):
                raise BadCredentials("webhook call failed: context deadline exceeded")
        try:
            found = self._review(token, wanted)
            self._known.put(key, (found,), self._ttl)
            return found
        finally:
            del self._asking[key]
            mine.set()

    def _review(self, token: str, wanted: tuple[str, ...]) -> Found:
        spec = {"token": token, "audiences": list(wanted)} if wanted else {"token": token}
        review = {"kind": "TokenReview", "apiVersion": self._version, "metadata": {}, "spec": spec, "status": {"user": {}}}
        status = self._status(review)
        have = _strings(status.get("audiences")) or self._audiences
        good_for = tuple(each for each in wanted if each in have)
        if wanted and not good_for:
            return None
        if status.get("authenticated") is not True:
            why = status.get("error")
            if why:
                raise BadCredentials(str(why))
            return None
        return _user(status.get("user") or {}), good_for

    def _status(self, review: Object) -> Object:
        """The answer's status; BadCredentials where there is none after a few attempts."""
        try:
            answer = ask(self._caller, review, TIMEOUT, self._sleep, within=TIMEOUT, clock=self._clock)
        except WebhookError as error:
            log.error("the token webhook could not be asked: %s", error)
            raise BadCredentials(str(error)) from error
        status = answer.get("status")
        if not isinstance(status, dict):
            raise BadCredentials("the webhook's answer is no TokenReview")
        return status


def _user(shown: Any) -> UserInfo:
    if not isinstance(shown, dict) or not isinstance(shown.get("extra") or {}, dict):
        raise BadCredentials(_NO_USER)
    name, uid = _strings([shown.get("username") or "", shown.get("uid") or ""])
    return UserInfo(name, uid, _strings(shown.get("groups")), {key: _strings(each) for key, each in (shown.get("extra") or {}).items()})


def _strings(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise BadCredentials(_NO_USER)
    return tuple(value)
