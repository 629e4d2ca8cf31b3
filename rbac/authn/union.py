"""All authenticators as one, and what everyone gets or is without credentials.

Upstream: apiserver `pkg/authentication/request/{union,bearertoken,anonymous}`, `pkg/authentication/group`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from cluster.api.authorization import Authenticator, Credentials, TokenAuthenticator
from cluster.api.errors import Unauthorized
from cluster.api.user import ANONYMOUS, AUTHENTICATED, UNAUTHENTICATED, UserInfo
from rbac.authn.cache import LruCache
from rbac.authn.errors import BadCredentials

ANONYMOUS_USER: Final = UserInfo(ANONYMOUS, groups=(UNAUTHENTICATED,))


class BearerAuthenticator:
    """Asks each token authenticator about the bearer token; a token that none of them knows is bad."""

    def __init__(self, authenticators: Sequence[TokenAuthenticator], audiences: Sequence[str]) -> None:
        self._authenticators = tuple(authenticators)
        self._audiences = tuple(audiences)

    @property
    def members(self) -> tuple[TokenAuthenticator, ...]:
        """Whom it asks, in order; each one's `name` is what explanations call it."""
        return self._authenticators

    def authenticate(self, credentials: Credentials) -> UserInfo | None:
        """None without a token; Unauthorized for a bad one."""
        if not credentials.bearer_token:
            return None
        return self.authenticate_token(credentials.bearer_token, self._audiences)[0]

    def authenticate_token(self, token: str, audiences: Sequence[str]) -> tuple[UserInfo, tuple[str, ...]]:
        """As a TokenReview asks: (user, audiences that the token is good for); Unauthorized for a bad one."""
        why: list[str] = []
        for authenticator in self._authenticators:
            try:
                found = authenticator.authenticate_token(token, audiences or self._audiences)
            except Unauthorized as error:
                why.append(str(error))
                continue
            if found is not None:
                user, good_for = found
                return authenticated(user), good_for
        raise BadCredentials(f"[invalid bearer token, {', '.join(why)}]" if why else "invalid bearer token")


class UnionAuthenticator:
    """The first authenticator that knows the caller wins.  Bad credentials are 401, never anonymous."""

    def __init__(self, authenticators: Sequence[Authenticator], *, anonymous: bool = True) -> None:
        self._authenticators = tuple(authenticators)
        self._anonymous = anonymous
        self._finished: LruCache[int, tuple[UserInfo, UserInfo]] = LruCache(4096)

    @property
    def members(self) -> tuple[Authenticator, ...]:
        """Whom it asks, in order; each one's `name` is what explanations call it."""
        return self._authenticators

    def authenticate(self, credentials: Credentials) -> UserInfo:
        """The caller, in `system:authenticated`; the anonymous user for one who shows nothing; else Unauthorized."""
        refusal: Unauthorized | None = None
        for authenticator in self._authenticators:
            try:
                user = authenticator.authenticate(credentials)
            except Unauthorized as error:
                refusal = error
                continue
            if user is not None:
                return self._finish(user)
        if refusal is not None:
            raise refusal
        if not self._anonymous:
            raise BadCredentials("no credentials were shown")
        return ANONYMOUS_USER

    def _finish(self, user: UserInfo) -> UserInfo:
        """`authenticated(user)`, remembered for as long as authenticators return the same value."""
        known = self._finished.get(id(user))
        if known is not None and known[0] is user:
            return known[1]
        finished = authenticated(user)
        self._finished.put(id(user), (user, finished))
        return finished


def authenticated(user: UserInfo) -> UserInfo:
    """The user with group `system:authenticated`, but for the anonymous one or one whose groups settle it already."""
    if user.name == ANONYMOUS or AUTHENTICATED in user.groups or UNAUTHENTICATED in user.groups:
        return user
    return replace(user, groups=(*user.groups, AUTHENTICATED))
