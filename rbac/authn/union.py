"""All authenticators as one.  Upstream: apiserver `pkg/authentication/request/union`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cluster.api.authorization import Authenticator, Credentials
from cluster.api.errors import Unauthorized
from cluster.api.user import UserInfo
from rbac.authn.errors import BadCredentials, reasons
from rbac.authn.users import ANONYMOUS_USER, authenticated
from rbac.lru_cache import LruCache


class UnionAuthenticator:
    """The first authenticator that knows the caller wins.  Bad credentials are 401, never anonymous."""

    def __init__(self, authenticators: Sequence[Authenticator], may_be_anonymous: Callable[[str], bool]) -> None:
        """`may_be_anonymous` judges a request that shows nothing by its path."""
        self._authenticators = tuple(authenticators)
        self._may_be_anonymous = may_be_anonymous
        self._finished: LruCache[int, tuple[UserInfo, UserInfo]] = LruCache(4096)

    @property
    def members(self) -> tuple[Authenticator, ...]:
        """Whom it asks, in order."""
        return self._authenticators

    def authenticate(self, credentials: Credentials) -> UserInfo:
        """The caller, in `system:authenticated`; the anonymous user for one who shows nothing; else Unauthorized."""
        why: tuple[str, ...] = ()
        for authenticator in self._authenticators:
            try:
                user = authenticator.authenticate(credentials)
            except Unauthorized as error:
                why += reasons(error)
                continue
            if user is not None:
                return self._finish(user)
        if why:
            raise BadCredentials(*why)
        if not self._may_be_anonymous(credentials.path):
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
