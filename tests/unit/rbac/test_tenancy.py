"""Who owns a tenant, who says which namespaces are its, and who may grant what by one."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.api.errors import Forbidden, Invalid
from cluster.api.names import Object
from cluster.api.tenancy import TENANTS
from cluster.api.user import MASTERS, UserInfo
from rbac.authz.build import Authorization, build_authorization
from rbac.tenancy import check_namespace_write, check_tenant_write, owns
from tests.unit.rbac.world import World, binding, cluster_role, rule

BOT = UserInfo("system:serviceaccount:ci:bot")
OLGA = UserInfo("olga", groups=("ops",))


@pytest.mark.parametrize(
    ("user", "owner", "is_owner"),
    [
        (UserInfo("alice"), {"kind": "User", "name": "alice"}, True),
        (UserInfo("alice"), {"kind": "User", "name": "bob"}, False),
        (UserInfo("alice"), {"kind": "Group", "name": "alice"}, False),
        (OLGA, {"kind": "Group", "name": "ops"}, True),
        (UserInfo("ops"), {"kind": "Group", "name": "ops"}, False),
        (BOT, {"kind": "ServiceAccount", "namespace": "ci", "name": "bot"}, True),
        (BOT, {"kind": "ServiceAccount", "namespace": "dev", "name": "bot"}, False),
        (UserInfo("bot"), {"kind": "ServiceAccount", "namespace": "ci", "name": "bot"}, False),
        (UserInfo(""), {"kind": "User", "name": "alice"}, False),
    ],
)
def test_owners(user: UserInfo, owner: Object, is_owner: bool) -> None:
    assert owns(user, {"spec": {"owners": [owner]}}) is is_owner


def test_a_tenant_without_owners_is_nobodys() -> None:
    assert not owns(OLGA, {"spec": {}})


def world() -> Authorization:
    """Adam may assign tenant a and bind view; Ed holds what role edit-pods has."""
    made = World()
    assign = rule("assign", "tenants", ["berth.io"], ["a"])
    bind = rule("bind", "clusterroles", ["rbac.authorization.k8s.io"], ["view"])
    made.add(cluster_role("adam", assign, bind), cluster_role("edit-pods", rule("get update", "pods")))
    made.add(cluster_role("view", rule("get", "configmaps")))
    made.add(binding("", "adam", "ClusterRole/adam", "User:adam"), binding("", "ed", "ClusterRole/edit-pods", "User:ed"))
    return build_authorization(made)


def namespace(tenant: str) -> Object:
    return {"metadata": {"name": "n", "labels": {"berth.io/tenant": tenant} if tenant else {}}}


@pytest.mark.parametrize(
    ("who", "before", "after", "allowed"),
    [
        ("ed", None, "", True),
        ("ed", "", "", True),
        ("ed", "b", "b", True),
        ("ed", None, "a", False),
        ("ed", "", "a", False),
        ("ed", "a", "", False),
        ("adam", None, "a", True),
        ("adam", "", "a", True),
        ("adam", "a", "", True),
        ("adam", "a", "b", False),
        ("adam", "b", "a", False),
    ],
)
def test_the_label_is_set_by_those_who_assign(who: str, before: str | None, after: str, allowed: bool) -> None:
    def write() -> None:
        old = namespace(before) if before is not None else None
        check_namespace_write(UserInfo(who), namespace(after), old, world().authorizer)

    if allowed:
        write()
        return
    with pytest.raises(Forbidden, match=r'label "berth\.io/tenant" is set by those who may "assign" tenant'):
        write()


def tenant(*roles: str, **spec: Any) -> Object:
    grants = [{"clusterRole": role, "subjects": [{"kind": "User", "name": "x"}]} for role in roles]
    return {"metadata": {"name": "t"}, "spec": {"roles": grants, **spec}}


def _check(user: UserInfo, obj: Object, old: Object | None = None) -> None:
    built = world()
    check_tenant_write(user, TENANTS, "", obj, old, built.authorizer, built.resolver)


@pytest.mark.parametrize(
    ("user", "obj", "old"),
    [
        (UserInfo("nobody"), tenant(), None),
        (UserInfo("adam"), tenant("view"), None),
        (UserInfo("ed"), tenant("edit-pods"), None),
        (UserInfo("root", groups=(MASTERS,)), tenant("adam", owners=[{"kind": "User", "name": "x"}]), None),
        (UserInfo("nobody"), tenant("adam"), tenant("adam")),
    ],
)
def test_what_is_held_or_bound_may_be_granted(user: UserInfo, obj: Object, old: Object | None) -> None:
    assert _check(user, obj, old) is None  # type: ignore[func-returns-value]


@pytest.mark.parametrize(
    ("user", "obj", "old"),
    [
        (UserInfo("ed"), tenant("adam"), None),
        (UserInfo("ed"), tenant("edit-pods", "adam"), tenant("edit-pods")),
        (UserInfo("adam"), tenant("edit-pods"), None),
    ],
)
def test_what_is_not_held_is_not_granted(user: UserInfo, obj: Object, old: Object | None) -> None:
    with pytest.raises(Forbidden, match="is attempting to grant RBAC permissions not currently held"):
        _check(user, obj, old)


def test_a_role_that_is_none_is_told_of() -> None:
    with pytest.raises(Invalid, match=r'spec.roles\[0\].clusterRole: Not found: "nil"'):
        _check(UserInfo("ed"), tenant("nil"))
