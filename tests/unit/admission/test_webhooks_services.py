"""Where a service is: ready endpoints behind its port; and a webhook that is called there, over a real connection."""

from __future__ import annotations

import collections
from pathlib import Path
from typing import Any

import pytest

from admission.webhooks.services import resolve
from cluster.api.names import GroupResource, Object
from cluster.api.protocols import HttpFailure
from cluster.client.callers import Callers
from tests.support_https import authority, https_service
from tests.support_webhooks import Webhooks
from tests.unit.rbac.world import World

SERVICES = GroupResource("", "services")
SLICES = GroupResource("discovery.k8s.io", "endpointslices")
READY: Object = {"addresses": ["10.0.0.1"], "conditions": {"ready": True}}


def slice_of(name: str, *endpoints: Object, service: str = "hook", ports: Any = None, **more: Any) -> Object:
    ports = [{"name": "https", "port": 8443}] if ports is None else ports
    labels = {"kubernetes.io/service-name": service}
    return {"metadata": {"name": name, "namespace": "shop", "labels": labels}, "endpoints": list(endpoints), "ports": ports, **more}


def world(*slices: Object, **spec: Any) -> World:
    found = World()
    spec = {"ports": [{"name": "https", "port": 443}], **spec}
    found.put(SERVICES, {"metadata": {"name": "hook", "namespace": "shop"}, "spec": spec})
    for each in slices:
        found.put(SLICES, each)
    return found


def test_a_services_port_is_that_of_its_endpoint() -> None:
    assert resolve(world(slice_of("a", READY)), "shop", "hook", 443) == ("10.0.0.1", 8443)


@pytest.mark.parametrize(
    ("slices", "found"),
    [
        ([slice_of("a", {"addresses": ["10.0.0.2"], "conditions": {"ready": False}}, READY)], True),
        ([slice_of("a", {"addresses": ["10.0.0.1"], "conditions": {}})], True),
        ([slice_of("a", {"addresses": ["10.0.0.1"]})], True),
        ([slice_of("a", {"addresses": ["10.0.0.2"], "conditions": {"ready": False}})], False),
        ([slice_of("a"), slice_of("b", READY)], True),
        ([slice_of("a", READY, service="other")], False),
        ([slice_of("a", READY, ports=[{"name": "http", "port": 80}])], False),
        ([slice_of("a", READY, ports=[{"name": "http", "port": 80}, {"name": "https", "port": 8443}])], True),
        ([slice_of("a", READY, ports=[{"name": "https"}])], False),
        ([slice_of("a", READY, ports=[])], False),
        ([], False),
    ],
)
def test_only_what_is_ready_and_has_the_port_is_called(slices: list[Object], found: bool) -> None:
    if found:
        assert resolve(world(*slices), "shop", "hook", 443) == ("10.0.0.1", 8443)
    else:
        with pytest.raises(HttpFailure, match=r'^no endpoints available for service "hook"'):
            resolve(world(*slices), "shop", "hook", 443)


def test_a_port_without_a_name_is_found_by_that() -> None:
    unnamed = world(slice_of("a", READY, ports=[{"port": 9443}]), ports=[{"port": 443}])
    assert resolve(unnamed, "shop", "hook", 443) == ("10.0.0.1", 9443)


def test_the_services_first_family_comes_first() -> None:
    six, four = slice_of("a", {"addresses": ["fd00::1"]}, addressType="IPv6"), slice_of("b", READY, addressType="IPv4")
    both = world(six, four, ipFamilies=["IPv6", "IPv4"])
    assert {resolve(both, "shop", "hook", 443) for _ in range(20)} == {("fd00::1", 8443)}


def test_calls_are_spread_over_what_is_ready() -> None:
    several = world(slice_of("a", *({"addresses": [f"10.0.0.{number}"]} for number in range(3))))
    counts = collections.Counter(resolve(several, "shop", "hook", 443)[0] for _ in range(300))
    assert (len(counts), min(counts.values()) > 30) == (3, True)


@pytest.mark.parametrize(
    ("name", "port", "spec", "why"),
    [
        ("none", 443, {}, 'service "none" not found'),
        ("hook", 80, {}, 'no service port 80 found for service "hook"'),
        ("hook", 443, {"type": "Strange"}, 'unsupported service type "Strange"'),
    ],
)
def test_what_is_nowhere_is_told_of(name: str, port: int, spec: Object, why: str) -> None:
    with pytest.raises(HttpFailure) as raised:
        resolve(world(slice_of("a", READY), **spec), "shop", name, port)
    assert raised.value.why == why


@pytest.mark.parametrize("kind", ["ClusterIP", "NodePort", "LoadBalancer"])
def test_services_of_every_kind_that_routes_are_called(kind: str) -> None:
    assert resolve(world(slice_of("a", READY), type=kind), "shop", "hook", 443) == ("10.0.0.1", 8443)


def test_an_external_name_is_called_by_that_name() -> None:
    external = world(type="ExternalName", externalName="hooks.example.com", ports=[])
    assert resolve(external, "shop", "hook", 8443) == ("hooks.example.com", 8443)


def test_a_webhook_is_called_at_its_services_endpoint_under_its_services_name(tmp_path: Path) -> None:
    webhooks = Webhooks()
    with https_service(tmp_path, webhooks.answer, hosts=("hook.shop.svc",)) as service:
        port = int(service.url.rpartition(":")[2])
        here = world(slice_of("a", {"addresses": ["127.0.0.1"]}, ports=[{"name": "https", "port": port}]))
        caller = Callers().for_webhooks().of("https://hook.shop.svc:443", authority().pem, lambda: resolve(here, "shop", "hook", 443))
        answer = caller.call("POST", "/always-allow", b'{"apiVersion": "admission.k8s.io/v1", "request": {"uid": "u"}}')
    assert (answer.status, b'"allowed": true' in answer.body) == (200, True)
