"""Which priority a pod has, and which class is the default."""

from __future__ import annotations

import pytest

from admission.attributes import Operation
from admission.plugins.priority import PRIORITY_CLASSES, Priority
from cluster.api.errors import Forbidden
from cluster.api.names import Object
from tests.unit.admission.writes import write
from tests.unit.rbac.world import World, metadata


def priority_class(name: str, value: int, **more: object) -> Object:
    return {"metadata": metadata(name), "value": value, **more}


@pytest.fixture
def world() -> World:
    made = World()
    made.put(PRIORITY_CLASSES, priority_class("high", 1000, preemptionPolicy="Never"))
    return made


def admitted(world: World, **spec: object) -> Object:
    pod: Object = {"metadata": {"name": "web"}, "spec": dict(spec)}
    Priority(world).admit(write("CREATE", "pods", pod, namespace="dev"))
    found: Object = pod["spec"]
    return found


def test_a_pod_without_a_class_has_no_priority(world: World) -> None:
    assert admitted(world) == {"priority": 0, "preemptionPolicy": "PreemptLowerPriority"}


def test_a_pod_has_the_priority_of_its_class(world: World) -> None:
    assert admitted(world, priorityClassName="high") == {"priorityClassName": "high", "priority": 1000, "preemptionPolicy": "Never"}


CRITICAL = 2_000_000_000


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, {"priorityClassName": "default", "priority": 1000}),
        ({"priority": 1000}, {"priorityClassName": "default", "priority": 1000}),
        ({"preemptionPolicy": "Never"}, {"priorityClassName": "default", "priority": 1000, "preemptionPolicy": "Never"}),
        ({"priorityClassName": "default"}, {"priorityClassName": "default", "priority": 1000}),
        ({"priorityClassName": "zero", "priority": 0}, {"priorityClassName": "zero", "priority": 0}),
        ({"priorityClassName": "system-cluster-critical"}, {"priorityClassName": "system-cluster-critical", "priority": CRITICAL}),
        ({"priorityClassName": "high", "priority": 1000}, {"priorityClassName": "high", "priority": 1000, "preemptionPolicy": "Never"}),
        (
            {"priorityClassName": "high", "preemptionPolicy": "Never"},
            {"priorityClassName": "high", "priority": 1000, "preemptionPolicy": "Never"},
        ),
    ],
)
def test_what_is_said_of_a_priority_must_be_what_it_is(world: World, spec: Object, expected: Object) -> None:
    """A class may leave preemption open; who is critical for the system is for quotas to bound."""
    for each in (priority_class("default", 1000, globalDefault=True), priority_class("zero", 0)):
        world.put(PRIORITY_CLASSES, each)
    world.put(PRIORITY_CLASSES, priority_class("system-cluster-critical", CRITICAL))
    assert admitted(world, **spec) == expected


def test_a_default_class_counts_as_long_as_it_is_one(world: World) -> None:
    found = [admitted(world)["priority"]]
    for change in (priority_class("a", 20, globalDefault=True), priority_class("a", 20)):
        world.put(PRIORITY_CLASSES, change)
        found.append(admitted(world)["priority"])
    world.put(PRIORITY_CLASSES, priority_class("b", 30, globalDefault=True))
    found.append(admitted(world)["priority"])
    world.delete(PRIORITY_CLASSES, "", "b")
    assert [*found, admitted(world)["priority"]] == [0, 20, 0, 30, 0]


def test_a_pod_without_a_class_has_the_lowest_default_one(world: World) -> None:
    world.put(PRIORITY_CLASSES, priority_class("b", 20, globalDefault=True))
    world.put(PRIORITY_CLASSES, priority_class("a", 10, globalDefault=True, preemptionPolicy="Never"))
    assert admitted(world) == {"priorityClassName": "a", "priority": 10, "preemptionPolicy": "Never"}


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"priorityClassName": "gone"}, "no PriorityClass with name gone was found"),
        (
            {"priority": 7},
            "the integer value of priority (7) must not be provided in pod spec; "
            "priority admission controller computed 0 from the given PriorityClass name",
        ),
        (
            {"priorityClassName": "high", "preemptionPolicy": "PreemptLowerPriority"},
            "the string value of PreemptionPolicy (PreemptLowerPriority) must not be provided in pod spec; "
            "priority admission controller computed Never from the given PriorityClass name",
        ),
    ],
)
def test_a_priority_of_ones_own_is_refused(world: World, spec: Object, message: str) -> None:
    with pytest.raises(Forbidden) as refusal:
        admitted(world, **spec)
    assert refusal.value.message == f'pods "web" is forbidden: {message}'


@pytest.mark.parametrize("what", ["pods/status", "podgroups.scheduling.k8s.io", "configmaps"])
def test_nothing_else_has_a_priority(world: World, what: str) -> None:
    obj: Object = {"metadata": {"name": "web"}, "spec": {"priorityClassName": "gone"}}
    Priority(world).admit(write("CREATE", what, obj, namespace="dev"))
    assert obj["spec"] == {"priorityClassName": "gone"}


def test_an_update_keeps_the_priority(world: World) -> None:
    old: Object = {"metadata": {"name": "web"}, "spec": {"priority": 3, "preemptionPolicy": "Never"}}
    new: Object = {"metadata": {"name": "web"}, "spec": {}}
    Priority(world).admit(write("UPDATE", "pods", new, old))
    assert new["spec"] == old["spec"]


@pytest.mark.parametrize(("operation", "name", "refused"), [("CREATE", "b", True), ("UPDATE", "b", True), ("UPDATE", "a", False)])
def test_there_is_one_default_class(world: World, operation: str, name: str, refused: bool) -> None:
    world.put(PRIORITY_CLASSES, priority_class("a", 10, globalDefault=True))
    attributes = write(operation, "priorityclasses.scheduling.k8s.io", priority_class(name, 5, globalDefault=True))
    if not refused:
        Priority(world).validate(attributes)
        return
    with pytest.raises(Forbidden, match=r"PriorityClass a is already marked as default. Only one default can exist"):
        Priority(world).validate(attributes)


@pytest.mark.parametrize(("operation", "what"), [("CREATE", "priorityclasses"), ("UPDATE", "priorityclasses"), ("CREATE", "other")])
def test_the_first_default_class_and_all_that_are_none_may_be(world: World, operation: str, what: str) -> None:
    if what == "other":
        world.put(PRIORITY_CLASSES, priority_class("a", 10, globalDefault=True))
    new = priority_class("b", 5, globalDefault=what != "other")
    Priority(world).validate(write(operation, "priorityclasses.scheduling.k8s.io", new))
    assert Priority(world).handles(Operation(operation))
