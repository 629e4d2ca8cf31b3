"""Changes of pods that their nodes must be able to follow."""

from __future__ import annotations

import pytest

from admission.plugins.node_declared_feature_validator import NodeDeclaredFeatureValidator, required_features
from cluster.api.errors import Forbidden
from cluster.api.names import GroupResource, Object
from tests.unit.admission.writes import write
from tests.unit.rbac.world import World, metadata

NODES = GroupResource("", "nodes")
POD_LEVEL, INIT = "InPlacePodLevelResourcesVerticalScaling", "InPlacePodVerticalScalingInitContainers"


def asking(cpu: str) -> Object:
    return {"resources": {"requests": {"cpu": cpu}}}


def init(cpu: str, **more: object) -> Object:
    return {"initContainers": [{"name": "i", **asking(cpu), **more}]}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({}, {}, []),
        ({}, asking("1"), [POD_LEVEL]),
        (asking("1"), asking("2"), [POD_LEVEL]),
        (asking("1"), asking("1000m"), []),
        (init("1"), init("2"), [INIT]),
        (init("1"), init("1000m"), []),
        (init("1", restartPolicy="Always"), init("2", restartPolicy="Always"), []),
        (init("1") | asking("1"), init("2") | asking("2"), [POD_LEVEL, INIT]),
        ({"containers": [asking("1")]}, {"containers": [asking("2")]}, []),
    ],
)
def test_what_a_change_needs(old: Object, new: Object, expected: list[str]) -> None:
    assert required_features(old, new) == expected


def pod(node: str, generation: int, spec: Object) -> Object:
    return {"metadata": {"name": "web", "generation": generation}, "spec": spec | {"nodeName": node}}


BOTH = init("2") | asking("2")


@pytest.mark.parametrize(
    ("node", "what", "generation", "spec", "expected"),
    [
        ("able", "pods/resize", 2, BOTH, ""),
        ("half", "pods/resize", 2, BOTH, f'pod update requires features {INIT} which are not available on node "half"'),
        ("old", "pods/resize", 2, BOTH, f'pod update requires features {POD_LEVEL}, {INIT} which are not available on node "old"'),
        ("old", "pods", 2, BOTH, f'pod update requires features {POD_LEVEL}, {INIT} which are not available on node "old"'),
        ("gone", "pods/resize", 2, BOTH, 'node "gone" not found'),
        ("gone", "pods/resize", 2, init("1"), ""),
        ("", "pods/resize", 2, BOTH, ""),
        ("old", "pods/resize", 1, BOTH, ""),
        ("old", "pods/status", 2, BOTH, ""),
        ("old", "configmaps", 2, BOTH, ""),
    ],
)
def test_a_pod_changes_as_its_node_can(node: str, what: str, generation: int, spec: Object, expected: str) -> None:
    world = World()
    for name, features in (("able", [POD_LEVEL, INIT]), ("half", [POD_LEVEL]), ("old", [])):
        world.put(NODES, {"metadata": metadata(name), "status": {"declaredFeatures": features}})
    attributes = write("UPDATE", what, pod(node, generation, spec), pod(node, 1, init("1")), namespace="dev")
    if not expected:
        NodeDeclaredFeatureValidator(world).validate(attributes)
        return
    with pytest.raises(Forbidden) as refusal:
        NodeDeclaredFeatureValidator(world).validate(attributes)
    assert refusal.value.message == f'pods "web" is forbidden: {expected}'
