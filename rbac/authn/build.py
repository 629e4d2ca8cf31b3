"""The authenticators of a cluster in upstream's order: front proxies, client certificates, bearer tokens; then the anonymous user.

Upstream: `pkg/kubeapiserver/authenticator/config.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from cluster.api.authorization import Authenticator, TokenAuthenticator
from cluster.api.names import Object
from cluster.api.protocols import Reader
from cluster.api.token_keys import LEGACY_ISSUER
from rbac.authn.authorities import Authorities
from rbac.authn.bearer import BearerAuthenticator, WebSocketAuthenticator
from rbac.authn.bootstrap_tokens import BootstrapTokenAuthenticator
from rbac.authn.bound_tokens import BoundTokens
from rbac.authn.keys import KeySource
from rbac.authn.legacy_tokens import LabelSecret, LegacyTokens
from rbac.authn.request_headers import STANDARD, HeaderNames, RequestHeaderAuthenticator
from rbac.authn.service_account_tokens import ServiceAccountTokenAuthenticator, TokenKind
from rbac.authn.union import UnionAuthenticator
from rbac.authn.x509 import CertificateAuthenticator
from rbac.credentials.check import CredentialCheck


class Authentication(Struct, frozen=True):
    """What the server is given: `authenticator` for requests, `tokens` for TokenReview, `credentials` for when issued ones were used."""

    authenticator: UnionAuthenticator
    tokens: BearerAuthenticator
    credentials: CredentialCheck
    proxy_headers: HeaderNames = STANDARD
    """What front proxies send, beside the standard names: no request keeps them."""


class FrontProxies(Struct, frozen=True):
    """Whose headers are believed, and which."""

    authorities: Authorities
    allowed_names: tuple[str, ...]
    headers: HeaderNames


def _forget(secret: Object, key: str, value: str) -> None:
    """Where Secrets cannot be written, nobody keeps when a legacy token was last used."""


class Settings(Struct, frozen=True, kw_only=True):
    """Who is accepted.  Without authorities no certificate makes a user; without audiences, tokens are for the issuers."""

    issuers: tuple[str, ...]
    keys: KeySource
    audiences: tuple[str, ...] = ()
    client_authorities: Authorities | None = None
    front_proxies: FrontProxies | None = None
    bootstrap_tokens: bool = True
    more_tokens: Sequence[TokenAuthenticator] = ()
    """Those that ask others, after all that need not: JWT issuers, then a webhook."""
    may_be_anonymous: Callable[[str], bool] = lambda _path: True
    label_secret: LabelSecret = _forget


def build_authentication(settings: Settings, reader: Reader) -> Authentication:
    audiences = settings.audiences or settings.issuers
    credentials = CredentialCheck(reader)
    kinds: dict[str, TokenKind] = {LEGACY_ISSUER: LegacyTokens(reader, settings.label_secret)}
    kinds |= dict.fromkeys(settings.issuers, BoundTokens(reader, credentials))
    checks: list[TokenAuthenticator] = [ServiceAccountTokenAuthenticator(settings.keys, kinds, audiences)]
    if settings.bootstrap_tokens:
        checks.append(BootstrapTokenAuthenticator(reader, audiences))
    tokens = BearerAuthenticator((*checks, *settings.more_tokens), audiences)
    authenticators: list[Authenticator] = []
    if settings.front_proxies is not None:
        proxies = settings.front_proxies
        authenticators.append(RequestHeaderAuthenticator(proxies.authorities, proxies.allowed_names, proxies.headers))
    if settings.client_authorities is not None:
        authenticators.append(CertificateAuthenticator(settings.client_authorities, credentials))
    authenticators += [tokens, WebSocketAuthenticator(tokens)]
    proxy_headers = settings.front_proxies.headers if settings.front_proxies is not None else STANDARD
    return Authentication(UnionAuthenticator(authenticators, settings.may_be_anonymous), tokens, credentials, proxy_headers)
