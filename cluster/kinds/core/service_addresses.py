"""What of a service is allocated: cluster addresses and ports, and how the linked fields follow each other.

The registry, which owns the allocators, asks here what a service needs; the defaults that depend on the cluster are those of a
single-stack IPv4 cluster.  Upstream: `pkg/registry/core/service/storage/{storage,alloc}.go`, `pkg/registry/core/service/strategy.go`.
"""

from __future__ import annotations

from typing import Final

from cluster.api.names import Object
from cluster.kinds.checks import ip_family, spec_of

NONE: Final = "None"
_DUAL: Final = {"IPv4": "IPv6", "IPv6": "IPv4"}


def has_cluster_ip(service: Object) -> bool:
    """Whether services of this type have a cluster IP at all; "None" counts as one."""
    return spec_of(service).get("type") != "ExternalName"


def is_headless(service: Object) -> bool:
    return spec_of(service).get("clusterIPs") == [NONE]


def needs_cluster_ip(service: Object) -> bool:
    """Whether the registry must allocate a cluster IP: call `set_cluster_ip` with it before the service is stored.

    An address that the user chose is not "needed", but must be claimed, and released when the service goes.
    """
    return has_cluster_ip(service) and not spec_of(service).get("clusterIP")


def set_cluster_ip(service: Object, address: str) -> None:
    """Writes an allocated address, its family and the family policy."""
    service["spec"] = spec_of(service) | {"clusterIP": address, "clusterIPs": [address]}
    init_ip_families(service)


def needs_node_ports(service: Object) -> bool:
    """Whether each port without a node port must be given one."""
    spec = spec_of(service)
    if spec.get("type") == "NodePort":
        return True
    return spec.get("type") == "LoadBalancer" and spec.get("allocateLoadBalancerNodePorts") is not False


def has_node_ports(service: Object) -> bool:
    return spec_of(service).get("type") in ("NodePort", "LoadBalancer")


def needs_health_check_port(service: Object) -> bool:
    """Whether the service has a health check node port, allocated where it is absent."""
    spec = spec_of(service)
    return spec.get("type") == "LoadBalancer" and spec.get("externalTrafficPolicy") == "Local"


def externally_accessible(service: Object) -> bool:
    spec = spec_of(service)
    return has_node_ports(service) or (spec.get("type") == "ClusterIP" and bool(spec.get("externalIPs")))


def normalize_cluster_ips(service: Object, old: Object | None) -> None:
    """`clusterIPs` follows `clusterIP` for clients that know the singular only."""
    spec = service.get("spec")
    if not isinstance(spec, dict):
        return
    if old is None:
        if spec.get("clusterIP") and not spec.get("clusterIPs"):
            spec["clusterIPs"] = [spec["clusterIP"]]
        return
    before = spec_of(old)
    address, old_address = spec.get("clusterIP") or "", before.get("clusterIP") or ""
    if before.get("clusterIPs") and not spec.get("clusterIPs") and address == old_address:
        spec["clusterIPs"] = before["clusterIPs"]
    if address != old_address and (spec.get("clusterIPs") or []) == (before.get("clusterIPs") or []):
        if address:
            spec["clusterIPs"] = [address]
        else:
            spec.pop("clusterIPs", None)


def init_ip_families(service: Object, old: Object | None = None) -> None:
    """Family policy and families where they are not given; only headless services without a selector get both families."""
    spec = service.get("spec")
    if not isinstance(spec, dict) or not has_cluster_ip(service):
        return
    undirected = spec.get("clusterIP") == NONE and not spec.get("selector")
    if not spec.get("ipFamilyPolicy"):
        before = spec_of(old).get("ipFamilyPolicy") if old else None
        spec["ipFamilyPolicy"] = before or ("RequireDualStack" if undirected else "SingleStack")
    families = list(spec.get("ipFamilies") or ())
    for address in list(spec.get("clusterIPs") or ())[len(families) :]:
        if address == NONE:
            break
        families.append(ip_family(address))
    families = families or ["IPv4"]
    if undirected and len(families) == 1 and spec["ipFamilyPolicy"] != "SingleStack":
        families.append(_DUAL[families[0]])
    spec["ipFamilies"] = families


def keep_allocated(service: Object, old: Object) -> None:
    """What was allocated before, and isn't given now, stays: so the same manifest can be applied twice."""
    spec, before = service["spec"], spec_of(old)
    if has_cluster_ip(old) and has_cluster_ip(service):
        for name in ("clusterIP", "clusterIPs"):
            if not spec.get(name) and before.get(name):
                spec[name] = before[name]
    if has_node_ports(old) and has_node_ports(service):
        _keep_node_ports(spec.get("ports") or (), before.get("ports") or ())
    if needs_health_check_port(old) and needs_health_check_port(service) and not spec.get("healthCheckNodePort"):
        _keep(spec, before, "healthCheckNodePort")


def _keep_node_ports(ports: list[Object] | tuple[Object, ...], before: list[Object] | tuple[Object, ...]) -> None:
    given = {port["nodePort"] for port in ports if port.get("nodePort")}
    used = given & {port["nodePort"] for port in before if port.get("nodePort")}
    by_name = {port.get("name", ""): port.get("nodePort") for port in before}
    for port in ports:
        old_port = by_name.get(port.get("name", ""))
        if not port.get("nodePort") and old_port and old_port not in used:
            port["nodePort"] = old_port


def _keep(spec: Object, before: Object, name: str) -> None:
    if before.get(name):
        spec[name] = before[name]


def drop_what_the_type_lost(service: Object, old: Object) -> None:
    """When the type changes, fields that no longer apply, and that the user did not touch, go."""
    spec, before = service["spec"], spec_of(old)
    if has_cluster_ip(old) and not has_cluster_ip(service):
        if all((spec.get(name) or None) == (before.get(name) or None) for name in ("clusterIP", "clusterIPs")):
            _drop(spec, "clusterIP", "clusterIPs")
        for name in ("ipFamilies", "ipFamilyPolicy"):
            if spec.get(name) == before.get(name):
                _drop(spec, name)
    if has_node_ports(old) and not has_node_ports(service) and _node_ports(spec) <= _node_ports(before):
        for port in spec.get("ports") or ():
            _drop(port, "nodePort")
    if needs_health_check_port(old) and not needs_health_check_port(service):
        _drop_if_kept(spec, before, "healthCheckNodePort")
    if before.get("type") == "LoadBalancer" != spec.get("type"):
        _drop_if_kept(spec, before, "allocateLoadBalancerNodePorts")
        _drop_if_kept(spec, before, "loadBalancerClass")
    if externally_accessible(old) and not externally_accessible(service):
        _drop_if_kept(spec, before, "externalTrafficPolicy")


def _node_ports(spec: Object) -> set[int]:
    return {port["nodePort"] for port in spec.get("ports") or () if port.get("nodePort")}


def _drop(mapping: Object, *names: str) -> None:
    for name in names:
        mapping.pop(name, None)


def _drop_if_kept(spec: Object, before: Object, name: str) -> None:
    if spec.get(name) == before.get(name):
        _drop(spec, name)
