"""What exists in every cluster from its first start: made where it is missing, by every worker that starts, in one transaction.

Upstream: `pkg/controlplane/controller/{kubernetesservice,systemnamespaces,clusterauthenticationtrust,legacytokentracking}`,
`pkg/registry/rbac/rest/storage_rbac.go`, `pkg/registry/scheduling/rest`.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from msgspec import Struct

from cluster.api.meta import new_uid, now
from cluster.api.names import GroupVersionKind, Object, parse_api_version
from cluster.api.token_keys import TRACKED_SINCE, TRACKING_NAME, TRACKING_NAMESPACE, parse_day
from cluster.kinds.model import Kind
from cluster.registry.registry import Registry
from cluster.registry.trust import combined_trust
from cluster.storage.contract import Write, WriteConflict

NAMESPACES: Final = ("default", "kube-system", "kube-public", "kube-node-lease")
SERVICE_PORT: Final = 443
_KUBERNETES: Final[Object] = {"name": "kubernetes", "namespace": "default"}
_ATTEMPTS: Final = 5
Reconcile = Callable[[Object | None, Object], Object | None]
"""(what exists, what is expected) to what is to be written, None where all is well."""


class Cluster(Struct, frozen=True):
    """The addresses that the first objects name."""

    service_ip: str
    service_cidr: str
    address: str
    """Where pods reach the API server."""
    port: int
    ca: str
    """The CA's certificate, PEM."""
    front_proxies: Mapping[str, str]
    """What others are told of front proxies: `requestheader-*`."""


def bootstrap(registry: Registry, cluster: Cluster, roles: Iterable[Object], reconcile_role: Reconcile) -> None:
    """Writes what is missing or out of date.  Safe in several processes at once: who comes second finds nothing to do."""
    wanted: list[tuple[Object, Reconcile]] = [(obj, reconcile_role) for obj in roles]
    wanted += [(obj, _missing) for obj in _priority_classes()]
    _write(registry, wanted + _kept(cluster))


def keep(registry: Registry, cluster: Cluster) -> None:
    """Makes anew what must not be missing while the API server runs: the system's namespaces, and the way to itself."""
    _write(registry, _kept(cluster))


def _kept(cluster: Cluster) -> list[tuple[Object, Reconcile]]:
    found: list[tuple[Object, Reconcile]] = [(obj, _missing) for obj in (*_namespaces(), *_service_range(cluster))]
    found.append((_tracking(), _tracked))
    found.append((_trust(cluster), combined_trust))
    return [*found, (_service(cluster), _same_spec), (_endpoint_slice(cluster), _same_endpoints), (_endpoints(cluster), _same_endpoints)]


def _write(registry: Registry, wanted: Sequence[tuple[Object, Reconcile]]) -> None:
    for _ in range(_ATTEMPTS):
        writes = [write for obj, reconcile in wanted for write in _writes(registry, obj, reconcile)]
        if not writes:
            return
        try:
            registry.store.commit(writes)
            return
        except WriteConflict:  # another worker was faster with some of it
            continue
    raise RuntimeError("the first objects could not be written, others changed them all the time")


def _writes(registry: Registry, expected: Object, reconcile: Reconcile) -> list[Write]:
    kind = _kind(registry, expected)
    if kind is None:
        return []
    codec = registry.codec(kind)
    metadata = expected["metadata"]
    key = codec.key(metadata.get("namespace", ""), metadata["name"])
    entry = registry.store.get(key)
    obj = reconcile(codec.load(entry) if entry is not None else None, expected)
    if obj is None:
        return []
    made = registry.decoder(kind.gvk).decode(obj).object
    made["metadata"] = {"uid": new_uid(), "creationTimestamp": now(), **made["metadata"]}
    if kind.strategy.has_generation:
        made["metadata"].setdefault("generation", 1)
    kind.strategy.default(made)
    if entry is None:
        kind.strategy.prepare_for_create(made)
    return [Write(key, entry.revision if entry is not None else 0, codec.encode(made))]


def _kind(registry: Registry, obj: Object) -> Kind | None:
    return registry.catalog.by_kind(GroupVersionKind(*parse_api_version(obj["apiVersion"]), obj["kind"]))


def _missing(existing: Object | None, expected: Object) -> Object | None:
    return expected if existing is None else None


def _same_spec(existing: Object | None, expected: Object) -> Object | None:
    if existing is None:
        return expected
    if existing["spec"].get("ports") == expected["spec"]["ports"]:
        return None
    return {**existing, "spec": {**existing["spec"], "ports": expected["spec"]["ports"]}}


def _same_endpoints(existing: Object | None, expected: Object) -> Object | None:
    if existing is None:
        return expected
    fields = [field for field in ("subsets", "endpoints", "ports") if field in expected]
    if all(existing.get(field) == expected[field] for field in fields):
        return None
    return {**existing, **{field: expected[field] for field in fields}}


def _namespaces() -> list[Object]:
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name}}}
        for name in NAMESPACES
    ]


def _priority_classes() -> list[Object]:
    described = {
        "system-node-critical": (2000001000, "Used for system critical pods that must not be moved from their current node."),
        "system-cluster-critical": (
            2000000000,
            "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.",
        ),
    }
    return [
        {
            "apiVersion": "scheduling.k8s.io/v1",
            "kind": "PriorityClass",
            "metadata": {"name": name},
            "value": value,
            "description": text,
        }
        for name, (value, text) in described.items()
    ]


def _service_range(cluster: Cluster) -> list[Object]:
    """The range of service addresses, and the one that is taken from the start."""
    labels = {"ipaddress.kubernetes.io/ip-family": "IPv4", "ipaddress.kubernetes.io/managed-by": "ipallocator.k8s.io"}
    version = "networking.k8s.io/v1"
    return [
        {
            "apiVersion": version,
            "kind": "ServiceCIDR",
            "metadata": {"name": "kubernetes"},
            "spec": {"cidrs": [cluster.service_cidr]},
        },
        {
            "apiVersion": version,
            "kind": "IPAddress",
            "metadata": {"name": cluster.service_ip, "labels": labels},
            "spec": {"parentRef": {"resource": "services", **_KUBERNETES}},
        },
    ]


def _trust(cluster: Cluster) -> Object:
    """How an extension API server learns whose client certificates to trust."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "extension-apiserver-authentication", "namespace": "kube-system"},
        "data": {"client-ca-file": cluster.ca, **cluster.front_proxies},
    }


def _tracking() -> Object:
    """Since when it is written down when a token that is kept in a secret was last used."""
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    metadata = {"name": TRACKING_NAME, "namespace": TRACKING_NAMESPACE}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {TRACKED_SINCE: today}}


def _tracked(existing: Object | None, expected: Object) -> Object | None:
    """A day that was written once stays, unless it is none."""
    if existing is None:
        return expected
    data = existing.get("data") or {}
    return None if parse_day(data.get(TRACKED_SINCE) or "") else {**existing, "data": {**data, **expected["data"]}}


def _service(cluster: Cluster) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {**_KUBERNETES, "labels": {"component": "apiserver", "provider": "kubernetes"}},
        "spec": {
            "type": "ClusterIP",
            "clusterIP": cluster.service_ip,
            "clusterIPs": [cluster.service_ip],
            "ipFamilies": ["IPv4"],
            "ipFamilyPolicy": "SingleStack",
            "internalTrafficPolicy": "Cluster",
            "sessionAffinity": "None",
            "ports": [{"name": "https", "protocol": "TCP", "port": SERVICE_PORT, "targetPort": cluster.port}],
        },
    }


def _endpoint_slice(cluster: Cluster) -> Object:
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {**_KUBERNETES, "labels": {"kubernetes.io/service-name": "kubernetes"}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [cluster.address], "conditions": {"ready": True}}],
        "ports": [{"name": "https", "port": cluster.port, "protocol": "TCP"}],
    }


def _endpoints(cluster: Cluster) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Endpoints",
        "metadata": {**_KUBERNETES, "labels": {"endpointslice.kubernetes.io/skip-mirror": "true"}},
        "subsets": [
            {"addresses": [{"ip": cluster.address}], "ports": [{"name": "https", "port": cluster.port, "protocol": "TCP"}]},
        ],
    }
