"""An issuer as it is reached: what its discovery document says, and its keys, fetched, kept and followed as they rotate.

Upstream: go-oidc `oidc.go` and `jwks.go`, apiserver `plugin/pkg/authenticator/token/oidc/oidc.go`.
"""

from __future__ import annotations

import itertools
import logging
import re
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final, NamedTuple

import orjson

from cluster.api.field import quoted
from cluster.api.protocols import HttpAnswer, HttpCaller, HttpCallers, HttpFailure
from rbac.authn.jwt_token import Key
from rbac.authn.observers import TellKeys, untold
from rbac.authn.urls import parse_url

log = logging.getLogger(__name__)
WELL_KNOWN: Final = "/.well-known/openid-configuration"
CALL_SECONDS: Final = 10.0
"""How long one call to an issuer may take, and so how long a request may wait for one."""
RETRY_SECONDS: Final = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 10.0)
"""Between attempts to discover an issuer; the last is repeated."""
KEEP_SECONDS: Final = 300.0
"""How long keys are used before they are looked at again, unless the issuer allows longer."""
MAX_KEEP_SECONDS: Final = 86400.0
LOOK_SECONDS: Final = 10.0
"""After a look that failed, when the next may follow."""
FETCHES: Final = 10.0
"""Fetches that unknown keys may cause at once; one more a second."""
_MAX_KEYS: Final = 1000
_MIN_RSA_BITS: Final = 1024
_SHOWN_BYTES: Final = 512
_MAX_AGE: Final = re.compile(r"(?:^|[\s,])max-age=(\d{1,9})")
_EC_CURVES: Final = {"P-256": "secp256r1", "P-384": "secp384r1", "P-521": "secp521r1"}


class ProviderError(Exception):
    """The issuer cannot be reached, or answers something else than it must."""


class Keys(NamedTuple):
    """An issuer's keys at one time; `version` counts the fetches that brought other keys than the one before."""

    keys: tuple[Key, ...] = ()
    version: int = 0


class KeySet:
    """The keys at an issuer's jwks_uri: `current` is one value, so that keys and version always belong together."""

    def __init__(self, caller: HttpCaller, clock: Callable[[], float], tell: TellKeys) -> None:
        self._caller = caller
        self._tell = tell
        self._clock = clock
        self._lock = threading.Lock()
        self._flight: _Flight | None = None
        self._raw: object = None
        self._look_at = float("-inf")
        self._allowance = FETCHES
        self._allowed_at = 0.0
        self.current = Keys()
        self.fetches = 0

    def fetch(self, seen: int) -> Keys:
        """The keys, newer than what the caller saw when `fetches` was `seen`, or as they are if there were many fetches of late.

        One fetch at a time: who comes while another is under way waits for that one.  ProviderError.
        """
        with self._lock:
            if self.fetches != seen:
                return self.current
            if self._flight is None and not self._allowed():
                return self.current
            flight = self._flight or self._take_off()
        if not flight.landed.wait(CALL_SECONDS):
            raise ProviderError("context deadline exceeded")
        if flight.error:
            raise ProviderError(flight.error)
        return self.current

    def refresh_if_due(self) -> None:
        """Looks at keys that have been kept for long, which nobody waits for."""
        if self._clock() < self._look_at:
            return
        with self._lock:
            if self._flight is None and self._clock() >= self._look_at:
                self._take_off()

    def _take_off(self) -> _Flight:
        self._flight = flight = _Flight()
        self._look_at = self._clock() + LOOK_SECONDS
        threading.Thread(target=self._fly, args=(flight,), name="oidc-keys", daemon=True).start()
        return flight

    def _fly(self, flight: _Flight) -> None:
        try:
            answer = _get(self._caller, "oidc: get keys failed")
            found = _document(answer, "oidc: failed to decode keys").get("keys")
            if not isinstance(found, list):
                raise ProviderError("oidc: failed to decode keys: the key set holds no list of keys")
            keys = tuple(key for each in found[:_MAX_KEYS] if (key := _key(each)) is not None)
            with self._lock:
                self._look_at = self._clock() + _keep_seconds(answer)
                self.fetches += 1
                if found != self._raw:
                    self._raw = found
                    self.current = Keys(keys, self.current.version + 1)
            self._tell(answer.body)
        except ProviderError as error:
            flight.error = str(error)
            self._tell(None)
            log.warning("oidc authenticator: %s", error)
        finally:
            with self._lock:
                self._flight = None
            flight.landed.set()

    def _allowed(self) -> bool:
        """Takes one from the allowance of fetches, if there is one."""
        now = time.monotonic()
        self._allowance = min(FETCHES, self._allowance + (now - self._allowed_at))
        self._allowed_at = now
        if self._allowance < 1:
            return False
        self._allowance -= 1
        return True


class _Flight:
    """A fetch under way, for those who wait for it."""

    def __init__(self) -> None:
        self.landed = threading.Event()
        self.error = ""


class Provider:
    """One issuer: `start` discovers it in the background, again and again until that succeeds; then `key_set` is there."""

    def __init__(
        self,
        issuer: str,
        discovery_url: str,
        ca_pem: str,
        callers: HttpCallers,
        clock: Callable[[], float],
        tell: TellKeys = untold,
    ) -> None:
        """ValueError for a URL or CA that cannot be used; `discovery_url` may be empty."""
        self.issuer = issuer
        self._ca = ca_pem
        self._callers = callers
        self._clock = clock
        self._tell = tell
        self._discovery = callers.of_url(discovery_url or issuer.removesuffix("/") + WELL_KNOWN, ca_pem)
        self._closed = threading.Event()
        self._tried = threading.Event()
        self.key_set: KeySet | None = None
        self.error = f"oidc: authenticator for issuer {quoted(issuer)} is not initialized"

    def start(self) -> None:
        threading.Thread(target=self._discover, name="oidc-discovery", daemon=True).start()

    def close(self) -> None:
        self._closed.set()
        self._tried.set()

    def ready(self, timeout: float) -> KeySet | None:
        """The key set; waits at most so many seconds for the first attempt to discover the issuer to end."""
        if self.key_set is None:
            self._tried.wait(timeout)
        return self.key_set

    def _discover(self) -> None:
        for pause in itertools.chain(RETRY_SECONDS, itertools.repeat(RETRY_SECONDS[-1])):
            try:
                self.key_set = self._open()
                self.error = ""
                return
            except ProviderError as error:
                if self._closed.is_set():
                    return
                self.error = str(error)
                log.error("oidc authenticator: initializing issuer %s: %s", quoted(self.issuer), error)
            finally:
                self._tried.set()
            if self._closed.wait(pause):
                return

    def _open(self) -> KeySet:
        """The key set that the discovery document names."""
        document = _document(_get(self._discovery), "oidc: failed to decode provider discovery object")
        if document.get("issuer") != self.issuer:
            found = document.get("issuer")
            shown = quoted(found if isinstance(found, str) else "")
            raise ProviderError(f"oidc: issuer did not match the issuer returned by provider, expected {quoted(self.issuer)} got {shown}")
        url = document.get("jwks_uri")
        if not isinstance(url, str) or not url:
            raise ProviderError("provider did not return JWKS URL")
        try:
            if parse_url(url).scheme != "https":
                raise ValueError("URL scheme must be https")
            return KeySet(self._callers.of_url(url, self._ca), self._clock, self._tell)
        except ValueError as error:
            raise ProviderError(f"oidc: jwks_uri {quoted(url)}: {error}") from None


def _get(caller: HttpCaller, what: str = "") -> HttpAnswer:
    prefix = f"{what} " if what else ""
    try:
        answer = caller.call("GET", timeout=CALL_SECONDS)
    except HttpFailure as error:
        raise ProviderError(f"{prefix}{error}") from None
    if answer.status != 200:
        body = answer.body[:_SHOWN_BYTES].decode(errors="replace")
        raise ProviderError(f"{prefix}{status_line(answer.status)}{' ' if what else ': '}{body}")
    return answer


def status_line(status: int) -> str:
    """`404 Not Found`"""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _document(answer: HttpAnswer, what: str) -> dict[str, Any]:
    try:
        found = orjson.loads(answer.body)
    except ValueError as error:
        kind = answer.headers.get("content-type", "")
        raise ProviderError(f"{what}: expected Content-Type = application/json, got {quoted(kind)}: {error}") from None
    if not isinstance(found, dict):
        raise ProviderError(f"{what}: the document is no object")
    return found


def _keep_seconds(answer: HttpAnswer) -> float:
    found = _MAX_AGE.search(answer.headers.get("cache-control", "").lower())
    return min(MAX_KEEP_SECONDS, max(KEEP_SECONDS, float(found.group(1)))) if found else KEEP_SECONDS


def _key(jwk: object) -> Key | None:
    """A member of a key set; None for one that verifies no signature we accept (symmetric keys above all)."""
    import jwt

    if not isinstance(jwk, dict) or not isinstance(jwk.get("kid", ""), str):
        return None
    key_id = jwk.get("kid", "")
    public = {name: value for name, value in jwk.items() if name in ("kty", "n", "e", "crv", "x", "y")}
    try:
        if jwk.get("kty") == "RSA":
            key = jwt.algorithms.RSAAlgorithm.from_jwk(public)
            if key.key_size < _MIN_RSA_BITS:
                raise ValueError("the key is too short")
            return Key(key, key_id, "RSA")
        if jwk.get("kty") == "EC" and jwk.get("crv") in _EC_CURVES:
            return Key(jwt.algorithms.ECAlgorithm.from_jwk(public), key_id, _EC_CURVES[jwk["crv"]])
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        log.warning("oidc authenticator: a key set holds a key that cannot be read, key ID %s", quoted(key_id))
    return None
