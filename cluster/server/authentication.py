"""The filter that finds out who sends a request, and takes from it what it was told by.

Upstream: apiserver `pkg/endpoints/filters/authentication.go`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any, Final, Protocol

from cluster.api.authorization import Credentials
from cluster.api.errors import Unauthorized
from cluster.api.user import UserInfo
from cluster.server.context import Context, Filter, Handler
from cluster.server.response import Response
from rbac.authn.bearer import PROTOCOL, bearer_token, without_tokens
from rbac.authn.remarks import listening
from rbac.authn.request_headers import STANDARD, HeaderNames

log = logging.getLogger(__name__)
_AUTHORIZATION: Final = "HTTP_AUTHORIZATION"
_OFFERED: Final = "SEC-WEBSOCKET-PROTOCOL"
_PROTOCOLS: Final = "HTTP_SEC_WEBSOCKET_PROTOCOL"


class Identifier(Protocol):
    def authenticate(self, credentials: Credentials) -> UserInfo:
        """Who it is, in all groups that everyone of their sort is in; Unauthorized."""
        ...


class Identification(Protocol):
    """Who finds out who sends a request, and what front proxies send beside the standard names: no request keeps it."""

    @property
    def authenticator(self) -> Identifier: ...

    @property
    def proxy_headers(self) -> HeaderNames: ...


def with_authentication(authentication: Identification) -> Filter:
    """Who it is; 401 for bad credentials.  Without any, the authenticator says whether one is anonymous."""
    authenticator = authentication.authenticator
    kept_from = _Stripped(authentication.proxy_headers)

    def authenticate(context: Context, following: Handler) -> Response:
        try:
            with listening(context.annotations, context.warnings):
                user = authenticator.authenticate(credentials(context))
        except Unauthorized as error:
            log.info("request %s could not be authenticated: %s", context.audit_id, error)
            raise
        kept_from.strip(context.environ)
        context.requester = context.user = user
        return following(context)

    return authenticate


def credentials(context: Context) -> Credentials:
    """What a request and its connection show."""
    certificate: bytes | None = None
    connection = context.environ.get("gunicorn.socket")
    if connection is not None and hasattr(connection, "getpeercert"):
        certificate = connection.getpeercert(binary_form=True) or None
    token = bearer_token(context.header(_AUTHORIZATION))
    return Credentials(token, certificate, context.path, context.headers, _opens_web_socket(context.environ))


def _opens_web_socket(environ: dict[str, Any]) -> bool:
    return (
        _PROTOCOLS in environ
        and environ.get("HTTP_UPGRADE", "").lower() == "websocket"
        and "upgrade" in environ.get("HTTP_CONNECTION", "").lower()
    )


class _Stripped:
    """Takes credentials out of a request that was authenticated, so that nothing after this reads them or hands them on."""

    def __init__(self, proxy_headers: HeaderNames) -> None:
        names = (STANDARD, proxy_headers)
        self._exact = frozenset(("AUTHORIZATION", *_forms(name for each in names for name in (*each.users, *each.uids, *each.groups))))
        self._prefixes = tuple(_forms(prefix for each in names for prefix in each.extra_prefixes))

    def strip(self, environ: dict[str, Any]) -> None:
        sent = environ.get("berth.headers")
        if sent is not None and not sent:
            return
        exact, prefixes = self._exact, self._prefixes
        names = [name for name, _ in sent] if sent is not None else _names(environ)
        secret = {name for name in names if name in exact or name.startswith(prefixes)}
        if secret:
            for name in secret:
                environ.pop(_variable(name), None)
            if sent is not None:
                sent = environ["berth.headers"] = [pair for pair in sent if pair[0] not in secret]
        protocols = environ.get(_PROTOCOLS, "")
        if PROTOCOL in protocols:
            kept = environ[_PROTOCOLS] = without_tokens(protocols)
            if sent is not None:
                others = [pair for pair in sent if pair[0] != _OFFERED]
                environ["berth.headers"] = [*others, (_OFFERED, kept)]


def _forms(headers: Iterable[str]) -> set[str]:
    """Names or prefixes of headers in upper case, as they are and as a WSGI environment has them, which cannot tell "_" from "-"."""
    return {form for name in headers for form in (name.upper(), name.upper().replace("_", "-"))}


def _names(environ: dict[str, Any]) -> list[str]:
    """The headers of a WSGI environment."""
    return [key[5:].replace("_", "-") for key in environ if key.startswith("HTTP_")]


def _variable(header: str) -> str:
    """A header's name, in upper case, in a WSGI environment."""
    return f"HTTP_{header.replace('-', '_')}"
