"""Laws of RBAC, for any roles and bindings."""

from __future__ import annotations

import copy

from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.api.authorization import Attributes, Verdict
from cluster.api.names import Object
from cluster.api.user import UserInfo
from rbac.authz.build import build_authorization
from rbac.authz.index import RbacIndex
from rbac.authz.rbac import RbacAuthorizer, RuleResolver
from rbac.rules import rule_allows, uncovered
from tests.unit.rbac.world import RBAC, World, binding, cluster_role, role, rule, url_rule

NAMESPACES = ("dev", "test")
VERBS = st.sampled_from(["get", "list", "*"])
RESOURCES = st.sampled_from(["pods", "pods/log", "*/log", "deployments", "*"])
GROUPS = st.sampled_from(["", "apps", "*"])
NAMES = st.sampled_from(["a", "b"])
SUBJECTS = st.sampled_from(["User:u1", "User:u2", "Group:g1", "Group:g2", "ServiceAccount:dev/s1", "ServiceAccount:s1"])


def listed(values: st.SearchStrategy[str], least: int = 1) -> st.SearchStrategy[list[str]]:
    return st.lists(values, min_size=least, max_size=2)


RULES = st.one_of(
    st.builds(
        lambda verbs, resources, groups, names: rule(" ".join(verbs), " ".join(resources), groups, names),
        listed(VERBS),
        listed(RESOURCES),
        listed(GROUPS),
        st.one_of(st.just([]), listed(NAMES)),
    ),
    st.builds(lambda verb, url: url_rule(verb, url), VERBS, st.sampled_from(["/a", "/a/*", "*"])),
)
ROLES = st.one_of(
    st.builds(lambda name, rules: cluster_role(name, *rules), NAMES, st.lists(RULES, max_size=3)),
    st.builds(lambda space, name, rules: role(space, name, *rules), st.sampled_from(NAMESPACES), NAMES, st.lists(RULES, max_size=3)),
)
BINDINGS = st.one_of(
    st.builds(
        lambda space, name, kind, to, who: binding(space, name, f"{kind}/{to}", *who),
        st.sampled_from(NAMESPACES),
        st.sampled_from("xyz"),
        st.sampled_from(["Role", "ClusterRole"]),
        NAMES,
        st.lists(SUBJECTS, min_size=1, max_size=2),
    ),
    st.builds(lambda name, to, who: binding("", name, f"ClusterRole/{to}", who), st.sampled_from("xyz"), NAMES, SUBJECTS),
)
OBJECTS = st.lists(st.one_of(ROLES, BINDINGS), max_size=12, unique_by=lambda obj: (obj["kind"], str(obj["metadata"])))
USERS = st.sampled_from(
    [
        UserInfo("u1"),
        UserInfo("u1", groups=("g1",)),
        UserInfo("u2", groups=("g1", "g2")),
        UserInfo("system:serviceaccount:dev:s1"),
        UserInfo("system:serviceaccount:test:s1"),
    ]
)
QUESTIONS = st.one_of(
    st.builds(
        lambda who, verb, space, group, what, name: Attributes(who, verb, space, group, "v1", what[0], what[1], name),
        USERS,
        st.sampled_from(["get", "list", "delete"]),
        st.sampled_from(["", *NAMESPACES]),
        st.sampled_from(["", "apps"]),
        st.sampled_from([("pods", ""), ("pods", "log"), ("deployments", ""), ("deployments", "scale")]),
        st.sampled_from(["", "a", "c"]),
    ),
    st.builds(lambda who, path: Attributes(who, "get", is_resource=False, path=path), USERS, st.sampled_from(["/a", "/a/b", "/c"])),
)


def decide(objects: list[Object], question: Attributes) -> Verdict:
    world = World()
    world.add(*objects)
    return RbacAuthorizer(RbacIndex.following(world)).authorize(question)


@given(OBJECTS, BINDINGS, QUESTIONS)
def test_adding_a_binding_never_removes_access(objects: list[Object], extra: Object, question: Attributes) -> None:
    if decide(objects, question).allowed and all(
        (each["kind"], each["metadata"]) != (extra["kind"], extra["metadata"]) for each in objects
    ):
        assert decide([*objects, extra], question).allowed


@given(OBJECTS, QUESTIONS, st.randoms(use_true_random=False))
def test_the_order_of_changes_does_not_matter(objects: list[Object], question: Attributes, random: object) -> None:
    shuffled = list(objects)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert decide(objects, question) == decide(shuffled, question)


@given(OBJECTS, OBJECTS, QUESTIONS)
def test_a_decision_depends_only_on_what_there_is_now(before: list[Object], now: list[Object], question: Attributes) -> None:
    world = World()
    authorizer = RbacAuthorizer(RbacIndex.following(world))
    world.add(*before)
    authorizer.authorize(question)
    for obj in before:
        world.delete(RBAC[obj["kind"]], obj["metadata"].get("namespace", ""), obj["metadata"]["name"])
    world.add(*now)
    assert authorizer.authorize(question) == decide(now, question)


@given(OBJECTS, QUESTIONS)
def test_deciding_changes_nothing(objects: list[Object], question: Attributes) -> None:
    pristine = copy.deepcopy(objects)
    assert (decide(objects, question), objects) == (decide(objects, question), pristine)


@given(OBJECTS, st.lists(QUESTIONS, max_size=6), QUESTIONS)
@settings(max_examples=50)
def test_what_was_asked_before_has_no_part_in_a_decision(objects: list[Object], before: list[Attributes], question: Attributes) -> None:
    world = World()
    world.add(*objects)
    asked = build_authorization(world).authorizer
    for each in before:
        asked.authorize(each)
    assert asked.authorize(question) == build_authorization(world).authorizer.authorize(question)


@given(OBJECTS, QUESTIONS)
def test_nothing_crosses_a_namespace(objects: list[Object], question: Attributes) -> None:
    """What lies in other namespaces has no part in a decision."""
    near = [obj for obj in objects if obj["metadata"].get("namespace", "") in ("", question.namespace)]
    assert decide(near, question) == decide(objects, question)


@given(OBJECTS, QUESTIONS)
def test_the_resolver_and_the_authorizer_agree(objects: list[Object], question: Attributes) -> None:
    world = World()
    world.add(*objects)
    rules, _ = RuleResolver(RbacIndex.following(world)).rules_for(question.user, question.namespace)
    assert any(rule_allows(question, each) for each in rules) == decide(objects, question).allowed


@given(st.lists(RULES, max_size=4), st.lists(RULES, max_size=3), QUESTIONS)
@settings(max_examples=200)
def test_who_covers_rules_may_do_all_that_they_allow(owner: list[Object], wanted: list[Object], question: Attributes) -> None:
    if not uncovered(owner, wanted) and any(rule_allows(question, each) for each in wanted):
        assert any(rule_allows(question, each) for each in owner)


@given(st.lists(RULES, max_size=4))
def test_everyone_covers_themselves(rules: list[Object]) -> None:
    assert uncovered(rules, rules) == []
