"""RBAC decisions with their reasons, and the index that they come from."""

from __future__ import annotations

import pytest

from cluster.api.authorization import Decision
from cluster.api.errors import NotFound
from cluster.api.names import Object
from cluster.api.user import UserInfo
from rbac.authz.build import build_authorization
from rbac.authz.index import CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, ROLE_BINDINGS, ROLES, RbacIndex, subject_keys
from rbac.authz.messages import forbidden
from rbac.authz.rbac import RbacAuthorizer, RuleResolver
from tests.unit.rbac.world import World, ask, binding, cluster_role, role, rule, url_rule, user

TINA = user("tina", "ops")
ACCOUNT = UserInfo("system:serviceaccount:dev:user", groups=("system:serviceaccounts", "system:serviceaccounts:dev"))
VIEW = cluster_role("view", rule("get", "pods"))


def authorizer(*objects: Object) -> RbacAuthorizer:
    world = World()
    world.add(*objects)
    return RbacAuthorizer(RbacIndex.following(world))


@pytest.mark.parametrize(
    ("objects", "who", "reason"),
    [
        ([VIEW, binding("dev", "x", "ClusterRole/view", "User:tina")], TINA, 'RoleBinding "x/dev" of ClusterRole "view" to User "tina"'),
        ([VIEW, binding("dev", "x", "ClusterRole/view", "Group:ops")], TINA, 'RoleBinding "x/dev" of ClusterRole "view" to Group "ops"'),
        ([VIEW, binding("", "x", "ClusterRole/view", "User:tina")], TINA, 'ClusterRoleBinding "x" of ClusterRole "view" to User "tina"'),
        (
            [role("dev", "r", rule("get", "pods")), binding("dev", "x", "Role/r", "ServiceAccount:user")],
            ACCOUNT,
            'RoleBinding "x/dev" of Role "r" to ServiceAccount "user/dev"',
        ),
        (
            [VIEW, binding("", "x", "ClusterRole/view", "ServiceAccount:dev/user")],
            ACCOUNT,
            'ClusterRoleBinding "x" of ClusterRole "view" to ServiceAccount "user/dev"',
        ),
        (
            [VIEW, binding("dev", "x", "ClusterRole/view", "Group:ops", "User:tina")],
            TINA,
            'RoleBinding "x/dev" of ClusterRole "view" to Group "ops"',
        ),
    ],
)
def test_an_allowed_request_names_its_binding(objects: list[Object], who: UserInfo, reason: str) -> None:
    verdict = authorizer(*objects).authorize(ask(who, "get pods", "dev"))
    assert (verdict.decision, verdict.reason) == (Decision.ALLOW, f"RBAC: allowed by {reason}")


@pytest.mark.parametrize(
    ("objects", "reason"),
    [
        ([], ""),
        ([VIEW, binding("dev", "x", "ClusterRole/view", "User:tom")], ""),
        ([VIEW, binding("test", "x", "ClusterRole/view", "User:tina")], ""),
        ([VIEW, binding("", "x", "ClusterRole/view", "ServiceAccount:tina")], ""),
        (
            [role("test", "r", rule("get", "pods")), binding("dev", "x", "Role/r", "User:tina")],
            'RBAC: role.rbac.authorization.k8s.io "r" not found',
        ),
        ([binding("dev", "x", "ClusterRole/r", "User:tina")], 'RBAC: clusterrole.rbac.authorization.k8s.io "r" not found'),
        (
            [binding("dev", "x", "ClusterRole/r", "User:tina"), binding("dev", "y", "Role/s", "User:tina")],
            'RBAC: [clusterrole.rbac.authorization.k8s.io "r" not found, role.rbac.authorization.k8s.io "s" not found]',
        ),
    ],
)
def test_what_no_rule_allows_is_no_opinion(objects: list[Object], reason: str) -> None:
    verdict = authorizer(*objects).authorize(ask(TINA, "get pods", "dev"))
    assert (verdict.decision, verdict.reason) == (Decision.NO_OPINION, reason)


@pytest.mark.parametrize(
    ("objects", "where"),
    [
        ([VIEW, binding("", "x", "ClusterRole/view", "User:tina")], {"", "dev", "test"}),
        ([VIEW, binding("dev", "x", "ClusterRole/view", "User:tina")], {"dev"}),
        ([role("dev", "view", rule("get", "pods")), binding("dev", "x", "Role/view", "User:tina")], {"dev"}),
    ],
    ids=["a cluster role bound in the cluster", "a cluster role bound in a namespace", "a role"],
)
def test_where_a_binding_counts(objects: list[Object], where: set[str]) -> None:
    """And for nothing but what the role's rules name, wherever that is asked."""
    subject = authorizer(*objects)
    spaces = ("", "dev", "test")
    assert {space for space in spaces if subject.authorize(ask(TINA, "get pods", space)).allowed} == where
    others = [subject.authorize(ask(TINA, question, space)) for question in ("get configmaps", "delete pods") for space in spaces]
    assert {each.decision for each in others} == {Decision.NO_OPINION}


def test_a_role_binding_grants_no_urls_and_nothing_cluster_wide() -> None:
    subject = authorizer(cluster_role("r", rule("get", "nodes"), url_rule("get", "*")), binding("dev", "x", "ClusterRole/r", "User:tina"))
    assert not subject.authorize(ask(TINA, "get nodes")).allowed
    assert not subject.authorize(ask(TINA, "get /metrics")).allowed


def test_the_index_follows_every_change() -> None:
    world = World()
    subject = RbacAuthorizer(RbacIndex.following(world))
    question = ask(TINA, "get pods", "dev")
    states = [subject.authorize(question).allowed]
    world.add(binding("dev", "x", "ClusterRole/view", "User:tina"))
    states.append(subject.authorize(question).allowed)
    world.add(VIEW)
    states.append(subject.authorize(question).allowed)
    world.add(cluster_role("view", rule("list", "pods")))
    states.append(subject.authorize(question).allowed)
    world.add(VIEW, binding("dev", "x", "ClusterRole/view", "User:tom"))
    states.append(subject.authorize(question).allowed)
    world.add(binding("dev", "x", "ClusterRole/view", "User:tom", "Group:ops"))
    states.append(subject.authorize(question).allowed)
    world.delete(ROLE_BINDINGS, "dev", "x")
    states.append(subject.authorize(question).allowed)
    world.add(binding("", "y", "ClusterRole/view", "User:tina"))
    states.append(subject.authorize(question).allowed)
    world.delete(CLUSTER_ROLES, "", "view")
    states.append(subject.authorize(question).allowed)
    assert states == [False, False, True, False, False, True, False, True, False]


def test_deleting_a_role_or_binding_leaves_its_namesake_elsewhere() -> None:
    world = World()
    subject = RbacAuthorizer(RbacIndex.following(world))
    for namespace in ("dev", "test"):
        world.add(role(namespace, "r", rule("get", "pods")), binding(namespace, "x", "Role/r", "User:tina"))
    world.add(VIEW, binding("", "x", "ClusterRole/view", "User:tom"))
    world.delete(ROLES, "test", "r")
    world.delete(ROLE_BINDINGS, "test", "x")
    world.delete(CLUSTER_ROLE_BINDINGS, "", "x")
    assert subject.authorize(ask(TINA, "get pods", "dev")).allowed


def test_masters_may_do_anything_without_a_role() -> None:
    subject = build_authorization(World()).authorizer
    assert subject.authorize(ask(user("admin", "system:masters"), "delete nodes", name="n1")).allowed


def test_nothing_is_allowed_without_a_binding() -> None:
    verdict = build_authorization(World()).authorizer.authorize(ask(TINA, "get pods", "dev"))
    assert (verdict.decision, verdict.reason) == (Decision.NO_OPINION, "")


def test_the_resolver_lists_rules_and_what_is_missing() -> None:
    world = World()
    world.add(VIEW, binding("dev", "a", "ClusterRole/view", "User:tina"), binding("dev", "b", "Role/gone", "Group:ops"))
    rules, problem = RuleResolver(RbacIndex.following(world)).rules_for(TINA, "dev")
    assert (rules, problem) == (VIEW["rules"], 'role.rbac.authorization.k8s.io "gone" not found')


def test_the_rules_of_a_missing_role_are_not_found() -> None:
    with pytest.raises(NotFound, match=r'^role\.rbac\.authorization\.k8s\.io "gone" not found$'):
        RuleResolver(RbacIndex()).rules_of({"kind": "Role", "name": "gone"}, "dev")


@pytest.mark.parametrize(
    ("question", "namespace", "name", "reason", "message"),
    [
        (
            "get pods",
            "dev",
            "web",
            "",
            'pods "web" is forbidden: User "tina" cannot get resource "pods" in API group "" in the namespace "dev"',
        ),
        ("list nodes", "", "", "", 'nodes is forbidden: User "tina" cannot list resource "nodes" in API group "" at the cluster scope'),
        (
            "create pods/exec",
            "dev",
            "web",
            "",
            'pods "web" is forbidden: User "tina" cannot create resource "pods/exec" in API group "" in the namespace "dev"',
        ),
        (
            "list leases.coordination.k8s.io",
            "x",
            "",
            "why",
            "leases.coordination.k8s.io is forbidden: "
            'User "tina" cannot list resource "leases" in API group "coordination.k8s.io" in the namespace "x": why',
        ),
        ("get /metrics", "", "", "", 'forbidden: User "tina" cannot get path "/metrics"'),
        ("get /<b>&", "", "", "", 'forbidden: User "tina" cannot get path "/&lt;b&gt;&amp;"'),
    ],
)
def test_the_refusal_is_worded_as_upstream_words_it(question: str, namespace: str, name: str, reason: str, message: str) -> None:
    assert forbidden(ask(TINA, question, namespace, name), reason).message == message


def test_a_decision_looks_at_ones_own_bindings_however_many_others_there_are() -> None:
    world = World()
    index = RbacIndex.following(world)
    world.add(VIEW, binding("dev", "x", "ClusterRole/view", "User:tina"), binding("", "y", "ClusterRole/view", "Group:ops"))
    keys = subject_keys(TINA)
    few = [each.name for each in index.bindings(keys, "dev")]
    for number in range(5000):
        world.add(binding("dev", f"other-{number}", "ClusterRole/view", f"User:u{number}"))
    assert [each.name for each in index.bindings(keys, "dev")] == few == ["y", "x"]
