"""Bearer tokens of the issuers that the file of `--authentication-config` names, and who may be anonymous by it.

The file is watched: what it says holds as soon as it is valid and all its issuers have been discovered; until then, and for as
long as it is not, what it said before holds.  Upstream: `pkg/kubeapiserver/options/authentication.go`,
`pkg/kubeapiserver/authenticator/config.go`.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import logging
import threading
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Final

from cluster.api.field import quoted
from cluster.api.followed_file import follow_file, read_file
from cluster.api.protocols import HttpCallers
from cluster.api.user import UserInfo
from rbac.authn.anonymous import Anonymous
from rbac.authn.jwt_issuer import JwtAuthenticator, Verified
from rbac.authn.jwt_token import unverified_issuer
from rbac.authn.kept_file import KeptFile
from rbac.authn.observers import UNOBSERVED, IssuersObserver
from rbac.authn.structured_config import AuthenticationConfiguration, load_authentication_configuration
from rbac.lru_cache import LruCache

log = logging.getLogger(__name__)
UPDATE_SECONDS: Final = 60.0
"""How long the issuers of a new file may take to be discovered before it counts as failed, and is tried again."""
AGAIN_SECONDS: Final = 10.0
"""After a failure that may pass, when the file is tried again."""
_CACHE_SIZE: Final = 8192
_ANONYMOUS_CHANGED: Final = "anonymous: Forbidden: changed from initial configuration file"


class _Issuers:
    """The authenticators of one version of the file, and what they have verified."""

    def __init__(self, authenticators: Sequence[JwtAuthenticator]) -> None:
        self._by_url = {each.issuer.url: each for each in authenticators}
        self._verified: LruCache[bytes, tuple[JwtAuthenticator, Verified]] = LruCache(_CACHE_SIZE)

    @property
    def authenticators(self) -> list[JwtAuthenticator]:
        return list(self._by_url.values())

    def authenticate(self, token: str) -> UserInfo | None:
        """Who it is; None for a token of no issuer here; Unauthorized for a bad one."""
        digest = hashlib.sha256(token.encode()).digest()
        known = self._verified.get(digest)
        if known is not None and known[0].still_good(known[1]):
            return known[1].user
        authenticator = self._by_url.get(unverified_issuer(token) or "")
        if authenticator is None:
            return None
        verified = authenticator.authenticate(token)
        self._verified.put(digest, (authenticator, verified))
        return verified.user


class StructuredAuthentication:
    """Implements TokenAuthenticator by the file, and says where anonymous requests are allowed."""

    def __init__(
        self,
        path: str,
        callers: HttpCallers,
        disallowed_issuers: Collection[str],
        api_audiences: Sequence[str],
        clock: Callable[[], float] = time.time,
        kept: KeptFile | None = None,
        observer: IssuersObserver = UNOBSERVED,
    ) -> None:
        """Reads the file; OSError, ValueError for one that is missing or bad, unless `kept` knows what a good one said.

        Nothing is called before `start`.
        """
        self._path = Path(path)
        self._callers = callers
        self._disallowed = tuple(disallowed_issuers)
        self._audiences = tuple(api_audiences)
        self._clock = clock
        self._kept = kept
        self._file = follow_file(self._path)
        self._closed = threading.Event()
        self._reloading = threading.Lock()
        self._observer = observer
        self._tracked, configuration = self._first()
        self._anonymous = configuration.anonymous
        self._issuers = _Issuers(self._make(configuration, ()))
        self._keep()
        observer.begins(self._tracked)
        observer.configured([each.url for each in configuration.issuers])

    def _first(self) -> tuple[bytes, AuthenticationConfiguration]:
        """What this process begins with: what its fellow workers go by, or the file, or what the file said when it was last good."""
        found = self._kept.read() if self._kept is not None else None
        if found is not None and found[1]:
            with contextlib.suppress(ValueError):
                data = found[0].encode()
                configuration = load_file(self._path, data, self._disallowed)
                self._file.try_again()  # it may say something else by now
                return data, configuration
        try:
            data = read_file(self._path)
            return data, load_file(self._path, data, self._disallowed)
        except (OSError, ValueError) as error:
            if found is None:
                raise
            data = found[0].encode()
            configuration = load_file(self._path, data, self._disallowed)
            log.error("%s: what it said when it was last good is used", error)
            return data, configuration

    def _keep(self) -> None:
        if self._kept is not None:
            self._kept.write(self._tracked)

    @property
    def anonymous(self) -> Anonymous | None:
        """What the file says of anonymous requests; None where it leaves that to `--anonymous-auth`."""
        return self._anonymous

    def allows_anonymous(self, path: str) -> bool:
        """Whether a request to the URL path may be anonymous as far as the file says."""
        return self._anonymous is None or self._anonymous.allows(path)

    def authenticate_token(self, token: str, audiences: Sequence[str]) -> tuple[UserInfo, tuple[str, ...]] | None:
        """(user, audiences of the API server among those asked for); None where it is none of ours; Unauthorized where it is bad."""
        good_for = self._audiences if not audiences else tuple(each for each in self._audiences if each in audiences)
        if not good_for:
            return None
        user = self._issuers.authenticate(token)
        return (user, good_for) if user is not None else None

    def start(self) -> None:
        """Discovers the issuers and watches the file, in the background, until `close`."""
        for authenticator in self._issuers.authenticators:
            authenticator.start()
        self._file.follow(self.reload, self._closed, "authentication config")

    def close(self) -> None:
        self._closed.set()
        for authenticator in self._issuers.authenticators:
            authenticator.close()

    def reload(self) -> None:
        """Takes over the file if it says something else, once all its issuers are discovered.

        A file that cannot be is logged and counted, and changes nothing.
        """
        with self._reloading:
            try:
                data = read_file(self._path)
            except OSError as error:
                self._failed(f"failed to read authentication config file: {error.strerror}", again=True)
                return
            if data == self._tracked:
                return
            try:
                configuration = load_file(self._path, data, self._disallowed)
                if configuration.anonymous != self._anonymous:
                    raise ValueError(_ANONYMOUS_CHANGED)
                fresh = self._make(configuration, self._issuers.authenticators)
            except ValueError as error:
                self._tracked = data  # it never will be good: not looked at again before it changes
                self._failed(f"failed to load authentication config: {error}")
                return
            fault = self._discover(fresh)
            if fault:
                self._failed(f"failed to update authentication config: {fault}", again=True)
                return
            self._swap(fresh)
            self._tracked = data
            self._keep()
            self._observer.changed(data)
            log.warning("reloaded authentication config %s", quoted(str(self._path)))

    def _make(self, configuration: AuthenticationConfiguration, old: Sequence[JwtAuthenticator]) -> list[JwtAuthenticator]:
        """An authenticator for each issuer; one of the old where the file says the same of its issuer as before.  ValueError."""
        kept = {each.issuer: each for each in old if not each.fault}
        fetched = self._observer.fetched
        return [
            kept.get(issuer) or JwtAuthenticator(issuer, self._callers, self._clock, functools.partial(fetched, issuer.url))
            for issuer in configuration.issuers
        ]

    def _discover(self, fresh: Sequence[JwtAuthenticator]) -> str:
        """Waits until all are discovered; what is wrong with the first that is not in time, or once the file has changed again."""
        current = self._issuers.authenticators
        added = [each for each in fresh if each not in current]
        for authenticator in added:
            authenticator.start()
        end = time.monotonic() + UPDATE_SECONDS
        looks = self._file.looks()
        while fault := next((each.fault for each in fresh if each.fault), ""):
            if time.monotonic() > end or self._closed.wait(0.05) or self._file.looks() != looks:
                for authenticator in added:
                    authenticator.close()
                return fault
        return ""

    def _swap(self, fresh: Sequence[JwtAuthenticator]) -> None:
        old = self._issuers
        self._observer.configured([each.issuer.url for each in fresh])
        self._issuers = _Issuers(fresh)
        for authenticator in old.authenticators:
            if authenticator not in fresh:
                authenticator.close()

    def _failed(self, why: str, *, again: bool = False) -> None:
        """`again`: what failed may succeed without the file's being changed."""
        self._observer.failed()
        if again:
            self._file.try_again(AGAIN_SECONDS)
        log.error("%s: what %s said before is kept", why, quoted(str(self._path)))


def load_file(path: Path, data: bytes, disallowed_issuers: Collection[str]) -> AuthenticationConfiguration:
    """What the file's content says; ValueError that names the file."""
    try:
        return load_authentication_configuration(data, disallowed_issuers)
    except ValueError as error:
        raise ValueError(f"failed to load authentication configuration from file {quoted(str(path))}: {error}") from error
