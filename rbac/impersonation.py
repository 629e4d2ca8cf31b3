"""Acting as someone else: the Impersonate-* headers, each part authorized.

Upstream: apiserver `pkg/endpoints/filters/impersonation`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from cluster.api.authorization import Attributes, Authorizer
from cluster.api.errors import BadRequest
from cluster.api.user import (
    ANONYMOUS,
    AUTHENTICATED,
    UNAUTHENTICATED,
    UserInfo,
    service_account_groups,
    split_service_account,
)
from rbac.authz.messages import forbidden

USER: Final = "impersonate-user"
GROUP: Final = "impersonate-group"
UID: Final = "impersonate-uid"
EXTRA: Final = "impersonate-extra-"
_AUTHENTICATION: Final = "authentication.k8s.io"


@dataclass(frozen=True, slots=True)
class Impersonation:
    """Whom a request asks to be; groups in the order given."""

    user: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: tuple[tuple[str, str], ...] = ()


def parse(headers: Iterable[tuple[str, str]]) -> Impersonation | None:
    """What the headers ask for; None where they ask for nothing.  BadRequest for a group, uid or extra without a user."""
    user = uid = ""
    groups: list[str] = []
    extra: list[tuple[str, str]] = []
    for name, value in headers:
        lowered = name.lower()
        if not lowered.startswith("impersonate-"):
            continue
        if lowered == USER:
            user = user or value
        elif lowered == UID:
            uid = uid or value
        elif lowered == GROUP:
            groups.append(value)
        elif lowered.startswith(EXTRA):
            extra.append((unquote(lowered[len(EXTRA) :]), value))
    if not (user or uid or groups or extra):
        return None
    if not user:
        asked = [_reference("Group", group) for group in groups]
        asked += [_reference("UserExtra", value, f"{_AUTHENTICATION}/v1", key) for key, value in extra]
        asked += [_reference("UID", uid, f"{_AUTHENTICATION}/v1")] if uid else []
        raise BadRequest(f"requested [{' '.join(asked)}] without impersonating a user")
    return Impersonation(user, tuple(groups), uid, tuple(extra))


def _reference(kind: str, name: str, api_version: str = "", path: str = "") -> str:
    """An ObjectReference as upstream's message prints the structure."""
    return f"{{{kind}  {name}  {api_version}  {path}}}"


def impersonate(requester: UserInfo, asked: Impersonation, authorizer: Authorizer) -> UserInfo:
    """The user to act as; Forbidden for the first part that the requester may not impersonate."""
    account = split_service_account(asked.user)
    if account is not None:
        _check(requester, authorizer, resource="serviceaccounts", namespace=account[0], name=account[1])
    else:
        _check(requester, authorizer, resource="users", name=asked.user)
    for group in asked.groups:
        _check(requester, authorizer, resource="groups", name=group)
    extra: dict[str, tuple[str, ...]] = {}
    for key, value in asked.extra:
        _check(requester, authorizer, api_group=_AUTHENTICATION, api_version="v1", resource="userextras", subresource=key, name=value)
        extra[key] = (*extra.get(key, ()), value)
    if asked.uid:
        _check(requester, authorizer, api_group=_AUTHENTICATION, api_version="v1", resource="uids", name=asked.uid)
    groups = asked.groups
    if not groups and account is not None:
        groups = service_account_groups(account[0])
    if asked.user == ANONYMOUS:
        if UNAUTHENTICATED not in groups:
            groups = (*groups, UNAUTHENTICATED)
    elif AUTHENTICATED not in groups and UNAUTHENTICATED not in groups:
        groups = (*groups, AUTHENTICATED)
    return UserInfo(asked.user, asked.uid, groups, extra)


def _check(
    requester: UserInfo,
    authorizer: Authorizer,
    *,
    resource: str,
    name: str,
    namespace: str = "",
    api_group: str = "",
    api_version: str = "v1",
    subresource: str = "",
) -> None:
    question = Attributes(requester, "impersonate", namespace, api_group, api_version, resource, subresource, name)
    verdict = authorizer.authorize(question)
    if not verdict.allowed:
        raise forbidden(question, verdict.reason)
