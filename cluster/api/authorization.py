"""What is asked of an authorizer, and what it answers.  Upstream: apiserver `pkg/authorization/authorizer`."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from cluster.api.user import UserInfo


class Decision(enum.IntEnum):
    """Deny is the zero value: whatever is forgotten is denied."""

    DENY = 0
    ALLOW = 1
    NO_OPINION = 2


class Attributes(Struct, frozen=True):
    """One question to the authorizers; `path` matters where `is_resource` is false, the rest where it is true."""

    user: UserInfo
    verb: str
    namespace: str = ""
    api_group: str = ""
    api_version: str = ""
    resource: str = ""
    subresource: str = ""
    name: str = ""
    is_resource: bool = True
    path: str = ""
    field_selector: tuple[tuple[str, str, str], ...] = ()
    """Requirements (field, `=` or `!=`, value) that narrow a list, watch or deletecollection."""
    label_selector: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
    """Requirements (key, operator `In`, `NotIn`, `Exists` or `DoesNotExist`, values), likewise."""
    until: float = 0.0
    """Epoch seconds at which the answer must still hold: what is granted for a time that ends before does not count."""


class Verdict(Struct, frozen=True):
    """An authorizer's answer, with the reason that a denied caller is shown and an audit event carries."""

    decision: Decision
    reason: str = ""
    error: str = ""
    """What kept an authorizer from judging; a request that is not allowed then fails, for it may be none that is forbidden."""

    @property
    def allowed(self) -> bool:
        return self.decision is Decision.ALLOW


class Authorizer(Protocol):
    def authorize(self, attributes: Attributes) -> Verdict:
        """Allow, Deny or NoOpinion; never raises for a question well put."""
        ...


class Credentials(Struct, frozen=True):
    """What a request shows to say who sends it.

    `certificate` is the peer's, in DER: TLS has verified that one of the CAs that the server trusts for any purpose signed it.
    `headers` are all request headers, names in lower case, values of a repeated header apart; made when they are first looked at.
    """

    bearer_token: str | None = None
    certificate: bytes | None = None
    path: str = ""
    headers: Callable[[], Mapping[str, Sequence[str]]] = dict
    web_socket: bool = False
    """Whether the request is to become a WebSocket, and offers protocols for it."""


class Authenticator(Protocol):
    def authenticate(self, credentials: Credentials) -> UserInfo | None:
        """Who it is; None where these credentials are none of this authenticator's; Unauthorized where they are bad."""
        ...


class TokenAuthenticator(Protocol):
    def authenticate_token(self, token: str, audiences: Sequence[str]) -> tuple[UserInfo, tuple[str, ...]] | None:
        """(user, audiences that the token is good for), or None where it is none of ours; Unauthorized where it is bad."""
        ...
