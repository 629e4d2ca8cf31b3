"""What everyone gets, and who one is without credentials.

Upstream: apiserver `pkg/authentication/group/authenticated_group_adder.go`, `pkg/authentication/request/anonymous`.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from cluster.api.user import ANONYMOUS, AUTHENTICATED, UNAUTHENTICATED, UserInfo

ANONYMOUS_USER: Final = UserInfo(ANONYMOUS, groups=(UNAUTHENTICATED,))


def authenticated(user: UserInfo) -> UserInfo:
    """The user with group `system:authenticated`, but for the anonymous one or one whose groups settle it already."""
    if user.name == ANONYMOUS or AUTHENTICATED in user.groups or UNAUTHENTICATED in user.groups:
        return user
    return replace(user, groups=(*user.groups, AUTHENTICATED))
