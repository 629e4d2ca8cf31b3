"""Services.  Upstream: `pkg/registry/core/service/strategy.go`, `SetDefaults_Service` in `pkg/apis/core/v1/defaults.go`.

Addresses and node ports are allocated by the registry: see `service_addresses`.
"""

from __future__ import annotations

from typing import Any, Final

from cluster.api import validation
from cluster.api.names import Object
from cluster.kinds.cells import age_of, format_labels, name_of
from cluster.kinds.checks import spec_of, status_of, text_at
from cluster.kinds.core import service_addresses, service_validation
from cluster.kinds.model import Strategy, SubresourceStrategy
from cluster.kinds.printing import NONE

_AFFINITY_SECONDS: Final = 10800


def _default(service: Object) -> None:
    spec = service.setdefault("spec", {})
    if not spec.get("sessionAffinity"):
        spec["sessionAffinity"] = "None"
    if spec["sessionAffinity"] == "None":
        spec.pop("sessionAffinityConfig", None)
    elif spec["sessionAffinity"] == "ClientIP":
        client = (spec.get("sessionAffinityConfig") or {}).get("clientIP") or {}
        if client.get("timeoutSeconds") is None:
            spec["sessionAffinityConfig"] = {"clientIP": {"timeoutSeconds": _AFFINITY_SECONDS}}
    if not spec.get("type"):
        spec["type"] = "ClusterIP"
    for port in spec.get("ports") or ():
        if not port.get("protocol"):
            port["protocol"] = "TCP"
        if not port.get("targetPort"):
            port["targetPort"] = port.get("port", 0)
        if not port.get("nodePort"):
            port.pop("nodePort", None)
    if service_addresses.externally_accessible(service) and not spec.get("externalTrafficPolicy"):
        spec["externalTrafficPolicy"] = "Cluster"
    if spec.get("internalTrafficPolicy") is None and spec["type"] in ("NodePort", "LoadBalancer", "ClusterIP"):
        spec["internalTrafficPolicy"] = "Cluster"
    if spec["type"] == "LoadBalancer":
        _default_load_balancer(service, spec)
    service["status"] = {"loadBalancer": {}} | status_of(service)


def _default_load_balancer(service: Object, spec: Object) -> None:
    if spec.get("allocateLoadBalancerNodePorts") is None:
        spec["allocateLoadBalancerNodePorts"] = True
    for ingress in (status_of(service).get("loadBalancer") or {}).get("ingress") or ():
        if ingress.get("ip") and ingress.get("ipMode") is None:
            ingress["ipMode"] = "VIP"


def _prepare_for_create(service: Object) -> None:
    service["status"] = {"loadBalancer": {}}
    service_addresses.normalize_cluster_ips(service, None)
    service_addresses.init_ip_families(service)


def _prepare_for_update(service: Object, old: Object) -> None:
    service["status"] = dict(status_of(old))
    service_addresses.drop_what_the_type_lost(service, old)
    if spec_of(service).get("type") != "LoadBalancer":
        service["status"]["loadBalancer"] = {}
    service_addresses.normalize_cluster_ips(service, old)
    service_addresses.keep_allocated(service, old)
    service_addresses.init_ip_families(service, old)


def _prepare_status(service: Object, old: Object) -> None:
    service["spec"] = spec_of(old)


def _warnings(service: Object, old: Object | None) -> list[str]:
    spec = spec_of(service)
    found = []
    headless = spec.get("type") == "ClusterIP" and spec.get("clusterIP") == service_addresses.NONE
    external_name = spec.get("type") == "ExternalName"
    if headless and spec.get("loadBalancerIP"):
        found.append("spec.loadBalancerIP is ignored for headless services")
    if headless and spec.get("externalIPs"):
        found.append("spec.externalIPs is ignored for headless services")
    if headless and spec.get("sessionAffinity") != "None":
        found.append("spec.SessionAffinity is ignored for headless services")
    if spec.get("externalIPs") and not headless and not external_name:
        found.append("spec.externalIPs is deprecated and may no longer be implemented in some clusters")
    if external_name and spec.get("externalIPs"):
        found.append('spec.externalIPs is ignored when spec.type is "ExternalName"')
    if not external_name and spec.get("externalName"):
        found.append('spec.externalName is ignored when spec.type is not "ExternalName"')
    if spec.get("trafficDistribution") == "PreferClose":
        found.append('spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"')
    return found


def _external_ip(service: Object) -> str:
    spec = spec_of(service)
    kind, chosen = spec.get("type"), list(spec.get("externalIPs") or ())
    if kind in ("ClusterIP", "NodePort"):
        return ",".join(chosen) or NONE
    if kind == "LoadBalancer":
        ingress = (status_of(service).get("loadBalancer") or {}).get("ingress") or ()
        balanced = sorted({each.get("ip") or each.get("hostname") or "" for each in ingress} - {""})
        return ",".join(balanced + chosen) or "<pending>"
    if kind == "ExternalName":
        return spec.get("externalName") or ""
    return "<unknown>"


def _port(port: Object) -> str:
    node = f":{port['nodePort']}" if port.get("nodePort") else ""
    return f"{port.get('port', 0)}{node}/{port.get('protocol', '')}"


def _cells(service: Object) -> list[Any]:
    spec = spec_of(service)
    return [
        name_of(service),
        spec.get("type") or "",
        (spec.get("clusterIPs") or [NONE])[0],
        _external_ip(service),
        ",".join(_port(each) for each in spec.get("ports") or ()) or NONE,
        age_of(service),
        format_labels(spec.get("selector")),
    ]


STRATEGY: Final = Strategy(
    default=_default,
    prepare_for_create=_prepare_for_create,
    prepare_for_update=_prepare_for_update,
    validate=service_validation.validate,
    validate_update=service_validation.validate_update,
    warnings=_warnings,
    validate_name=validation.name_is_dns_label,
    subresources={"status": SubresourceStrategy(_prepare_status, service_validation.validate_status)},
    selectable_fields={"spec.clusterIP": text_at("spec", "clusterIP"), "spec.type": text_at("spec", "type")},
    cells=_cells,
    allow_create_on_update=True,
    has_generation=False,
)
