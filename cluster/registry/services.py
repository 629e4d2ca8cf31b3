"""What a Service is given: an address of the service range, and node ports, each held by one Service only.

An allocation is a record of its own, written in the Service's transaction and expected not to exist: whoever else takes the same
address at the same moment, in whatever process, has a conflict.  An address' record is the IPAddress object that Kubernetes has for
it; a node port's is internal.  Upstream: `pkg/registry/core/service/storage/alloc.go`, `ipallocator`, `portallocator`.
"""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Iterator, Sequence
from typing import Any, Final

from cluster.api import field
from cluster.api.errors import InternalError, Invalid
from cluster.api.field import FieldError
from cluster.api.meta import new_uid, now
from cluster.api.names import GroupKind, Object
from cluster.kinds.core import service_addresses
from cluster.registry.codec import encode
from cluster.storage.contract import Key, Store, Write

NODE_PORTS: Final = range(30000, 32768)
_ADDRESSES: Final = "ipaddresses.networking.k8s.io"
_PORTS: Final = "nodeports.internal"
_NONE: Final = "None"
_TRIES: Final = 64
_choose: Final = random.SystemRandom()


class ServiceAllocator:
    """The Companion of Services."""

    def __init__(self, store: Store, cidr: str) -> None:
        self._store = store
        self._network = ipaddress.ip_network(cidr)

    def create(self, obj: Object) -> Sequence[Write]:
        return [*self._take_address(obj), *self._take_ports(obj, {})]

    def update(self, obj: Object, old: Object) -> Sequence[Write]:
        writes: list[Write] = []
        old_address = _address(old)
        if _address(obj) != old_address or not old_address:
            writes += self._take_address(obj)
        if old_address and old_address != _address(obj):
            writes += self._release(Key(_ADDRESSES, "", old_address))
        held = _node_ports(old)
        writes += self._take_ports(obj, held)
        kept = set(_node_ports(obj).values())
        return writes + [write for port in held.values() if port not in kept for write in self._release(_port_key(port))]

    def delete(self, old: Object) -> Sequence[Write]:
        address = _address(old)
        keys = [_port_key(port) for port in set(_node_ports(old).values())]
        keys += [Key(_ADDRESSES, "", address)] if address else []
        return [write for key in keys for write in self._release(key)]

    def _release(self, key: Key) -> list[Write]:
        entry = self._store.get(key)
        return [Write(key, entry.revision, None)] if entry is not None else []

    # addresses

    def _take_address(self, obj: Object) -> list[Write]:
        if not _needs_address(obj):
            return []
        address = _address(obj)
        if not address:
            address = self._free_address()
        elif self._is_foreign(address):
            why = f"failed to allocate IP {address}: the provided network does not match the current range"
            raise _invalid(obj, [field.invalid("spec.clusterIPs", [address], why)])
        elif self._store.get(Key(_ADDRESSES, "", address)) is not None:
            why = f"failed to allocate IP {address}: provided IP is already allocated"
            raise _invalid(obj, [field.invalid("spec.clusterIPs", [address], why)])
        service_addresses.set_cluster_ip(obj, address)
        return [Write(Key(_ADDRESSES, "", address), 0, _address_record(obj, address))]

    def _is_foreign(self, address: str) -> bool:
        try:
            return ipaddress.ip_address(address) not in self._network
        except ValueError:
            return True

    def _free_address(self) -> str:
        """A random free address from the upper part of the range, so that fixed ones have the lower to themselves."""
        size = self._network.num_addresses
        low = min(max(16, size // 16), 256)
        for first, last in ((low, size - 2), (2, low - 1)):
            for offset in _offsets(first, last):
                address = str(self._network.network_address + offset)
                if self._store.get(Key(_ADDRESSES, "", address)) is None:
                    return address
        raise InternalError.of("failed to allocate a serviceIP: range is full")

    # node ports

    def _take_ports(self, obj: Object, held: dict[tuple[str, int], int]) -> list[Write]:
        """Claims the node ports that the service names and did not hold, and those that it needs."""
        spec = obj["spec"]
        taken = set(held.values())
        writes: dict[int, Write] = {}

        def claim(number: int, path: str) -> int:
            if number not in taken and number not in writes:
                self._check_port(obj, path, number)
                writes[number] = Write(_port_key(number), 0, encode({"metadata": {"name": str(number), "uid": new_uid()}}))
            return number

        for position, port in enumerate(spec.get("ports") or ()):
            number = port.get("nodePort")
            if not number and service_addresses.needs_node_ports(obj):
                number = held.get(_identity(port)) or self._free_port(taken | set(writes))
            if number:
                port["nodePort"] = claim(number, f"spec.ports[{position}].nodePort")
        if service_addresses.needs_health_check_port(obj):
            number = spec.get("healthCheckNodePort") or self._free_port(taken | set(writes))
            spec["healthCheckNodePort"] = claim(number, "spec.healthCheckNodePort")
        return list(writes.values())

    def _check_port(self, obj: Object, path: str, number: int) -> None:
        if number not in NODE_PORTS:
            why = f"provided port is not in the valid range. The range of valid ports is {NODE_PORTS[0]}-{NODE_PORTS[-1]}"
            raise _invalid(obj, [field.invalid(path, number, why)])
        if self._store.get(_port_key(number)) is not None:
            raise _invalid(obj, [field.invalid(path, number, "provided port is already allocated")])

    def _free_port(self, taken: set[int]) -> int:
        for number in _offsets(NODE_PORTS[0], NODE_PORTS[-1]):
            if number not in taken and self._store.get(_port_key(number)) is None:
                return number
        raise InternalError.of("failed to allocate a nodePort: range is full")


def _offsets(first: int, last: int) -> Iterator[int]:
    """Some numbers at random, then all in turn."""
    if last < first:
        return
    for _ in range(_TRIES):
        yield _choose.randint(first, last)
    yield from range(first, last + 1)


def _needs_address(obj: Object) -> bool:
    return service_addresses.has_cluster_ip(obj) and obj["spec"].get("clusterIP") != _NONE


def _address(obj: Object) -> str:
    address: str = obj["spec"].get("clusterIP") or next(iter(obj["spec"].get("clusterIPs") or ()), "")
    return "" if address == _NONE else address


def _identity(port: Object) -> tuple[str, int]:
    return port.get("protocol") or "TCP", int(port["port"])


def _node_ports(obj: Object) -> dict[tuple[str, int], int]:
    spec = obj["spec"]
    found = {_identity(port): port["nodePort"] for port in spec.get("ports") or () if port.get("nodePort")}
    if spec.get("healthCheckNodePort"):
        found["health", 0] = spec["healthCheckNodePort"]
    return found


def _port_key(number: int) -> Key:
    return Key(_PORTS, "", str(number))


def _address_record(obj: Object, address: str) -> bytes:
    metadata = obj["metadata"]
    record: dict[str, Any] = {
        "metadata": {
            "name": address,
            "uid": new_uid(),
            "creationTimestamp": now(),
            "generation": 1,
            "labels": {"ipaddress.kubernetes.io/ip-family": "IPv4", "ipaddress.kubernetes.io/managed-by": "ipallocator.k8s.io"},
        },
        "spec": {"parentRef": {"resource": "services", "namespace": metadata["namespace"], "name": metadata["name"]}},
    }
    return encode(record)


def _invalid(obj: Object, errors: list[FieldError]) -> Invalid:
    return Invalid.of(GroupKind("", "Service"), obj["metadata"].get("name", ""), errors)
