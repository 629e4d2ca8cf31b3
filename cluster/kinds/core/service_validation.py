"""Rules for services.  Upstream: `validateService` and what it calls in `pkg/apis/core/validation/validation.go`."""

from __future__ import annotations

from typing import Final

from cluster.api import field, validation
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.kinds.checks import (
    PROTOCOLS,
    dns1123_label,
    dns1123_subdomain,
    endpoint_ip,
    ip_family,
    legacy_cidr,
    legacy_ip,
    metadata_of,
    one_of,
    port_number,
    port_number_or_name,
    qualified_name,
    spec_of,
    status_of,
)
from cluster.kinds.core.service_addresses import NONE, externally_accessible, is_headless, needs_health_check_port

TYPES: Final = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
_FAMILIES: Final = ("IPv4", "IPv6")
_FAMILY_POLICIES: Final = ("PreferDualStack", "RequireDualStack", "SingleStack")
_TRAFFIC: Final = ("Cluster", "Local")
_DISTRIBUTIONS: Final = ("PreferClose", "PreferSameZone", "PreferSameNode")
_MAX_AFFINITY_SECONDS: Final = 86400
_ONLY_LOAD_BALANCER: Final = "may only be used when `type` is 'LoadBalancer'"
_FOR_EXTERNAL_NAME: Final = "may not be set for ExternalName services"
_HINTS: Final = "service.kubernetes.io/topology-aware-hints"
_MODE: Final = "service.kubernetes.io/topology-mode"
_SOURCE_RANGES: Final = "service.beta.kubernetes.io/load-balancer-source-ranges"


def validate(service: Object, old: Object | None = None) -> list[FieldError]:
    """A new service, or one that is updated: what `old` already had wrong is forgiven where upstream forgives it."""
    spec = spec_of(service)
    errors = _validate_annotations(service)
    ports = spec.get("ports") or []
    if not ports and not is_headless(service) and spec.get("type") != "ExternalName":
        errors.append(field.required("spec.ports"))
    errors += _validate_type(service)
    names: set[str] = set()
    for position, port in enumerate(ports):
        errors += _validate_port(port, f"spec.ports[{position}]", len(ports) > 1, names)
    if spec.get("selector"):
        errors += validation.validate_labels(spec["selector"], "spec.selector")
    errors += _validate_affinity(spec)
    errors += validate_cluster_ips(service, old)
    before = spec_of(old) if old else {}
    if addresses := spec.get("externalIPs"):
        errors += _validate_external_ips(addresses, before)
    errors += one_of("spec.type", spec.get("type"), TYPES)
    errors += _validate_port_sets(spec)
    errors += _validate_load_balancer(service, before)
    errors += _validate_external_traffic(service)
    return errors + _validate_internal_traffic(spec)


def _validate_annotations(service: Object) -> list[FieldError]:
    annotations = metadata_of(service).get("annotations") or {}
    if _MODE in annotations and _HINTS in annotations and annotations[_MODE] != annotations[_HINTS]:
        message = f"must match annotations[{_HINTS}] when both are specified"
        return [field.invalid(field.key("metadata.annotations", _MODE), annotations[_MODE], message)]
    return []


def _validate_type(service: Object) -> list[FieldError]:
    spec = spec_of(service)
    kind = spec.get("type")
    if kind in ("LoadBalancer", "NodePort") and is_headless(service):
        return [field.invalid("spec.clusterIPs[0]", NONE, f"may not be set to 'None' for {kind} services")]
    if kind != "ExternalName":
        return []
    linked = ("clusterIPs", "ipFamilies", "ipFamilyPolicy")
    errors = [field.forbidden(f"spec.{name}", _FOR_EXTERNAL_NAME) for name in linked if spec.get(name)]
    name = (spec.get("externalName") or "").removesuffix(".")
    return errors + (dns1123_subdomain("spec.externalName", name) if name else [field.required("spec.externalName")])


def _validate_port(port: Object, path: str, needs_name: bool, names: set[str]) -> list[FieldError]:
    errors: list[FieldError] = []
    name = port.get("name") or ""
    if name:
        errors += dns1123_label(f"{path}.name", name)
        if name in names:
            errors.append(field.duplicate(f"{path}.name", name))
        names.add(name)
    elif needs_name:
        errors.append(field.required(f"{path}.name"))
    errors += port_number(f"{path}.port", port.get("port"))
    errors += one_of(f"{path}.protocol", port.get("protocol"), PROTOCOLS)
    errors += port_number_or_name(f"{path}.targetPort", port.get("targetPort"))
    if port.get("appProtocol") is not None:
        errors += qualified_name(f"{path}.appProtocol", port["appProtocol"])
    return errors


def _validate_affinity(spec: Object) -> list[FieldError]:
    affinity, config = spec.get("sessionAffinity"), spec.get("sessionAffinityConfig")
    path = "spec.sessionAffinityConfig"
    errors = one_of("spec.sessionAffinity", affinity, ("ClientIP", "None"))
    if affinity == "None" and config is not None:
        errors.append(field.forbidden(path, "must not be set when session affinity is None"))
    if affinity != "ClientIP":
        return errors
    seconds = ((config or {}).get("clientIP") or {}).get("timeoutSeconds")
    if seconds is None:
        errors.append(field.required(path, "when session affinity type is ClientIP"))
    elif not 0 < seconds <= _MAX_AFFINITY_SECONDS:
        message = f"must be greater than 0 and less than {_MAX_AFFINITY_SECONDS}"
        errors.append(field.invalid(f"{path}.clientIP.timeoutSeconds", seconds, message))
    return errors


def validate_cluster_ips(service: Object, old: Object | None) -> list[FieldError]:
    """`clusterIP`, `clusterIPs`, `ipFamilies` and `ipFamilyPolicy`, which depend on each other."""
    spec = spec_of(service)
    if spec.get("type") == "ExternalName":
        return []
    path = "spec.clusterIPs"
    address, addresses, families = spec.get("clusterIP") or "", spec.get("clusterIPs") or [], spec.get("ipFamilies") or []
    errors: list[FieldError] = []
    if address and not addresses:
        errors.append(field.required(path))
    elif address and addresses[0] != address:
        errors.append(field.invalid(path, addresses, "first value must match `clusterIP`"))
    elif addresses and not address:
        errors.append(field.invalid(path, addresses, "must be empty when `clusterIP` is not specified"))
    errors += _validate_families(families, spec.get("ipFamilyPolicy"))
    faults = _validate_addresses(addresses, spec_of(old).get("clusterIPs") or () if old else ())
    errors += faults
    if len(addresses) > 2:
        errors.append(field.invalid(path, addresses, "may only hold up to 2 values"))
    if faults:
        return errors
    if len(addresses) > 1 and len({ip_family(each) for each in addresses}) != len(addresses):
        errors.append(field.invalid(path, addresses, "may specify no more than one IP for each IP family"))
    if is_headless(service):
        return errors
    for position, (each, family) in enumerate(zip(addresses, families, strict=False)):
        if family in _FAMILIES and ip_family(each) != family:
            message = f"expected an {family} value as indicated by `ipFamilies[{position}]`"
            errors.append(field.invalid(f"{path}[{position}]", each, message))
    return errors


def _validate_families(families: list[str], policy: str | None) -> list[FieldError]:
    errors: list[FieldError] = []
    for position, family in enumerate(families):
        path = f"spec.ipFamilies[{position}]"
        if family not in _FAMILIES:
            errors.append(field.not_supported(path, family, _FAMILIES))
        if family in families[:position]:
            errors.append(field.duplicate(path, family))
    if policy and policy not in _FAMILY_POLICIES:
        errors.append(field.not_supported("spec.ipFamilyPolicy", policy, _FAMILY_POLICIES))
    return errors


def _validate_addresses(addresses: list[str], allowed: list[str] | tuple[str, ...]) -> list[FieldError]:
    errors: list[FieldError] = []
    for position, address in enumerate(addresses):
        if position == 0 and address == NONE:
            if len(addresses) > 1:
                errors.append(field.invalid("spec.clusterIPs", addresses, "'None' must be the first and only value"))
            continue
        errors += legacy_ip(f"spec.clusterIPs[{position}]", address, allowed)
    return errors


def _validate_external_ips(addresses: list[str], before: Object) -> list[FieldError]:
    errors: list[FieldError] = []
    for position, address in enumerate(addresses):
        path = f"spec.externalIPs[{position}]"
        errors += legacy_ip(path, address, before.get("externalIPs") or ()) or endpoint_ip(path, address)
    return errors


def _validate_port_sets(spec: Object) -> list[FieldError]:
    """Node ports only where the type has them; no (protocol, node port) and no (protocol, port) twice."""
    errors: list[FieldError] = []
    ports = spec.get("ports") or ()
    if spec.get("type") == "ClusterIP":
        for i, port in enumerate(ports):
            if port.get("nodePort"):
                errors.append(field.forbidden(f"spec.ports[{i}].nodePort", "may not be used when `type` is 'ClusterIP'"))
    if len(ports) < 2:
        return errors
    seen: set[tuple[str | None, int]] = set()
    for i, port in enumerate(ports):
        pair = (port.get("protocol"), port.get("nodePort") or 0)
        if pair[1] and pair in seen:
            errors.append(field.duplicate(f"spec.ports[{i}].nodePort", pair[1]))
        seen.add(pair)
    seen.clear()
    for i, port in enumerate(ports):
        pair = (port.get("protocol"), port.get("port") or 0)
        if pair in seen:
            errors.append(field.duplicate(f"spec.ports[{i}]", _shown_port(*pair)))
        seen.add(pair)
    return errors


def _shown_port(protocol: str | None, port: int) -> Object:
    """A port as upstream's message prints it: its internal type, with nothing but what makes it a duplicate."""
    return {"Name": "", "Protocol": protocol or "", "AppProtocol": None, "Port": port, "TargetPort": 0, "NodePort": 0}


def _validate_load_balancer(service: Object, before: Object) -> list[FieldError]:
    spec = spec_of(service)
    balanced = spec.get("type") == "LoadBalancer"
    errors = _validate_source_ranges(service, balanced, before)
    if spec.get("allocateLoadBalancerNodePorts") is not None and not balanced:
        errors.append(field.forbidden("spec.allocateLoadBalancerNodePorts", _ONLY_LOAD_BALANCER))
    if balanced and spec.get("allocateLoadBalancerNodePorts") is None:
        errors.append(field.required("allocateLoadBalancerNodePorts"))
    return errors + _validate_class(spec)


def _validate_class(spec: Object) -> list[FieldError]:
    name = spec.get("loadBalancerClass")
    if name is None:
        return []
    if spec.get("type") != "LoadBalancer":
        return [field.forbidden("spec.loadBalancerClass", _ONLY_LOAD_BALANCER)]
    return qualified_name("spec.loadBalancerClass", name)


def _validate_source_ranges(service: Object, balanced: bool, before: Object) -> list[FieldError]:
    ranges = spec_of(service).get("loadBalancerSourceRanges") or ()
    annotation = (metadata_of(service).get("annotations") or {}).get(_SOURCE_RANGES)
    if ranges:
        path = "spec.LoadBalancerSourceRanges"
        allowed = [each.strip() for each in before.get("loadBalancerSourceRanges") or ()]
        faults = [error for i, each in enumerate(ranges) for error in legacy_cidr(f"{path}[{i}]", each.strip(), allowed)]
    elif annotation is not None:
        path = field.key("metadata.annotations", _SOURCE_RANGES)
        faults = [error for each in annotation.split(",") if annotation.strip() for error in legacy_cidr(path, each.strip())]
    else:
        return []
    return ([] if balanced else [field.forbidden(path, _ONLY_LOAD_BALANCER)]) + faults


def _validate_external_traffic(service: Object) -> list[FieldError]:
    spec = spec_of(service)
    policy, port = spec.get("externalTrafficPolicy") or "", spec.get("healthCheckNodePort") or 0
    path, port_path = "spec.externalTrafficPolicy", "spec.healthCheckNodePort"
    if externally_accessible(service):
        errors = one_of(path, policy, _TRAFFIC)
    else:
        errors = [field.invalid(path, policy, "may only be set for externally-accessible services")] if policy else []
    if port and not needs_health_check_port(service):
        message = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
        errors.append(field.invalid(port_path, port, message))
    elif port:
        errors += port_number(port_path, port)
    return errors


def _validate_internal_traffic(spec: Object) -> list[FieldError]:
    policy, path = spec.get("internalTrafficPolicy"), "spec.internalTrafficPolicy"
    errors: list[FieldError] = []
    if policy is None:
        errors += [field.required(path)] if spec.get("type") in ("ClusterIP", "LoadBalancer", "NodePort") else []
    elif policy not in _TRAFFIC:
        errors.append(field.not_supported(path, policy, _TRAFFIC))
    distribution = spec.get("trafficDistribution")
    if distribution is not None and distribution not in _DISTRIBUTIONS:
        errors.append(field.not_supported("spec.trafficDistribution", distribution, _DISTRIBUTIONS))
    return errors


def validate_update(service: Object, old: Object) -> list[FieldError]:
    errors = _validate_linked_lists(service, old)
    spec, before = spec_of(service), spec_of(old)
    if spec.get("type") == before.get("type") == "LoadBalancer" and spec.get("loadBalancerClass") != before.get("loadBalancerClass"):
        errors.append(field.invalid("spec.loadBalancerClass", spec.get("loadBalancerClass"), "may not change once set"))
    errors += _validate_class(spec)
    checked = needs_health_check_port(service) and needs_health_check_port(old)
    if checked and spec.get("healthCheckNodePort") != before.get("healthCheckNodePort"):
        errors.append(field.forbidden("spec.healthCheckNodePort", "field is immutable"))
    return errors + validate(service, old)


def _validate_linked_lists(service: Object, old: Object) -> list[FieldError]:
    """The first address and the first family stay; a second one may come, or go when the policy says so."""
    if "ExternalName" in (spec_of(service).get("type"), spec_of(old).get("type")):
        return []
    headless, was_headless = is_headless(service), is_headless(old)
    errors: list[FieldError] = []
    if not (headless and was_headless):
        errors += _validate_linked_list(service, old, "clusterIPs", "clusterIP")
    if headless == was_headless and not headless:
        errors += _validate_linked_list(service, old, "ipFamilies", "ipFamily")
    return errors


def _validate_linked_list(service: Object, old: Object, name: str, singular: str) -> list[FieldError]:
    path = f"spec.{name}"
    spec = spec_of(service)
    new, before = spec.get(name) or [], spec_of(old).get(name) or []
    if len(new) == len(before):
        return [
            field.invalid(field.index(path, i if name == "clusterIPs" else 0), new, "may not change once set")
            for i, (each, was) in enumerate(zip(new, before, strict=True))
            if each != was
        ]
    errors: list[FieldError] = []
    if before and not spec.get("clusterIPs"):
        errors.append(field.invalid(field.index(path, 0), new, f"primary {singular} can not be unset"))
    if before and new and new[0] != before[0]:
        errors.append(field.invalid(field.index(path, 0), spec.get("clusterIPs") or [], "may not change once set"))
    if len(new) == 1 and len(before) > 1 and spec.get("ipFamilyPolicy") != "SingleStack":
        message = f"must be set to 'SingleStack' when releasing the secondary {singular}"
        errors.append(field.invalid("spec.ipFamilyPolicy", spec.get("ipFamilyPolicy"), message))
    return errors


def validate_status(service: Object, old: Object) -> list[FieldError]:
    """The load balancer's addresses."""
    path = "status.loadBalancer.ingress"
    ingress = (status_of(service).get("loadBalancer") or {}).get("ingress") or []
    if ingress and spec_of(service).get("type") != "LoadBalancer":
        return [field.forbidden(path, "may only be used when `spec.type` is 'LoadBalancer'")]
    known = [each.get("ip") for each in (status_of(old).get("loadBalancer") or {}).get("ingress") or ()]
    return [error for i, each in enumerate(ingress) for error in _validate_ingress(each, f"{path}[{i}]", known)]


def _validate_ingress(ingress: Object, path: str, known: list[str | None]) -> list[FieldError]:
    address, mode, host = ingress.get("ip") or "", ingress.get("ipMode"), ingress.get("hostname") or ""
    errors: list[FieldError] = []
    if address and address not in known:
        errors += legacy_ip(f"{path}.ip", address)
    mode_path = f"{path}.ipMode"
    if mode is None:
        errors += [field.required(mode_path, "must be specified when `ip` is set")] if address else []
    elif not address:
        errors.append(field.forbidden(mode_path, "may not be specified when `ip` is not set"))
    elif mode not in ("Proxy", "VIP"):
        errors.append(field.not_supported(mode_path, mode, ("Proxy", "VIP")))
    if host:
        errors += dns1123_subdomain(f"{path}.hostname", host)
        if not validation.is_valid_ip(host):
            errors.append(field.invalid(f"{path}.hostname", host, "must be a DNS name, not an IP address"))
    return errors
