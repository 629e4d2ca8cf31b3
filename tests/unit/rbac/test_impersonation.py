"""Acting as someone else."""

from __future__ import annotations

import contextlib

import pytest

from cluster.api.authorization import Attributes
from cluster.api.errors import BadRequest, Forbidden
from cluster.api.names import Object
from cluster.api.user import UserInfo
from rbac.authz.build import build_authorization
from rbac.impersonation import Impersonation, Impersonator, parse
from tests.unit.rbac.world import World, ask, binding, cluster_role, rule, user

TINA = user("tina")


LIST = ask(TINA, "list pods", "dev")


def become(headers: list[tuple[str, str]], *rules: Object, question: Attributes = LIST) -> UserInfo:
    world = World()
    world.add(cluster_role("r", *rules), binding("", "b", "ClusterRole/r", "User:tina", "ServiceAccount:dev/agent"))
    asked = parse(headers)
    assert asked is not None
    return Impersonator(build_authorization(world).authorizer).impersonate(asked, question).user


def test_nothing_asked_is_nobody() -> None:
    assert parse([("Accept", "x")]) is None


def test_the_headers_are_parsed_whatever_their_case() -> None:
    headers = [("impersonate-USER", "u"), ("Impersonate-Group", "a"), ("Impersonate-Group", "b"), ("Impersonate-Uid", "1")]
    headers += [("Impersonate-Extra-Acme.Com%2fProject", "x"), ("Impersonate-Extra-Acme.com%2fproject", "y")]
    extra = {"acme.com/project": ("x", "y")}
    assert parse(headers) == Impersonation("u", ("a", "b"), "1", extra)


@pytest.mark.parametrize(
    ("header", "shown"),
    [
        (("Impersonate-Group", "a"), '&user.DefaultInfo{Name:"", UID:"", Groups:[]string{"a"}, Extra:map[string][]string(nil)}'),
        (("Impersonate-Uid", "1"), '&user.DefaultInfo{Name:"", UID:"1", Groups:[]string(nil), Extra:map[string][]string(nil)}'),
        (
            ("Impersonate-Extra-x", "y"),
            '&user.DefaultInfo{Name:"", UID:"", Groups:[]string(nil), Extra:map[string][]string{"x":[]string{"y"}}}',
        ),
    ],
)
def test_a_user_must_be_named(header: tuple[str, str], shown: str) -> None:
    with pytest.raises(BadRequest) as refusal:
        parse([header])
    assert refusal.value.message == f"requested {shown} without impersonating a user name"


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


AGENT = UserInfo("system:serviceaccount:dev:agent", groups=(), extra={"authentication.kubernetes.io/node-name": ("n1",)})
AUTHENTICATION = ["authentication.k8s.io"]


@pytest.mark.parametrize(
    ("who", "user_name", "mode", "held", "groups"),
    [
        (TINA, "u", "user-info", rule("impersonate:user-info", "users", AUTHENTICATION, ["u"]), ()),
        (
            TINA,
            "system:serviceaccount:dev:sa",
            "serviceaccount",
            rule("impersonate:serviceaccount", "serviceaccounts", AUTHENTICATION, ["sa"]),
            ("system:serviceaccounts", "system:serviceaccounts:dev"),
        ),
        (TINA, "system:node:n1", "arbitrary-node", rule("impersonate:arbitrary-node", "nodes", AUTHENTICATION, ["n1"]), ("system:nodes",)),
        (AGENT, "system:node:n1", "associated-node", rule("impersonate:associated-node", "nodes", AUTHENTICATION), ("system:nodes",)),
    ],
)
def test_a_constrained_mode_takes_both_permissions(who: UserInfo, user_name: str, mode: str, held: Object, groups: tuple[str, ...]) -> None:
    headers, question = [("Impersonate-User", user_name)], ask(who, "list pods", "dev")
    became = become(headers, held, rule(f"impersonate-on:{mode}:list", "pods"), question=question)
    assert (became.name, became.groups) == (user_name, (*groups, "system:authenticated"))
    for lacking in (held, rule(f"impersonate-on:{mode}:list", "pods")):
        with pytest.raises(Forbidden):
            become(headers, lacking, question=question)


def test_another_node_is_not_the_associated_one() -> None:
    held = [rule("impersonate:associated-node", "nodes", AUTHENTICATION), rule("impersonate-on:associated-node:list", "pods")]
    with pytest.raises(Forbidden):
        become([("Impersonate-User", "system:node:n2")], *held, question=ask(AGENT, "list pods", "dev"))


def test_a_constrained_mode_never_makes_masters() -> None:
    held = [rule("impersonate:user-info", "*", AUTHENTICATION), rule("impersonate-on:user-info:list", "pods")]
    with pytest.raises(Forbidden, match="impersonating the system:masters group is not allowed"):
        become([("Impersonate-User", "u"), ("Impersonate-Group", "system:masters")], *held)


@pytest.mark.parametrize(
    ("user_name", "mode"), [("u", "user-info"), ("system:node:n1", "arbitrary-node"), ("system:serviceaccount:dev:sa", "serviceaccount")]
)
def test_the_first_mode_that_applies_words_the_refusal(user_name: str, mode: str) -> None:
    with pytest.raises(Forbidden) as refusal:
        become([("Impersonate-User", user_name)])
    asked = f'User "tina" cannot impersonate-on:{mode}:list resource "pods" in API group "" in the namespace "dev"'
    assert refusal.value.message == f"pods is forbidden: {asked}"


def test_the_mode_that_last_worked_is_tried_first() -> None:
    world = World()
    world.add(cluster_role("r", USERS), binding("", "b", "ClusterRole/r", "User:tina"))
    impersonator = Impersonator(build_authorization(world).authorizer)
    assert impersonator.impersonate(Impersonation("u"), LIST).user.name == "u"
    with pytest.raises(Forbidden, match='cannot impersonate resource "groups" in API group "" at the cluster scope'):
        impersonator.impersonate(Impersonation("u", ("g",)), LIST)


def test_what_allowed_it_is_told() -> None:
    world = World()
    constrained = [rule("impersonate:user-info", "users", AUTHENTICATION), rule("impersonate-on:user-info:list", "pods")]
    world.add(cluster_role("r", *constrained), binding("", "b", "ClusterRole/r", "User:tina"))
    world.add(cluster_role("l", USERS), binding("", "l", "ClusterRole/l", "User:old"))
    impersonator = Impersonator(build_authorization(world).authorizer)
    assert impersonator.impersonate(Impersonation("u"), LIST).constraint == "impersonate:user-info"
    assert impersonator.impersonate(Impersonation("u"), ask(user("old"), "list pods", "dev")).constraint == ""


@pytest.mark.parametrize(("values", "name"), [(["u", "v"], "u"), (["", "v"], None)])
def test_of_several_users_the_first_counts(values: list[str], name: str | None) -> None:
    asked = parse([("Impersonate-User", value) for value in values])
    assert (asked.user if asked is not None else None) == name


@pytest.mark.parametrize(
    "groups",
    [["system:masters"], ["ops", "system:masters"], ["ops,system:masters"], ["ops", " system:masters"]],
    ids=["alone", "after another", "behind a comma", "behind a space"],
)
def test_no_group_is_injected(groups: list[str]) -> None:
    """Who may impersonate group ops alone gets no other into the request, however it is written."""
    held = [USERS, rule("impersonate", "groups", names=["ops"])]
    with pytest.raises(Forbidden):
        become([("Impersonate-User", "u"), *(("Impersonate-Group", group) for group in groups)], *held)


PREFIXED = 'must be a domain-prefixed path (such as "acme.io/foo")'


@pytest.mark.parametrize(
    ("header", "value", "fault"),
    [
        ("Impersonate-Extra-", "v", "impersonating the empty string key in extra is not allowed"),
        ("Impersonate-Extra-x", "v", f'impersonating an invalid key in extra is not allowed: extra.key: Invalid value: "x": {PREFIXED}'),
        ("Impersonate-Extra-acme.io%2f", "v", f'extra.key: Invalid value: "acme.io/": {PREFIXED}'),
        ("Impersonate-Extra-a_b%2fc", "v", 'extra.key: Invalid value: "a_b": a lowercase RFC 1123 subdomain must consist of'),
        (
            "Impersonate-Extra-acme.io%2fa%20b",
            "v",
            "extra.key: Invalid value: \"a b\": Invalid path (regex used for validation is '[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')",
        ),
        ("Impersonate-Extra-acme.io%2f%41", "v", 'impersonating a non-lowercase key in extra is not allowed: "acme.io/A"'),
        ("Impersonate-Extra-acme.io%2fa", "", "impersonating the empty string value in extra is not allowed"),
    ],
)
def test_a_constrained_mode_takes_sound_extra_alone(header: str, value: str, fault: str) -> None:
    held = [rule("impersonate:user-info", "users userextras/*", AUTHENTICATION), rule("impersonate-on:user-info:list", "pods")]
    with pytest.raises(Forbidden) as refusal:
        become([("Impersonate-User", "u"), (header, value)], *held)
    assert fault in refusal.value.message


@pytest.mark.parametrize(
    ("user_name", "held", "asked"),
    [
        ("u", [], [("user-info", False), ("", False)]),
        ("u", [rule("impersonate:user-info", "users", AUTHENTICATION)], [("user-info", False), ("", False)]),
        ("u", [rule("impersonate-on:user-info:list", "pods")], [("user-info", True), ("user-info", False), ("", False)]),
        ("u", [USERS], [("user-info", False), ("", True)]),
        ("system:node:n1", [USERS], [("arbitrary-node", False), ("", True)]),
        ("system:serviceaccount:dev:sa", [], [("serviceaccount", False), ("", False)]),
    ],
)
def test_each_question_is_told_with_its_mode(user_name: str, held: list[Object], asked: list[tuple[str, bool]]) -> None:
    world, told = World(), list[tuple[str, bool]]()
    world.add(cluster_role("r", *held), binding("", "b", "ClusterRole/r", "User:tina"))
    impersonator = Impersonator(build_authorization(world).authorizer, lambda mode, allowed: told.append((mode, allowed)))
    with contextlib.suppress(Forbidden):
        impersonator.impersonate(Impersonation(user_name), LIST)
    assert told == asked
