"""The scheduler through the real API server: it binds, says why it cannot, and tries again when something changes."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.api.names import Object
from cluster.client.resources import CORE_EVENTS, NODES, PODS, SERVICE_ACCOUNTS
from tests.integration.controllers.world import World
from tests.support import eventually


def _pod(world: World, namespace: str, name: str, **spec: Any) -> Object:
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"containers": [{"name": "c", "image": "a"}]} | spec}
    eventually(lambda: not world.is_gone(SERVICE_ACCOUNTS, namespace, "default"), "the service account")
    return world.client.create(PODS, namespace, body)


def _requesting(cpu: str) -> list[Object]:
    return [{"name": "c", "image": "a", "resources": {"requests": {"cpu": cpu}}}]


def _node_of(world: World, namespace: str, name: str) -> str:
    return world.client.get(PODS, namespace, name)["spec"].get("nodeName") or ""


def _refusal(world: World, namespace: str, name: str) -> str:
    conditions = world.client.get(PODS, namespace, name)["status"].get("conditions") or ()
    found = next((each for each in conditions if each["type"] == "PodScheduled" and each["status"] == "False"), None)
    assert found is None or found["reason"] == "Unschedulable"
    return found["message"] if found is not None else ""


def test_a_pod_is_bound_and_an_event_says_where(world: World) -> None:
    namespace = world.namespace("bound")
    _pod(world, namespace, "one")
    eventually(lambda: _node_of(world, namespace, "one"), "bound")
    wanted = f"Successfully assigned {namespace}/one to {_node_of(world, namespace, 'one')}"
    eventually(lambda: wanted in {each["message"] for each in world.list(CORE_EVENTS, namespace)}, "the event")
    scheduled = [each["type"] for each in world.client.get(PODS, namespace, "one")["status"]["conditions"] if each["status"] == "True"]
    assert "PodScheduled" in scheduled


@pytest.mark.parametrize("node", ["w1", "w2"])
def test_a_node_selector_is_followed(world: World, node: str) -> None:
    namespace = world.namespace("selected")
    _pod(world, namespace, f"on-{node}", nodeSelector={"kubernetes.io/hostname": node})
    assert eventually(lambda: _node_of(world, namespace, f"on-{node}"), "bound") == node


def test_a_pod_that_fits_nowhere_says_why_and_is_bound_when_it_fits(world: World) -> None:
    namespace = world.namespace("large")
    _pod(world, namespace, "first", containers=_requesting("3"), nodeSelector={"kubernetes.io/hostname": "w1"})
    eventually(lambda: _node_of(world, namespace, "first"), "the first is bound")
    _pod(world, namespace, "second", containers=_requesting("3"), nodeSelector={"kubernetes.io/hostname": "w1"})
    message = (
        "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) didn't match Pod's node affinity/selector. preemption: 0/2 nodes are "
        "available: 1 No preemption victims found for incoming pod, 1 Preemption is not helpful for scheduling."
    )
    eventually(lambda: _refusal(world, namespace, "second") == message, "it says why")
    reasons = {each["reason"] for each in world.list(CORE_EVENTS, namespace) if each["involvedObject"]["name"] == "second"}
    world.client.delete(PODS, namespace, "first", options={"gracePeriodSeconds": 0})
    eventually(lambda: _node_of(world, namespace, "second") == "w1", "the second is bound")
    assert reasons <= {"FailedScheduling"}
    world.client.delete(PODS, namespace, "second", options={"gracePeriodSeconds": 0})


def test_a_cordoned_node_takes_none(world: World) -> None:
    namespace = world.namespace("cordoned")
    world.client.patch(NODES, "", "w1", {"spec": {"unschedulable": True}})
    tainted = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}

    def taints() -> list[Object]:
        found = world.client.get(NODES, "", "w1")["spec"].get("taints") or []
        return [{"key": each["key"], "effect": each["effect"]} for each in found]

    eventually(lambda: tainted in taints(), "the taint")
    for number in range(3):
        _pod(world, namespace, f"pod-{number}")
    nodes = {eventually(lambda name=name: _node_of(world, namespace, name), "bound") for name in ("pod-0", "pod-1", "pod-2")}
    assert nodes == {"w2"}
    world.client.patch(NODES, "", "w1", {"spec": {"unschedulable": None}})
    eventually(lambda: tainted not in taints(), "the taint is gone")


def test_a_pod_of_another_scheduler_is_left_alone(world: World) -> None:
    namespace = world.namespace("foreign")
    _pod(world, namespace, "theirs", schedulerName="mine")
    _pod(world, namespace, "ours")
    eventually(lambda: _node_of(world, namespace, "ours"), "ours is bound")
    assert not _node_of(world, namespace, "theirs")
