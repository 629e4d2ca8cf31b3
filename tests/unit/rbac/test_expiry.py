"""Bindings that end: what has ended no longer counts, and nobody grants for longer than they hold."""

from __future__ import annotations

import pytest

from cluster.api.errors import Forbidden
from cluster.api.expiry import EXPIRES_AT, expiry_of, validate_expiry
from cluster.api.meta import parse_time
from cluster.api.names import Object
from cluster.kinds.model import Strategy
from cluster.kinds.rbac import clusterrolebindings, rolebindings
from rbac.authz.index import CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, ROLE_BINDINGS, ROLES, RbacIndex
from rbac.authz.rbac import RbacAuthorizer, RuleResolver
from rbac.escalation import check_binding_write, check_role_write
from tests.unit.rbac.world import World, ask, binding, cluster_role, role, rule, user

TINA = user("tina")
SOON, LATER, NOW = "2026-01-01T12:00:00Z", "2026-01-02T12:00:00Z", "2026-01-01T00:00:00Z"
BIND = cluster_role("binder", rule("bind", "clusterroles", ["rbac.authorization.k8s.io"]))
ESCALATE = cluster_role("escalator", rule("escalate", "clusterroles roles", ["rbac.authorization.k8s.io"]))
READER = cluster_role("reader", rule("get", "pods"))


def ending(obj: Object, when: str | None) -> Object:
    if when is not None:
        obj["metadata"]["annotations"] = {EXPIRES_AT: when}
    return obj


class Clocked:
    """A cluster whose time is told."""

    def __init__(self, *objects: Object) -> None:
        self.world = World()
        self.time = parse_time(NOW).timestamp()
        index = RbacIndex.following(self.world, lambda: self.time)
        self.authorizer, self.resolver = RbacAuthorizer(index), RuleResolver(index)
        self.world.add(*objects)

    def at(self, time: str) -> Clocked:
        self.time = parse_time(time).timestamp()
        return self

    def may(self, question: str = "get pods", namespace: str = "dev") -> bool:
        return self.authorizer.authorize(ask(TINA, question, namespace)).allowed

    def writes(self, obj: Object, old: Object | None = None) -> bool:
        """Whether tina may write a role or binding."""
        resources = {"Role": ROLES, "ClusterRole": CLUSTER_ROLES, "RoleBinding": ROLE_BINDINGS, "ClusterRoleBinding": CLUSTER_ROLE_BINDINGS}
        check = check_binding_write if "roleRef" in obj else check_role_write
        namespace = obj["metadata"].get("namespace", "")
        try:
            check(TINA, resources[obj["kind"]], namespace, obj, old, self.authorizer, self.resolver)
        except Forbidden:
            return False
        return True


def granted(to: str, when: str | None, namespace: str = "") -> Object:
    return ending(binding(namespace, f"{to}-to-tina", f"ClusterRole/{to}", "User:tina"), when)


def new(to: str, when: str | None, namespace: str = "dev") -> Object:
    return ending(binding(namespace, "new", f"ClusterRole/{to}", "User:tom"), when)


@pytest.mark.parametrize("namespace", ["", "dev"])
def test_a_binding_counts_until_it_ends(namespace: str) -> None:
    there = Clocked(READER, granted("reader", SOON, namespace))
    assert there.may()
    assert there.at("2026-01-01T11:59:59Z").may()
    assert not there.at(SOON).may()
    assert there.resolver.rules_for(TINA, "dev") == ([], "")


def test_each_of_several_ends_counts_though_it_was_asked_before() -> None:
    ends = {"a": "2026-01-01T11:00:00Z", "b": SOON, "c": "2026-01-01T13:00:00Z", "d": None}
    there = Clocked(READER, *(granted("reader", when, namespace) for namespace, when in ends.items()))

    def allowed(when: str) -> str:
        there.at(f"2026-01-{when}Z")
        return "".join(namespace for namespace in ends if there.may(namespace=namespace))

    assert (allowed("01T00:00:00"), allowed("01T10:59:59")) == ("abcd", "abcd")
    assert [allowed(f"01T{hour}") for hour in ("11:00:00", "11:59:59", "12:00:00", "13:00:01")] == ["bcd", "bcd", "cd", "d"]
    there.world.add(granted("reader", "2026-01-02T00:00:00Z", "a"))
    assert (allowed("01T13:00:02"), allowed("02T00:00:00")) == ("ad", "d")


def test_the_end_may_be_in_any_zone() -> None:
    there = Clocked(READER, granted("reader", "2026-01-01T14:00:00+02:00"))
    assert (there.at("2026-01-01T11:59:59Z").may(), there.at(SOON).may()) == (True, False)


@pytest.mark.parametrize("when", ["", "tomorrow", "2026-13-01T00:00:00Z", "2026-01-01", "9999999999"])
def test_an_end_that_cannot_be_read_has_come(when: str) -> None:
    assert not Clocked(READER, granted("reader", when)).may()


def test_an_end_that_is_moved_counts_at_once() -> None:
    there = Clocked(READER, granted("reader", SOON)).at(LATER)
    there.world.add(granted("reader", None))
    assert there.may()
    there.world.add(granted("reader", SOON))
    assert not there.may()


def test_another_binding_still_counts() -> None:
    there = Clocked(READER, granted("reader", SOON), granted("reader", None, "dev")).at(LATER)
    assert (there.may(namespace="dev"), there.may(namespace="test")) == (True, False)


@pytest.mark.parametrize(
    ("when", "allowed"), [(SOON, True), ("2026-01-01T11:00:00Z", True), (LATER, False), (None, False), ("soon", False)]
)
def test_what_is_held_for_a_time_is_granted_for_that_time_at_most(when: str | None, allowed: bool) -> None:
    assert Clocked(READER, granted("reader", SOON)).writes(new("reader", when)) is allowed


@pytest.mark.parametrize(("when", "allowed"), [(SOON, True), (LATER, False), (None, False), ("soon", False)])
def test_who_may_bind_for_a_time_binds_for_that_time_at_most(when: str | None, allowed: bool) -> None:
    assert Clocked(READER, BIND, granted("binder", SOON)).writes(new("reader", when)) is allowed


def test_what_has_ended_is_not_granted_at_all() -> None:
    there = Clocked(READER, BIND, granted("reader", SOON), granted("binder", SOON)).at(LATER)
    assert not there.writes(new("reader", SOON))


@pytest.mark.parametrize(("held", "until"), [("reader", SOON), ("escalator", SOON), ("reader", None), ("escalator", None)])
def test_roles_hold_only_what_their_writer_holds_without_an_end(held: str, until: str | None) -> None:
    there = Clocked(READER, ESCALATE, granted(held, until))
    written = [role("dev", "r", rule("get", "pods")), cluster_role("r", rule("get", "pods"))]
    assert [there.writes(each) for each in written] == [until is None] * 2


@pytest.mark.parametrize(("before", "after"), [(SOON, None), (SOON, LATER), (SOON, "soon")])
def test_taking_an_end_away_or_putting_it_off_is_a_write_like_any_other(before: str, after: str | None) -> None:
    """Even by whom the binding binds: they hold what it grants until it ends, and no longer."""
    there = Clocked(READER, granted("reader", before))
    assert not there.writes(granted("reader", after), old=granted("reader", before))


def test_putting_it_off_takes_holding_it_as_long() -> None:
    there = Clocked(READER, granted("reader", SOON), granted("reader", LATER, "dev"))
    assert there.writes(granted("reader", LATER, "dev"), old=granted("reader", SOON, "dev"))


@pytest.mark.parametrize("strategy", [rolebindings.STRATEGY, clusterrolebindings.STRATEGY])
@pytest.mark.parametrize("when", ["", "tomorrow", "2026-02-30T00:00:00Z", "2026-01-01T00:00:00", "2026-01-01 00:00:00Z"])
def test_an_end_that_cannot_be_read_is_not_written(strategy: Strategy, when: str) -> None:
    obj = ending(binding("", "b", "ClusterRole/reader", "Group:ops"), when)
    shown = [str(error) for error in strategy.validate(obj)]
    message = "must be a time in RFC 3339, for example 2030-01-31T18:00:00Z"
    assert shown == [f'metadata.annotations[berth.io/expires-at]: Invalid value: "{when}": {message}']
    assert [str(error) for error in strategy.validate_update(obj, obj)] == shown


@pytest.mark.parametrize("when", [NOW, "2026-01-01T00:00:00.5+01:00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_any_time_can_be_an_end(when: str) -> None:
    assert validate_expiry(ending(binding("", "b", "ClusterRole/reader", "Group:ops"), when)) == []


def test_a_binding_without_an_end_has_none() -> None:
    assert expiry_of(binding("", "b", "ClusterRole/reader", "Group:ops")) is None
