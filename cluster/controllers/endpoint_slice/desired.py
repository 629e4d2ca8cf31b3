"""Which endpoints a Service has, and which slices hold them; pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any, Final

import orjson

from cluster.api.names import Object
from cluster.controllers.objects import (
    Objects,
    annotations_of,
    being_deleted,
    created_at,
    name_of,
    namespace_of,
    pod_phase,
    pod_ready,
    uid_of,
)

SERVICE_NAME: Final = "kubernetes.io/service-name"
MANAGED_BY: Final = "endpointslice.kubernetes.io/managed-by"
HEADLESS: Final = "service.kubernetes.io/headless"
MANAGER: Final = "endpointslice-controller.k8s.io"
FULL: Final = 100
_RESERVED: Final = frozenset({SERVICE_NAME, MANAGED_BY, HEADLESS})
_ZONE: Final = "topology.kubernetes.io/zone"

Group = tuple[str, bytes]
"""(address type, ports as canonical JSON): what one slice's endpoints have in common."""


def address_types(service: Object) -> list[str]:
    spec = service["spec"]
    return list(spec.get("ipFamilies") or ["IPv6" if ":" in (spec.get("clusterIP") or "") else "IPv4"])


def endpoints(service: Object, pods: Iterable[Object], nodes: Mapping[str, Object]) -> dict[Group, Objects]:
    """The endpoints by what their slices have in common; each address type has a group, be it an empty one."""
    found: dict[Group, Objects] = {}
    for pod in sorted(pods, key=name_of):
        if not _counts(pod):
            continue
        ports = orjson.dumps(_ports(service, pod), option=orjson.OPT_SORT_KEYS)
        for family in address_types(service):
            addresses = _addresses(pod, family)
            if addresses:
                found.setdefault((family, ports), []).append(_endpoint(service, pod, addresses, nodes))
    for family in address_types(service):
        if not any(group[0] == family for group in found):
            found[family, b"[]"] = []
    return found


def _counts(pod: Object) -> bool:
    """Finished pods serve nothing; terminating ones are listed as such."""
    return pod_phase(pod) not in ("Failed", "Succeeded") and bool((pod.get("status") or {}).get("podIP"))


def _addresses(pod: Object, family: str) -> list[str]:
    status = pod.get("status") or {}
    texts = [each["ip"] for each in status.get("podIPs") or ()] or [status["podIP"]]
    version = 6 if family == "IPv6" else 4
    return [text for text in texts if ipaddress.ip_address(text).version == version]


def _endpoint(service: Object, pod: Object, addresses: list[str], nodes: Mapping[str, Object]) -> Object:
    serving, terminating = pod_ready(pod), being_deleted(pod)
    ready = bool(service["spec"].get("publishNotReadyAddresses")) or (serving and not terminating)
    made: Object = {
        "addresses": addresses,
        "conditions": {"ready": ready, "serving": serving, "terminating": terminating},
        "targetRef": {"kind": "Pod", "namespace": namespace_of(pod), "name": name_of(pod), "uid": uid_of(pod)},
    }
    spec = pod["spec"]
    node = spec.get("nodeName")
    if node:
        made["nodeName"] = node
        zone = (nodes.get(node, {}).get("metadata", {}).get("labels") or {}).get(_ZONE)
        if zone:
            made["zone"] = zone
    if spec.get("hostname") and spec.get("subdomain") == name_of(service) and namespace_of(pod) == namespace_of(service):
        made["hostname"] = spec["hostname"]
    return made


def _ports(service: Object, pod: Object) -> Objects:
    made: Objects = []
    for port in service["spec"].get("ports") or ():
        number = _number(port, pod)
        if number is not None:
            each = {"name": port.get("name") or "", "port": number, "protocol": port.get("protocol") or "TCP"}
            made.append(each | ({"appProtocol": port["appProtocol"]} if port.get("appProtocol") else {}))
    return made


def _number(port: Object, pod: Object) -> int | None:
    """A target port by number, or by the name that the pod gives it."""
    target: Any = port.get("targetPort") or port["port"]
    if isinstance(target, int):
        return target
    sidecars = [each for each in pod["spec"].get("initContainers") or () if each.get("restartPolicy") == "Always"]
    for container in [*(pod["spec"].get("containers") or ()), *sidecars]:
        for each in container.get("ports") or ():
            if each.get("name") == target and (each.get("protocol") or "TCP") == (port.get("protocol") or "TCP"):
                return int(each["containerPort"])
    return None


def labels(service: Object) -> dict[str, str]:
    kept = {key: value for key, value in (service["metadata"].get("labels") or {}).items() if key not in _RESERVED}
    headless = {HEADLESS: ""} if service["spec"].get("clusterIP") in ("None", "", None) else {}
    return kept | headless | {SERVICE_NAME: name_of(service), MANAGED_BY: MANAGER}


def plan(service: Object, wanted: dict[Group, Objects], slices: Objects) -> tuple[Objects, Objects, Objects]:
    """(to create, to update, to delete).  Slices are kept where they fit, so that few watchers hear of a change."""
    create: Objects = []
    update: Objects = []
    free = sorted(slices, key=lambda each: (created_at(each), name_of(each)))
    for (family, ports), group in wanted.items():
        fitting = [each for each in free if each.get("addressType") == family]
        # Those with the same ports first: their endpoints needn't move.
        fitting.sort(key=lambda each, ports=ports: _ports_of(each) != ports)  # type: ignore[misc]
        for start in range(0, max(len(group), 1), FULL):
            body = {"addressType": family, "ports": orjson.loads(ports), "endpoints": group[start : start + FULL]}
            if not fitting:
                create.append(_new(service) | body)
                continue
            old = fitting.pop(0)
            free.remove(old)
            if not _same(old, body, labels(service)):
                metadata = old["metadata"] | {"labels": labels(service), "annotations": annotations_of(old)}
                update.append(old | body | {"metadata": metadata})
    return create, update, free


def _ports_of(endpoint_slice: Object) -> bytes:
    return orjson.dumps(endpoint_slice.get("ports") or [], option=orjson.OPT_SORT_KEYS)


def _same(old: Object, body: Object, wanted_labels: dict[str, str]) -> bool:
    def keyed(items: Objects | None) -> list[str]:
        return sorted(orjson.dumps(each, option=orjson.OPT_SORT_KEYS).decode() for each in items or ())

    same_content = all(keyed(old.get(name)) == keyed(body[name]) for name in ("ports", "endpoints"))
    return same_content and (old["metadata"].get("labels") or {}) == wanted_labels


def _new(service: Object) -> Object:
    owner = {"apiVersion": "v1", "kind": "Service", "name": name_of(service), "uid": uid_of(service)}
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "generateName": f"{name_of(service)}-",
            "namespace": namespace_of(service),
            "labels": labels(service),
            "ownerReferences": [owner | {"controller": True, "blockOwnerDeletion": True}],
        },
    }
