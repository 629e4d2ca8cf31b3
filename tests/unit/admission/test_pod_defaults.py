"""Tolerations and priority that pods get."""

from __future__ import annotations

import pytest

from admission.plugins.default_toleration_seconds import DefaultTolerationSeconds
from admission.plugins.priority import PRIORITY_CLASSES, Priority
from cluster.api.errors import Forbidden
from cluster.api.names import Object
from tests.unit.admission.writes import write
from tests.unit.rbac.world import World, metadata


def added(key: str, seconds: int) -> Object:
    return {"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": seconds}


NOT_READY, UNREACHABLE = added("not-ready", 5), added("unreachable", 7)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], [NOT_READY, UNREACHABLE]),
        ([{"operator": "Exists"}], [{"operator": "Exists"}]),
        ([{"operator": "Exists", "effect": "NoSchedule"}], [{"operator": "Exists", "effect": "NoSchedule"}, NOT_READY, UNREACHABLE]),
        ([added("not-ready", 1)], [added("not-ready", 1), UNREACHABLE]),
        ([{"key": "other", "effect": "NoExecute"}], [{"key": "other", "effect": "NoExecute"}, NOT_READY, UNREACHABLE]),
    ],
)
def test_a_pod_tolerates_sick_nodes_for_a_while(given: list[Object], expected: list[Object]) -> None:
    pod: Object = {"metadata": {"name": "web"}, "spec": {"tolerations": given}}
    DefaultTolerationSeconds(5, 7).admit(write("CREATE", "pods", pod))
    assert pod["spec"]["tolerations"] == expected


def test_a_subresource_gets_no_tolerations() -> None:
    pod: Object = {"metadata": {"name": "web"}, "spec": {}}
    DefaultTolerationSeconds().admit(write("UPDATE", "pods/status", pod))
    assert pod["spec"] == {}


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
