"""Who can do something, what someone can do, and the matrix."""

from __future__ import annotations

import time

import pytest

from cluster.api.authorization import Attributes
from cluster.api.names import Object
from cluster.api.user import UserInfo
from rbac.explain.matrix import MAX_SUBJECTS, MatrixQuestion, matrix
from rbac.explain.rules_of import rules_of
from rbac.explain.who_can import who_can
from rbac.explain.why import why
from tests.unit.rbac.explain.questions import sources_of
from tests.unit.rbac.explain.situations import ALL, EDIT, GET_POD, TINA, VIEW, dev, expired, wide
from tests.unit.rbac.world import NODE, ask, binding, cluster_role, role, rule, url_rule, user

ANYONE = UserInfo("")


def listed(question: Attributes, *objects: Object, only: str = "") -> list[str]:
    subjects = who_can(question, sources_of(*objects), only=only)["subjects"]
    return [f"{each['kind']} {each['namespace'] + '/' if 'namespace' in each else ''}{each['name']}" for each in subjects]


@pytest.mark.parametrize(
    ("question", "objects", "subjects"),
    [
        (ask(ANYONE, "get pods", "dev"), [VIEW], []),
        (ask(ANYONE, "get pods", "dev"), [VIEW, dev("b", "ClusterRole/view", "User:tina", "Group:ops")], ["Group ops", "User tina"]),
        (ask(ANYONE, "get pods", "dev"), [VIEW, wide("b", "ClusterRole/view", "ServiceAccount:prod/x")], ["ServiceAccount prod/x"]),
        (ask(ANYONE, "get pods", "dev"), [VIEW, binding("prod", "b", "ClusterRole/view", "User:tina")], []),
        (ask(ANYONE, "get pods", "dev"), [VIEW, expired(dev("b", "ClusterRole/view", "User:tina"))], []),
        (ask(ANYONE, "get pods", "dev"), [dev("b", "ClusterRole/gone", "User:tina")], []),
        (
            ask(ANYONE, "get pods"),
            [VIEW, dev("b", "ClusterRole/view", "User:tina"), wide("c", "ClusterRole/view", "User:tom")],
            ["User tom"],
        ),
        (ask(ANYONE, "use gizmos.example.com", "dev"), [ALL, wide("b", "ClusterRole/all", "User:tina")], ["User tina"]),
        (ask(ANYONE, "get /metrics"), [cluster_role("m", url_rule("get", "/m*")), wide("b", "ClusterRole/m", "User:tina")], ["User tina"]),
        (ask(ANYONE, "get /metrics"), [cluster_role("m", url_rule("get", "/m*")), dev("b", "ClusterRole/m", "User:tina")], []),
        (ask(ANYONE, "get pods", "dev", "db"), [role("dev", "r", rule("get", "pods", names=["web"])), dev("b", "Role/r", "User:tina")], []),
    ],
)
def test_who_can(question: Attributes, objects: list[Object], subjects: list[str]) -> None:
    assert listed(question, *objects) == subjects


def test_who_can_tells_binding_role_and_rule() -> None:
    (subject,) = who_can(ask(ANYONE, "list deployments.apps", "dev"), sources_of(VIEW, dev("b", "ClusterRole/view", "User:tina")))[
        "subjects"
    ]
    assert subject["grants"] == [
        {
            "binding": {"kind": "RoleBinding", "namespace": "dev", "name": "b"},
            "role": {"kind": "ClusterRole", "name": "view"},
            "rule": {"index": 1, "verbs": ["get", "list", "watch"], "apiGroups": ["apps"], "resources": ["deployments"]},
        }
    ]


def test_who_can_says_who_needs_no_binding() -> None:
    notes = who_can(ask(ANYONE, "get pods", "dev"), sources_of())["notes"]
    assert notes == [
        'members of group "system:masters" may do anything, without a binding',
        "authorizer Node lets each kubelet read and write what belongs to its own node and its pods",
    ]


def test_who_can_is_bounded() -> None:
    bindings = [dev(f"b{number:02}", "ClusterRole/view", f"User:u{number:02}") for number in range(9)]
    many = [dev(f"c{number}", "ClusterRole/view", "User:u00") for number in range(9)]
    status = who_can(ask(ANYONE, "get pods", "dev"), sources_of(VIEW, *bindings, *many), limit=4)
    assert (len(status["subjects"]), status["total"], status["truncated"]) == (4, 9, True)
    assert (len(status["subjects"][0]["grants"]), status["subjects"][0]["moreGrants"]) == (3, 7)


def test_who_can_within_a_namespace_says_what_is_not_shown() -> None:
    sources = sources_of(VIEW, dev("b", "ClusterRole/view", "User:tina"), wide("w", "ClusterRole/view", "User:tom"))
    status = who_can(ask(ANYONE, "get pods", "dev"), sources, only="dev")
    assert [each["name"] for each in status["subjects"]] == ["tina"]
    assert "cluster-wide" in status["notes"][0]


def test_rules_come_with_their_sources() -> None:
    sources = sources_of(VIEW, EDIT, wide("w", "ClusterRole/view", "Group:ops"), dev("e", "ClusterRole/edit", "User:tina"))
    found = [(each["binding"]["name"], each["rule"]["index"], each["subject"]["kind"]) for each in rules_of(TINA, "dev", sources)["rules"]]
    assert found == [("w", 0, "Group"), ("w", 1, "Group"), ("e", 0, "User")]


def test_rules_tell_missing_roles_and_expired_bindings_do_not_count() -> None:
    sources = sources_of(VIEW, dev("b", "Role/gone", "User:tina"), expired(dev("c", "ClusterRole/view", "User:tina")))
    status = rules_of(TINA, "dev", sources)
    assert (status["rules"], status["problems"]) == ([], ['role.rbac.authorization.k8s.io "gone" not found'])


def test_rules_are_bounded() -> None:
    status = rules_of(
        TINA, "dev", sources_of(VIEW, dev("a", "ClusterRole/view", "User:tina"), dev("b", "ClusterRole/view", "User:tina")), limit=3
    )
    assert (len(status["rules"]), status["total"], status["truncated"]) == (3, 4, True)


def test_rules_say_what_needs_no_binding() -> None:
    notes = [rules_of(who, "", sources_of())["notes"] for who in (user("root", "system:masters"), NODE, TINA)]
    assert notes == [
        ['as a member of group "system:masters" the user may do anything'],
        ['authorizer Node lets node "n1" read and write what belongs to it and its pods'],
        [],
    ]


def test_the_matrix_asks_the_authorizer_for_each_cell() -> None:
    sources = sources_of(VIEW, dev("b", "ClusterRole/view", "Group:ops"), dev("c", "ClusterRole/view", "ServiceAccount:builder"))
    question = MatrixQuestion(
        subjects=(
            {"kind": "Group", "name": "ops"},
            {"kind": "ServiceAccount", "namespace": "dev", "name": "builder"},
            {"kind": "User", "name": "x"},
        ),
        resources=(("", "pods"), ("", "pods/log"), ("", "secrets")),
        verbs=("get", "delete"),
        namespaces=("dev", "prod"),
    )
    rows = matrix(question, sources)["rows"]
    allowed = [(row["subject"]["name"], row["namespace"], row["resource"], row["allowed"]) for row in rows if row["allowed"]]
    assert len(rows) == 3 * 2 * 3
    assert allowed == [
        ("ops", "dev", "pods", ["get"]),
        ("ops", "dev", "pods/log", ["get"]),
        ("builder", "dev", "pods", ["get"]),
        ("builder", "dev", "pods/log", ["get"]),
    ]


def test_the_matrix_finds_its_subjects_in_the_bindings_within_a_bound() -> None:
    bindings = [dev(f"b{number}", "ClusterRole/view", f"User:u{number:03}") for number in range(MAX_SUBJECTS + 5)]
    question = MatrixQuestion(resources=(("", "pods"),), verbs=("get",), namespaces=("dev",))
    status = matrix(question, sources_of(VIEW, *bindings, wide("w", "ClusterRole/view", "User:a")))
    assert (len(status["rows"]), status["subjectsLeftOut"], status["truncated"]) == (MAX_SUBJECTS, 5, True)
    assert all(row["subject"]["name"].startswith("u") for row in status["rows"])


def test_ten_thousand_bindings_are_no_burden() -> None:
    """Far below the second that is allowed, also on a busy machine."""
    objects = [role("dev", f"r{number}", rule("get", "pods", names=[f"p{number}"])) for number in range(100)]
    objects += [dev(f"b{number}", f"Role/r{number % 100}", f"User:user-{number:x}-dev") for number in range(5000)]
    objects += [wide(f"c{number}", "ClusterRole/view", f"Group:group-{number:x}") for number in range(5000)]
    sources = sources_of(VIEW, *objects)
    start = time.perf_counter()
    denied = why(GET_POD, sources)
    middle = time.perf_counter()
    found = who_can(ask(ANYONE, "list pods", "dev"), sources)
    end = time.perf_counter()
    assert (denied["allowed"], found["total"], len(found["subjects"])) == (False, 5000, 500)
    assert middle - start < 10
    assert end - middle < 10
