"""Roles from the log: they allow every request that was seen, and grant nothing that none of them used."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.api.names import Object
from rbac.audit.least_roles import MAX_NAMES, least_roles, unused_grants
from rbac.audit.observed import Observed, Request, Subject, observe, requests_of, subject_of
from rbac.rules import break_down, compile_rules

ALICE = Subject("User", "alice")
RESOURCES = [("", "pods"), ("", "pods/log"), ("", "configmaps"), ("apps", "deployments"), ("apps", "deployments/scale")]

resource_requests = st.builds(
    lambda namespace, kind, verb, name: Request(namespace, *kind, verb, "" if verb in ("list", "create") else name),
    st.sampled_from(["", "a", "b", "c"]),
    st.sampled_from(RESOURCES),
    st.sampled_from(["get", "list", "create", "delete"]),
    st.sampled_from([f"n{number}" for number in range(12)]),
)
paths = st.builds(
    lambda path, verb: Request(verb=verb, path=path), st.sampled_from(["/metrics", "/logs", "/x"]), st.sampled_from(["get", "post"])
)
requests = st.sets(resource_requests | paths, min_size=1, max_size=40)


def granted(objects: list[Object]) -> list[tuple[str, list[Object]]]:
    """(namespace of the binding, "" for the cluster; rules) by way of the bindings, as authorization finds them."""
    roles = {(each["kind"], each["metadata"].get("namespace", ""), each["metadata"]["name"]): each for each in objects if "rules" in each}
    found = []
    for each in objects:
        if "roleRef" in each:
            namespace, ref = each["metadata"].get("namespace", ""), each["roleRef"]
            role = roles[ref["kind"], namespace if ref["kind"] == "Role" else "", ref["name"]]
            found.append((namespace, role["rules"]))
    return found


@given(requests)
@settings(deadline=None)
def test_every_request_that_was_seen_is_allowed(seen: set[Request]) -> None:
    bound = [(namespace, compile_rules(rules)) for namespace, rules in granted(least_roles(ALICE, seen))]
    for each in seen:
        asked = each.attributes()
        assert any(rule.allows(asked) for namespace, rules in bound if namespace in ("", each.namespace) for rule in rules), each


@given(requests)
@settings(deadline=None)
def test_nothing_is_granted_that_no_request_used(seen: set[Request]) -> None:
    for namespace, rules in granted(least_roles(ALICE, seen)):
        for atom in (atom for rule in rules for atom in break_down(rule)):
            verb = atom["verbs"][0]
            if "nonResourceURLs" in atom:
                assert Request(verb=verb, path=atom["nonResourceURLs"][0]) in seen
                continue
            used = [
                each
                for each in seen
                if (each.namespace, each.group, each.resource, each.verb) == (namespace, atom["apiGroups"][0], atom["resources"][0], verb)
            ]
            assert used, atom
            if "resourceNames" in atom:
                assert atom["resourceNames"][0] in {each.name for each in used}
            else:
                assert "" in {each.name for each in used} or len({each.name for each in used}) > MAX_NAMES


@given(requests)
@settings(deadline=None)
def test_roles_depend_on_the_requests_alone(seen: set[Request]) -> None:
    assert least_roles(ALICE, sorted(seen)) == least_roles(ALICE, sorted(seen, reverse=True))


def event(uri: str, verb: str, name: str = "", **more: Any) -> Object:
    """An allowed request of alice."""
    found: Object = {
        "stage": "ResponseComplete",
        "verb": verb,
        "requestURI": uri,
        "user": {"username": "alice", "groups": ["devs", "system:authenticated"]},
        "annotations": {"authorization.k8s.io/decision": "allow"},
    }
    if uri.startswith(("/api/v1/", "/apis/apps/")):
        found["objectRef"] = {"name": name}
    return found | more


URIS = [
    ("/api/v1/namespaces/a/pods/web", "get", Request("a", "", "pods", "get", "web")),
    ("/api/v1/namespaces/a/pods?limit=5", "list", Request("a", "", "pods", "list")),
    ("/api/v1/namespaces/a/pods?fieldSelector=metadata.name%3Dweb&watch=1", "watch", Request("a", "", "pods", "watch", "web")),
    ("/api/v1/pods", "list", Request("", "", "pods", "list")),
    ("/api/v1/namespaces/a/pods", "create", Request("a", "", "pods", "create")),
    ("/api/v1/namespaces/a/pods?fieldSelector=metadata.name%3Dweb", "deletecollection", Request("a", "", "pods", "deletecollection")),
    ("/api/v1/namespaces/a", "get", Request("a", "", "namespaces", "get", "a")),
    ("/api/v1/nodes/n", "patch", Request("", "", "nodes", "patch", "n")),
    ("/api/v1/namespaces/a/serviceaccounts/x/token", "create", Request("a", "", "serviceaccounts/token", "create", "x")),
    ("/apis/apps/v1/namespaces/a/deployments/d/scale", "update", Request("a", "apps", "deployments/scale", "update", "d")),
    ("/metrics", "get", Request(verb="get", path="/metrics")),
    ("/logs/a%20b", "get", Request(verb="get", path="/logs/a b")),
]  # fmt: skip


@pytest.mark.parametrize(("uri", "verb", "expected"), URIS, ids=[f"{verb} {uri}" for uri, verb, _ in URIS])
def test_request_is_read_as_authorization_was_asked(uri: str, verb: str, expected: Request) -> None:
    assert list(requests_of(event(uri, verb, "named-in-the-body"))) == [expected]


def test_upgrade_by_get_calls_for_create_too() -> None:
    found = list(requests_of(event("/api/v1/namespaces/a/pods/web/exec?command=ls", "get")))
    assert [each.verb for each in found] == ["get", "create"]


def test_denied_requests_and_those_of_others_are_left_out() -> None:
    denied = event("/api/v1/pods", "list", annotations={"authorization.k8s.io/decision": "forbid"})
    other = event("/api/v1/pods", "list", user={"username": "bob"})
    assert not observe([denied, other], ALICE).requests


@pytest.mark.parametrize("uri", ["/api/v1/namespaces/a/*", "/apis/apps/v1/*/x", "/api/v1/namespaces/a/pods/x/*", "/metrics*"])
def test_what_is_called_star_makes_no_rule_of_everything(uri: str) -> None:
    assert not observe([event(uri, "get")], ALICE).requests


def test_who_acts_as_another_needs_the_right_to_and_the_other_the_rest() -> None:
    acting = {"username": "bob", "groups": ["ops", "system:authenticated"], "uid": "u", "extra": {"scopes": ["s"]}}
    seen = event("/api/v1/namespaces/a/pods", "list", impersonatedUser=acting)
    assert observe([seen], Subject("User", "bob")).requests == {Request("a", "", "pods", "list")}
    assert observe([seen], ALICE).requests == {
        Request("", "", "users", "impersonate", "bob"),
        Request("", "", "groups", "impersonate", "ops"),
        Request("", "authentication.k8s.io", "uids", "impersonate", "u"),
        Request("", "authentication.k8s.io", "userextras/scopes", "impersonate", "s"),
    }


def test_constrained_impersonation_is_counted_not_covered() -> None:
    acting: Object = {
        "impersonatedUser": {"username": "bob"},
        "authenticationMetadata": {"impersonationConstraint": "impersonate:user-info"},
    }
    found = observe([event("/api/v1/pods", "list", **acting)], ALICE)
    assert (found.requests, found.constrained) == (set(), 1)


def test_namespaces_where_the_same_was_done_share_a_role() -> None:
    seen = {Request(namespace, "", "pods", "get", name) for namespace in ("a", "b") for name in ("x", "y")}
    role, *bindings = least_roles(ALICE, seen)
    assert (role["kind"], role["rules"]) == (
        "ClusterRole", [{"apiGroups": [""], "resources": ["pods"], "resourceNames": ["x", "y"], "verbs": ["get"]}],
    )  # fmt: skip
    assert [(each["kind"], each["metadata"]["namespace"]) for each in bindings] == [("RoleBinding", "a"), ("RoleBinding", "b")]


def test_resources_and_verbs_that_go_together_are_one_rule() -> None:
    seen = {Request("a", "", resource, verb) for resource in ("pods", "configmaps") for verb in ("list", "watch")}
    assert least_roles(ALICE, seen)[0]["rules"] == [{"apiGroups": [""], "resources": ["configmaps", "pods"], "verbs": ["list", "watch"]}]


@pytest.mark.parametrize(("count", "named"), [(MAX_NAMES, True), (MAX_NAMES + 1, False)])
def test_many_names_are_any(count: int, named: bool) -> None:
    seen = {Request("a", "", "pods", "get", str(number)) for number in range(count)}
    assert ("resourceNames" in least_roles(ALICE, seen)[0]["rules"][0]) is named


SUBJECTS = [
    ("user:alice", Subject("User", "alice")),
    ("user:oidc:alice", Subject("User", "oidc:alice")),
    ("group:devs", Subject("Group", "devs")),
    ("serviceaccount:dev:ci", Subject("ServiceAccount", "ci", "dev")),
    ("sa:dev:ci", Subject("ServiceAccount", "ci", "dev")),
    ("user:system:serviceaccount:dev:ci", Subject("ServiceAccount", "ci", "dev")),
]


@pytest.mark.parametrize(("text", "expected"), SUBJECTS)
def test_subjects(text: str, expected: Subject) -> None:
    assert subject_of(text) == expected


@pytest.mark.parametrize("text", ["alice", "user:", "group:", "serviceaccount:dev", "sa::ci", "sa:a:b:c", "robot:x"])
def test_what_is_no_subject_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not user:NAME|names no service account"):
        subject_of(text)


def binding(name: str, role: str, subject: Object, namespace: str = "", kind: str = "ClusterRole") -> Object:
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"metadata": metadata, "roleRef": {"kind": kind, "name": role}, "subjects": [subject]}


ROLES: dict[tuple[str, str], list[Object]] = {
    ("", "view"): [{"apiGroups": [""], "resources": ["pods", "configmaps"], "verbs": ["get", "list"]}],
    ("", "all"): [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}],
    ("a", "own"): [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}],
}
BINDINGS = [
    binding("direct", "view", {"kind": "User", "name": "alice"}, "a"),
    binding("elsewhere", "view", {"kind": "User", "name": "alice"}, "b"),
    binding("by-group", "own", {"kind": "Group", "name": "devs"}, "a", "Role"),
    binding("wild", "all", {"kind": "User", "name": "alice"}),
    binding("others", "view", {"kind": "User", "name": "bob"}, "a"),
    binding("everybody", "view", {"kind": "Group", "name": "system:authenticated"}),
]


def test_grants_that_were_never_used_are_told_binding_by_binding() -> None:
    seen = Observed({Request("a", "", "pods", "get", "x")}, {"devs", "system:authenticated"})
    found = [(each.namespace, each.binding, each.whole) for each in unused_grants(ALICE, seen, BINDINGS, ROLES)]
    assert found == [("a", "by-group", True), ("a", "direct", False), ("b", "elsewhere", True)]


def test_what_is_left_of_a_grant_is_told_rule_by_rule() -> None:
    seen = Observed({Request("a", "", "pods", "get", "x")})
    direct = next(each for each in unused_grants(ALICE, seen, BINDINGS, ROLES) if each.binding == "direct")
    assert list(direct.rules) == [
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]},
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list"]},
    ]


def test_service_account_is_found_in_its_bindings() -> None:
    account = Subject("ServiceAccount", "ci", "dev")
    own = binding("own", "view", {"kind": "ServiceAccount", "name": "ci"}, "dev")
    by_name = binding("named", "view", {"kind": "User", "name": "system:serviceaccount:dev:ci"}, "x")
    other = binding("other", "view", {"kind": "ServiceAccount", "name": "ci"}, "prod")
    assert [each.binding for each in unused_grants(account, Observed(), [own, by_name, other], ROLES)] == ["own", "named"]
