"""Quotas and limit ranges through the real API server and controllers: what conformance asks of them, and what goes beyond it.

Upstream: `test/e2e/apimachinery/resource_quota.go`, `test/e2e/scheduling/limit_range.go`.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

import pytest

from cluster.api.errors import Forbidden, Invalid, NotFound, StatusError
from cluster.api.names import GroupVersionResource, Object
from cluster.api.quantity import parse
from cluster.client.http import STRATEGIC_MERGE_PATCH
from cluster.client.resources import (
    CONFIG_MAPS,
    LIMIT_RANGES,
    NAMESPACES,
    PERSISTENT_VOLUME_CLAIMS,
    PODS,
    PRIORITY_CLASSES,
    REPLICA_SETS,
    REPLICATION_CONTROLLERS,
    RESOURCE_QUOTAS,
    SECRETS,
    SERVICE_ACCOUNTS,
    SERVICES,
)
from tests.integration.controllers.world import World
from tests.support import eventually

RESOURCE_CLAIMS = GroupVersionResource("resource.k8s.io", "v1", "resourceclaims")
DONGLE = "example.com/dongle"
DEFAULT = {
    "pods": "5",
    "services": "10",
    "services.nodeports": "1",
    "services.loadbalancers": "1",
    "replicationcontrollers": "10",
    "resourcequotas": "1",
    "cpu": "1",
    "memory": "500Mi",
    "configmaps": "10",
    "secrets": "10",
    "persistentvolumeclaims": "10",
    "requests.storage": "10Gi",
    "ephemeral-storage": "50Gi",
    "gold.storageclass.storage.k8s.io/persistentvolumeclaims": "10",
    "gold.storageclass.storage.k8s.io/requests.storage": "10Gi",
    "count/replicasets.apps": "5",
    f"requests.{DONGLE}": "3",
}
SCOPED = {"pods": "5", "requests.cpu": "1", "requests.memory": "500Mi", "limits.cpu": "2", "limits.memory": "1Gi"}


class Place:
    """A namespace with its service account, and short ways to write into it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.client = world.client
        self.name = world.namespace(f"quota-{secrets.token_hex(3)}")
        eventually(lambda: not world.is_gone(SERVICE_ACCOUNTS, self.name, "default"), "the service account")
        eventually(lambda: world.list(CONFIG_MAPS, self.name), "the root CA")

    def quota(self, name: str, hard: dict[str, str], **spec: Any) -> Object:
        """A new quota, once it was counted."""
        self.client.create(RESOURCE_QUOTAS, self.name, {"metadata": {"name": name}, "spec": {"hard": hard, **spec}})
        return self.counted(name, hard)

    def counted(self, name: str, hard: dict[str, str]) -> Object:
        def status() -> Object:
            found: Object = self.client.get(RESOURCE_QUOTAS, self.name, name)["status"]
            return found if found.get("hard") == hard and found.get("used", {}).keys() == hard.keys() else {}

        found: Object = eventually(status, f"quota {name} is counted")
        return found["used"]  # type: ignore[no-any-return]

    def used(self, name: str = "test-quota") -> Object:
        found: Object = self.client.get(RESOURCE_QUOTAS, self.name, name)["status"]["used"]
        return found

    def uses(self, amounts: dict[str, str], name: str = "test-quota") -> None:
        """At once: what is charged is there when the write is answered."""
        used = self.used(name)
        assert {each: parse(used[each]) for each in amounts} == {each: parse(amount) for each, amount in amounts.items()}

    def comes_to_use(self, amounts: dict[str, str], name: str = "test-quota") -> None:
        wanted = {each: parse(amount) for each, amount in amounts.items()}
        eventually(
            lambda: {each: parse(amount) for each, amount in self.used(name).items() if each in wanted} == wanted,
            lambda: f"{wanted}, but {self.used(name)}",
        )

    def create(self, resource: GroupVersionResource, name: str, **content: Any) -> Object:
        return self.client.create(resource, self.name, {"metadata": {"name": name}, **content})

    def pod(self, name: str, requests: dict[str, str] | None = None, limits: dict[str, str] | None = None, **spec: Any) -> Object:
        container = {"name": "pause", "image": "pause", "resources": {"requests": requests or {}, "limits": limits or {}}}
        return self.create(PODS, name, spec={"containers": [container], **spec})

    def delete(self, resource: GroupVersionResource, name: str, **options: Any) -> None:
        self.client.delete(resource, self.name, name, options={"gracePeriodSeconds": 0, **options})

    def refused(self, error: type[StatusError] = Forbidden) -> Any:
        return pytest.raises(error)


@pytest.fixture
def place(world: World) -> Iterator[Place]:
    made = Place(world)
    yield made
    world.client.delete(NAMESPACES, "", made.name)


def test_a_quotas_status_is_promptly_calculated(place: Place) -> None:
    assert place.quota("test-quota", DEFAULT)["resourcequotas"] == "1"


def test_the_life_of_a_service(place: Place) -> None:
    place.quota("test-quota", DEFAULT)
    ports = [{"port": 80, "targetPort": 80}]
    place.create(SERVICES, "plain", spec={"type": "ClusterIP", "ports": ports})
    place.create(SERVICES, "np", spec={"type": "NodePort", "ports": ports})
    with place.refused() as error:
        place.create(SERVICES, "lb", spec={"type": "LoadBalancer", "ports": ports})
    amounts = "requested: services.nodeports=1, used: services.nodeports=1, limited: services.nodeports=1"
    assert error.value.message == f'services "lb" is forbidden: exceeded quota: test-quota, {amounts}'
    place.uses({"resourcequotas": "1", "services": "2", "services.nodeports": "1", "services.loadbalancers": "0"})
    place.delete(SERVICES, "plain")
    place.delete(SERVICES, "np")
    place.comes_to_use({"services": "0", "services.nodeports": "0"})


def test_a_services_type_is_charged_and_released_as_it_changes(place: Place) -> None:
    place.quota("test-quota", DEFAULT)
    ports = [{"port": 80, "targetPort": 80}, {"port": 81, "targetPort": 81, "name": "more"}]
    place.create(SERVICES, "web", spec={"type": "ClusterIP", "ports": ports[:1]})
    place.client.patch(SERVICES, place.name, "web", {"spec": {"type": "NodePort"}})
    place.uses({"services": "1", "services.nodeports": "1"})
    place.client.patch(SERVICES, place.name, "web", {"spec": {"type": "ClusterIP"}})
    place.comes_to_use({"services": "1", "services.nodeports": "0"})
    ports[0]["name"] = "first"
    with place.refused():
        place.client.patch(SERVICES, place.name, "web", {"spec": {"type": "NodePort", "ports": ports}})


@pytest.mark.parametrize(("resource", "name"), [(SECRETS, "secrets"), (CONFIG_MAPS, "configmaps")])
def test_the_life_of_what_is_counted(place: Place, resource: GroupVersionResource, name: str) -> None:
    before = len(place.world.list(resource, place.name))
    used = place.quota("test-quota", DEFAULT | {name: str(before + 1)})
    assert used[name] == str(before)
    place.create(resource, "one")
    place.uses({name: str(before + 1)})
    with place.refused():
        place.create(resource, "two")
    place.delete(resource, "one")
    place.comes_to_use({name: str(before)})


def test_the_life_of_a_pod(place: Place) -> None:
    place.quota("test-quota", DEFAULT)
    requests = {"cpu": "500m", "memory": "252Mi", "ephemeral-storage": "30Gi", DONGLE: "2"}
    place.pod("test-pod", requests, {DONGLE: "2"})
    counted = {"cpu": "500m", "memory": "252Mi", "ephemeral-storage": "30Gi", f"requests.{DONGLE}": "2", "pods": "1"}
    place.uses(counted)
    with place.refused() as error:
        place.pod("fail-pod", {"cpu": "600m", "memory": "100Mi"})
    assert error.value.message.endswith("exceeded quota: test-quota, requested: cpu=600m, used: cpu=500m, limited: cpu=1")
    with place.refused() as error:
        place.pod("fail-too", {"cpu": "500m", "memory": "100Mi", "ephemeral-storage": "30Gi", DONGLE: "2"}, {DONGLE: "2"})
    beyond = f"requested: ephemeral-storage=30Gi,requests.{DONGLE}=2, used: ephemeral-storage=30Gi,requests.{DONGLE}=2"
    assert error.value.message.endswith(f"exceeded quota: test-quota, {beyond}, limited: ephemeral-storage=50Gi,requests.{DONGLE}=3")
    with place.refused() as error:
        place.pod("careless")
    assert error.value.message.endswith("failed quota: test-quota: must specify cpu for: pause; memory for: pause")
    less = {"spec": {"containers": [{"name": "pause", "resources": {"requests": {"cpu": "100m"}}}]}}
    with place.refused(Invalid):
        place.client.patch(PODS, place.name, "test-pod", less, content_type=STRATEGIC_MERGE_PATCH)
    place.uses(counted)
    place.delete(PODS, "test-pod")
    place.comes_to_use(dict.fromkeys(counted, "0"))


def test_a_pod_that_has_ended_is_an_object_and_no_more(place: Place) -> None:
    place.quota("test-quota", {"pods": "1", "count/pods": "2", "requests.cpu": "1"})
    place.pod("done", {"cpu": "1"}, schedulerName="nobody")  # no kubelet is to say that it runs
    place.client.patch(PODS, place.name, "done", {"status": {"phase": "Succeeded"}}, subresource="status")
    place.comes_to_use({"pods": "0", "count/pods": "1", "requests.cpu": "0"})
    place.pod("next", {"cpu": "1"})
    place.uses({"pods": "1", "count/pods": "2", "requests.cpu": "1"})


def test_the_life_of_a_replication_controller(place: Place) -> None:
    place.quota("test-quota", DEFAULT)
    template = {"metadata": {"labels": {"name": "rc"}}, "spec": {"containers": [{"name": "c", "image": "nginx"}]}}
    place.create(REPLICATION_CONTROLLERS, "test-rc", spec={"replicas": 0, "selector": {"name": "rc"}, "template": template})
    place.uses({"replicationcontrollers": "1"})
    place.delete(REPLICATION_CONTROLLERS, "test-rc", propagationPolicy="Background")
    place.comes_to_use({"replicationcontrollers": "0"})


def test_the_life_of_a_replica_set(place: Place) -> None:
    place.quota("test-quota", DEFAULT)
    template = {"metadata": {"labels": {"name": "rs"}}, "spec": {"containers": [{"name": "c", "image": "nginx"}]}}
    place.create(REPLICA_SETS, "test-rs", spec={"replicas": 0, "selector": {"matchLabels": {"name": "rs"}}, "template": template})
    place.uses({"count/replicasets.apps": "1"})
    place.delete(REPLICA_SETS, "test-rs")
    place.comes_to_use({"count/replicasets.apps": "0"})


def test_the_life_of_a_claim_with_a_storage_class(place: Place) -> None:
    place.quota("test-quota", DEFAULT)
    spec = {"accessModes": ["ReadWriteOnce"], "storageClassName": "gold", "resources": {"requests": {"storage": "1Gi"}}}
    place.create(PERSISTENT_VOLUME_CLAIMS, "test-claim", spec=spec)
    gold = "gold.storageclass.storage.k8s.io/"
    names = ("persistentvolumeclaims", f"{gold}persistentvolumeclaims", "requests.storage", f"{gold}requests.storage")
    place.uses(dict(zip(names, ("1", "1", "1Gi", "1Gi"), strict=True)))
    spec["resources"] = {"requests": {"storage": "10Gi"}}
    with place.refused():
        place.create(PERSISTENT_VOLUME_CLAIMS, "large", spec=spec)
    place.delete(PERSISTENT_VOLUME_CLAIMS, "test-claim")
    place.comes_to_use(dict.fromkeys(names, "0"))


def test_the_life_of_a_resource_claim(place: Place) -> None:
    devices = "gold.deviceclass.resource.k8s.io/devices"
    hard = {"count/resourceclaims.resource.k8s.io": "2", devices: "1"}
    place.quota("test-quota", hard)
    request = {"name": "r", "exactly": {"deviceClassName": "gold"}}
    place.create(RESOURCE_CLAIMS, "claim", spec={"devices": {"requests": [request]}})
    place.uses(dict.fromkeys(hard, "1"))
    with place.refused():
        place.create(RESOURCE_CLAIMS, "another", spec={"devices": {"requests": [request]}})
    place.delete(RESOURCE_CLAIMS, "claim")
    place.comes_to_use(dict.fromkeys(hard, "0"))


REQUESTS, LIMITS = {"cpu": "500m", "memory": "200Mi"}, {"cpu": "1", "memory": "400Mi"}
FULL = {"pods": "1", "requests.cpu": "500m", "requests.memory": "200Mi", "limits.cpu": "1", "limits.memory": "400Mi"}
NONE = dict.fromkeys(FULL, "0")


def by_scope(selector: bool, scope: str) -> dict[str, Any]:
    if selector:
        return {"scopeSelector": {"matchExpressions": [{"scopeName": scope, "operator": "Exists"}]}}
    return {"scopes": [scope]}


@pytest.mark.parametrize("selector", [False, True])
def test_terminating_scopes(place: Place, selector: bool) -> None:
    place.quota("terminating", SCOPED, **by_scope(selector, "Terminating"))
    place.quota("not-terminating", SCOPED, **by_scope(selector, "NotTerminating"))
    for name, spec, counting, other in (
        ("long", {}, "not-terminating", "terminating"),
        ("short", {"activeDeadlineSeconds": 3600}, "terminating", "not-terminating"),
    ):
        place.pod(name, REQUESTS, LIMITS, **spec)
        place.uses(FULL, counting)
        place.uses(NONE, other)
        place.delete(PODS, name)
        place.comes_to_use(NONE, counting)


def test_a_pod_that_comes_to_be_terminating_changes_its_quota(place: Place) -> None:
    place.quota("terminating", {"pods": "1"}, scopes=["Terminating"])
    place.quota("not-terminating", {"pods": "5"}, scopes=["NotTerminating"])
    for name in ("a", "b"):
        place.pod(name)
    place.client.patch(PODS, place.name, "a", {"spec": {"activeDeadlineSeconds": 3600}})
    place.uses({"pods": "1"}, "terminating")
    place.comes_to_use({"pods": "1"}, "not-terminating")
    with place.refused():
        place.client.patch(PODS, place.name, "b", {"spec": {"activeDeadlineSeconds": 3600}})


@pytest.mark.parametrize("selector", [False, True])
def test_best_effort_scopes(place: Place, selector: bool) -> None:
    place.quota("best-effort", {"pods": "5"}, **by_scope(selector, "BestEffort"))
    place.quota("not-best-effort", {"pods": "5"}, **by_scope(selector, "NotBestEffort"))
    for name, resources, counting, other in (
        ("best", ({}, {}), "best-effort", "not-best-effort"),
        ("burstable", (REQUESTS, LIMITS), "not-best-effort", "best-effort"),
    ):
        place.pod(name, *resources)
        place.uses({"pods": "1"}, counting)
        place.uses({"pods": "0"}, other)
        place.delete(PODS, name)
        place.comes_to_use({"pods": "0"}, counting)


def test_the_scope_of_a_priority_class(place: Place) -> None:
    high = f"high-{place.name}"
    place.client.create(PRIORITY_CLASSES, "", {"metadata": {"name": high}, "value": 1000})
    try:
        expression = {"scopeName": "PriorityClass", "operator": "In", "values": [high]}
        place.quota("high", {"pods": "1"}, scopeSelector={"matchExpressions": [expression]})
        place.pod("plain")
        place.uses({"pods": "0"}, "high")
        place.pod("first", priorityClassName=high)
        place.uses({"pods": "1"}, "high")
        with place.refused():
            place.pod("second", priorityClassName=high)
        place.delete(PODS, "first")
        place.comes_to_use({"pods": "0"}, "high")
    finally:
        place.client.delete(PRIORITY_CLASSES, "", high)


def test_the_scope_of_affinity_across_namespaces(place: Place) -> None:
    place.quota("across", {"pods": "1"}, **by_scope(True, "CrossNamespacePodAffinity"))
    term: dict[str, Any] = {"topologyKey": "zone", "labelSelector": {}}
    place.pod("here", affinity={"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}})
    place.uses({"pods": "0"}, "across")
    across = {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{**term, "namespaces": ["other"]}]}}
    place.pod("there", affinity=across)
    place.uses({"pods": "1"}, "across")
    preferred = [{"weight": 1, "podAffinityTerm": {**term, "namespaceSelector": {}}}]
    with place.refused():
        place.pod("anywhere", affinity={"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred}})


def test_a_quota_is_updated_and_deleted(place: Place) -> None:
    place.quota("test-quota", {"cpu": "1", "memory": "500Mi"})
    hard = {"cpu": "2", "memory": "1Gi"}
    changed = place.client.update(RESOURCE_QUOTAS, place.name, {"metadata": {"name": "test-quota"}, "spec": {"hard": hard}})
    assert changed["spec"]["hard"] == hard
    place.counted("test-quota", hard)
    place.client.delete(RESOURCE_QUOTAS, place.name, "test-quota")
    with place.refused(NotFound):
        place.client.get(RESOURCE_QUOTAS, place.name, "test-quota")
    place.pod("free", {"cpu": "4"})


def test_the_lifecycle_of_a_quota(place: Place) -> None:
    label = f"e2e-{place.name}"
    body = {"metadata": {"name": "e2e", "labels": {"e2e": label}}, "spec": {"hard": {"cpu": "1", "memory": "500Mi"}}}
    place.client.create(RESOURCE_QUOTAS, place.name, body)
    listed = place.client.list(RESOURCE_QUOTAS, label_selector=f"e2e={label}")["items"]
    assert [each["metadata"]["name"] for each in listed] == ["e2e"]
    patch = {"metadata": {"labels": {"e2e": label, "more": "patched"}}, "spec": {"hard": {"memory": "750Mi"}}}
    patched = place.client.patch(RESOURCE_QUOTAS, place.name, "e2e", patch, content_type=STRATEGIC_MERGE_PATCH)
    assert (patched["metadata"]["labels"]["more"], patched["spec"]["hard"]["memory"]) == ("patched", "750Mi")
    place.client.delete_collection(RESOURCE_QUOTAS, place.name, label_selector=f"e2e={label}")
    assert place.world.list(RESOURCE_QUOTAS, place.name) == []


def test_what_is_written_to_a_quotas_status_is_put_right(place: Place) -> None:
    place.quota("test-quota", {"cpu": "500m", "memory": "500Mi"})
    hard = {"cpu": "1", "memory": "1Gi"}
    place.client.patch(RESOURCE_QUOTAS, place.name, "test-quota", {"spec": {"hard": hard}})
    place.client.patch(RESOURCE_QUOTAS, place.name, "test-quota", {"status": {"hard": hard}}, subresource="status")
    assert place.client.get(RESOURCE_QUOTAS, place.name, "test-quota", subresource="status")["status"]["hard"] == hard
    false = {"status": {"hard": {"cpu": "2", "memory": "2Gi"}}}
    patched = place.client.patch(RESOURCE_QUOTAS, place.name, "test-quota", false, subresource="status")
    assert (patched["spec"]["hard"], patched["status"]["hard"]) == (hard, {"cpu": "2", "memory": "2Gi"})
    place.counted("test-quota", hard)


def test_a_dry_run_is_judged_and_charges_nothing(place: Place) -> None:
    before = len(place.world.list(CONFIG_MAPS, place.name))
    place.quota("test-quota", {"configmaps": str(before + 1)})
    path = f"/api/v1/namespaces/{place.name}/configmaps"
    body = b'{"metadata":{"name":"dry"}}'
    place.client.request("POST", path, body=body, query={"dryRun": "All"})
    place.uses({"configmaps": str(before)})
    place.create(CONFIG_MAPS, "real")
    with place.refused():
        place.client.request("POST", path, body=body, query={"dryRun": "All"})


def test_a_resize_is_charged(place: Place) -> None:
    place.quota("test-quota", {"requests.cpu": "1"})
    place.pod("test-pod", {"cpu": "500m"})

    def resize(cpu: str) -> None:
        spec = {"containers": [{"name": "pause", "resources": {"requests": {"cpu": cpu}}}]}
        place.client.patch(PODS, place.name, "test-pod", {"spec": spec}, content_type=STRATEGIC_MERGE_PATCH, subresource="resize")

    resize("800m")
    place.uses({"requests.cpu": "800m"})
    with place.refused() as error:
        resize("1500m")
    assert error.value.message.endswith(
        "exceeded quota: test-quota, requested: requests.cpu=700m, used: requests.cpu=800m, limited: requests.cpu=1"
    )


def test_objects_are_counted_that_nobody_served_when_the_quota_was_made(place: Place) -> None:
    hard = {"count/widgets.example.com": "1", "configmaps": "10"}
    place.client.create(RESOURCE_QUOTAS, place.name, {"metadata": {"name": "test-quota"}, "spec": {"hard": hard}})

    def status() -> Object:
        found: Object = place.client.get(RESOURCE_QUOTAS, place.name, "test-quota")["status"]
        return found if found.get("hard") == hard else {}

    assert eventually(status, "the quota is counted")["used"].keys() == {"configmaps"}


# limit ranges

MINIMUM = {"cpu": "50m", "memory": "100Mi", "ephemeral-storage": "100Gi"}
MAXIMUM = {"cpu": "500m", "memory": "500Mi", "ephemeral-storage": "500Gi"}
USUAL = {"cpu": "100m", "memory": "200Mi", "ephemeral-storage": "200Gi"}
LIMIT_RANGE = {"type": "Container", "min": MINIMUM, "max": MAXIMUM, "default": MAXIMUM, "defaultRequest": USUAL}


def resources(pod: Object) -> Object:
    found: Object = pod["spec"]["containers"][0]["resources"]
    return found


def test_a_limit_range_gives_defaults_and_bounds(place: Place) -> None:
    made = place.create(LIMIT_RANGES, "limits", spec={"limits": [LIMIT_RANGE]})
    assert resources(place.pod("plain")) == {"requests": USUAL, "limits": MAXIMUM}
    partial = place.pod("partial", {"memory": "150Mi", "ephemeral-storage": "150Gi"}, {"cpu": "300m"})
    assert resources(partial)["requests"] == {"cpu": "300m", "memory": "150Mi", "ephemeral-storage": "150Gi"}
    assert resources(partial)["limits"] == {"cpu": "300m", "memory": "500Mi", "ephemeral-storage": "500Gi"}
    less = {"cpu": "10m", "memory": "50Mi", "ephemeral-storage": "50Gi"}
    with place.refused():
        place.pod("less", less)
    with place.refused(Invalid):  # what is requested is above the default limit
        place.pod("more", {"cpu": "600m", "memory": "600Mi", "ephemeral-storage": "600Gi"})
    made["spec"]["limits"][0]["min"] = {"cpu": "9m", "memory": "49Mi", "ephemeral-storage": "49Gi"}
    place.client.update(LIMIT_RANGES, place.name, made)
    place.pod("less", less)
    place.delete(LIMIT_RANGES, "limits")
    place.pod("more", {"cpu": "600m", "memory": "600Mi", "ephemeral-storage": "600Gi"})


def test_limit_ranges_are_listed_patched_and_deleted_by_collection(place: Place, world: World) -> None:
    other = world.namespace(f"{place.name}-other")
    label = {"e2e": place.name}
    for namespace in (place.name, other):
        body = {"metadata": {"name": "limits", "labels": label}, "spec": {"limits": [LIMIT_RANGE]}}
        place.client.create(LIMIT_RANGES, namespace, body)
    assert len(place.client.list(LIMIT_RANGES, label_selector=f"e2e={place.name}")["items"]) == 2
    patch = {"metadata": {"labels": {"patched": place.name}}}
    place.client.patch(LIMIT_RANGES, place.name, "limits", patch)
    place.client.delete_collection(LIMIT_RANGES, place.name, label_selector=f"patched={place.name}")
    left = place.client.list(LIMIT_RANGES, label_selector=f"e2e={place.name}")["items"]
    assert [each["metadata"]["namespace"] for each in left] == [other]
    world.client.delete(NAMESPACES, "", other)
