"""Laws of issuing: whatever roles and bindings there are, what is issued may do nothing that its issuer may not."""

from __future__ import annotations

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from cluster.api.authorization import Attributes
from cluster.api.errors import Forbidden
from cluster.api.names import Object
from cluster.api.user import UserInfo
from rbac.authz.index import RbacIndex
from rbac.authz.rbac import RbacAuthorizer, RuleResolver
from rbac.credentials.permission import Issuer, IssuingRules
from tests.unit.rbac.test_laws import NAMES, NAMESPACES, QUESTIONS, ROLES
from tests.unit.rbac.world import World, binding, cluster_role, metadata, rule, user

ISSUER = user("u1", "g1")
SUBJECTS = st.sampled_from(["User:u1", "Group:g1", "User:dev:x", "Group:dev:g", "User:test:x", "User:u2", "Group:g2"])
BINDINGS = st.one_of(
    st.builds(
        lambda space, name, kind, to, who: binding(space, name, f"{kind}/{to}", *who),
        st.sampled_from(NAMESPACES),
        st.sampled_from("xyz"),
        st.sampled_from(["Role", "ClusterRole"]),
        NAMES,
        st.lists(SUBJECTS, min_size=1, max_size=3),
    ),
    st.builds(
        lambda name, to, who: binding("", name, f"ClusterRole/{to}", *who), st.sampled_from("xyz"), NAMES, st.lists(SUBJECTS, min_size=1)
    ),
)
OBJECTS = st.lists(st.one_of(ROLES, BINDINGS), min_size=4, max_size=12, unique_by=lambda obj: (obj["kind"], str(obj["metadata"])))
IDENTITIES = st.sampled_from([("dev:x", ()), ("dev:x", ("dev:g",)), ("dev:new", ("dev:g",)), ("u2", ("g2",)), ("u2", ())])


def is_issued(world: World, index: RbacIndex, name: str, groups: tuple[str, ...]) -> bool:
    record = {"kind": "Kubeconfig", "metadata": metadata("k", "dev", uid="1"), "spec": {"user": name, "groups": list(groups)}}
    try:
        IssuingRules(RbacAuthorizer(index), RuleResolver(index), index, world).check(record, Issuer(ISSUER, ISSUER), 1.0)
    except Forbidden:
        return False
    return True


def there(objects: list[Object], *, impersonates: bool) -> World:
    """`impersonates`: whether the issuer may be anyone, so that names are no hindrance."""
    world = World()
    world.add(*objects)
    if impersonates:
        world.add(cluster_role("as-all", rule("impersonate", "users groups")), binding("", "as-all", "ClusterRole/as-all", "User:u1"))
    return world


@given(objects=OBJECTS, identity=IDENTITIES, impersonates=st.booleans(), question=QUESTIONS)
@settings(max_examples=120, deadline=None)
def test_what_is_issued_may_do_nothing_that_its_issuer_may_not(
    objects: list[Object], identity: tuple[str, tuple[str, ...]], impersonates: bool, question: Attributes
) -> None:
    world = there(objects, impersonates=impersonates)
    index = RbacIndex.following(world)
    assume(is_issued(world, index, *identity))
    name, groups = identity
    decide = RbacAuthorizer(index).authorize
    issued = decide(replace(question, user=UserInfo(name, groups=(*groups, "system:authenticated"))))
    assert decide(replace(question, user=ISSUER)).allowed or not issued.allowed


@given(objects=OBJECTS, name=st.sampled_from(["u2", "test:x", "system:admin", "dev", "dev:"]))
@settings(max_examples=50, deadline=None)
def test_without_impersonation_no_name_outside_the_namespace_is_issued(objects: list[Object], name: str) -> None:
    world = there([each for each in objects if "*" not in str(each.get("rules"))], impersonates=False)
    assert not is_issued(world, RbacIndex.following(world), name, ())
