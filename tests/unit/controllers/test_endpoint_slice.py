"""Which endpoints a Service has, and which slices change for them."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from cluster.api.names import Object
from cluster.controllers.endpoint_slice import desired
from tests.unit.controllers.builders import pod


def service(**spec: Any) -> Object:
    ports = [{"name": "http", "port": 80, "targetPort": 8080, "protocol": "TCP"}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": "dev", "uid": "u", "labels": {"team": "a"}},
        "spec": {"selector": {"app": "web"}, "ports": ports, "ipFamilies": ["IPv4"], "clusterIP": "10.96.0.7"} | spec,
    }


def serving(name: str, ip: str = "10.0.0.1", **more: Any) -> Object:
    made = pod(name, node="n1", **more)
    made["status"] |= {"podIP": ip, "podIPs": [{"ip": ip}]}
    return made


def _endpoints(own: Object, *pods: Object) -> list[Object]:
    return [each for group in desired.endpoints(own, pods, {}).values() for each in group]


def test_a_ready_pod_is_an_endpoint() -> None:
    (group,) = desired.endpoints(service(), [serving("a")], {"n1": {"metadata": {"labels": {"topology.kubernetes.io/zone": "z"}}}}).items()
    (family, ports), (endpoint,) = group
    assert (family, orjson.loads(ports)) == ("IPv4", [{"name": "http", "port": 8080, "protocol": "TCP"}])
    assert endpoint == {
        "addresses": ["10.0.0.1"],
        "conditions": {"ready": True, "serving": True, "terminating": False},
        "targetRef": {"kind": "Pod", "namespace": "dev", "name": "a", "uid": "uid-a"},
        "nodeName": "n1",
        "zone": "z",
    }


@pytest.mark.parametrize(
    ("own", "subject", "conditions"),
    [
        (service(), serving("a", ready=False), (False, False, False)),
        (service(publishNotReadyAddresses=True), serving("a", ready=False), (True, False, False)),
        (service(), serving("a", deletionTimestamp="2026-01-01T00:00:00Z"), (False, True, True)),
    ],
)
def test_conditions(own: Object, subject: Object, conditions: tuple[bool, ...]) -> None:
    (endpoint,) = _endpoints(own, subject)
    assert tuple(endpoint["conditions"].values()) == conditions


@pytest.mark.parametrize("subject", [pod("a"), serving("a", phase="Succeeded"), serving("a", ip="fd00::1")])
def test_what_is_no_endpoint(subject: Object) -> None:
    assert _endpoints(service(), subject) == []


def test_a_port_by_name_is_looked_up_in_each_pod() -> None:
    own = service(ports=[{"port": 80, "targetPort": "web", "protocol": "TCP"}])
    named = serving("a")
    named["spec"]["containers"][0]["ports"] = [{"name": "web", "containerPort": 81}]
    found = desired.endpoints(own, [named, serving("b")], {})
    assert {ports: len(group) for (_, ports), group in found.items()} == {b'[{"name":"","port":81,"protocol":"TCP"}]': 1, b"[]": 1}


def _plan(own: Object, pods: list[Object], slices: list[Object]) -> tuple[list[Object], list[Object], list[Object]]:
    return desired.plan(own, desired.endpoints(own, pods, {}), slices)


def _made(own: Object, pods: list[Object]) -> list[Object]:
    create, _, _ = _plan(own, pods, [])
    for number, each in enumerate(create):
        each["metadata"]["name"] = f"web-{number}"
    return create


def test_a_service_without_pods_has_an_empty_slice() -> None:
    (made,) = _made(service(), [])
    assert (made["endpoints"], made["addressType"]) == ([], "IPv4")
    assert made["metadata"]["labels"] == {"team": "a", desired.SERVICE_NAME: "web", desired.MANAGED_BY: desired.MANAGER}


def test_nothing_is_written_when_nothing_changed() -> None:
    pods = [serving(f"p{number}", f"10.0.0.{number}") for number in range(5)]
    assert _plan(service(), pods, _made(service(), pods)) == ([], [], [])


def test_a_slice_holds_a_hundred() -> None:
    pods = [serving(f"p{number:03}", f"10.0.{number // 250}.{number % 250}") for number in range(150)]
    assert [len(each["endpoints"]) for each in _made(service(), pods)] == [100, 50]


def test_a_slice_is_updated_and_what_is_left_over_deleted() -> None:
    pods = [serving(f"p{number:03}", f"10.0.{number // 250}.{number % 250}") for number in range(150)]
    create, update, delete = _plan(service(), pods[:1], _made(service(), pods))
    assert (len(create), len(update), len(delete)) == (0, 1, 1)
