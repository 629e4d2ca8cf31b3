"""Checks of single fields, as many kinds need them; each returns all faults with their paths.

Upstream: `pkg/apis/core/validation/validation.go`, apimachinery `pkg/util/validation/ip.go`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Collection
from typing import Any, Final

from cluster.api import field, validation
from cluster.api.field import FieldError
from cluster.api.names import Object

NEGATIVE: Final = "must be greater than or equal to 0"
IMMUTABLE: Final = "field is immutable"
PROTOCOLS: Final = ("SCTP", "TCP", "UDP")

_STANDARD_FINALIZERS: Final = frozenset({"kubernetes", "orphan", "foregroundDeletion"})


def spec_of(obj: Object) -> Object:
    """The spec, or an empty one that isn't the object's."""
    spec: Object = obj.get("spec") or {}
    return spec


def status_of(obj: Object) -> Object:
    """The status, or an empty one that isn't the object's."""
    status: Object = obj.get("status") or {}
    return status


def metadata_of(obj: Object) -> Object:
    """The metadata, or empty ones that aren't the object's."""
    metadata: Object = obj.get("metadata") or {}
    return metadata


def value_of(obj: Object, *path: str) -> Any:
    """The value at a path of names; None where any part of it is missing."""
    value: Any = obj
    for name in path:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def text_at(*path: str) -> Callable[[Object], str]:
    """A selectable field: the string at a path, empty where there is none."""
    return lambda obj: str(value_of(obj, *path) or "")


def flag_at(*path: str) -> Callable[[Object], str]:
    """A selectable field: `true` or `false`."""
    return lambda obj: "true" if value_of(obj, *path) else "false"


def judged(rule: Callable[[str], list[str]], path: str, value: str) -> list[FieldError]:
    """What a rule of `cluster.api.validation` says of a field's value."""
    messages = rule(value)
    return [field.invalid(path, value, message) for message in messages] if messages else []


def dns1123_label(path: str, value: str) -> list[FieldError]:
    return judged(validation.is_dns1123_label, path, value)


def dns1123_subdomain(path: str, value: str) -> list[FieldError]:
    return judged(validation.is_dns1123_subdomain, path, value)


def qualified_name(path: str, value: str) -> list[FieldError]:
    return judged(validation.is_qualified_name, path, value)


def one_of(path: str, value: str | None, supported: Collection[str]) -> list[FieldError]:
    """Required, and one of the values that are listed in order of the alphabet, as upstream lists a set."""
    if not value:
        return [field.required(path)]
    return [] if value in supported else [field.not_supported(path, value, sorted(supported))]


def nonnegative(path: str, value: int | None) -> list[FieldError]:
    return [field.invalid(path, value, NEGATIVE)] if value is not None and value < 0 else []


def unchanged(path: str, value: Any, old: Any) -> list[FieldError]:
    """An immutable field; a missing value equals an empty one."""
    return [] if value == old or (not value and not old) else [field.invalid(path, value, IMMUTABLE)]


def port_number(path: str, value: Any) -> list[FieldError]:
    number = value if isinstance(value, int) else 0
    messages = validation.is_valid_port_num(number)
    return [field.invalid(path, number, message) for message in messages] if messages else []


def port_number_or_name(path: str, value: Any) -> list[FieldError]:
    if isinstance(value, str):
        return judged(validation.is_valid_port_name, path, value)
    return port_number(path, value)


def legacy_ip(path: str, value: str, allowed: Collection[str] = ()) -> list[FieldError]:
    """An IP address of a field that is older than strict validation; `allowed` holds what the old object had."""
    return [] if value in allowed else judged(validation.is_valid_ip, path, value)


def legacy_cidr(path: str, value: str, allowed: Collection[str] = ()) -> list[FieldError]:
    """A CIDR of a field that is older than strict validation, e.g. 10.0.0.0/24."""
    if value in allowed:
        return []
    try:
        network = ipaddress.ip_network(value, strict=False)
        if "/" not in value:
            raise ValueError(value)
    except ValueError:
        return [field.invalid(path, value, "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)")]
    if str(network.network_address) != str(ipaddress.ip_address(value.split("/", 1)[0])):
        return [field.invalid(path, value, "must not have bits set beyond the prefix length")]
    return []


def ip_family(value: str) -> str:
    """`IPv4` or `IPv6`."""
    return "IPv6" if ":" in value else "IPv4"


_ENDPOINT_RANGES: Final[tuple[tuple[tuple[str, ...], str], ...]] = (
    (("127.0.0.0/8", "::1/128"), "may not be in the loopback range (127.0.0.0/8, ::1/128)"),
    (("169.254.0.0/16", "fe80::/10"), "may not be in the link-local range (169.254.0.0/16, fe80::/10)"),
    (("224.0.0.0/24", "ff02::/16"), "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"),
)


def endpoint_ip(path: str, value: str) -> list[FieldError]:
    """An address that an endpoint may have: none that means this host or this link."""
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        return [field.invalid(path, value, "must be a valid IP address")]
    errors = []
    if address.is_unspecified:
        errors.append(field.invalid(path, value, f"may not be unspecified ({value})"))
    for ranges, message in _ENDPOINT_RANGES:
        networks = [ipaddress.ip_network(each) for each in ranges]
        if any(address.version == network.version and address in network for network in networks):
            errors.append(field.invalid(path, value, message))
    return errors


def finalizer_name(path: str, value: str) -> list[FieldError]:
    """A finalizer: qualified, or one of the standard names."""
    errors = qualified_name(path, value)
    if "/" not in value and value not in _STANDARD_FINALIZERS:
        errors.append(field.invalid(path, value, "name is neither a standard finalizer name nor is it fully qualified"))
    return errors


def service_account_name(name: str, prefix: bool) -> list[str]:
    return validation.name_is_dns_subdomain(name, prefix)
