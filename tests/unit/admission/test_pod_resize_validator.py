"""Pods are resized within what their nodes have."""

from __future__ import annotations

import pytest

from admission.plugins.pod_resize_validator import PodResizeValidator, lacking
from cluster.api.errors import Forbidden
from cluster.api.names import GroupResource, Object
from tests.unit.admission.writes import write
from tests.unit.rbac.world import World, metadata

NODES = GroupResource("", "nodes")


def asking(**amounts: str) -> Object:
    return {"resources": {"requests": amounts}}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"containers": [asking(cpu="100m", memory="100Mi")]}, ""),
        ({"containers": [asking(cpu="200m", memory="200Mi")]}, ""),
        ({"containers": [asking(cpu="500m")]}, "cpu, requested: 500, allocatable: 200"),
        ({"containers": [asking(memory="500Mi")]}, "memory, requested: 524288000, allocatable: 209715200"),
        (
            {"containers": [asking(cpu="150m", memory="150Mi"), asking(cpu="150m", memory="150Mi")]},
            "cpu, requested: 300, allocatable: 200; memory, requested: 314572800, allocatable: 209715200",
        ),
        ({"containers": [asking(cpu="150m")], "overhead": {"cpu": "100m"}}, "cpu, requested: 250, allocatable: 200"),
        ({"containers": [asking(cpu="500m")], **asking(cpu="200m")}, ""),
        ({"containers": [asking(cpu="10m")], **asking(cpu="201m")}, "cpu, requested: 201, allocatable: 200"),
        ({"containers": [asking(cpu="10m")], "initContainers": [asking(cpu="300m")]}, "cpu, requested: 300, allocatable: 200"),
        (
            {"containers": [asking(cpu="150m")], "initContainers": [asking(cpu="100m") | {"restartPolicy": "Always"}]},
            "cpu, requested: 250, allocatable: 200",
        ),
        ({"containers": [asking(**{"example.com/gpu": "9"})]}, ""),
    ],
)
def test_what_is_more_than_a_node_has(spec: Object, expected: str) -> None:
    assert lacking(spec, {"cpu": "200m", "memory": "200Mi"}) == expected


def pod(node: str, generation: int, cpu: str) -> Object:
    return {"metadata": {"name": "web", "generation": generation}, "spec": {"nodeName": node, "containers": [asking(cpu=cpu)]}}


@pytest.mark.parametrize(
    ("node", "what", "generation", "cpu", "cause", "expected"),
    [
        ("linux", "pods/resize", 2, "4", "", ""),
        (
            "linux",
            "pods/resize",
            2,
            "5",
            "NodeCapacity",
            "node didn't have enough allocatable resources: cpu, requested: 5000, allocatable: 4000",
        ),
        (
            "windows",
            "pods/resize",
            2,
            "1",
            "UnsupportedPlatform",
            'pod resize is only supported on linux nodes, node "windows" is "windows"',
        ),
        ("unlabelled", "pods/resize", 2, "1", "", ""),
        ("gone", "pods/resize", 2, "1", "", 'node "gone" not found'),
        ("", "pods/resize", 2, "9", "", ""),
        ("linux", "pods/resize", 1, "9", "", ""),
        ("linux", "pods", 2, "9", "", ""),
        ("linux", "configmaps/resize", 2, "9", "", ""),
    ],
)
def test_a_pod_grows_as_far_as_its_node_can(node: str, what: str, generation: int, cpu: str, cause: str, expected: str) -> None:
    world = World()
    for name, labels in (("linux", {"kubernetes.io/os": "linux"}), ("windows", {"kubernetes.io/os": "windows"}), ("unlabelled", {})):
        world.put(NODES, {"metadata": metadata(name, labels=labels), "status": {"allocatable": {"cpu": "4", "memory": "8Gi"}}})
    attributes = write("UPDATE", what, pod(node, generation, cpu), pod(node, 1, "1"), namespace="dev")
    if not expected:
        PodResizeValidator(world).validate(attributes)
        return
    with pytest.raises(Forbidden) as refusal:
        PodResizeValidator(world).validate(attributes)
    assert refusal.value.message == f'pods "web" is forbidden: {expected}'
    assert (refusal.value.details or {}).get("causes", []) == ([{"reason": cause}] if cause else [])
