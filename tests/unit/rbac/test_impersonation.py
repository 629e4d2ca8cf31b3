"""Acting as someone else."""

from __future__ import annotations

import pytest

from cluster.api.errors import BadRequest, Forbidden
from cluster.api.names import Object
from cluster.api.user import UserInfo
from rbac.authz.build import build_authorization
from rbac.impersonation import Impersonation, impersonate, parse
from tests.unit.rbac.world import World, binding, cluster_role, rule, user

TINA = user("tina")


def become(headers: list[tuple[str, str]], *rules: Object) -> UserInfo:
    world = World()
    world.add(cluster_role("r", *rules), binding("", "b", "ClusterRole/r", "User:tina"))
    asked = parse(headers)
    assert asked is not None
    return impersonate(TINA, asked, build_authorization(world).authorizer)


def test_nothing_asked_is_nobody() -> None:
    assert parse([("Accept", "x")]) is None


def test_the_headers_are_parsed_whatever_their_case() -> None:
    headers = [("impersonate-USER", "u"), ("Impersonate-Group", "a"), ("Impersonate-Group", "b"), ("Impersonate-Uid", "1")]
    headers += [("Impersonate-Extra-Acme.Com%2fProject", "x"), ("Impersonate-Extra-Acme.com%2fproject", "y")]
    extra = (("acme.com/project", "x"), ("acme.com/project", "y"))
    assert parse(headers) == Impersonation("u", ("a", "b"), "1", extra)


@pytest.mark.parametrize("header", [("Impersonate-Group", "a"), ("Impersonate-Uid", "1"), ("Impersonate-Extra-x", "y")])
def test_a_user_must_be_named(header: tuple[str, str]) -> None:
    with pytest.raises(BadRequest, match="without impersonating a user"):
        parse([header])


USERS, GROUPS = rule("impersonate", "users"), rule("impersonate", "groups")
OTHERS = rule("impersonate", "uids userextras/project", ["authentication.k8s.io"])


@pytest.mark.parametrize(
    ("headers", "rules", "expected"),
    [
        ([("Impersonate-User", "u")], [USERS], UserInfo("u", "", ("system:authenticated",), {})),
        ([("Impersonate-User", "u"), ("Impersonate-Group", "g")], [USERS, GROUPS], UserInfo("u", "", ("g", "system:authenticated"), {})),
        (
            [("Impersonate-User", "u"), ("Impersonate-Group", "system:unauthenticated")],
            [USERS, GROUPS],
            UserInfo("u", "", ("system:unauthenticated",), {}),
        ),
        ([("Impersonate-User", "system:anonymous")], [USERS], UserInfo("system:anonymous", "", ("system:unauthenticated",), {})),
        (
            [("Impersonate-User", "system:serviceaccount:dev:sa")],
            [rule("impersonate", "serviceaccounts")],
            UserInfo(
                "system:serviceaccount:dev:sa", "", ("system:serviceaccounts", "system:serviceaccounts:dev", "system:authenticated"), {}
            ),
        ),
        (
            [("Impersonate-User", "u"), ("Impersonate-Uid", "1"), ("Impersonate-Extra-project", "x")],
            [USERS, OTHERS],
            UserInfo("u", "1", ("system:authenticated",), {"project": ("x",)}),
        ),
    ],
)
def test_who_one_becomes(headers: list[tuple[str, str]], rules: list[Object], expected: UserInfo) -> None:
    became = become(headers, *rules)
    assert became == expected


@pytest.mark.parametrize(
    ("headers", "rules"),
    [
        ([("Impersonate-User", "u")], [rule("impersonate", "users", names=["v"])]),
        ([("Impersonate-User", "u"), ("Impersonate-Group", "system:masters")], [USERS, rule("impersonate", "groups", names=["g"])]),
        ([("Impersonate-User", "u"), ("Impersonate-Uid", "1")], [USERS, GROUPS]),
        ([("Impersonate-User", "u"), ("Impersonate-Extra-other", "x")], [USERS, OTHERS]),
        ([("Impersonate-User", "system:serviceaccount:dev:sa")], [USERS]),
    ],
)
def test_every_part_must_be_allowed(headers: list[tuple[str, str]], rules: list[Object]) -> None:
    with pytest.raises(Forbidden):
        become(headers, *rules)
