"""Each plugin by a table, and the whole profile by what users are told."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.api.names import Object
from cluster.client.cache import Cache
from cluster.scheduler import preemption
from cluster.scheduler.cache import NodeInfo
from cluster.scheduler.framework import Listers, Profile, Unschedulable, filtered, schedule, scores
from cluster.scheduler.plugins import PLUGINS
from cluster.scheduler.pod_resources import requests
from cluster.scheduler.profiles.default import PROFILE
from tests.unit.scheduler.builders import cycle, node, pod

TAINT = {"key": "k", "value": "v", "effect": "NoSchedule"}


def _affinity(*expressions: Object, fields: list[Object] | None = None) -> Object:
    term: Object = {"matchExpressions": list(expressions)} if expressions else {}
    if fields:
        term["matchFields"] = fields
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}}


def _ports(port: int, ip: str = "", protocol: str = "TCP") -> list[Object]:
    return [{"name": "c", "ports": [{"hostPort": port, "hostIP": ip, "protocol": protocol}]}]


@pytest.mark.parametrize(
    ("subject", "place", "reasons"),
    [
        (pod(), node("n"), None),
        (pod(), node("n", unschedulable=True), ("node(s) were unschedulable",)),
        (pod(tolerations=[{"key": "node.kubernetes.io/unschedulable", "operator": "Exists"}]), node("n", unschedulable=True), None),
        (pod(nodeName="other"), node("n"), ("node(s) didn't match the requested node name",)),
        (pod(), node("n", taints=[TAINT]), ("node(s) had untolerated taint(s)",)),
        (pod(tolerations=[{"key": "k", "value": "v"}]), node("n", taints=[TAINT]), None),
        (pod(tolerations=[{"operator": "Exists"}]), node("n", taints=[TAINT]), None),
        (
            pod(tolerations=[{"key": "k", "value": "v", "effect": "NoExecute"}]),
            node("n", taints=[TAINT]),
            ("node(s) had untolerated taint(s)",),
        ),
        (pod(), node("n", taints=[TAINT | {"effect": "PreferNoSchedule"}]), None),
        (pod(nodeSelector={"disk": "ssd"}), node("n", labels={"disk": "ssd"}), None),
        (pod(nodeSelector={"disk": "ssd"}), node("n"), ("node(s) didn't match Pod's node affinity/selector",)),
        (pod(affinity=_affinity({"key": "size", "operator": "Gt", "values": ["3"]})), node("n", labels={"size": "4"}), None),
        (
            pod(affinity=_affinity({"key": "size", "operator": "Lt", "values": ["3"]})),
            node("n", labels={"size": "x"}),
            ("node(s) didn't match Pod's node affinity/selector",),
        ),
        (pod(affinity=_affinity({"key": "gone", "operator": "DoesNotExist"})), node("n"), None),
        (pod(affinity=_affinity(fields=[{"key": "metadata.name", "operator": "In", "values": ["n"]}])), node("n"), None),
        (pod(affinity=_affinity()), node("n"), ("node(s) didn't match Pod's node affinity/selector",)),
        (
            pod(containers=_ports(80)),
            node("n", pod(containers=_ports(80))),
            ("node(s) didn't have free ports for the requested pod ports",),
        ),
        (pod(containers=_ports(80, "127.0.0.1")), node("n", pod(containers=_ports(80, "127.0.0.2"))), None),
        (pod(containers=_ports(80)), node("n", pod(containers=_ports(80, protocol="UDP"))), None),
        (pod(cpu="4"), node("n"), None),
        (pod(cpu="4001m"), node("n"), ("Insufficient cpu",)),
        (pod(cpu="3", memory="5Gi"), node("n", pod(cpu="2", memory="4Gi")), ("Insufficient cpu", "Insufficient memory")),
    ],
)
def test_filters(subject: Object, place: NodeInfo, reasons: tuple[str, ...] | None) -> None:
    _, rejections = filtered(PROFILE, cycle(subject, place), [place])
    assert (rejections["n"].reasons if rejections else None) == reasons


def test_a_node_holds_so_many_pods() -> None:
    full = node("n")
    full.allocatable["pods"] = 0
    _, rejections = filtered(PROFILE, cycle(pod(), full), [full])
    assert rejections["n"].reasons == ("Too many pods",)


def _spread(skew: int, key: str = "kubernetes.io/hostname", action: str = "DoNotSchedule", **more: Any) -> list[Object]:
    return [{"maxSkew": skew, "topologyKey": key, "whenUnsatisfiable": action, "labelSelector": {"matchLabels": {"app": "web"}}} | more]


WEB = {"app": "web"}


@pytest.mark.parametrize(
    ("constraints", "fits"),
    [
        (_spread(1), ["b", "c"]),
        (_spread(3), ["a", "b", "c"]),
        (_spread(1, "zone"), ["b"]),
        (_spread(3, "zone"), ["a", "b"]),
        (_spread(1, minDomains=4), ["c"]),
    ],
)
def test_hard_spreading(constraints: list[Object], fits: list[str]) -> None:
    nodes = [
        node("a", pod(labels=WEB), pod(labels=WEB), labels={"zone": "1"}),
        node("b", pod(), labels={"zone": "2"}),
        node("c"),
    ]
    if constraints[0].get("minDomains"):
        nodes[1].place(_info(pod(labels=WEB)))
        nodes[0].place(_info(pod(labels=WEB)))
    feasible, _ = filtered(PROFILE, cycle(pod(labels=WEB, topologySpreadConstraints=constraints), *nodes), nodes)
    assert [each.name for each in feasible] == fits


def _info(subject: Object) -> Any:
    from cluster.scheduler.cache import PodInfo

    return PodInfo.of(subject)


class Held:
    """As an informer looks to a plugin."""

    def __init__(self, *objects: Object) -> None:
        self._cache = Cache()
        for each in objects:
            self._cache.put(each)
        self.get, self.list = self._cache.get, self._cache.list


def _near(*terms: Object, side: str = "podAffinity") -> Object:
    return {side: {"requiredDuringSchedulingIgnoredDuringExecution": list(terms)}}


def _term(key: str = "zone", **more: Any) -> Object:
    return {"topologyKey": key, "labelSelector": {"matchLabels": WEB}} | more


@pytest.mark.parametrize(
    ("subject", "fits"),
    [
        (pod(affinity=_near(_term())), ["a", "b"]),
        (pod(affinity=_near(_term("kubernetes.io/hostname"))), ["a"]),
        (pod(affinity=_near(_term(), side="podAntiAffinity")), ["c", "d"]),
        (pod(affinity=_near(_term(namespaces=["other"]))), []),
        (pod(affinity=_near(_term(namespaceSelector={}))), ["a", "b"]),
        (pod(labels={"app": "lonely"}), ["a", "b", "d"]),
        (pod(labels={"app": "first"}, affinity=_near(_term(labelSelector={"matchLabels": {"app": "first"}}))), ["a", "b", "c"]),
    ],
    ids=["zone", "host", "away", "elsewhere", "anywhere", "others want to be away", "first of its kind"],
)
def test_affinity_to_pods(subject: Object, fits: list[str]) -> None:
    alone = pod(affinity=_near(_term(labelSelector={"matchLabels": {"app": "lonely"}}), side="podAntiAffinity"))
    nodes = [
        node("a", pod(labels=WEB), labels={"zone": "1"}),
        node("b", labels={"zone": "1"}),
        node("c", alone, labels={"zone": "2"}),
        node("d"),
    ]
    feasible, _ = filtered(PROFILE, cycle(subject, *nodes), nodes)
    assert [each.name for each in feasible] == fits


@pytest.mark.parametrize(("side", "best"), [("podAffinity", "a"), ("podAntiAffinity", "b")])
def test_preferred_affinity_to_pods(side: str, best: str) -> None:
    preferred = {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 100, "podAffinityTerm": _term()}]}
    nodes = [node("a", pod(labels=WEB), labels={"zone": "1"}), node("b", labels={"zone": "2"})]
    assert schedule(PROFILE, cycle(pod(affinity={side: preferred}), *nodes)) == best


def test_replicas_of_one_set_go_to_different_nodes() -> None:
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "u", "controller": True}
    listers = Listers(replica_sets=Held({"metadata": {"name": "web", "namespace": "dev"}, "spec": {"selector": {"matchLabels": WEB}}}))  # type: ignore[arg-type]
    second = pod(labels=WEB)
    second["metadata"]["ownerReferences"] = [owner]
    used, free = node("used", pod(labels=WEB)), node("free", pod("a", cpu="1"), pod("b", cpu="1"))
    assert schedule(PROFILE, cycle(second, used, free, listers=listers)) == "free"


def test_pods_of_one_service_go_to_different_nodes() -> None:
    listers = Listers(services=Held({"metadata": {"name": "web", "namespace": "dev"}, "spec": {"selector": WEB}}))  # type: ignore[arg-type]
    totals = scores(PROFILE, cycle(pod(labels=WEB), listers=listers), [node("used", pod(labels=WEB)), node("free")])
    assert totals["free"] > totals["used"]


@pytest.mark.parametrize(
    ("better", "worse", "subject"),
    [
        (node("a"), node("b", pod(cpu="3", memory="6Gi")), pod()),
        (node("a"), node("b", taints=[TAINT | {"effect": "PreferNoSchedule"}]), pod()),
        (node("a", cpu="8"), node("b", cpu="2"), pod(cpu="1")),
        (
            node("a", labels={"disk": "ssd"}),
            node("b"),
            pod(
                affinity={
                    "nodeAffinity": {
                        "preferredDuringSchedulingIgnoredDuringExecution": [
                            {"weight": 1, "preference": {"matchExpressions": [{"key": "disk", "operator": "In", "values": ["ssd"]}]}}
                        ]
                    }
                }
            ),
        ),
    ],
    ids=["less used", "no soft taint", "larger", "preferred"],
)
def test_the_better_node_is_taken(better: NodeInfo, worse: NodeInfo, subject: Object) -> None:
    assert schedule(PROFILE, cycle(subject, worse, better)) == better.name


def test_the_user_is_told_why() -> None:
    nodes = [node("a", cpu="1"), node("b", taints=[TAINT])]
    with pytest.raises(Unschedulable) as error:
        schedule(PROFILE, cycle(pod(cpu="2"), *nodes))
    message = error.value.message + preemption.explanation(pod(), 2, error.value.rejections)
    assert message == (
        "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint(s). "
        "preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling."
    )


def test_without_nodes() -> None:
    with pytest.raises(Unschedulable, match="no nodes available to schedule pods"):
        schedule(PROFILE, cycle(pod()))


def test_a_pod_requests_the_most_that_it_needs_at_any_time() -> None:
    def container(cpu: str, **more: str) -> Object:
        return {"name": "c", "resources": {"requests": {"cpu": cpu}}} | more

    subject = pod(
        containers=[container("1"), container("500m")],
        initContainers=[container("100m", restartPolicy="Always"), container("2")],
        overhead={"cpu": "10m"},
    )
    assert requests(subject) == {"cpu": 2110}


def _alone(name: str) -> Profile:
    return Profile("alone", [plugin for plugin in PLUGINS if plugin.name == name], {name: 1})


@pytest.mark.parametrize(
    ("plugin", "subject", "place"),
    [
        ("NodeUnschedulable", pod(), node("n", unschedulable=True)),
        ("NodeName", pod(nodeName="other"), node("n")),
        ("TaintToleration", pod(), node("n", taints=[TAINT])),
        ("NodeAffinity", pod(nodeSelector={"disk": "ssd"}), node("n")),
        ("NodePorts", pod(containers=_ports(80)), node("n", pod(containers=_ports(80)))),
        ("NodeResourcesFit", pod(cpu="5"), node("n")),
        ("PodTopologySpread", pod(labels=WEB, topologySpreadConstraints=_spread(1, "zone")), node("n")),
        ("InterPodAffinity", pod(affinity=_near(_term())), node("n", labels={"zone": "1"})),
    ],
)
def test_a_plugin_refuses_by_itself(plugin: str, subject: Object, place: NodeInfo) -> None:
    _, rejections = filtered(_alone(plugin), cycle(subject, place), [place])
    assert {*rejections} == {"n"}


def test_even_use_is_better_by_node_resources_balanced_allocation_alone() -> None:
    even, odd = node("even", pod(memory="4Gi")), node("odd", pod(cpu="2"))
    totals = scores(_alone("NodeResourcesBalancedAllocation"), cycle(pod(cpu="2"), even, odd), [even, odd])
    assert totals["even"] > totals["odd"]


def test_every_weight_is_of_a_plugin_that_scores() -> None:
    scoring = {plugin.name for plugin in PLUGINS if plugin.score is not None}
    assert set(PROFILE.weights) == scoring
