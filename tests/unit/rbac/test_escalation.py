"""Nobody grants what they do not hold."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cluster.api.errors import Forbidden, NotFound
from cluster.api.names import Object
from cluster.api.user import UserInfo
from rbac.authz.build import build_authorization
from rbac.authz.index import CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, ROLE_BINDINGS, ROLES
from rbac.escalation import check_binding_write, check_role_write
from tests.unit.rbac.world import World, binding, cluster_role, role, rule, url_rule, user

TINA = user("tina", "ops")
OPEN_SELECTOR = {"clusterRoleSelectors": [{"matchLabels": {"x": "y"}}]}


def world(*objects: Object) -> World:
    made = World()
    made.add(*objects)
    return made


def write_role(there: World, who: UserInfo, obj: Object, old: Object | None = None) -> None:
    given = build_authorization(there)
    resource = ROLES if obj["kind"] == "Role" else CLUSTER_ROLES
    check_role_write(who, resource, obj["metadata"].get("namespace", ""), obj, old, given.authorizer, given.resolver)


def write_binding(there: World, who: UserInfo, obj: Object, old: Object | None = None) -> None:
    given = build_authorization(there)
    resource = ROLE_BINDINGS if obj["kind"] == "RoleBinding" else CLUSTER_ROLE_BINDINGS
    check_binding_write(who, resource, obj["metadata"].get("namespace", ""), obj, old, given.authorizer, given.resolver)


def is_allowed(write: Callable[..., None], *arguments: object) -> bool:
    try:
        write(*arguments)
    except Forbidden:
        return False
    return True


def refusal(write: object, *arguments: object) -> str:
    with pytest.raises(Forbidden) as caught:
        write(*arguments)  # type: ignore[operator]
    return caught.value.message


READER = [cluster_role("reader", rule("get list", "pods")), binding("dev", "x", "ClusterRole/reader", "User:tina")]


def test_a_role_within_what_its_writer_holds_is_written() -> None:
    assert is_allowed(write_role, world(*READER), TINA, role("dev", "r", rule("get", "pods")))


def test_a_role_beyond_what_its_writer_holds_is_refused_in_upstreams_words() -> None:
    wanted = role("dev", "r", rule("get watch delete", "pods"), rule("get", "secrets"))
    assert refusal(write_role, world(*READER), TINA, wanted) == (
        'roles.rbac.authorization.k8s.io "r" is forbidden: user "tina" (groups=["ops" "system:authenticated"]) '
        "is attempting to grant RBAC permissions not currently held:\n"
        '{APIGroups:[""], Resources:["pods"], Verbs:["watch" "delete"]}\n'
        '{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}'
    )


def test_what_is_held_in_one_namespace_is_not_granted_in_another_or_everywhere() -> None:
    there = world(*READER)
    assert "not currently held" in refusal(write_role, there, TINA, role("test", "r", rule("get", "pods")))
    assert "not currently held" in refusal(write_role, there, TINA, cluster_role("r", rule("get", "pods")))


def test_masters_write_any_role() -> None:
    assert is_allowed(write_role, world(), user("admin", "system:masters"), cluster_role("r", rule("*", "*", ["*"])))


def test_who_may_escalate_writes_any_role() -> None:
    granted = cluster_role("escalator", rule("escalate", "clusterroles", ["rbac.authorization.k8s.io"]))
    assert is_allowed(
        write_role, world(granted, binding("", "e", "ClusterRole/escalator", "User:tina")), TINA, cluster_role("r", rule("*", "*", ["*"]))
    )


def test_an_update_is_checked_as_a_whole() -> None:
    old = role("dev", "r", rule("get", "secrets"))
    assert "secrets" in refusal(write_role, world(*READER), TINA, role("dev", "r", rule("get", "secrets"), rule("get", "pods")), old)


def test_an_update_for_garbage_collection_is_not_checked() -> None:
    old = role("dev", "r", rule("get", "secrets"))
    new = {**old, "metadata": {**old["metadata"], "finalizers": ["x"], "ownerReferences": [{"name": "y"}]}}
    assert is_allowed(write_role, world(), TINA, new, old)


@pytest.mark.parametrize(("on_old", "on_new"), [(True, False), (False, True), (True, True)])
def test_an_aggregation_rule_takes_a_cluster_admin(on_old: bool, on_new: bool) -> None:
    old, new = cluster_role("r", rule("get", "pods")), cluster_role("r")
    if on_old:
        old["aggregationRule"] = OPEN_SELECTOR
    if on_new:
        new["aggregationRule"] = OPEN_SELECTOR
    message = 'clusterroles.rbac.authorization.k8s.io "r" is forbidden: must have cluster-admin privileges to use the aggregationRule'
    assert refusal(write_role, world(), TINA, new, old) == message


def test_a_cluster_admin_uses_aggregation_rules() -> None:
    admin = cluster_role("cluster-admin", rule("*", "*", ["*"]), url_rule("*", "*"))
    there = world(admin, binding("", "a", "ClusterRole/cluster-admin", "User:tina"))
    assert is_allowed(write_role, there, TINA, cluster_role("r", aggregationRule=OPEN_SELECTOR))


def test_a_binding_of_what_its_writer_holds_is_written() -> None:
    assert is_allowed(write_binding, world(*READER), TINA, binding("dev", "b", "ClusterRole/reader", "User:tom"))


def test_a_binding_beyond_what_its_writer_holds_is_refused() -> None:
    there = world(*READER, cluster_role("admin", rule("*", "*", ["*"]), url_rule("get", "/x")))
    assert refusal(write_binding, there, TINA, binding("dev", "b", "ClusterRole/admin", "User:tina")) == (
        'rolebindings.rbac.authorization.k8s.io "b" is forbidden: user "tina" (groups=["ops" "system:authenticated"]) '
        "is attempting to grant RBAC permissions not currently held:\n"
        '{APIGroups:["*"], Resources:["*"], Verbs:["*"]}\n'
        '{NonResourceURLs:["/x"], Verbs:["get"]}'
    )


def test_a_binding_is_not_carried_to_where_its_role_is_not_held() -> None:
    there = world(*READER)
    assert "not currently held" in refusal(write_binding, there, TINA, binding("test", "b", "ClusterRole/reader", "User:tina"))
    assert "not currently held" in refusal(write_binding, there, TINA, binding("", "b", "ClusterRole/reader", "User:tina"))


def test_who_may_bind_a_role_binds_that_one() -> None:
    binder = role("dev", "binder", rule("bind", "clusterroles", ["rbac.authorization.k8s.io"], ["edit"]))
    there = world(
        binder, binding("dev", "x", "Role/binder", "User:tina"), *[cluster_role(each, rule("*", "pods")) for each in ("edit", "admin")]
    )
    assert is_allowed(write_binding, there, TINA, binding("dev", "b", "ClusterRole/edit", "User:tom"))
    assert "not currently held" in refusal(write_binding, there, TINA, binding("dev", "b", "ClusterRole/admin", "User:tom"))
    assert "not currently held" in refusal(write_binding, there, TINA, binding("test", "b", "ClusterRole/edit", "User:tom"))


def test_a_binding_of_no_role_is_not_found_by_who_may_not_bind() -> None:
    with pytest.raises(NotFound, match=r'^rolebindings\.rbac\.authorization\.k8s\.io "gone" not found$'):
        write_binding(world(), TINA, binding("dev", "b", "ClusterRole/gone", "User:tina"))


def test_masters_bind_what_does_not_exist_yet() -> None:
    assert is_allowed(write_binding, world(), user("admin", "system:masters"), binding("dev", "b", "ClusterRole/gone", "User:tina"))
