"""Zone and region of a node on what is bound to it."""

from __future__ import annotations

import pytest

from admission.attributes import Operation
from admission.plugins.pod_topology_labels import PodTopologyLabels
from cluster.api.names import GroupResource, Object
from tests.unit.admission.writes import write
from tests.unit.rbac.world import World, metadata

NODES = GroupResource("", "nodes")
ZONE, REGION = "topology.kubernetes.io/zone", "topology.kubernetes.io/region"
OTHERS = {"topology.kubernetes.io/rack": "r", "sub.topology.kubernetes.io/zone": "z", "topology.kubernetes.io": "x", "zone": "y"}


@pytest.fixture
def world() -> World:
    made = World()
    made.put(NODES, {"metadata": metadata("both", labels={ZONE: "z1", REGION: "r1"} | OTHERS)})
    made.put(NODES, {"metadata": metadata("one", labels={REGION: "r1"} | OTHERS)})
    made.put(NODES, {"metadata": metadata("none", labels=OTHERS)})
    made.put(NODES, {"metadata": metadata("bare")})
    return made


@pytest.mark.parametrize(
    ("node", "before", "after"),
    [
        ("both", None, {ZONE: "z1", REGION: "r1"}),
        ("both", {"app": "web", ZONE: "old"}, {"app": "web", ZONE: "z1", REGION: "r1"}),
        ("one", {ZONE: "own"}, {ZONE: "own", REGION: "r1"}),
        ("none", None, None),
        ("bare", {"app": "web"}, {"app": "web"}),
        ("gone", None, None),
        ("", None, None),
    ],
)
@pytest.mark.parametrize("what", ["pods", "pods/binding"])
def test_the_nodes_labels_are_taken_over(world: World, what: str, node: str, before: Object | None, after: Object | None) -> None:
    place: Object = {"spec": {"nodeName": node}} if what == "pods" else {"target": {"kind": "Node", "name": node}}
    obj: Object = {"metadata": {"name": "web"} | ({} if before is None else {"labels": before}), **place}
    PodTopologyLabels(world).admit(write("CREATE", what, obj, namespace="dev"))
    assert obj["metadata"].get("labels") == after


@pytest.mark.parametrize(
    ("what", "obj"),
    [
        ("pods/binding", {"metadata": {"name": "web"}, "target": {"name": "both"}}),
        ("pods/binding", {"metadata": {"name": "web"}, "target": {"kind": "Machine", "name": "both"}}),
        ("pods/binding", {"metadata": {"name": "web"}, "spec": {"nodeName": "both"}}),
        ("pods/eviction", {"metadata": {"name": "web"}, "target": {"kind": "Node", "name": "both"}}),
        ("configmaps", {"metadata": {"name": "web"}, "spec": {"nodeName": "both"}}),
    ],
)
def test_nothing_else_is_labelled(world: World, what: str, obj: Object) -> None:
    PodTopologyLabels(world).admit(write("CREATE", what, obj, namespace="dev"))
    assert "labels" not in obj["metadata"]


def test_a_pod_is_labelled_when_it_comes_to_its_node_only(world: World) -> None:
    assert [each for each in Operation if PodTopologyLabels(world).handles(each)] == [Operation.CREATE]
