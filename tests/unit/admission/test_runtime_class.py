"""What a pod gets from its runtime class, and what it may not have of its own."""

from __future__ import annotations

import copy

import pytest

from admission.plugins.runtime_class import RuntimeClass
from cluster.api.errors import Forbidden
from cluster.api.names import GroupResource, Object
from tests.unit.admission.writes import write
from tests.unit.rbac.world import World, metadata

CLASSES = GroupResource("node.k8s.io", "runtimeclasses")
FIXED = {"cpu": "100m", "memory": "1Gi"}
FOO = {"key": "foo", "operator": "Equal", "value": "bar", "effect": "NoSchedule"}
FIZZ = {"key": "fizz", "operator": "Equal", "value": "buzz", "effect": "NoSchedule"}
SCHEDULING = {"nodeSelector": {"kind": "vm"}, "tolerations": [FOO, FIZZ]}
DIFFERS = "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead"
UNDEFINED = "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead"


def runtime(name: str, **more: object) -> Object:
    return {"metadata": metadata(name), "handler": "h", **more}


@pytest.fixture
def world() -> World:
    made = World()
    made.put(CLASSES, runtime("plain"))
    made.put(CLASSES, runtime("heavy", overhead={"podFixed": dict(FIXED)}))
    made.put(CLASSES, runtime("light", overhead={}))
    made.put(CLASSES, runtime("placed", scheduling=copy.deepcopy(SCHEDULING)))
    return made


def pod(**spec: object) -> Object:
    return {"metadata": {"name": "web"}, "spec": dict(spec)}


def admitted(world: World, **spec: object) -> Object:
    """The spec after both phases."""
    obj, plugin = pod(**spec), RuntimeClass(world)
    attributes = write("CREATE", "pods", obj, namespace="dev")
    plugin.admit(attributes)
    plugin.validate(attributes)
    found: Object = obj["spec"]
    return found


@pytest.mark.parametrize(
    ("spec", "gained"),
    [
        ({}, {}),
        ({"runtimeClassName": "plain"}, {}),
        ({"runtimeClassName": "light"}, {}),
        ({"runtimeClassName": "heavy"}, {"overhead": FIXED}),
        ({"runtimeClassName": "heavy", "overhead": {"cpu": "0.1", "memory": "1024Mi"}}, {"overhead": FIXED}),
        ({"runtimeClassName": "placed"}, SCHEDULING),
        ({"runtimeClassName": "placed", "nodeSelector": {"kind": "vm"}}, SCHEDULING),
        ({"runtimeClassName": "placed", "nodeSelector": {"a": "b"}}, SCHEDULING | {"nodeSelector": {"a": "b", "kind": "vm"}}),
        ({"runtimeClassName": "placed", "tolerations": [FIZZ]}, SCHEDULING | {"tolerations": [FIZZ, FOO]}),
    ],
)
def test_a_pod_is_as_its_class_says(world: World, spec: Object, gained: Object) -> None:
    assert admitted(world, **copy.deepcopy(spec)) == spec | gained


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"runtimeClassName": "gone"}, 'pod rejected: RuntimeClass "gone" not found'),
        ({"runtimeClassName": "heavy", "overhead": {"cpu": "100m"}}, DIFFERS),
        ({"runtimeClassName": "heavy", "overhead": {"cpu": "100m", "memory": "2Gi"}}, DIFFERS),
        ({"runtimeClassName": "light", "overhead": {"cpu": "1"}}, DIFFERS),
        ({"runtimeClassName": "plain", "overhead": {"cpu": "1"}}, UNDEFINED),
        ({"overhead": {"cpu": "1"}}, UNDEFINED),
        (
            {"runtimeClassName": "placed", "nodeSelector": {"kind": "bare"}},
            "conflict: runtimeClass.scheduling.nodeSelector[kind] = vm; pod.spec.nodeSelector[kind] = bare",
        ),
    ],
)
def test_what_a_pod_may_not_say(world: World, spec: Object, message: str) -> None:
    with pytest.raises(Forbidden) as refusal:
        admitted(world, **spec)
    assert refusal.value.message == f'pods "web" is forbidden: {message}'


def test_a_change_of_the_overhead_after_this_is_seen(world: World) -> None:
    with pytest.raises(Forbidden, match="doesn't match"):
        RuntimeClass(world).validate(write("CREATE", "pods", pod(runtimeClassName="heavy"), namespace="dev"))


def test_what_is_read_stays_as_it_is(world: World) -> None:
    spec = admitted(world, runtimeClassName="placed")
    spec["tolerations"][0]["key"] = spec["nodeSelector"]["kind"] = "changed"
    found = world.get(CLASSES, "", "placed")
    assert found is not None
    assert found["scheduling"] == SCHEDULING


@pytest.mark.parametrize("what", ["pods/binding", "configmaps"])
def test_only_pods_have_one(world: World, what: str) -> None:
    obj = pod(runtimeClassName="gone")
    RuntimeClass(world).admit(write("CREATE", what, obj, namespace="dev"))
    assert obj == pod(runtimeClassName="gone")
