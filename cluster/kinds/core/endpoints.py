"""Endpoints.  Upstream: `ValidateEndpoints` in `pkg/apis/core/validation/validation.go`."""

from __future__ import annotations

from typing import Final

from cluster.api import field
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.kinds.cells import first_of, name_and
from cluster.kinds.checks import (
    PROTOCOLS,
    dns1123_label,
    dns1123_subdomain,
    endpoint_ip,
    legacy_ip,
    one_of,
    port_number,
    qualified_name,
)
from cluster.kinds.model import Strategy
from cluster.kinds.printing import NONE

_SHOWN: Final = 3


def _default(endpoints: Object) -> None:
    for subset in endpoints.get("subsets") or ():
        for port in subset.get("ports") or ():
            if not port.get("protocol"):
                port["protocol"] = "TCP"


def _validate(endpoints: Object) -> list[FieldError]:
    errors: list[FieldError] = []
    for position, subset in enumerate(endpoints.get("subsets") or ()):
        path = field.index("subsets", position)
        if not subset.get("addresses") and not subset.get("notReadyAddresses"):
            errors.append(field.required(path, "must specify `addresses` or `notReadyAddresses`"))
        for name in ("addresses", "notReadyAddresses"):
            for i, address in enumerate(subset.get(name) or ()):
                errors += _validate_address(address, field.index(f"{path}.{name}", i))
        ports = subset.get("ports") or []
        for i, port in enumerate(ports):
            errors += _validate_port(port, len(ports) > 1, field.index(f"{path}.ports", i))
    return errors


def _validate_address(address: Object, path: str) -> list[FieldError]:
    ip = address.get("ip") or ""
    errors = legacy_ip(f"{path}.ip", ip)
    if address.get("hostname"):
        errors += dns1123_label(f"{path}.hostname", address["hostname"])
    if address.get("nodeName") is not None:
        errors += dns1123_subdomain(f"{path}.nodeName", address["nodeName"])
    return errors + endpoint_ip(f"{path}.ip", ip)


def _validate_port(port: Object, needs_name: bool, path: str) -> list[FieldError]:
    name = port.get("name") or ""
    errors = dns1123_label(f"{path}.name", name) if name else [field.required(f"{path}.name")] if needs_name else []
    errors += port_number(f"{path}.port", port.get("port"))
    errors += one_of(f"{path}.protocol", port.get("protocol"), PROTOCOLS)
    return errors + (qualified_name(f"{path}.appProtocol", port["appProtocol"]) if port.get("appProtocol") is not None else [])


def _validate_update(endpoints: Object, old: Object) -> list[FieldError]:
    """Subsets that didn't change may be as wrong as they were."""
    return [] if endpoints.get("subsets") == old.get("subsets") else _validate(endpoints)


def _shown(endpoints: Object) -> str:
    if not endpoints.get("subsets"):
        return NONE
    shown: list[str] = []
    for subset in endpoints["subsets"]:
        addresses = [each.get("ip") or "" for each in subset.get("addresses") or ()]
        ports = subset.get("ports")
        shown += [_host_port(each, port.get("port")) for port in ports for each in addresses] if ports else addresses
    return first_of(shown, len(shown), _SHOWN)


def _host_port(address: str, port: int | None) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


STRATEGY: Final = Strategy(
    default=_default,
    validate=_validate,
    validate_update=_validate_update,
    cells=name_and(_shown),
    allow_create_on_update=True,
    has_generation=False,
)
