"""Where a service of the cluster is: the address of a ready endpoint, as long as nothing else routes to services.

Upstream: apiserver `pkg/util/proxy/proxy.go` (ResolveEndpoint; ResolveCluster for external names).
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any, Final

from cluster.api.field import quoted
from cluster.api.names import GroupResource, Object
from cluster.api.protocols import HttpFailure, Reader

_SERVICES: Final = GroupResource("", "services")
_SLICES: Final = GroupResource("discovery.k8s.io", "endpointslices")
_SERVICE_NAME: Final = "kubernetes.io/service-name"
_ROUTED: Final = ("ClusterIP", "LoadBalancer", "NodePort")


def resolve(reader: Reader, namespace: str, name: str, port: int) -> tuple[str, int]:
    """(address, port) behind the port of a service; HttpFailure where there is none."""
    service = reader.get(_SERVICES, namespace, name)
    if service is None:
        raise HttpFailure(f"service {quoted(name)} not found")
    spec = service.get("spec") or {}
    kind = spec.get("type") or "ClusterIP"
    if kind == "ExternalName":
        return spec.get("externalName") or "", port
    if kind not in _ROUTED:
        raise HttpFailure(f"unsupported service type {quoted(kind)}")
    named = next((each for each in spec.get("ports") or () if each.get("port") == port), None)
    if named is None:
        raise HttpFailure(f"no service port {port} found for service {quoted(name)}")
    found = _endpoint(_slices(reader, namespace, name, spec), named.get("name") or "")
    if found is None:
        raise HttpFailure(f"no endpoints available for service {quoted(name)}")
    return found


def _slices(reader: Reader, namespace: str, name: str, spec: Object) -> list[Object]:
    """In random order, but those of the service's first family of addresses first."""
    found = [
        each for each in reader.list(_SLICES, namespace) if ((each.get("metadata") or {}).get("labels") or {}).get(_SERVICE_NAME) == name
    ]
    random.shuffle(found)
    families = spec.get("ipFamilies") or ()
    return sorted(found, key=lambda each: each.get("addressType") != families[0]) if families else found


def _endpoint(slices: Iterable[Object], port_name: str) -> tuple[str, int] | None:
    """A ready endpoint of the first slice that has one for the port."""
    for each in slices:
        ready = [endpoint for endpoint in each.get("endpoints") or () if _is_ready(endpoint)]
        for port in each.get("ports") or ():
            number: Any = port.get("port")
            if (port.get("name") or "") == port_name and number is not None and ready:
                return random.choice(ready)["addresses"][0], number  # noqa: S311 - spreads load, hides nothing
    return None


def _is_ready(endpoint: Object) -> bool:
    return (endpoint.get("conditions") or {}).get("ready") in (None, True) and bool(endpoint.get("addresses"))
