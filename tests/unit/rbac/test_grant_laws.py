"""Laws of granting: whatever is written that may be, nobody's rules come to exceed what their writers hold, now or later."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.api.aggregation import aggregated, selectors
from cluster.api.errors import Forbidden, NotFound, StatusError
from cluster.api.expiry import EXPIRES_AT
from cluster.api.meta import format_time
from cluster.api.names import Object
from cluster.api.user import UserInfo
from cluster.client.labels import labels_of, selects
from rbac.authz.index import RbacIndex
from rbac.authz.rbac import RbacAuthorizer, RuleResolver
from rbac.bootstrap import default_objects
from rbac.escalation import check_binding_write, check_role_write
from rbac.rules import Rule, uncovered
from tests.unit.rbac.test_laws import GROUPS, NAMES, NAMESPACES, listed
from tests.unit.rbac.world import RBAC, World, binding, cluster_role, role, rule, url_rule

WRITER: Final = UserInfo("u1", groups=("g1",))
OTHERS: Final = (UserInfo("u2", groups=("g2",)), UserInfo("system:serviceaccount:dev:s1"))
ENDS: Final = (10.0, 20.0)
MOMENTS: Final = (0.0, 15.0, 25.0)
"""Now, between the ends, and after both."""


def _ending(obj: Object, when: float | str | None) -> Object:
    if when is not None:
        text = when if isinstance(when, str) else format_time(_moment(when))
        obj["metadata"]["annotations"] = {EXPIRES_AT: text}
    return obj


def _moment(seconds: float) -> Any:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC)


# nobody may `bind` or `escalate` here: no verb is a wildcard where the group may be RBAC's
RULES = st.one_of(
    st.builds(
        lambda verbs, resources, groups, names: rule(" ".join(verbs), " ".join(resources), groups, names),
        listed(st.sampled_from(["get", "list", "delete"])),
        listed(st.sampled_from(["pods", "pods/log", "*/log", "secrets", "*"])),
        listed(GROUPS),
        st.one_of(st.just([]), listed(NAMES)),
    ),
    st.builds(
        lambda resources, group: rule("*", " ".join(resources), [group]),
        listed(st.sampled_from(["pods", "secrets", "*"])),
        st.sampled_from(["", "apps"]),
    ),
    st.builds(lambda verb, url: url_rule(verb, url), st.sampled_from(["get", "*"]), st.sampled_from(["/a", "/a/*", "*"])),
)
ROLES = st.one_of(
    st.builds(lambda name, rules: cluster_role(name, *rules), NAMES, st.lists(RULES, max_size=2)),
    st.builds(lambda space, name, rules: role(space, name, *rules), st.sampled_from(NAMESPACES), NAMES, st.lists(RULES, max_size=2)),
)
SUBJECTS = st.sampled_from(["User:u1", "Group:g1", "User:u2", "ServiceAccount:dev/s1"])
WHEN = st.sampled_from([None, *ENDS, "soon"])
BINDINGS = st.one_of(
    st.builds(
        lambda space, name, kind, to, who, when: _ending(binding(space, name, f"{kind}/{to}", *who), when),
        st.sampled_from(NAMESPACES),
        st.sampled_from("xy"),
        st.sampled_from(["Role", "ClusterRole"]),
        NAMES,
        st.lists(SUBJECTS, min_size=1, max_size=2),
        WHEN,
    ),
    st.builds(
        lambda name, to, who, when: _ending(binding("", name, f"ClusterRole/{to}", who), when), st.sampled_from("xy"), NAMES, SUBJECTS, WHEN
    ),
)


@st.composite
def clusters(draw: st.DrawFn) -> list[Object]:
    """All roles that bindings can name, and some bindings."""
    roles = [cluster_role(name, *draw(st.lists(RULES, max_size=2))) for name in "ab"]
    roles += [role("dev", "a", *draw(st.lists(RULES, max_size=2)))]
    bound = draw(
        st.lists(BINDINGS, min_size=1, max_size=5, unique_by=lambda obj: (obj["metadata"].get("namespace"), obj["metadata"]["name"]))
    )
    return [*roles, *bound]


OBJECTS = clusters()
WRITES = st.lists(st.one_of(ROLES, BINDINGS), min_size=1, max_size=8)


class Cluster:
    """Roles and bindings, and a clock."""

    def __init__(self, objects: Sequence[Object]) -> None:
        self.world = World()
        self.time = 0.0
        index = RbacIndex.following(self.world, lambda: self.time)
        self.authorizer, self.resolver = RbacAuthorizer(index), RuleResolver(index)
        self.world.add(*objects)

    def held(self, user: UserInfo) -> dict[tuple[float, str], list[Rule]]:
        """A user's rules at each moment, in each namespace and cluster-wide."""
        found = {}
        for self.time in MOMENTS:
            for namespace in ("", *NAMESPACES):
                found[self.time, namespace] = self.resolver.rules_for(user, namespace)[0]
        self.time = 0.0
        return found

    def write(self, obj: Object) -> None:
        """What the writer sends, if it is let through; a binding's role cannot be changed."""
        kind, metadata = obj["kind"], obj["metadata"]
        namespace = metadata.get("namespace", "")
        old = self.world.get(RBAC[kind], namespace, metadata["name"])
        if old is not None and old.get("roleRef") != obj.get("roleRef"):
            return
        check = check_binding_write if "roleRef" in obj else check_role_write
        try:
            check(WRITER, RBAC[kind], namespace, obj, old, self.authorizer, self.resolver)
        except (Forbidden, NotFound, StatusError):
            return
        self.world.add(obj)


@given(OBJECTS, WRITES)
@settings(max_examples=120)
def test_no_writes_that_are_let_through_give_their_writer_more(objects: list[Object], writes: list[Object]) -> None:
    cluster = Cluster(objects)
    before = cluster.held(WRITER)
    for each in writes:
        cluster.write(each)
    after = cluster.held(WRITER)
    assert {key: uncovered(before[key], rules) for key, rules in after.items()} == {key: [] for key in after}


@given(OBJECTS, WRITES)
@settings(max_examples=100)
def test_no_writes_that_are_let_through_give_others_more_than_their_writer_has(objects: list[Object], writes: list[Object]) -> None:
    cluster = Cluster(objects)
    own = cluster.held(WRITER)
    before = {user: cluster.held(user) for user in OTHERS}
    for each in writes:
        cluster.write(each)
    for user in OTHERS:
        for key, rules in cluster.held(user).items():
            assert uncovered([*before[user][key], *own[key]], rules) == []


@given(OBJECTS, st.sampled_from([WRITER, *OTHERS]), st.sampled_from(["", *NAMESPACES]))
def test_time_alone_gives_nobody_more(objects: list[Object], user: UserInfo, namespace: str) -> None:
    held = Cluster(objects).held(user)
    for earlier, later in ((0.0, 15.0), (15.0, 25.0)):
        assert uncovered(held[earlier, namespace], held[later, namespace]) == []


@given(OBJECTS, st.sampled_from([WRITER, *OTHERS]), st.sampled_from(["", *NAMESPACES]), st.sampled_from(MOMENTS))
def test_what_lasts_until_then_is_what_is_held_then(objects: list[Object], user: UserInfo, namespace: str, moment: float) -> None:
    cluster = Cluster(objects)
    assert cluster.resolver.rules_for(user, namespace, moment)[0] == cluster.held(user)[moment, namespace]
    lasting = cluster.resolver.rules_for(user, namespace, math.inf)[0]
    assert lasting == cluster.held(user)[25.0, namespace]


LABELS = st.dictionaries(st.sampled_from("lmn"), st.just("true"), max_size=2)


@st.composite
def aggregating(draw: st.DrawFn) -> list[Object]:
    """Cluster roles of which some aggregate others, round in circles too."""
    found = []
    for name in draw(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=6, unique=True)):
        made = cluster_role(name, *draw(st.lists(RULES, max_size=2)))
        made["metadata"]["labels"] = draw(LABELS)
        chosen = draw(st.lists(LABELS, max_size=2))
        if chosen:
            made["aggregationRule"] = {"clusterRoleSelectors": [{"matchLabels": each} for each in chosen]}
        found.append(made)
    return found


def _settled(roles: list[Object], order: Sequence[int]) -> bool:
    """Whether one round of bringing each role up to date leaves nothing for another."""
    for _ in range(2):
        changed = False
        for place in order:
            each = roles[place]
            if selectors(each):
                rules = aggregated(each, roles)
                changed = changed or rules != each["rules"]
                each["rules"] = rules
        if not changed:
            return True
    return False


@given(aggregating(), st.randoms(use_true_random=False))
def test_aggregation_converges_in_any_order(roles: list[Object], random: Any) -> None:
    order = list(range(len(roles)))
    random.shuffle(order)
    assert _settled(roles, order)
    for each in filter(selectors, roles):
        chosen = [other for other in roles if other is not each and any(selects(one, labels_of(other)) for one in selectors(each))]
        assert uncovered(each["rules"], [rule for other in chosen for rule in other["rules"]]) == []
        assert uncovered([rule for other in chosen for rule in other["rules"]], each["rules"]) == []


DEFAULTS: Final = {each["metadata"]["name"]: each for each in default_objects() if each["kind"] == "ClusterRole"}
INTO: Final = {name: f"rbac.authorization.k8s.io/aggregate-to-{name}" for name in ("admin", "edit", "view")}
ADDED = st.lists(st.tuples(st.sampled_from(list(INTO)), st.lists(RULES, max_size=2)), max_size=5).map(
    lambda each: [_labelled(f"added-{number}", INTO[where], rules) for number, (where, rules) in enumerate(each)]
)


def _labelled(name: str, label: str, rules: Sequence[Object]) -> Object:
    made = cluster_role(name, *rules)
    made["metadata"]["labels"] = {label: "true"}
    return made


@given(ADDED, st.randoms(use_true_random=False))
@settings(max_examples=50)
def test_admin_covers_edit_covers_view_whatever_is_aggregated_into_them(added: list[Object], random: Any) -> None:
    roles = [*copy.deepcopy(list(DEFAULTS.values())), *added]
    random.shuffle(roles)
    assert _settled(roles, range(len(roles)))
    rules = {each["metadata"]["name"]: each["rules"] for each in roles}
    assert [uncovered(rules[wide], rules[narrow]) for wide, narrow in (("admin", "edit"), ("edit", "view"))] == [[], []]
    for each in added:
        (label,) = each["metadata"]["labels"]
        assert uncovered(rules[label.rpartition("-")[2]], each["rules"]) == []
