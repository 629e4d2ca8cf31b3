"""How far a pod may keep others away."""

from __future__ import annotations

import pytest

from admission.attributes import Operation
from admission.plugins.limit_pod_hard_anti_affinity_topology import LimitPodHardAntiAffinityTopology
from cluster.api.errors import Forbidden
from cluster.api.names import Object
from tests.unit.admission.writes import write

REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
NODE = {"topologyKey": "kubernetes.io/hostname"}
ZONE = {"topologyKey": "topology.kubernetes.io/zone"}


def pod(name: str = "web", **affinity: object) -> Object:
    return {"metadata": {"name": name} if name else {"generateName": "web-"}, "spec": {"affinity": affinity}}


@pytest.mark.parametrize("operation", ["CREATE", "UPDATE"])
@pytest.mark.parametrize(
    "obj",
    [
        {"metadata": {"name": "web"}, "spec": {}},
        pod(podAntiAffinity={}),
        pod(podAntiAffinity={REQUIRED: []}),
        pod(podAntiAffinity={REQUIRED: [NODE, NODE]}),
        pod(podAntiAffinity={PREFERRED: [{"weight": 1, "podAffinityTerm": ZONE}]}),
        pod(podAffinity={REQUIRED: [ZONE]}),
    ],
)
def test_what_goes_through(operation: str, obj: Object) -> None:
    plugin = LimitPodHardAntiAffinityTopology()
    attributes = write(operation, "pods", obj)
    plugin.validate(attributes)
    assert plugin.handles(attributes.operation)


@pytest.mark.parametrize(
    ("obj", "message"),
    [
        (
            pod(podAntiAffinity={REQUIRED: [ZONE]}),
            'pods "web" is forbidden: affinity.PodAntiAffinity.RequiredDuringScheduling has TopologyKey topology.kubernetes.io/zone '
            "but only key kubernetes.io/hostname is allowed",
        ),
        (
            pod("", podAntiAffinity={REQUIRED: [NODE, {"topologyKey": "rack"}]}),
            "pods is forbidden: affinity.PodAntiAffinity.RequiredDuringScheduling has TopologyKey rack "
            "but only key kubernetes.io/hostname is allowed",
        ),
    ],
)
def test_a_wider_topology_is_refused(obj: Object, message: str) -> None:
    with pytest.raises(Forbidden) as refusal:
        LimitPodHardAntiAffinityTopology().validate(write("CREATE", "pods", obj))
    assert refusal.value.message == message


@pytest.mark.parametrize("what", ["pods/status", "configmaps"])
def test_only_pods_are_looked_at(what: str) -> None:
    attributes = write("UPDATE", what, pod(podAntiAffinity={REQUIRED: [ZONE]}))
    LimitPodHardAntiAffinityTopology().validate(attributes)
    assert [each for each in Operation if LimitPodHardAntiAffinityTopology().handles(each)] == [Operation.CREATE, Operation.UPDATE]
