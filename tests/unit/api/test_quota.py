"""How objects are measured against quotas.  Drawn from the tests of `pkg/quota/v1/evaluator/core`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from cluster.api.meta import parse_time
from cluster.api.names import GroupResource, Object
from cluster.api.quota.evaluator import ObjectCount, concerns, count_name
from cluster.api.quota.evaluators import IGNORED, Evaluators
from cluster.api.quota.pods import PodEvaluator, overdue_from
from cluster.api.quota.resource_claims import ResourceClaimEvaluator
from cluster.api.quota.scopes import Scope, scopes_of
from cluster.api.quota.services import ServiceEvaluator
from cluster.api.quota.usage import total
from cluster.api.quota.volume_claims import VolumeClaimEvaluator
from cluster.api.resource_lists import texts_of, without_zeros

NOON = parse_time("2026-01-01T12:00:00Z").timestamp()
PODS = PodEvaluator(lambda: NOON)


def pod(requests: Any = None, limits: Any = None, *, init: bool = False, metadata: Any = None, status: Any = None, **spec: Any) -> Object:
    containers = [{"name": "c", "resources": {"requests": requests or {}, "limits": limits or {}}}]
    spec = ({"containers": [], "initContainers": containers} if init else {"containers": containers}) | spec
    return {"metadata": {"name": "p", **(metadata or {})}, "spec": spec, "status": status or {}}


ONE_POD = {"count/pods": "1", "pods": "1"}
EACH = {"requests.cpu": "1m", "limits.cpu": "2m", "cpu": "1m", **ONE_POD}


@pytest.mark.parametrize(
    ("obj", "usage"),
    [
        (pod({"cpu": "1m"}, {"cpu": "2m"}), EACH),
        (pod({"cpu": "1m"}, {"cpu": "2m"}, init=True), EACH),
        (pod({"memory": "1Mi"}, {"memory": "2Mi"}), {"memory": "1Mi", "requests.memory": "1Mi", "limits.memory": "2Mi", **ONE_POD}),
        (
            pod({"ephemeral-storage": "32Mi"}, {"ephemeral-storage": "64Mi"}),
            {
                "ephemeral-storage": "32Mi",
                "requests.ephemeral-storage": "32Mi",
                "limits.ephemeral-storage": "64Mi",
                **ONE_POD,
            },
        ),
        (pod({"hugepages-2Mi": "100Mi"}), {"hugepages-2Mi": "100Mi", "requests.hugepages-2Mi": "100Mi", **ONE_POD}),
        (pod({"example.com/dongle": "3"}, {"example.com/dongle": "3"}), {"requests.example.com/dongle": "3", **ONE_POD}),
        (
            pod({"deviceclass.resource.kubernetes.io/dongle": "3"}),
            {"requests.deviceclass.resource.kubernetes.io/dongle": "3", **ONE_POD},
        ),
        (pod({"cpu": "1m"}, status={"phase": "Succeeded"}), {"count/pods": "1"}),
        (pod({"cpu": "1m"}, status={"phase": "Failed"}), {"count/pods": "1"}),
        (pod(metadata={"deletionTimestamp": "2026-01-01T11:59:00Z", "deletionGracePeriodSeconds": 30}), {"count/pods": "1"}),
        (pod(metadata={"deletionTimestamp": "2026-01-01T11:59:00Z", "deletionGracePeriodSeconds": 60}), ONE_POD),
        (pod(metadata={"deletionTimestamp": "2026-01-01T11:59:00Z"}), ONE_POD),
        (pod(resources={"requests": {"cpu": "5"}}), {"cpu": "5", "requests.cpu": "5", **ONE_POD}),
    ],
)
def test_what_a_pod_uses(obj: Object, usage: dict[str, str]) -> None:
    assert texts_of(PODS.usage(obj)) == usage


def test_when_a_pod_that_is_deleted_counts_no_more() -> None:
    deleted = {"deletionTimestamp": "2026-01-01T12:00:00Z", "deletionGracePeriodSeconds": 30}
    assert overdue_from(pod(metadata=deleted)) == NOON + 30
    assert overdue_from(pod()) is None


def container(name: str, **resources: Any) -> Object:
    return {"name": name, "resources": resources}


CPU_ONLY = {"requests": {"cpu": "1m"}, "limits": {"cpu": "2m"}}


@pytest.mark.parametrize(
    ("spec", "required", "missing"),
    [
        ({"containers": [container("dummy", **CPU_ONLY)]}, ["memory"], "must specify memory for: dummy"),
        ({"initContainers": [container("dummy", **CPU_ONLY)]}, ["memory"], "must specify memory for: dummy"),
        ({"containers": [container("foo", **CPU_ONLY), container("bar", **CPU_ONLY)]}, ["memory"], "must specify memory for: bar,foo"),
        (
            {"containers": [container("foo"), container("bar")]},
            ["memory", "cpu"],
            "must specify cpu for: bar,foo; memory for: bar,foo",
        ),
        (
            {"containers": [container("a", requests={"cpu": "1"}), container("b", limits={"cpu": "1"})]},
            ["limits.cpu", "requests.cpu"],
            "must specify limits.cpu for: a; requests.cpu for: b",
        ),
        ({"containers": [container("foo")]}, ["pods", "ephemeral-storage", "requests.example.com/x"], ""),
        ({"containers": [container("foo")], "resources": {"requests": {"cpu": "1m"}}}, ["memory", "cpu"], ""),
    ],
)
def test_what_containers_must_say(spec: Object, required: list[str], missing: str) -> None:
    assert PODS.missing(required, {"spec": spec}) == missing


ACROSS = {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "z", "namespaces": ["n"]}]}
ANYWHERE = {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "podAffinityTerm": {"namespaceSelector": {}}}]}
HERE = {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "z"}]}


@pytest.mark.parametrize(
    ("obj", "scopes"),
    [
        (pod(), "NotTerminating BestEffort"),
        (pod({"cpu": "1m"}), "NotTerminating NotBestEffort"),
        (pod(activeDeadlineSeconds=5), "Terminating BestEffort"),
        (pod(activeDeadlineSeconds=0), "Terminating BestEffort"),
        (pod(priorityClassName="high"), "NotTerminating BestEffort PriorityClass"),
        (pod(affinity={"podAffinity": ACROSS}), "NotTerminating BestEffort CrossNamespacePodAffinity"),
        (pod(affinity={"podAntiAffinity": ANYWHERE}), "NotTerminating BestEffort CrossNamespacePodAffinity"),
        (pod(affinity={"podAffinity": HERE}), "NotTerminating BestEffort"),
    ],
)
def test_the_scopes_of_a_pod(obj: Object, scopes: str) -> None:
    names = ("Terminating", "NotTerminating", "BestEffort", "NotBestEffort", "PriorityClass", "CrossNamespacePodAffinity")
    assert [name for name in (*names, "VolumeAttributesClass") if PODS.in_scope(Scope(name), obj)] == scopes.split()


@pytest.mark.parametrize(
    ("name", "scope", "matches"),
    [
        ("", Scope("PriorityClass"), False),
        ("high", Scope("PriorityClass", "In", ("high", "higher")), True),
        ("low", Scope("PriorityClass", "In", ("high",)), False),
        ("", Scope("PriorityClass", "In", ("high",)), False),
        ("low", Scope("PriorityClass", "NotIn", ("high",)), True),
        ("", Scope("PriorityClass", "NotIn", ("high",)), True),
        ("", Scope("PriorityClass", "DoesNotExist"), True),
        ("low", Scope("PriorityClass", "DoesNotExist"), False),
    ],
)
def test_a_priority_class_is_selected(name: str, scope: Scope, matches: bool) -> None:
    assert PODS.in_scope(scope, pod(priorityClassName=name)) is matches


def test_what_of_a_quota_is_about_pods() -> None:
    about = ["pods", "count/pods", "cpu", "requests.cpu", "limits.memory", "hugepages-2Mi", "requests.hugepages-2Mi"]
    about += ["requests.example.com/x", "requests.deviceclass.resource.kubernetes.io/x"]
    other = ["services", "requests.storage", "gold.storageclass.storage.k8s.io/requests.storage", "example.com/x", "count/services"]
    assert PODS.names([*other, *about]) == about


@pytest.mark.parametrize(
    ("operation", "subresource", "old", "handled"),
    [
        ("CREATE", "", None, True),
        ("UPDATE", "", pod(), False),
        ("UPDATE", "", pod(activeDeadlineSeconds=5), True),
        ("UPDATE", "resize", pod(), True),
        ("CREATE", "resize", None, False),
        ("CREATE", "binding", None, False),
        ("UPDATE", "status", pod(), False),
    ],
)
def test_which_writes_of_pods_may_use_more(operation: str, subresource: str, old: Object | None, handled: bool) -> None:
    assert PODS.handles(operation, subresource, pod(), old) is handled


# services


def ports(*node_ports: int) -> list[Object]:
    return [{"port": 80 + number, **({"nodePort": each} if each else {})} for number, each in enumerate(node_ports)]


@pytest.mark.parametrize(
    ("spec", "node_ports", "load_balancers"),
    [
        ({"type": "ClusterIP", "ports": ports(0)}, 0, 0),
        ({"type": "ExternalName"}, 0, 0),
        ({"type": "NodePort", "ports": ports(0, 30001)}, 2, 0),
        ({"type": "LoadBalancer", "ports": ports(0)}, 1, 1),
        ({"type": "LoadBalancer", "ports": ports(0, 0), "allocateLoadBalancerNodePorts": False}, 0, 1),
        ({"type": "LoadBalancer", "ports": ports(0, 30001), "allocateLoadBalancerNodePorts": False}, 1, 1),
    ],
)
def test_what_a_service_uses(spec: Object, node_ports: int, load_balancers: int) -> None:
    usage = {"count/services": "1", "services": "1", "services.nodeports": node_ports, "services.loadbalancers": load_balancers}
    assert texts_of(ServiceEvaluator().usage({"spec": spec})) == {name: str(amount) for name, amount in usage.items()}


@pytest.mark.parametrize(("operation", "subresource", "handled"), [("CREATE", "", True), ("UPDATE", "", True), ("UPDATE", "status", False)])
def test_which_writes_of_services_may_use_more(operation: str, subresource: str, handled: bool) -> None:
    assert ServiceEvaluator().handles(operation, subresource, {}, {}) is handled


# claims of volumes

VOLUMES = VolumeClaimEvaluator()


def claim(storage: str = "10Gi", *, status: Any = None, annotations: Any = None, **spec: Any) -> Object:
    return {
        "metadata": {"name": "c", "annotations": annotations or {}},
        "spec": {"resources": {"requests": {"storage": storage}}, **spec},
        "status": status or {},
    }


ONE_CLAIM = {"persistentvolumeclaims": "1", "count/persistentvolumeclaims": "1"}
OF_GOLD = "gold.storageclass.storage.k8s.io/"


@pytest.mark.parametrize(
    ("obj", "usage"),
    [
        (claim(), {**ONE_CLAIM, "requests.storage": "10Gi"}),
        (
            claim(storageClassName="gold"),
            {
                **ONE_CLAIM,
                "requests.storage": "10Gi",
                f"{OF_GOLD}persistentvolumeclaims": "1",
                f"{OF_GOLD}requests.storage": "10Gi",
            },
        ),
        (
            claim(annotations={"volume.beta.kubernetes.io/storage-class": ""}, storageClassName="gold"),
            {**ONE_CLAIM, "requests.storage": "10Gi"},
        ),
        (claim("1500m"), {**ONE_CLAIM, "requests.storage": "2"}),
        (claim(status={"allocatedResources": {"storage": "20Gi"}}), {**ONE_CLAIM, "requests.storage": "20Gi"}),
        (claim(status={"allocatedResources": {"storage": "5Gi"}}), {**ONE_CLAIM, "requests.storage": "10Gi"}),
        ({"metadata": {}, "spec": {}}, ONE_CLAIM),
    ],
)
def test_what_a_claim_uses(obj: Object, usage: dict[str, str]) -> None:
    assert texts_of(VOLUMES.usage(obj)) == usage


@pytest.mark.parametrize(
    ("obj", "scope", "matches"),
    [
        (claim(), Scope("VolumeAttributesClass"), False),
        (claim(), Scope("VolumeAttributesClass", "NotIn", ("gold",)), True),
        (claim(volumeAttributesClassName="gold"), Scope("VolumeAttributesClass"), True),
        (claim(volumeAttributesClassName="gold"), Scope("VolumeAttributesClass", "In", ("gold",)), True),
        (claim(volumeAttributesClassName="tin"), Scope("VolumeAttributesClass", "In", ("gold",)), False),
        (claim(status={"currentVolumeAttributesClassName": "gold"}), Scope("VolumeAttributesClass", "In", ("gold",)), True),
        (
            claim(
                volumeAttributesClassName="tin",
                status={"modifyVolumeStatus": {"targetVolumeAttributesClassName": "gold"}},
            ),
            Scope("VolumeAttributesClass", "In", ("gold",)),
            True,
        ),
        (claim(), Scope("Terminating"), False),
    ],
)
def test_the_scope_of_a_claim(obj: Object, scope: Scope, matches: bool) -> None:
    assert VOLUMES.in_scope(scope, obj) is matches


@pytest.mark.parametrize(
    ("operation", "subresource", "handled"),
    [("CREATE", "", True), ("UPDATE", "", True), ("UPDATE", "status", True), ("UPDATE", "resize", False)],
)
def test_which_writes_of_claims_may_use_more(operation: str, subresource: str, handled: bool) -> None:
    assert VOLUMES.handles(operation, subresource, claim(), claim()) is handled


def test_what_of_a_quota_is_about_claims() -> None:
    about = ["persistentvolumeclaims", "count/persistentvolumeclaims", "requests.storage"]
    about += [f"{OF_GOLD}persistentvolumeclaims", f"{OF_GOLD}requests.storage"]
    assert VOLUMES.names([*about, "storage", "pods", f"{OF_GOLD}storage"]) == about


# claims of devices


class Neighbours:
    def __init__(self, pods: Iterable[Object] = (), claims: Iterable[Object] = ()) -> None:
        self._pods = {each["metadata"]["name"]: each for each in pods}
        self._claims = list(claims)

    def device_classes(self) -> Mapping[str, str]:
        return {"gpu": "example.com/gpu", "tpu": ""}

    def pod(self, namespace: str, name: str) -> Object | None:
        return self._pods.get(name)

    def claims(self, namespace: str) -> Iterable[Object]:
        return self._claims


def devices(*requests: Object, name: str = "foo", owner: str = "") -> Object:
    metadata: Object = {"name": name, "namespace": "ns", "creationTimestamp": "2026-01-01T00:00:00Z"}
    if owner:
        metadata["annotations"] = {"resource.kubernetes.io/extended-resource-claim": "true"}
        metadata["ownerReferences"] = [{"apiVersion": "v1", "kind": "Pod", "name": owner, "uid": "uid", "controller": True}]
    return {"metadata": metadata, "spec": {"devices": {"requests": list(requests)}}}


def asks(device_class: str = "gpu", count: int = 1, mode: str = "ExactCount") -> Object:
    return {"deviceClassName": device_class, "allocationMode": mode, **({"count": count} if mode == "ExactCount" else {})}


def exactly(*arguments: Any) -> Object:
    return {"name": "r", "exactly": asks(*arguments)}


def owner(name: str, *requests: dict[str, str], init: tuple[dict[str, str], ...] = (), claimed: bool = True) -> Object:
    """A pod whose containers ask for extended resources."""
    status = {"extendedResourceClaimStatus": {"resourceClaimName": "foo"}} if claimed else {}
    spec = {
        name: [{"resources": {"requests": each}} for each in some] for name, some in (("containers", requests), ("initContainers", init))
    }
    return {"metadata": {"name": name, "namespace": "ns", "uid": "uid"}, "spec": spec, "status": status}


IMPLICIT, EXPLICIT = {"deviceclass.resource.kubernetes.io/gpu": "1"}, {"example.com/gpu": "1"}
BOTH = IMPLICIT | EXPLICIT
OWNERS = [
    owner("implicit", IMPLICIT),
    owner("explicit", init=(EXPLICIT,)),
    owner("hybrid", BOTH, init=(BOTH,)),
    owner("unclaimed", IMPLICIT, init=(EXPLICIT,), claimed=False),
]
TWO = (exactly(), exactly())


def gpus(number: int, implicit: int, explicit: int) -> dict[str, str]:
    usage = {
        "count/resourceclaims.resource.k8s.io": 1,
        "gpu.deviceclass.resource.k8s.io/devices": number,
        "requests.deviceclass.resource.kubernetes.io/gpu": implicit,
        "requests.example.com/gpu": explicit,
    }
    return {name: str(amount) for name, amount in usage.items() if amount}


@pytest.mark.parametrize(
    ("obj", "usage"),
    [
        (devices(exactly()), gpus(1, 1, 1)),
        (devices(*[exactly()] * 5), gpus(5, 5, 5)),
        (devices(exactly("gpu", 5)), gpus(5, 5, 5)),
        (devices(exactly("gpu", 0, "All")), gpus(32, 32, 32)),
        (devices(exactly("gpu", 0, "Future")), gpus(0, 0, 0)),
        (devices({"name": "r", **asks()}), gpus(1, 1, 1)),
        (devices({"name": "r", "firstAvailable": [asks("gpu", 2), asks("gpu", 1)]}), gpus(2, 2, 2)),
        (
            devices({"name": "r", "firstAvailable": [asks(), asks("tpu", 0, "All")]}),
            gpus(1, 1, 1) | {"tpu.deviceclass.resource.k8s.io/devices": "32", "requests.deviceclass.resource.kubernetes.io/tpu": "32"},
        ),
        (devices(exactly(), owner="implicit"), gpus(1, 0, 1)),
        (devices(exactly(), owner="explicit"), gpus(1, 1, 0)),
        (devices(*TWO, owner="hybrid"), gpus(2, 1, 1)),
        (devices(*TWO, owner="unclaimed"), gpus(2, 1, 1)),
        (devices(exactly(), name="other", owner="implicit"), gpus(1, 1, 1)),
        (devices(exactly(), owner="nobody"), gpus(1, 1, 1)),
    ],
)
def test_what_a_claim_of_devices_uses(obj: Object, usage: dict[str, str]) -> None:
    evaluator = ResourceClaimEvaluator(Neighbours(OWNERS), PODS)
    assert texts_of(without_zeros(evaluator.usage(obj))) == usage


def test_of_two_claims_for_one_pod_the_first_is_spared_what_the_pod_is_charged() -> None:
    first, second = devices(*TWO, owner="unclaimed"), devices(*TWO, name="foo-copy", owner="unclaimed")
    evaluator = ResourceClaimEvaluator(Neighbours(OWNERS, [first, second]), PODS)
    assert texts_of(evaluator.usage(first)) == gpus(2, 1, 1)
    assert texts_of(evaluator.usage(second)) == gpus(2, 2, 2)


def test_what_of_a_quota_is_about_claims_of_devices() -> None:
    about = ["count/resourceclaims.resource.k8s.io", "gpu.deviceclass.resource.k8s.io/devices", "requests.example.com/gpu"]
    about += ["requests.deviceclass.resource.kubernetes.io/gpu"]
    other = ["resourceclaims", "storage", "bronze.deviceclass.resource.k8s.io/storage", "requests.example.com/other"]
    assert ResourceClaimEvaluator(Neighbours(), PODS).names([*other, *about]) == about


# all others


def test_everything_else_is_counted_by_its_name_and_group() -> None:
    found = Evaluators(Neighbours())
    deployments = found.of(GroupResource("apps", "deployments"))
    assert texts_of(deployments.usage({})) == {"count/deployments.apps": "1"}
    assert texts_of(found.of(GroupResource("", "secrets")).usage({})) == {"count/secrets": "1", "secrets": "1"}
    assert deployments.handles("CREATE", "", {}, None)
    assert not deployments.handles("UPDATE", "", {}, {})
    assert not deployments.handles("CREATE", "scale", {}, None)
    assert GroupResource("events.k8s.io", "events") in IGNORED


def test_a_quota_with_a_scope_is_no_concern_of_what_has_none() -> None:
    count = ObjectCount(GroupResource("", "configmaps"))
    quota: Object = {"spec": {}, "status": {"hard": {count_name(count.resource): "1"}}}
    assert concerns(count, quota, {})
    assert not concerns(count, quota | {"spec": {"scopes": ["BestEffort"]}}, {})
    assert not concerns(count, {"spec": {}}, {})


def test_a_quotas_scopes_are_both_lists_of_its_spec() -> None:
    expression = {"scopeName": "PriorityClass", "operator": "In", "values": ["a", "b"]}
    found = scopes_of({"spec": {"scopes": ["BestEffort"], "scopeSelector": {"matchExpressions": [expression]}}})
    assert [str(scope) for scope in found] == ["{BestEffort Exists []}", "{PriorityClass In [a b]}"]


def test_all_that_is_in_scope_adds_up_and_nothing_is_zero() -> None:
    pods = [pod({"cpu": "1"}), pod({"cpu": "500m"}, activeDeadlineSeconds=1), pod({"cpu": "250m"}, status={"phase": "Failed"})]
    assert texts_of(total(PODS, [], ["cpu", "pods", "count/pods"], pods)) == {"cpu": "1500m", "pods": "2", "count/pods": "3"}
    assert texts_of(total(PODS, [Scope("Terminating")], ["cpu", "pods"], pods)) == {"cpu": "500m", "pods": "1"}
    assert texts_of(total(PODS, [], ["memory"], [])) == {"memory": "0"}
