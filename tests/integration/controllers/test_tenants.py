"""A tenant's life through the real API server and controllers: furnished, repaired, changed, expired and deleted."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

import pytest

from cluster.api.names import GroupVersionResource, Object
from cluster.api.tenancy import TENANTS_V1
from cluster.client import times
from cluster.client.resources import (
    CLUSTER_ROLE_BINDINGS,
    CLUSTER_ROLES,
    CONFIG_MAPS,
    CORE_EVENTS,
    LIMIT_RANGES,
    NAMESPACES,
    NETWORK_POLICIES,
    RESOURCE_QUOTAS,
    ROLE_BINDINGS,
)
from cluster.controllers.identities import client_as
from tests.integration.controllers.world import World
from tests.support import eventually

ALICE = {"kind": "User", "name": "alice"}
MIA = {"kind": "User", "name": "mia"}
TENANT_NAMESPACES = GroupVersionResource("berth.io", "v1alpha1", "tenantnamespaces")
_RBAC = "rbac.authorization.k8s.io"


def make(world: World, name: str, **spec: Any) -> Object:
    """A tenant with one declared namespace, once it is ready."""
    spec = {"owners": [ALICE], "namespaces": {"names": [f"{name}-a"]}, **spec}
    world.client.create(TENANTS_V1, "", {"metadata": {"name": name}, "spec": spec})
    return eventually(lambda: is_ready(world, name), f"tenant {name} is ready")  # type: ignore[no-any-return]


def is_ready(world: World, name: str, status: str = "True") -> Object | None:
    tenant = world.client.get(TENANTS_V1, "", name)
    found = tenant.get("status") or {}
    told = found.get("observedGeneration") == tenant["metadata"]["generation"]
    return tenant if told and found["conditions"][0]["status"] == status else None


def edit(world: World, name: str, spec: Object) -> Object:
    world.client.patch(TENANTS_V1, "", name, {"spec": spec})
    return eventually(lambda: is_ready(world, name), f"tenant {name} is ready again")  # type: ignore[no-any-return]


def roles(world: World, namespace: str) -> set[str]:
    return {each["roleRef"]["name"] for each in world.list(ROLE_BINDINGS, namespace)}


def names(world: World, resource: Any, namespace: str) -> set[str]:
    return {each["metadata"]["name"] for each in world.list(resource, namespace)}


def test_a_tenant_is_furnished_changed_and_loses_what_its_spec_no_longer_says(world: World) -> None:
    quota = {"name": "compute", "spec": {"hard": {"pods": "5", "requests.cpu": "2000m"}}}
    limits = {"name": "defaults", "spec": {"limits": [{"type": "Container", "default": {"cpu": "500m"}}]}}
    member = {"subjects": [MIA], "clusterRole": "view"}
    make(world, "whole", resourceQuotas=[quota], limitRanges=[limits], roles=[member], podSecurity={"enforce": "baseline"})
    assert roles(world, "whole-a") == {"admin", "berth:tenant-owner", "view"}
    assert names(world, RESOURCE_QUOTAS, "whole-a") == {"compute"}
    assert names(world, LIMIT_RANGES, "whole-a") == {"defaults"}
    assert names(world, NETWORK_POLICIES, "whole-a") == {"berth-tenant-isolation"}
    labels = world.client.get(NAMESPACES, "", "whole-a")["metadata"]["labels"]
    assert (labels["berth.io/tenant"], labels["pod-security.kubernetes.io/enforce"]) == ("whole", "baseline")

    edit(world, "whole", {"roles": None, "limitRanges": None, "podSecurity": None, "defaultNetworkPolicy": "None", "owners": [MIA]})
    assert roles(world, "whole-a") == {"admin", "berth:tenant-owner"}
    assert {each["subjects"][0]["name"] for each in world.list(ROLE_BINDINGS, "whole-a")} == {"mia"}
    assert (names(world, LIMIT_RANGES, "whole-a"), names(world, NETWORK_POLICIES, "whole-a")) == (set(), set())
    assert "pod-security.kubernetes.io/enforce" not in world.client.get(NAMESPACES, "", "whole-a")["metadata"]["labels"]


def test_drift_is_repaired_and_what_tenants_make_is_left_alone(world: World) -> None:
    quota = {"name": "compute", "spec": {"hard": {"pods": "5"}}}
    make(world, "drift", resourceQuotas=[quota], roles=[{"subjects": [MIA], "clusterRole": "view"}])
    client, namespace = world.client, "drift-a"
    own = {"metadata": {"name": "own"}, "spec": {"podSelector": {}}}
    client.create(NETWORK_POLICIES, namespace, own)

    client.delete(NETWORK_POLICIES, namespace, "berth-tenant-isolation")
    client.patch(RESOURCE_QUOTAS, namespace, "compute", {"metadata": {"labels": None}, "spec": {"hard": {"pods": "99"}}})
    client.patch(ROLE_BINDINGS, namespace, "berth:tenant:owners:admin", {"subjects": [MIA]})
    client.delete(ROLE_BINDINGS, namespace, "berth:tenant:owners:berth:tenant-owner")
    client.patch(NAMESPACES, "", namespace, {"metadata": {"labels": {"berth.io/tenant": "drift", "x": "y"}, "annotations": None}})

    eventually(lambda: roles(world, namespace) == {"admin", "berth:tenant-owner", "view"}, "the bindings are back")

    def owner() -> str:
        return str(client.get(ROLE_BINDINGS, namespace, "berth:tenant:owners:admin")["subjects"][0]["name"])

    eventually(lambda: owner() == "alice", "the owner is who it was")
    eventually(lambda: names(world, NETWORK_POLICIES, namespace) == {"own", "berth-tenant-isolation"}, "the policy is back")
    eventually(lambda: client.get(RESOURCE_QUOTAS, namespace, "compute")["spec"]["hard"] == {"pods": "5"}, "the quota is as it was")
    metadata = client.get(NAMESPACES, "", namespace)["metadata"]
    assert (metadata["labels"]["x"], metadata["labels"]["berth.io/tenant"]) == ("y", "drift")


def test_a_declared_namespace_comes_back_when_it_is_deleted(world: World) -> None:
    make(world, "again")
    uid = world.client.get(NAMESPACES, "", "again-a")["metadata"]["uid"]
    world.client.delete(NAMESPACES, "", "again-a")

    def renewed() -> bool:
        found = world.client.list(NAMESPACES, field_selector="metadata.name=again-a")["items"]
        return bool(found) and found[0]["metadata"]["uid"] != uid

    eventually(renewed, "made anew", 60)
    assert eventually(lambda: roles(world, "again-a") == {"admin", "berth:tenant-owner"}, "furnished anew")


def test_who_is_no_owner_any_more_keeps_no_binding_by_a_finalizer(world: World) -> None:
    make(world, "stuck")
    for each in world.list(ROLE_BINDINGS, "stuck-a"):
        world.client.patch(ROLE_BINDINGS, "stuck-a", each["metadata"]["name"], {"metadata": {"finalizers": ["example.com/stay"]}})
    world.client.patch(TENANTS_V1, "", "stuck", {"spec": {"owners": []}})
    eventually(lambda: not world.list(ROLE_BINDINGS, "stuck-a"), "no binding is left")


def test_a_namespace_of_somebody_else_is_never_taken_over(world: World) -> None:
    world.namespace("taken-a")
    spec = {"owners": [ALICE], "namespaces": {"names": ["taken-a"]}}
    world.client.create(TENANTS_V1, "", {"metadata": {"name": "taken"}, "spec": spec})
    told = eventually(lambda: is_ready(world, "taken", "False"), "told")["status"]["conditions"][0]
    assert (told["reason"], 'namespace "taken-a" exists and is not the tenant\'s' in told["message"]) == ("NamespaceTaken", True)
    assert roles(world, "taken-a") == set()
    world.client.patch(NAMESPACES, "", "taken-a", {"metadata": {"labels": {"berth.io/tenant": "taken"}}})
    eventually(lambda: is_ready(world, "taken"), "given to the tenant")
    assert roles(world, "taken-a") == {"admin", "berth:tenant-owner"}


@pytest.mark.parametrize(("to", "left"), [(None, set()), ("moved-to", {"admin", "berth:tenant-owner"})])
def test_a_namespace_that_leaves_its_tenant_keeps_nothing_of_it(world: World, to: str | None, left: set[str]) -> None:
    name = f"leaves-{to or 'all'}"
    make(world, name, roles=[{"subjects": [MIA], "clusterRole": "view"}], podSecurity={"enforce": "baseline"})
    if to:
        make(world, to, owners=[{"kind": "User", "name": "bob"}], defaultNetworkPolicy="None")
    world.client.patch(TENANTS_V1, "", name, {"spec": {"namespaces": {"names": None}}})
    world.client.patch(NAMESPACES, "", f"{name}-a", {"metadata": {"labels": {"berth.io/tenant": to}}})
    eventually(lambda: roles(world, f"{name}-a") == left, "its bindings are gone")
    eventually(lambda: names(world, NETWORK_POLICIES, f"{name}-a") == set(), "its policy is gone")
    holders = {each["subjects"][0]["name"] for each in world.list(ROLE_BINDINGS, f"{name}-a")}
    assert holders == ({"bob"} if to else set())

    def labels() -> Object:
        found: Object = world.client.get(NAMESPACES, "", f"{name}-a")["metadata"]["labels"]
        return found

    assert eventually(lambda: "pod-security.kubernetes.io/enforce" not in labels(), "its labels are gone")


def test_a_role_that_tenants_may_not_have_is_told_of_until_it_is_allowed(world: World) -> None:
    rule = {"verbs": ["get"], "apiGroups": [""], "resources": ["nodes"]}
    world.client.create(CLUSTER_ROLES, "", {"metadata": {"name": "odd"}, "rules": [rule]})
    spec = {"namespaces": {"names": ["odd-a"]}, "roles": [{"subjects": [MIA], "clusterRole": "odd"}]}
    world.client.create(TENANTS_V1, "", {"metadata": {"name": "odd"}, "spec": spec})
    told = eventually(lambda: is_ready(world, "odd", "False"), "told")["status"]["conditions"][0]
    assert told["reason"] == "RoleNotGrantable"
    assert roles(world, "odd-a") == set()
    allow = {"verbs": ["bind"], "apiGroups": [_RBAC], "resources": ["clusterroles"], "resourceNames": ["odd"]}
    labels = {"berth.io/aggregate-to-tenant-grants": "true"}
    world.client.create(CLUSTER_ROLES, "", {"metadata": {"name": "odd-grant", "labels": labels}, "rules": [allow]})
    eventually(lambda: is_ready(world, "odd"), "allowed", 60)
    assert roles(world, "odd-a") == {"odd"}


def _deleted(world: World, name: str) -> Callable[[], bool]:
    return lambda: world.is_gone(TENANTS_V1, "", name)


@pytest.mark.parametrize("policy", ["Orphan", "Delete"])
def test_deletion(world: World, policy: str) -> None:
    name = f"ends-{policy.lower()}"
    make(world, name, deletionPolicy=policy)
    world.client.delete(TENANTS_V1, "", name)
    eventually(_deleted(world, name), "the tenant is gone", 60)
    if policy == "Delete":
        assert world.is_gone(NAMESPACES, "", f"{name}-a")
        return
    assert roles(world, f"{name}-a") == set()
    assert names(world, NETWORK_POLICIES, f"{name}-a") == {"berth-tenant-isolation"}
    make(world, name)
    assert roles(world, f"{name}-a") == {"admin", "berth:tenant-owner"}


def test_who_owns_makes_and_deletes_namespaces_that_the_controller_keeps(world: World) -> None:
    owner = client_as(world.client, "self-owner", world.client.bare_transport())
    make(world, "self", owners=[{"kind": "ServiceAccount", "namespace": "kube-system", "name": "self-owner"}])
    owner.create(TENANT_NAMESPACES, "", {"metadata": {"name": "self-b"}})
    owner.create(CONFIG_MAPS, "self-b", {"metadata": {"name": "c"}})
    world.client.delete(NETWORK_POLICIES, "self-b", "berth-tenant-isolation")
    eventually(lambda: names(world, NETWORK_POLICIES, "self-b") == {"berth-tenant-isolation"}, "kept")
    assert {each["metadata"]["name"] for each in owner.list(TENANT_NAMESPACES)["items"]} == {"self-a", "self-b"}
    owner.delete(TENANT_NAMESPACES, "", "self-b")
    eventually(lambda: world.is_gone(NAMESPACES, "", "self-b"), "gone", 60)

    def told() -> bool:
        return [each["name"] for each in world.client.get(TENANTS_V1, "", "self")["status"]["namespaces"]] == ["self-a"]

    assert eventually(told, "told")


def test_what_is_granted_for_a_time_is_removed_when_it_is_over(world: World) -> None:
    soon = times.time(times.now() + datetime.timedelta(seconds=3))
    make(world, "timed", roles=[{"subjects": [MIA], "clusterRole": "view", "expiresAt": soon}])
    later = {"metadata": {"annotations": {"berth.io/expires-at": soon}}}
    reference = {"apiGroup": _RBAC, "kind": "ClusterRole", "name": "view"}
    binding = {"metadata": {"name": "timed", **later["metadata"]}, "roleRef": reference, "subjects": [MIA]}
    world.client.create(ROLE_BINDINGS, "default", binding)
    world.client.create(CLUSTER_ROLE_BINDINGS, "", binding)
    eventually(lambda: world.is_gone(ROLE_BINDINGS, "default", "timed"), "the binding is gone")
    eventually(lambda: world.is_gone(CLUSTER_ROLE_BINDINGS, "", "timed"), "the cluster's binding is gone")
    eventually(lambda: "view" not in roles(world, "timed-a"), "the member's binding is gone")
    told = eventually(lambda: [each for each in world.list(CORE_EVENTS, "default") if each["reason"] == "GrantExpired"], "told")
    assert {each["involvedObject"]["name"] for each in told} == {"timed"}
