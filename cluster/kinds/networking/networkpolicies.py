"""Network policies.  Upstream: `ValidateNetworkPolicySpec` in `pkg/apis/networking/validation/validation.go`."""

from __future__ import annotations

import ipaddress
from typing import Final

from cluster.api import field, validation
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.kinds.cells import format_label_selector, name_and
from cluster.kinds.checks import legacy_cidr, port_number_or_name, spec_of
from cluster.kinds.model import Strategy

_TYPES: Final = ("Ingress", "Egress")
_PROTOCOLS: Final = ("TCP", "UDP", "SCTP")
_DIRECTIONS: Final = (("ingress", "from"), ("egress", "to"))


def _default(policy: Object) -> None:
    """A policy that doesn't say what it governs governs ingress, and egress if it has rules for it."""
    spec = policy.setdefault("spec", {})
    if not spec.get("policyTypes"):
        spec["policyTypes"] = ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]
    for direction, _ in _DIRECTIONS:
        for rule in spec.get(direction) or ():
            for port in rule.get("ports") or ():
                if port.get("protocol") is None:
                    port["protocol"] = "TCP"


def _validate(policy: Object, allowed: tuple[str, ...] = ()) -> list[FieldError]:
    spec = spec_of(policy)
    errors = validation.validate_label_selector(spec.get("podSelector") or {}, "spec.podSelector")
    for direction, peers in _DIRECTIONS:
        for position, rule in enumerate(spec.get(direction) or ()):
            path = f"spec.{direction}[{position}]"
            for i, port in enumerate(rule.get("ports") or ()):
                errors += _validate_port(port, f"{path}.ports[{i}]")
            for i, peer in enumerate(rule.get(peers) or ()):
                errors += _validate_peer(peer, f"{path}.{peers}[{i}]", allowed)
    types = spec.get("policyTypes") or []
    if len(types) > len(_TYPES):
        return [*errors, field.invalid("spec.policyTypes", types, "may not specify more than two policyTypes")]
    for position, each in enumerate(types):
        if each not in _TYPES:
            errors.append(field.not_supported(f"spec.policyTypes[{position}]", each, _TYPES))
    return errors


def _validate_port(port: Object, path: str) -> list[FieldError]:
    protocol, number, end = port.get("protocol"), port.get("port"), port.get("endPort")
    errors: list[FieldError] = []
    if protocol is not None and protocol not in _PROTOCOLS:
        errors.append(field.not_supported(f"{path}.protocol", protocol, _PROTOCOLS))
    end_path = f"{path}.endPort"
    if number is None:
        return errors if end is None else [*errors, field.invalid(end_path, end, "may not be specified when `port` is not specified")]
    if isinstance(number, str) and end is not None:
        errors.append(field.invalid(end_path, end, "may not be specified when `port` is non-numeric"))
    errors += port_number_or_name(f"{path}.port", number)
    if isinstance(number, int) and end is not None:
        if end < number:
            errors.append(field.invalid(end_path, number, "must be greater than or equal to `port`"))
        errors += port_number_or_name(end_path, end)
    return errors


def _validate_peer(peer: Object, path: str, allowed: tuple[str, ...]) -> list[FieldError]:
    given = [name for name in ("podSelector", "namespaceSelector", "ipBlock") if peer.get(name) is not None]
    errors: list[FieldError] = []
    for name in given[:2] if "ipBlock" not in given else given[:-1]:
        errors += validation.validate_label_selector(peer[name], f"{path}.{name}")
    if "ipBlock" in given:
        errors += _validate_block(peer["ipBlock"], f"{path}.ipBlock", allowed)
    if not given:
        errors.append(field.required(path, "must specify a peer"))
    elif len(given) > 1 and "ipBlock" in given:
        errors.append(field.forbidden(path, "may not specify both ipBlock and another peer"))
    return errors


def _validate_block(block: Object, path: str, allowed: tuple[str, ...]) -> list[FieldError]:
    cidr = block.get("cidr") or ""
    if not cidr:
        return [field.required(f"{path}.cidr")]
    errors = legacy_cidr(f"{path}.cidr", cidr, allowed)
    network = _network(cidr)
    for position, each in enumerate(block.get("except") or ()):
        place = f"{path}.except[{position}]"
        errors += legacy_cidr(place, each, allowed)
        inner = _network(each)
        if network is None or inner is None:
            continue
        if inner.version != network.version or inner == network or inner.network_address not in network:
            errors.append(field.invalid(place, each, "must be a strict subset of `cidr`"))
    return errors


def _network(cidr: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(cidr, strict=False)
    except ValueError:
        return None


def _validate_update(policy: Object, old: Object) -> list[FieldError]:
    """Ranges that the old policy had may be as wrong as they were."""
    known: list[str] = []
    for direction, peers in _DIRECTIONS:
        for rule in spec_of(old).get(direction) or ():
            blocks = [peer["ipBlock"] for peer in rule.get(peers) or () if peer.get("ipBlock") is not None]
            known += [each for block in blocks for each in (block.get("cidr") or "", *(block.get("except") or ()))]
    return _validate(policy, tuple(known))


STRATEGY: Final = Strategy(
    default=_default,
    validate=_validate,
    validate_update=_validate_update,
    cells=name_and(lambda policy: format_label_selector(spec_of(policy).get("podSelector"))),
)
