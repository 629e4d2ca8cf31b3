"""Tokens of one issuer: verified, and their claims mapped to a user.

Upstream: apiserver `plugin/pkg/authenticator/token/oidc/oidc.go`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from msgspec import Struct

from cluster.api.field import quoted, quoted_list
from cluster.api.protocols import HttpCaller, HttpCallers, HttpFailure
from cluster.api.user import UserInfo
from rbac.authn.errors import BadCredentials
from rbac.authn.jwt_provider import CALL_SECONDS, Provider, ProviderError, status_line
from rbac.authn.jwt_token import (
    audiences,
    check_times,
    header,
    parse_claims,
    seconds,
    unverified_issuer,
    verified_payload,
)
from rbac.authn.jwt_user import user_of
from rbac.authn.observers import TellKeys, untold
from rbac.authn.structured_config import JwtIssuer
from rbac.authn.urls import parse_url
from rbac.lru_cache import LruCache

FIRST_ATTEMPT_SECONDS: Final = 5.0
"""How long a request waits for the first attempt to discover its issuer, which is under way when a server has just started."""
DISTRIBUTED_SECONDS: Final = 10.0
"""How long claims are kept that were fetched from elsewhere."""
_MAX_CLAIM_ISSUERS: Final = 16
_GOOGLE: Final = ("https://accounts.google.com", "accounts.google.com")


class Verified(Struct, frozen=True):
    """Who a token says is asking; good while `until` (seconds) is not past and the issuer's keys are those of `key_version`."""

    user: UserInfo
    until: float
    key_version: int


class JwtAuthenticator:
    """Accepts the tokens of one issuer of the configuration."""

    def __init__(
        self,
        issuer: JwtIssuer,
        callers: HttpCallers,
        clock: Callable[[], float] = time.time,
        tell: TellKeys = untold,
    ) -> None:
        """ValueError for a URL or CA that cannot be used."""
        self.issuer = issuer
        self._clock = clock
        self.provider = Provider(issuer.url, issuer.discovery_url, issuer.certificate_authority, callers, clock, tell)
        self._distributed = DistributedClaim(issuer, callers, clock) if issuer.groups_claim else None

    def start(self) -> None:
        """Discovers the issuer in the background."""
        self.provider.start()

    def close(self) -> None:
        self.provider.close()
        if self._distributed is not None:
            self._distributed.close()

    @property
    def fault(self) -> str:
        """Why tokens cannot be verified; empty where they can."""
        return self.provider.error

    def still_good(self, verified: Verified) -> bool:
        """Whether what was verified before needs no second look."""
        key_set = self.provider.key_set
        if key_set is None:
            return False
        key_set.refresh_if_due()
        return verified.until >= self._clock() and verified.key_version == key_set.current.version

    def authenticate(self, token: str) -> Verified:
        """Who a token of this issuer is of; BadCredentials, with upstream's reason."""
        if self.provider.ready(FIRST_ATTEMPT_SECONDS) is None:
            raise BadCredentials("oidc: authenticator not initialized")
        try:
            claims, version = verify(token, self.provider, self.issuer.audiences, self._clock)
        except BadCredentials as error:
            raise BadCredentials(f"oidc: verify token: {error}") from None
        until = seconds(claims, "exp") or 0.0
        if self._distributed is not None:
            try:
                if self._distributed.expand(claims):
                    until = min(until, self._clock() + DISTRIBUTED_SECONDS)
            except BadCredentials as error:
                raise BadCredentials(f"oidc: could not expand distributed claims: {error}") from None
        return Verified(user_of(self.issuer, claims), until, version)


def verify(token: str, provider: Provider, wanted: Sequence[str], clock: Callable[[], float]) -> tuple[dict[str, Any], int]:
    """(claims, version of the keys) of a token that its issuer has signed, for one of the audiences, good now; BadCredentials."""
    key_set = provider.key_set
    if key_set is None:
        raise BadCredentials(f"verifier not initialized for issuer: {quoted(provider.issuer)}")
    algorithm, key_id = header(token)
    key_set.refresh_if_due()
    fetches, current = key_set.fetches, key_set.current
    payload = verified_payload(token, algorithm, key_id, current.keys)
    if payload is None:
        try:
            current = key_set.fetch(fetches)
        except ProviderError as error:
            raise BadCredentials(f"failed to verify signature: fetching keys {error}") from None
        payload = verified_payload(token, algorithm, key_id, current.keys)
    if payload is None:
        raise BadCredentials("failed to verify signature: failed to verify id token signature")
    claims = parse_claims(payload)
    issuer = claims.get("iss") or ""
    if issuer != provider.issuer and (provider.issuer, issuer) != _GOOGLE:
        raise BadCredentials(f"oidc: id token issued by a different provider, expected {quoted(provider.issuer)} got {quoted(issuer)}")
    found = audiences(claims)
    matches = any(each in wanted for each in found)
    if len(wanted) == 1 and not matches:
        raise BadCredentials(f"oidc: expected audience {quoted(wanted[0])} got {quoted_list(found)}")
    check_times(claims, clock())
    if not matches:
        raise BadCredentials(f"oidc: expected audience in {quoted_list(sorted(wanted))} got {quoted_list(found)}")
    return claims, current.version


class DistributedClaim:
    """The groups claim of tokens that name another place to fetch it from (OpenID Connect Core 1.0, section 5.6.2)."""

    def __init__(self, issuer: JwtIssuer, callers: HttpCallers, clock: Callable[[], float]) -> None:
        self._issuer = issuer
        self._callers = callers
        self._clock = clock
        self._lock = threading.Lock()
        self._providers: dict[str, Provider] = {}
        self._endpoints: LruCache[str, HttpCaller] = LruCache(_MAX_CLAIM_ISSUERS)

    def close(self) -> None:
        with self._lock:
            for provider in self._providers.values():
                provider.close()

    def expand(self, claims: dict[str, Any]) -> bool:
        """Puts the claim into `claims` if these only say where it is; whether it did.  BadCredentials."""
        claim = self._issuer.groups_claim
        names = claims.get("_claim_names")
        if claim in claims or "_claim_names" not in claims:
            return False
        if "_claim_sources" not in claims:
            raise BadCredentials("oidc: no claim sources")
        source = (names or {}).get(claim)
        if source is None:
            return False
        place = (claims["_claim_sources"] or {}).get(source)
        if place is None:
            raise BadCredentials(f"id token _claim_names contained a source {source} missing in _claims_sources")
        endpoint = place.get("endpoint") or ""
        if not endpoint:
            return False  # an aggregated claim, which is not looked at
        claims[claim] = self._resolve(endpoint, place.get("access_token") or "")
        return True

    def _resolve(self, endpoint: str, access_token: str) -> Any:
        claim = self._issuer.groups_claim
        token = self._fetch(endpoint, access_token)
        issuer = unverified_issuer(token)
        if issuer is None:
            why = "malformed token"
            raise BadCredentials(f"getting untrusted issuer from endpoint {endpoint} failed for claim {quoted(claim)}: {why}")
        provider = self._provider(issuer)
        if provider.ready(FIRST_ATTEMPT_SECONDS) is None:
            raise BadCredentials(f"verifying untrusted issuer {issuer} failed: verifier not initialized for issuer: {quoted(issuer)}")
        try:
            found, _ = verify(token, provider, self._issuer.audiences, self._clock)
        except BadCredentials as error:
            raise BadCredentials(f"verify distributed claim token: {error}") from None
        if claim not in found:
            raise BadCredentials(f"jwt returned by distributed claim endpoint {quoted(endpoint)} did not contain claim: {claim}")
        return found[claim]

    def _fetch(self, endpoint: str, access_token: str) -> str:
        """The token at the endpoint, which is sent the access token and so must be https."""
        what = f"while getting distributed claim {quoted(self._issuer.groups_claim)}"
        try:
            caller = self._endpoints.get(endpoint) or self._endpoint(endpoint)
            if not access_token.isprintable() or not access_token.isascii():
                raise ValueError("the access token is not printable")
            headers = {"Authorization": f"Bearer {access_token}"} if access_token else {}
            answer = caller.call("GET", headers=headers, timeout=CALL_SECONDS)
            text = answer.body.decode()
        except (ValueError, HttpFailure) as error:
            raise BadCredentials(f"{what}: {error}") from None
        if not 200 <= answer.status <= 226:
            raise BadCredentials(f"{what}: error while getting distributed claim JWT: {status_line(answer.status)}")
        return text.strip()

    def _endpoint(self, url: str) -> HttpCaller:
        """ValueError for a URL that may not be called."""
        if parse_url(url).scheme != "https":
            raise ValueError("URL scheme must be https")
        caller = self._callers.of_url(url, self._issuer.certificate_authority)
        self._endpoints.put(url, caller)
        return caller

    def _provider(self, url: str) -> Provider:
        with self._lock:
            provider = self._providers.get(url)
            if provider is None:
                if len(self._providers) >= _MAX_CLAIM_ISSUERS:
                    raise BadCredentials(
                        f"verifying untrusted issuer {url} failed: there are {_MAX_CLAIM_ISSUERS} issuers of claims already"
                    )
                try:
                    provider = self._open(url)
                except ValueError as error:
                    raise BadCredentials(f"verifying untrusted issuer {url} failed: {error}") from None
                self._providers[url] = provider
            return provider

    def _open(self, url: str) -> Provider:
        if parse_url(url).scheme != "https":
            raise ValueError("URL scheme must be https")
        discovery_url = self._issuer.discovery_url if url == self._issuer.url else ""
        provider = Provider(url, discovery_url, self._issuer.certificate_authority, self._callers, self._clock)
        provider.start()
        return provider
