"""Endpoint slices.  Upstream: `pkg/apis/discovery/validation/validation.go`, `pkg/registry/discovery/endpointslice/strategy.go`."""

from __future__ import annotations

from typing import Any, Final

from cluster.api import field, validation
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.kinds.cells import age_of, first_of, name_of
from cluster.kinds.checks import (
    PROTOCOLS,
    dns1123_label,
    dns1123_subdomain,
    endpoint_ip,
    ip_family,
    judged,
    legacy_ip,
    one_of,
    qualified_name,
    unchanged,
)
from cluster.kinds.model import Strategy
from cluster.kinds.printing import UNSET

_TYPES: Final = ("FQDN", "IPv4", "IPv6")
_MAX_PORTS: Final = 20000
_MAX_ENDPOINTS: Final = 1000
_MAX_ADDRESSES: Final = 100
_MAX_HINTS: Final = 8
_SHOWN: Final = 3


def _default(endpoints: Object) -> None:
    """Lists are shown even when they are empty."""
    endpoints["endpoints"] = endpoints.get("endpoints")
    endpoints["ports"] = endpoints.get("ports")
    for port in endpoints["ports"] or ():
        if port.get("name") is None:
            port["name"] = ""
        if port.get("protocol") is None:
            port["protocol"] = "TCP"
    for endpoint in endpoints["endpoints"] or ():
        endpoint.setdefault("conditions", {})


def _drop_topology(endpoints: Object) -> None:
    for endpoint in endpoints.get("endpoints") or ():
        endpoint.pop("deprecatedTopology", None)


def _prepare_for_update(endpoints: Object, old: Object) -> None:
    if endpoints.get("endpoints") != old.get("endpoints"):
        _drop_topology(endpoints)


def _validate(endpoints: Object, old: Object | None = None) -> list[FieldError]:
    kind = endpoints.get("addressType") or ""
    errors = one_of("addressType", kind, _TYPES) + _validate_ports(endpoints.get("ports") or [])
    faults = _validate_endpoints(endpoints.get("endpoints") or [], kind)
    if faults and old is not None and old.get("endpoints") == endpoints.get("endpoints"):
        return errors
    return errors + faults


def _validate_ports(ports: list[Object]) -> list[FieldError]:
    if len(ports) > _MAX_PORTS:
        return [field.too_many("ports", len(ports), _MAX_PORTS)]
    errors: list[FieldError] = []
    names: set[str] = set()
    for position, port in enumerate(ports):
        path = field.index("ports", position)
        name = port.get("name") or ""
        if name:
            errors += dns1123_label(f"{path}.name", name)
        if name in names:
            errors.append(field.duplicate(f"{path}.name", name))
        names.add(name)
        protocol = port.get("protocol")
        if protocol is None:
            errors.append(field.required(f"{path}.protocol"))
        elif protocol not in PROTOCOLS:
            errors.append(field.not_supported(f"{path}.protocol", protocol, PROTOCOLS))
        if port.get("appProtocol") is not None:
            errors += qualified_name(f"{path}.appProtocol", port["appProtocol"])
    return errors


def _validate_endpoints(endpoints: list[Object], kind: str) -> list[FieldError]:
    if len(endpoints) > _MAX_ENDPOINTS:
        return [field.too_many("endpoints", len(endpoints), _MAX_ENDPOINTS)]
    errors: list[FieldError] = []
    for position, endpoint in enumerate(endpoints):
        path = field.index("endpoints", position)
        addresses = endpoint.get("addresses") or []
        if not addresses:
            errors.append(field.required(f"{path}.addresses", "must contain at least 1 address"))
        elif len(addresses) > _MAX_ADDRESSES:
            errors.append(field.too_many(f"{path}.addresses", len(addresses), _MAX_ADDRESSES))
        for i, address in enumerate(addresses):
            errors += _validate_address(address, kind, f"{path}.addresses", i)
        if endpoint.get("nodeName") is not None:
            errors += dns1123_subdomain(f"{path}.nodeName", endpoint["nodeName"])
        if endpoint.get("hostname") is not None:
            errors += dns1123_label(f"{path}.hostname", endpoint["hostname"])
        errors += _validate_hints(endpoint.get("hints") or {}, f"{path}.hints")
    return errors


def _validate_address(address: str, kind: str, path: str, position: int) -> list[FieldError]:
    place = field.index(path, position)
    if kind == "FQDN":
        errors = judged(validation.is_dns1123_subdomain, place, address.removesuffix("."))
        if not errors and "." not in address.removesuffix("."):
            errors.append(field.invalid(place, address, "should be a domain with at least two segments separated by dots"))
        return errors
    if kind not in _TYPES:
        return []
    errors = legacy_ip(place, address)
    if errors:
        return errors
    if ip_family(address) != kind:
        errors.append(field.invalid(path, address, f"must be an {kind} address"))
    return errors + endpoint_ip(place, address)


def _validate_hints(hints: Object, path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    for name, rule in (("forZones", validation.is_valid_label_value), ("forNodes", validation.is_dns1123_subdomain)):
        given = hints.get(name) or []
        if len(given) > _MAX_HINTS:
            return [*errors, field.too_many(f"{path}.{name}", len(given), _MAX_HINTS)]
        for position, each in enumerate(given):
            place = f"{field.index(f'{path}.{name}', position)}.name"
            if each in given[:position]:
                errors.append(field.duplicate(place, each.get("name") or ""))
            errors += judged(rule, place, each.get("name") or "")
    return errors


def _validate_update(endpoints: Object, old: Object) -> list[FieldError]:
    return _validate(endpoints, old) + unchanged("addressType", endpoints.get("addressType"), old.get("addressType"))


def _warnings(endpoints: Object, old: Object | None) -> list[str]:
    if old is None and endpoints.get("addressType") == "FQDN":
        return ["spec.addressType: FQDN endpoints are deprecated"]
    return []


def _port(port: Object) -> str:
    if port.get("port") is not None:
        return str(port["port"])
    return "*" if port.get("name") is None else str(port["name"])


def _cells(endpoints: Object) -> list[Any]:
    ports = [_port(each) for each in endpoints.get("ports") or ()]
    addresses = [address for each in endpoints.get("endpoints") or () for address in each.get("addresses") or ()]
    shown = [first_of(each, len(each), _SHOWN, UNSET) for each in (ports, addresses)]
    return [name_of(endpoints), endpoints.get("addressType") or "", *shown, age_of(endpoints)]


STRATEGY: Final = Strategy(
    default=_default,
    prepare_for_create=_drop_topology,
    prepare_for_update=_prepare_for_update,
    validate=_validate,
    validate_update=_validate_update,
    warnings=_warnings,
    cells=_cells,
)
