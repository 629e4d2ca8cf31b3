"""Bearer tokens, and where a request carries them: in its Authorization header, or among the protocols of a WebSocket.

Upstream: apiserver `pkg/authentication/request/{bearertoken,websocket}`, `pkg/authentication/token/union`.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Final

from cluster.api.authorization import Credentials, TokenAuthenticator
from cluster.api.errors import Unauthorized
from cluster.api.user import UserInfo
from rbac.authn.errors import BadCredentials, reasons
from rbac.authn.remarks import warn
from rbac.authn.users import authenticated

PROTOCOL: Final = "base64url.bearer.authorization.k8s.io."
"""What the WebSocket protocol begins with that a browser puts its token into, for it can send no header."""
_PROTOCOLS: Final = "sec-websocket-protocol"
_INVALID: Final = "invalid bearer token"
_SPACE: Final = "the provided Authorization header contains extra space before the bearer token, and is ignored"


def bearer_token(authorization: str) -> str | None:
    """The token of an Authorization header; None where it has none."""
    if not authorization:
        return None
    parts = authorization.strip().split(" ", 2)
    if len(parts) < 2 or parts[0].lower() != "bearer":
        return None
    if not parts[1] and len(parts) == 3:
        warn(_SPACE)
    return parts[1] or None


class BearerAuthenticator:
    """Asks each token authenticator about the bearer token; a token that none of them knows is bad."""

    def __init__(self, authenticators: Sequence[TokenAuthenticator], audiences: Sequence[str]) -> None:
        """`audiences`: those of the API server, any of which a token must be for."""
        self._authenticators = tuple(authenticators)
        self._audiences = tuple(audiences)

    @property
    def members(self) -> tuple[TokenAuthenticator, ...]:
        """Whom it asks, in order."""
        return self._authenticators

    def authenticate(self, credentials: Credentials) -> UserInfo | None:
        """None without a token; Unauthorized for a bad one."""
        if not credentials.bearer_token:
            return None
        return self.find(credentials.bearer_token, self._audiences)[0]

    def authenticate_token(self, token: str, audiences: Sequence[str]) -> tuple[UserInfo, tuple[str, ...]]:
        """As a TokenReview asks: (user, audiences that the token is good for); Unauthorized for a bad one.

        The token is read as if a header carried it; a review of none says so, and never that it is the anonymous user's.
        """
        carried = bearer_token(f"Bearer {token}")
        if carried is None:
            raise BadCredentials(_INVALID)
        user, good_for = self.find(carried, audiences)
        return authenticated(user), good_for

    def find(self, token: str, audiences: Sequence[str]) -> tuple[UserInfo, tuple[str, ...]]:
        """As `authenticate_token`, but in the groups that the authenticator knows alone."""
        why = [_INVALID]
        for authenticator in self._authenticators:
            try:
                found = authenticator.authenticate_token(token, audiences or self._audiences)
            except Unauthorized as error:
                why += reasons(error)
                continue
            if found is not None:
                return found
        raise BadCredentials(*why)


class WebSocketAuthenticator:
    """Takes the token from the protocols that a WebSocket's client offers."""

    def __init__(self, tokens: BearerAuthenticator) -> None:
        self._tokens = tokens

    def authenticate(self, credentials: Credentials) -> UserInfo | None:
        """None without such a token; Unauthorized for a bad one, or one that is offered in a bad way."""
        if not credentials.web_socket:
            return None
        offered = [each.strip() for line in credentials.headers().get(_PROTOCOLS, ()) for each in line.split(",")]
        tokens = [each.removeprefix(PROTOCOL) for each in offered if each.startswith(PROTOCOL)]
        if not tokens:
            return None
        if len(tokens) > 1:
            raise BadCredentials("multiple base64.bearer.authorization tokens specified")
        token = _decoded(tokens[0])
        if token and len(offered) == 1:
            raise BadCredentials("missing additional subprotocol")
        return self._tokens.authenticate(Credentials(bearer_token=token)) if token else None


def without_tokens(protocols: str) -> str:
    """A Sec-WebSocket-Protocol header without what carries a token, for what reads it next."""
    return ",".join(each for each in (part.strip() for part in protocols.split(",")) if not each.startswith(PROTOCOL))


def _decoded(text: str) -> str:
    try:
        if "=" in text or len(text) % 4 == 1:
            raise ValueError("base64url without padding")
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise BadCredentials("invalid base64.bearer.authorization token encoding") from None
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise BadCredentials("invalid base64.bearer.authorization token") from None
