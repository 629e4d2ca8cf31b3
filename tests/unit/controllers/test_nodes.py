"""Nodes that fall silent, their taints, the pods that must go, and what nodes are given."""

from __future__ import annotations

import datetime
import threading
from pathlib import Path
from typing import Any

import pytest

from cluster.api.names import GroupVersionResource, Object
from cluster.client import times
from cluster.client.cache import Cache
from cluster.client.resources import NODES
from cluster.controllers import node_ipam, node_lifecycle, pod_garbage, taint_eviction, taints
from cluster.controllers.framework import ManagerOptions, Requeue
from cluster.controllers.objects import by_node
from tests.unit.controllers.builders import pod

NOW = datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.UTC)


def node(name: str = "n1", ready: str = "True", *, unschedulable: bool = False, present: tuple[tuple[str, str], ...] = ()) -> Object:
    spec: Object = {"taints": [{"key": key, "effect": effect} for key, effect in present]}
    if unschedulable:
        spec["unschedulable"] = True
    conditions = [{"type": "Ready", "status": ready, "lastHeartbeatTime": "2026-01-01T11:00:00Z"}] if ready else []
    metadata = {"name": name, "uid": f"uid-{name}", "resourceVersion": "1", "creationTimestamp": "2026-01-01T10:00:00Z"}
    return {"apiVersion": "v1", "kind": "Node", "metadata": metadata, "spec": spec, "status": {"conditions": conditions}}


class Recorded:
    """A client and event recorder that apply node writes to the cache, as an informer would."""

    def __init__(self, nodes: Cache, pods: Cache) -> None:
        self.nodes, self.pods = nodes, pods
        self.calls: list[tuple[str, str]] = []
        self.events: list[tuple[str, str]] = []

    def update(self, resource: GroupVersionResource, namespace: str, obj: Object, subresource: str = "") -> Object:
        self.calls.append((f"update {subresource}", obj["metadata"]["name"]))
        self.nodes.put(obj)
        return obj

    def patch(self, resource: GroupVersionResource, namespace: str, name: str, patch: Object, **_: Any) -> Object:
        self.calls.append((f"patch {resource.resource}", name))
        if resource == NODES:
            old = self.nodes.get("", name)
            assert old is not None
            self.nodes.put(old | {"spec": old["spec"] | patch["spec"]})
        return {}

    def delete(self, resource: GroupVersionResource, namespace: str, name: str, options: Object | None = None) -> Object:
        self.calls.append((f"delete {resource.resource}", name))
        return {}

    def event(self, about: Object, kind: str, reason: str, message: str) -> None:
        self.events.append((reason, message))


@pytest.mark.parametrize(
    ("given", "add", "remove"),
    [
        (node(), [], []),
        (node(ready="False"), [("node.kubernetes.io/not-ready", "NoSchedule")], []),
        (node(ready="Unknown"), [("node.kubernetes.io/unreachable", "NoSchedule")], []),
        (node(unschedulable=True), [("node.kubernetes.io/unschedulable", "NoSchedule")], []),
        (node(present=(("node.kubernetes.io/not-ready", "NoSchedule"),)), [], [("node.kubernetes.io/not-ready", "NoSchedule")]),
        (node(present=(("mine", "NoSchedule"),)), [], []),
    ],
)
def test_taints_follow_conditions(given: Object, add: list[Any], remove: list[Any]) -> None:
    assert node_lifecycle.no_schedule_taints(given) == (add, remove)


def test_taints_of_others_are_kept_when_ours_are_swapped() -> None:
    given = node(present=(("mine", "NoSchedule"), ("node.kubernetes.io/not-ready", "NoExecute")))
    found = taints.swapped(given, [("node.kubernetes.io/unreachable", "NoExecute")], [("node.kubernetes.io/not-ready", "NoExecute")])
    assert found is not None
    assert [each["key"] for each in found] == ["mine", "node.kubernetes.io/unreachable"]


def test_a_node_that_stops_reporting_turns_unknown() -> None:
    conditions = node_lifecycle.faded(node(), NOW)
    assert conditions is not None
    ready = conditions[0]
    assert (ready["status"], ready["reason"], ready["message"]) == ("Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status.")
    assert {each["reason"] for each in conditions[1:]} == {"NodeStatusNeverUpdated"}
    assert node_lifecycle.faded(node() | {"status": {"conditions": conditions}}, NOW) is None


class Clock:
    """What `times.now` says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.at = NOW
        monkeypatch.setattr(times, "now", lambda: self.at)


def _lifecycle(grace: float, *nodes: Object) -> tuple[node_lifecycle.NodeLifecycle, Recorded]:
    held, leases, pods = Cache(), Cache(), Cache({"node": by_node})
    for each in nodes:
        held.put(each)
    pods.put(pod("p", node="n1"))
    recorded = Recorded(held, pods)
    options = ManagerOptions(Path(), node_monitor_grace_period=grace)
    return node_lifecycle.NodeLifecycle(recorded, recorded, held, leases, pods, options), recorded  # type: ignore[arg-type]


def test_a_silent_node_is_tainted_and_its_pods_marked_when_another_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    made, recorded = _lifecycle(50, node("n1"), node("n2"))
    made.monitor(threading.Event())
    assert recorded.calls == []
    clock.at += datetime.timedelta(seconds=51)
    living = node("n2")
    living["status"]["conditions"][0]["lastHeartbeatTime"] = "2026-01-01T12:00:50Z"
    recorded.nodes.put(living)
    made.monitor(threading.Event())
    assert recorded.calls == [("update status", "n1"), ("patch pods", "p"), ("patch nodes", "n1")]
    assert ("NodeNotReady", "Node n1 status is now: NodeNotReady") in recorded.events
    silent = recorded.nodes.get("", "n1")
    assert silent is not None
    assert taints.has_taint(silent, ("node.kubernetes.io/unreachable", "NoExecute"))


def test_when_all_nodes_are_silent_nothing_is_evicted(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    made, recorded = _lifecycle(50, node("n1"), node("n2"))
    made.monitor(threading.Event())
    clock.at += datetime.timedelta(seconds=51)
    made.monitor(threading.Event())
    assert not [call for call in recorded.calls if call[0] == "patch nodes"]


TAINT = {"key": "k", "effect": "NoExecute", "value": "v"}


@pytest.mark.parametrize(
    ("tolerations", "seconds"),
    [
        ([], 0),
        ([{"operator": "Exists"}], None),
        ([{"key": "k", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 7}], 7),
        ([{"key": "k", "operator": "Equal", "value": "v", "tolerationSeconds": 0}], 0),
        ([{"key": "k", "value": "other", "tolerationSeconds": 7}], 0),
        ([{"key": "k", "operator": "Exists", "effect": "NoSchedule"}], 0),
    ],
)
def test_how_long_a_pod_stays(tolerations: list[Object], seconds: float | None) -> None:
    assert taint_eviction.stays_for([TAINT], tolerations) == seconds


def test_a_pod_is_evicted_when_its_toleration_runs_out() -> None:
    now = [100.0]
    nodes, pods = Cache(), Cache()
    nodes.put(node("n1", present=(("k", "NoExecute"),)))
    tolerating = pod("p", node="n1")
    tolerating["spec"]["tolerations"] = [{"key": "k", "operator": "Exists", "tolerationSeconds": 30}]
    pods.put(tolerating)
    recorded = Recorded(nodes, pods)
    made = taint_eviction.TaintEviction(recorded, recorded, nodes, pods, lambda: now[0])  # type: ignore[arg-type]
    with pytest.raises(Requeue) as again:
        made.sync(("dev", "p"))
    assert again.value.seconds == 30
    now[0] += 30
    made.sync(("dev", "p"))
    assert recorded.calls == [("patch pods", "p"), ("delete pods", "p")]
    assert recorded.events == [("TaintManagerEviction", "Marking for deletion Pod dev/p")]


def test_an_eviction_is_cancelled_when_the_taint_goes() -> None:
    nodes, pods = Cache(), Cache()
    nodes.put(node("n1", present=(("k", "NoExecute"),)))
    tolerating = pod("p", node="n1")
    tolerating["spec"]["tolerations"] = [{"key": "k", "operator": "Exists", "tolerationSeconds": 30}]
    pods.put(tolerating)
    recorded = Recorded(nodes, pods)
    made = taint_eviction.TaintEviction(recorded, recorded, nodes, pods)  # type: ignore[arg-type]
    with pytest.raises(Requeue):
        made.sync(("dev", "p"))
    nodes.put(node("n1"))
    made.sync(("dev", "p"))
    assert recorded.events == [("TaintManagerEviction", "Cancelling deletion of Pod dev/p")]


@pytest.mark.parametrize(
    ("taken", "free"),
    [
        ([], "10.244.0.0/24"),
        (["10.244.0.0/24"], "10.244.1.0/24"),
        (["10.244.0.0/23"], "10.244.2.0/24"),
        (["10.244.1.0/24"], "10.244.0.0/24"),
        (["10.244.0.0/16"], None),
    ],
)
def test_the_first_free_slice(taken: list[str], free: str | None) -> None:
    assert node_ipam.first_free("10.244.0.0/16", 24, taken) == free


def test_pods_of_a_node_that_is_gone_are_deleted_after_a_while() -> None:
    now = [0.0]
    nodes, pods = Cache(), Cache()
    pods.put(pod("p", node="gone"))
    recorded = Recorded(nodes, pods)

    def get(*_: Any, **__: Any) -> Object:
        from cluster.api.errors import NotFound

        raise NotFound("gone")

    recorded.get = get  # type: ignore[attr-defined]
    made = pod_garbage.PodGarbage(recorded, pods, nodes, 0, lambda: now[0])  # type: ignore[arg-type]
    made.collect(threading.Event())
    assert recorded.calls == []
    now[0] = pod_garbage.QUARANTINE
    made.collect(threading.Event())
    assert recorded.calls == [("patch pods", "p"), ("delete pods", "p")]


def test_the_oldest_finished_pods_beyond_the_threshold_go() -> None:
    pods = [pod(name, phase="Succeeded", creationTimestamp=f"2026-01-0{day}T00:00:00Z") for name, day in (("b", 2), ("a", 1), ("c", 3))]
    assert [each["metadata"]["name"] for each in pod_garbage.surplus([*pods, pod()], 1)] == ["a", "b"]
