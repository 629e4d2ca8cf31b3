"""Nobody issues a kubeconfig for more than they hold, nor for longer."""

from __future__ import annotations

import pytest

from cluster.api.errors import Forbidden
from cluster.api.names import GroupResource, Object
from cluster.api.user import UserInfo
from rbac.authz.build import build_authorization
from rbac.credentials.permission import Issuer, IssuingRules
from rbac.credentials.reference import CREDENTIAL_ID, EXTRA, KUBECONFIGS
from tests.unit.rbac.world import World, binding, cluster_role, metadata, role, rule, user

TENANTS = GroupResource("berth.io", "tenants")
UNTIL = 2_000_000_000.0
ADMIN = user("root", "system:masters")
TINA = user("tina")
"""Administers namespace dev, and nothing else."""


def world() -> World:
    """Roles and bindings of two namespaces, and two tenants."""
    made = World()
    made.add(
        cluster_role("admin", rule("*", "pods secrets"), rule("create", "serviceaccounts/token"), rule("impersonate", "serviceaccounts")),
        cluster_role("edit", rule("get create", "pods")),
        cluster_role("view", rule("get", "pods")),
        cluster_role("everything", {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}, {"verbs": ["*"], "nonResourceURLs": ["*"]}),
        cluster_role("as-carl", rule("impersonate", "users", names=["carl"])),
        cluster_role("as-all", rule("impersonate", "users groups")),
        role("dev", "nodes-too", rule("get", "nodes")),
        binding("dev", "tina", "ClusterRole/admin", "User:tina"),
        binding("", "tina", "ClusterRole/as-carl", "User:tina"),
        binding("", "mona", "ClusterRole/as-all", "User:mona"),
        binding("", "ada", "ClusterRole/everything", "User:ada"),
        binding("dev", "same", "ClusterRole/edit", "User:dev:same"),
        binding("dev", "more", "Role/nodes-too", "User:dev:more", "Group:dev:more"),
        binding("prod", "abroad", "ClusterRole/view", "User:dev:abroad", "Group:dev:abroad"),
        binding("", "everywhere", "ClusterRole/view", "User:dev:everywhere", "Group:dev:everywhere"),
        binding("prod", "carl", "ClusterRole/view", "User:carl"),
    )
    made.put(TENANTS, {"metadata": metadata("red"), "spec": {"owners": [{"kind": "User", "name": "dev:owner"}]}})
    made.put(TENANTS, {"metadata": metadata("blue"), "spec": {"owners": [{"kind": "Group", "name": "dev:owners"}]}})
    return made


def order(namespace: str = "dev", **spec: object) -> Object:
    return {"kind": "Kubeconfig", "metadata": metadata("k", namespace, uid="u"), "spec": spec}


def refusal(record: Object, acting: UserInfo, *, requester: UserInfo | None = None, there: World | None = None) -> str:
    """Why it is refused; empty where it isn't."""
    made = there or world()
    may = build_authorization(made)
    rules = IssuingRules(may.authorizer, may.resolver, may.index, made)
    try:
        rules.check(record, Issuer(acting, requester or acting), UNTIL)
    except Forbidden as error:
        return error.message
    return ""


GRANTED = [
    (TINA, order(user="dev:new")),
    (TINA, order(user="dev:new", groups=["dev:new", "dev:team"])),
    (TINA, order(user="dev:same")),
    (TINA, order(serviceAccountName="robot")),
    (ADMIN, order(user="anyone", groups=["system:masters2"])),
    (ADMIN, order("", user="anyone", groups=["system:masters"])),
    (ADMIN, order(user="dev:owner")),
    (user("ada"), order("", user="carl")),
    (user("ada"), order("", user="new", groups=["system:masters"])),
    (user("ada"), order(user="dev:everywhere", groups=["dev:owners"])),
    (user("mona"), order("", user="new", groups=["new"])),
]


@pytest.mark.parametrize(("who", "record"), GRANTED)
def test_what_is_theirs_is_issued(who: UserInfo, record: Object) -> None:
    assert refusal(record, who) == ""


REFUSED = [
    (TINA, order(user="alice"), 'cannot impersonate resource "users"'),
    (TINA, order(user="alice"), 'name it "dev:alice"'),
    (TINA, order(user="prod:alice"), 'cannot impersonate resource "users"'),
    (TINA, order(user="dev:"), 'cannot impersonate resource "users"'),
    (TINA, order(user="devil:x"), 'cannot impersonate resource "users"'),
    (TINA, order(user="system:admin"), 'cannot impersonate resource "users"'),
    (TINA, order(user="system:node:n1", groups=["system:nodes"]), 'cannot impersonate resource "users"'),
    (TINA, order(user="system:kube-controller-manager"), 'cannot impersonate resource "users"'),
    (TINA, order(user="dev:x", groups=["ops"]), 'cannot impersonate resource "groups"'),
    (TINA, order(user="dev:x", groups=["dev:ok", "system:nodes"]), 'cannot impersonate resource "groups"'),
    (TINA, order(user="dev:x", groups=["system:masters"]), 'group "system:masters" belongs to no namespace'),
    (ADMIN, order(user="dev:x", groups=["system:masters"]), 'group "system:masters" belongs to no namespace'),
    (user("ada"), order(user="dev:x", groups=["system:masters"]), 'group "system:masters" belongs to no namespace'),
    (TINA, order("system", user="system:admin"), 'cannot impersonate resource "users"'),
    (TINA, order(user="dev:more"), 'Resources:["nodes"], Verbs:["get"]'),
    (TINA, order(user="dev:x", groups=["dev:more"]), 'Resources:["nodes"], Verbs:["get"]'),
    (TINA, order(user="dev:abroad"), "hold more outside this namespace"),
    (TINA, order(user="dev:x", groups=["dev:abroad"]), "hold more outside this namespace"),
    (TINA, order(user="dev:everywhere"), "hold more outside this namespace"),
    (TINA, order(user="dev:x", groups=["dev:everywhere"]), "hold more outside this namespace"),
    (TINA, order(user="carl"), "hold more outside this namespace"),
    (TINA, order(user="dev:owner"), "a tenant that is not their own"),
    (TINA, order(user="dev:x", groups=["dev:owners"]), "a tenant that is not their own"),
    (TINA, order("", user="dev:new"), 'cannot impersonate resource "users"'),
    (TINA, order("", user="carl"), "not currently held"),
    (TINA, order("", user="carl", groups=["dev:x"]), 'cannot impersonate resource "groups"'),
    (TINA, order("prod", serviceAccountName="robot"), 'cannot create resource "serviceaccounts/token"'),
    (user("mona"), order("", user="carl"), "not currently held"),
    (user("mona"), order("", user="new", groups=["dev:everywhere"]), "not currently held"),
]


@pytest.mark.parametrize(("who", "record", "why"), REFUSED)
def test_what_is_more_than_theirs_is_refused(who: UserInfo, record: Object, why: str) -> None:
    assert why in refusal(record, who)


def test_what_others_hold_elsewhere_is_not_told() -> None:
    assert "pods" not in refusal(order(user="dev:abroad"), TINA)


def test_what_is_held_for_a_time_is_not_issued_for_longer() -> None:
    there = world()
    ending = binding("dev", "tim", "ClusterRole/admin", "User:tim")
    ending["metadata"]["annotations"] = {"berth.io/expires-at": "2030-01-01T00:00:00Z"}
    there.add(ending)
    asked = order(user="dev:same"), order(serviceAccountName="robot")
    assert all(refusal(each, user("tim"), there=there) for each in asked)


def holding(expires: str) -> tuple[World, UserInfo]:
    """A world where tina works by an issued kubeconfig that is good until then."""
    there = world()
    record = {"metadata": metadata("hers", "dev", uid="1"), "status": {"credentials": [{"id": "JTI=1", "expiresAt": expires}]}}
    there.put(KUBECONFIGS, record)
    return there, UserInfo("tina", groups=TINA.groups, extra={CREDENTIAL_ID: ("JTI=1",), EXTRA: ("kubeconfigs/dev/hers/1",)})


@pytest.mark.parametrize(("expires", "refused"), [("2033-05-18T03:33:19Z", True), ("2033-05-18T03:33:20Z", False)])
def test_what_an_issued_kubeconfig_issues_does_not_outlast_it(expires: str, refused: bool) -> None:
    there, tina = holding(expires)
    assert ("ask for a shorter expirationSeconds" in refusal(order(user="dev:new"), tina, there=there)) is refused


def test_that_holds_for_who_authenticated_though_they_act_as_another() -> None:
    there, tina = holding("2033-05-18T03:33:19Z")
    assert "ask for a shorter expirationSeconds" in refusal(order(user="dev:new"), ADMIN, requester=tina, there=there)


def test_a_credential_that_is_not_listed_any_more_issues_nothing() -> None:
    there, tina = holding("2040-01-01T00:00:00Z")
    there.delete(KUBECONFIGS, "dev", "hers")
    assert "ask for a shorter expirationSeconds" in refusal(order(user="dev:new"), tina, there=there)
