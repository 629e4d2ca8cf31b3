"""Allocation of service addresses and node ports, on a real store."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from cluster.api.errors import Invalid
from cluster.registry.services import ServiceAllocator
from cluster.storage.contract import WriteConflict
from cluster.storage.local import LocalStore


@pytest.fixture(name="store")
def store_fixture() -> Iterator[LocalStore]:
    store = LocalStore.temporary()
    yield store
    store.close()


def service(name: str = "s", **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "dev", "uid": "1"}, "spec": {"type": "ClusterIP", "ports": [{"port": 80}], **spec}}


def test_an_address_is_given_from_the_range(store: LocalStore) -> None:
    made = service()
    store.commit(ServiceAllocator(store, "10.0.0.0/24").create(made))
    assert made["spec"]["clusterIP"].startswith("10.0.0.")
    assert made["spec"]["clusterIPs"] == [made["spec"]["clusterIP"]]


def test_two_at_once_cannot_take_the_same_address(store: LocalStore) -> None:
    allocator = ServiceAllocator(store, "10.0.0.0/24")
    first, second = service("a", clusterIP="10.0.0.9"), service("b", clusterIP="10.0.0.9")
    writes = [allocator.create(first), allocator.create(second)]
    store.commit(writes[0])
    with pytest.raises(WriteConflict):
        store.commit(writes[1])


@pytest.mark.parametrize("address", ["10.1.0.1", "nonsense"])
def test_an_address_outside_the_range_is_invalid(store: LocalStore, address: str) -> None:
    with pytest.raises(Invalid, match="does not match the current range"):
        ServiceAllocator(store, "10.0.0.0/24").create(service(clusterIP=address))


@pytest.mark.parametrize("spec", [{"clusterIP": "None"}, {"type": "ExternalName"}])
def test_a_service_without_an_address_takes_none(store: LocalStore, spec: dict[str, Any]) -> None:
    assert list(ServiceAllocator(store, "10.0.0.0/24").create(service(**spec))) == []


def test_what_is_released_can_be_taken_again(store: LocalStore) -> None:
    allocator = ServiceAllocator(store, "10.0.0.0/24")
    made = service(type="NodePort", clusterIP="10.0.0.9", ports=[{"port": 80, "nodePort": 30080}])
    store.commit(allocator.create(made))
    with pytest.raises(Invalid, match="already allocated"):
        allocator.create(service("b", clusterIP="10.0.0.9"))
    store.commit(allocator.delete(made))
    assert len(allocator.create(service("b", type="NodePort", clusterIP="10.0.0.9", ports=[{"port": 80, "nodePort": 30080}]))) == 2


def test_a_full_range_is_used_to_its_last_address(store: LocalStore) -> None:
    allocator = ServiceAllocator(store, "10.0.0.0/29")
    addresses = set()
    for number in range(5):
        made = service(f"s{number}")
        store.commit(allocator.create(made))
        addresses.add(made["spec"]["clusterIP"])
    assert len(addresses) == 5


def test_a_service_that_no_longer_needs_ports_gives_them_back(store: LocalStore) -> None:
    allocator = ServiceAllocator(store, "10.0.0.0/24")
    old = service(type="NodePort")
    store.commit(allocator.create(old))
    new = service(clusterIP=old["spec"]["clusterIP"], clusterIPs=old["spec"]["clusterIPs"])
    store.commit(allocator.update(new, old))
    assert len(store.list("nodeports.internal").entries) == 0
