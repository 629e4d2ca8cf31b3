"""What is to be done about a tenant: tables of what is there, what is asked for, and what follows."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from cluster.api.furnishing import APPLIED, bindings, furniture, next_expiry
from cluster.api.meta import parse_time
from cluster.api.names import Object
from cluster.controllers import grants
from cluster.controllers.tenant.reconcile import (
    Fault,
    Observed,
    changes,
    identity,
    is_as,
    namespace_update,
    namespaces_to_make,
    new_namespace,
    status,
    updated,
)

NOW = 1_800_000_000.0
PAST, FUTURE = "2026-01-01T00:00:00Z", "2030-01-01T00:00:00Z"
ALICE = {"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "alice"}


def tenant(**spec: Any) -> Object:
    return {"kind": "Tenant", "metadata": {"name": "t", "generation": 3}, "spec": {"namespaces": {"prefix": "t-"}, **spec}}


def role(name: str = "view", **more: Any) -> Object:
    return {"clusterRole": name, "subjects": [ALICE], **more}


def namespace(name: str, labels: dict[str, str] | None = None, annotations: dict[str, str] | None = None) -> Object:
    return {"kind": "Namespace", "metadata": {"name": name, "labels": labels or {}, "annotations": annotations or {}}}


def names(objects: Any) -> list[str]:
    return [each["metadata"]["name"] for each in objects]


@pytest.mark.parametrize(
    ("spec", "kinds"),
    [
        ({}, []),
        ({"defaultNetworkPolicy": "Isolated"}, [("NetworkPolicy", "berth-tenant-isolation")]),
        ({"defaultNetworkPolicy": "None"}, []),
        ({"resourceQuotas": [{"name": "q", "spec": {}}]}, [("ResourceQuota", "q")]),
        ({"limitRanges": [{"name": "l", "spec": {}}]}, [("LimitRange", "l")]),
        ({"networkPolicies": [{"name": "n", "spec": {}}]}, [("NetworkPolicy", "n")]),
        ({"owners": [ALICE]}, [("RoleBinding", "berth:tenant:owners:admin"), ("RoleBinding", "berth:tenant:owners:berth:tenant-owner")]),
    ],
)
def test_furniture(spec: Object, kinds: list[tuple[str, str]]) -> None:
    made = furniture(tenant(**spec), "t-a", NOW)
    assert [identity(each) for each in made] == kinds
    assert all(each["metadata"]["namespace"] == "t-a" for each in made)


@pytest.mark.parametrize(
    ("roles", "bound"),
    [
        ([role()], ["view"]),
        ([role(), role()], ["view"]),
        ([role(), role("edit")], ["view", "edit"]),
        ([role(namespaces=["t-a"])], ["view"]),
        ([role(namespaces=["t-b"])], []),
        ([role(expiresAt=PAST)], []),
        ([role(expiresAt=FUTURE)], ["view"]),
    ],
)
def test_members(roles: list[Object], bound: list[str]) -> None:
    assert [each["roleRef"]["name"] for each in bindings(tenant(roles=roles), "t-a", NOW)] == bound


def test_a_grant_for_a_time_is_a_binding_that_ends() -> None:
    (made,) = bindings(tenant(roles=[role(expiresAt=FUTURE)]), "t-a", NOW)
    assert made["metadata"]["annotations"] == {"berth.io/expires-at": FUTURE}


def test_a_changed_grant_is_another_binding() -> None:
    before, after = (bindings(tenant(roles=[role(subjects=[{**ALICE, "name": name}])]), "t-a", NOW) for name in ("x", "y"))
    assert names(before) != names(after)


@pytest.mark.parametrize(
    ("ends", "following"),
    [([], None), ([PAST], None), ([FUTURE, PAST], FUTURE), ([FUTURE, "2029-01-01T00:00:00Z"], "2029-01-01T00:00:00Z")],
)
def test_when_the_next_role_ends(ends: list[str], following: str | None) -> None:
    wanted = parse_time(following).timestamp() if following else None
    assert next_expiry(tenant(roles=[role(), *(role(expiresAt=end) for end in ends)]), NOW) == wanted


@pytest.mark.parametrize(
    ("existing", "made", "reasons"),
    [
        (None, ["t-a"], []),
        (namespace("t-a", {"berth.io/tenant": "t"}), [], []),
        (namespace("t-a"), [], ["NamespaceTaken"]),
        (namespace("t-a", {"berth.io/tenant": "other"}), [], ["NamespaceTaken"]),
    ],
)
def test_declared_namespaces(existing: Object | None, made: list[str], reasons: list[str]) -> None:
    found, faults = namespaces_to_make(tenant(namespaces={"prefix": "t-", "names": ["t-a"]}), {"t-a": existing})
    assert (names(found), [fault.reason for fault in faults]) == (made, reasons)


def test_a_namespace_keeps_what_others_wrote_and_loses_what_the_tenant_no_longer_says() -> None:
    first = tenant(namespaces={"labels": {"team": "x"}, "annotations": {"note": "n"}}, podSecurity={"enforce": "baseline"})
    made = new_namespace(first, "t-a")
    assert made["metadata"]["labels"] == {"team": "x", "pod-security.kubernetes.io/enforce": "baseline", "berth.io/tenant": "t"}
    made["metadata"]["labels"]["theirs"] = "kept"
    assert namespace_update(first, made) is None
    changed = namespace_update(tenant(podSecurity={"warn": "restricted", "warnVersion": "v1.36"}), made)
    assert changed is not None
    assert changed["metadata"]["labels"] == {
        "theirs": "kept",
        "berth.io/tenant": "t",
        "pod-security.kubernetes.io/warn": "restricted",
        "pod-security.kubernetes.io/warn-version": "v1.36",
    }
    assert list(changed["metadata"]["annotations"]) == [APPLIED]


@pytest.mark.parametrize("note", ["no json", "[]", '"x"'])
def test_a_spoiled_note_is_written_anew(note: str) -> None:
    changed = namespace_update(tenant(), namespace("t-a", {"berth.io/tenant": "t"}, {APPLIED: note}))
    assert changed is not None
    assert changed["metadata"]["annotations"][APPLIED] == '{"labels":["berth.io/tenant"],"annotations":[]}'


FURNISHED = tenant(owners=[ALICE], defaultNetworkPolicy="Isolated", resourceQuotas=[{"name": "q", "spec": {"hard": {"pods": "1"}}}])


def _present() -> list[Object]:
    made = copy.deepcopy(furniture(FURNISHED, "t-a", NOW))
    for each in made:
        each["metadata"] |= {"uid": "u", "resourceVersion": "1"}
    return made


def test_what_is_as_it_should_be_is_left_alone() -> None:
    assert (changes(FURNISHED, "t-a", _present(), NOW).write, changes(FURNISHED, "t-a", _present(), NOW).delete) == ([], [])


@pytest.mark.parametrize("missing", range(4))
def test_what_was_deleted_comes_back(missing: int) -> None:
    present = _present()
    gone = present.pop(missing)
    assert names(changes(FURNISHED, "t-a", present, NOW).write) == names([gone])


@pytest.mark.parametrize(
    ("which", "edit"),
    [
        (0, {"spec": {"hard": {"pods": "2"}}}),
        (1, {"spec": {"podSelector": {}}}),
        (2, {"subjects": []}),
        (3, {"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}}),
    ],
)
def test_what_was_edited_is_put_right(which: int, edit: Object) -> None:
    present = _present()
    wanted = furniture(FURNISHED, "t-a", NOW)[which]
    present[which] |= edit
    assert changes(FURNISHED, "t-a", present, NOW).write == [wanted]
    repaired = updated(present[which], wanted)
    assert (repaired is None) == ("roleRef" in edit)
    assert repaired is None or is_as(repaired, wanted)


def test_what_is_no_longer_wanted_goes_but_only_once() -> None:
    surplus = _present()
    assert names(changes(tenant(), "t-a", surplus, NOW).delete) == names(surplus)
    for each in surplus:
        each["metadata"]["deletionTimestamp"] = PAST
    assert changes(tenant(), "t-a", surplus, NOW).delete == []


def test_the_status_tells_what_is_there_and_what_is_wrong() -> None:
    asked = tenant(namespaces={"prefix": "t-", "names": ["t-a"]})
    bad = status(asked, Observed({"t-b": namespace("t-b")}, [Fault("NamespaceTaken", "why")]), PAST)
    assert bad["namespaces"] == [{"name": "t-a", "phase": "Missing", "declared": True}, {"name": "t-b", "phase": "Active"}]
    (condition,) = bad["conditions"]
    assert (condition["status"], condition["reason"], condition["message"]) == ("False", "NamespaceTaken", "why")
    asked["status"] = bad
    assert status(asked, Observed({"t-b": namespace("t-b")}, [Fault("NamespaceTaken", "why")]), FUTURE) == bad
    good = status(asked, Observed(), FUTURE)["conditions"][0]
    assert (good["status"], good["lastTransitionTime"], good["observedGeneration"]) == ("True", FUTURE, 3)


# grants for a time


@pytest.mark.parametrize(
    ("annotations", "ends"), [({}, False), ({"berth.io/expires-at": PAST}, True), ({"berth.io/expires-at": "x"}, False)]
)
def test_which_bindings_end(annotations: dict[str, str], ends: bool) -> None:
    assert (grants.binding_end({"metadata": {"name": "b", "annotations": annotations}}) is not None) == ends


@pytest.mark.parametrize(
    ("credentials", "end"),
    [
        ([], None),
        ([{"expiresAt": PAST}], PAST),
        ([{"expiresAt": PAST}, {"expiresAt": FUTURE}], FUTURE),
        ([{"expiresAt": FUTURE, "revokedAt": PAST}], PAST),
    ],
)
def test_a_kubeconfigs_record_stays_for_a_day(credentials: list[Object], end: str | None) -> None:
    wanted = parse_time(end).timestamp() + grants.RETENTION if end else None
    assert grants.kubeconfig_end({"metadata": {"name": "k"}, "status": {"credentials": credentials}}) == wanted
