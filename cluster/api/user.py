"""Who is asking.  Upstream: apiserver `pkg/authentication/user` and `pkg/authentication/serviceaccount`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from cluster.api.names import Object

ANONYMOUS: Final = "system:anonymous"
AUTHENTICATED: Final = "system:authenticated"
UNAUTHENTICATED: Final = "system:unauthenticated"
MASTERS: Final = "system:masters"
NODES: Final = "system:nodes"
NODE_PREFIX: Final = "system:node:"
SERVICE_ACCOUNTS: Final = "system:serviceaccounts"
SERVICE_ACCOUNT_PREFIX: Final = "system:serviceaccount:"
NO_EXTRA: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType({})


class UserInfo(Struct, frozen=True):
    """An identity as authentication established it; `extra` maps lower-case keys to values."""

    name: str
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: Mapping[str, tuple[str, ...]] = NO_EXTRA

    def __hash__(self) -> int:
        return hash((self.name, self.uid, self.groups))


def user_fields(user: UserInfo) -> Object:
    """A user as authentication.k8s.io/v1 UserInfo."""
    fields: Object = {}
    if user.name:
        fields["username"] = user.name
    if user.uid:
        fields["uid"] = user.uid
    if user.groups:
        fields["groups"] = user.groups
    if user.extra:
        fields["extra"] = {key: list(values) for key, values in sorted(user.extra.items())}
    return fields


def service_account_name(namespace: str, name: str) -> str:
    """The user name of a service account."""
    return f"{SERVICE_ACCOUNT_PREFIX}{namespace}:{name}"


def service_account_groups(namespace: str) -> tuple[str, ...]:
    """The groups of a service account, without `system:authenticated`."""
    return (SERVICE_ACCOUNTS, f"{SERVICE_ACCOUNTS}:{namespace}")


def split_service_account(user_name: str) -> tuple[str, str] | None:
    """(namespace, name) of a service account's user name, None for any other user."""
    if not user_name.startswith(SERVICE_ACCOUNT_PREFIX):
        return None
    namespace, colon, name = user_name[len(SERVICE_ACCOUNT_PREFIX) :].partition(":")
    return (namespace, name) if colon and namespace and name and ":" not in name else None
