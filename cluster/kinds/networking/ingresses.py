"""Ingresses.  Upstream: `pkg/apis/networking/validation/validation.go`, `pkg/registry/networking/ingress/strategy.go`."""

from __future__ import annotations

from typing import Any, Final

from cluster.api import field, validation
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.kinds.cells import age_of, name_of
from cluster.kinds.checks import dns1123_label, dns1123_subdomain, judged, legacy_ip, metadata_of, port_number, spec_of, status_of
from cluster.kinds.model import Strategy
from cluster.kinds.printing import NONE
from cluster.kinds.statuses import keep_status, starts_with, status_subresource

_CLASS: Final = "kubernetes.io/ingress.class"
_PATH_TYPES: Final = ("Exact", "ImplementationSpecific", "Prefix")
_BAD_SEQUENCES: Final = ("//", "/./", "/../", "%2f", "%2F")
_BAD_SUFFIXES: Final = ("/..", "/.")
_NOT_AN_ADDRESS: Final = "must be a DNS name, not an IP address"
_SHOWN_HOSTS: Final = 3


def _default(ingress: Object) -> None:
    ingress.setdefault("spec", {})
    ingress["status"] = {"loadBalancer": {}} | status_of(ingress)


def _host(path: str, host: str) -> list[FieldError]:
    errors = [field.invalid(path, host, _NOT_AN_ADDRESS)] if not validation.is_valid_ip(host) else []
    rule = validation.is_wildcard_dns1123_subdomain if "*" in host else validation.is_dns1123_subdomain
    return errors + judged(rule, path, host)


def _validate(ingress: Object) -> list[FieldError]:
    spec = spec_of(ingress)
    errors: list[FieldError] = []
    if not spec.get("rules") and spec.get("defaultBackend") is None:
        message = "either `defaultBackend` or `rules` must be specified"
        errors.append(field.invalid("spec", spec.get("rules"), message))
    if spec.get("defaultBackend") is not None:
        errors += _validate_backend(spec["defaultBackend"], "spec.defaultBackend")
    for position, rule in enumerate(spec.get("rules") or ()):
        errors += _validate_rule(rule, f"spec.rules[{position}]")
    for position, tls in enumerate(spec.get("tls") or ()):
        errors += _validate_tls(tls, f"spec.tls[{position}]")
    if spec.get("ingressClassName") is not None:
        errors += dns1123_subdomain("spec.ingressClassName", spec["ingressClassName"])
    return errors


def _validate_create(ingress: Object) -> list[FieldError]:
    annotation, name = (metadata_of(ingress).get("annotations") or {}).get(_CLASS), spec_of(ingress).get("ingressClassName")
    errors = _validate(ingress)
    if annotation is not None and name is not None and annotation != name:
        message = "must match `ingressClassName` when both are specified"
        errors.append(field.invalid(f"annotations.{_CLASS}", annotation, message))
    return errors


def _validate_tls(tls: Object, path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    for position, host in enumerate(tls.get("hosts") or ()):
        rule = validation.is_wildcard_dns1123_subdomain if "*" in host else validation.is_dns1123_subdomain
        errors += judged(rule, f"{path}.hosts[{position}]", host)
    name = tls.get("secretName") or ""
    return errors + (dns1123_subdomain(f"{path}.secretName", name) if name else [])


def _validate_rule(rule: Object, path: str) -> list[FieldError]:
    errors = _host(f"{path}.host", rule["host"]) if rule.get("host") else []
    http = rule.get("http")
    if http is None:
        return errors
    paths = http.get("paths") or ()
    if not paths:
        errors.append(field.required(f"{path}.http.paths"))
    for position, each in enumerate(paths):
        errors += _validate_path(each, f"{path}.http.paths[{position}]")
    return errors


def _validate_path(entry: Object, path: str) -> list[FieldError]:
    kind, text = entry.get("pathType"), entry.get("path") or ""
    if kind is None:
        return [field.required(f"{path}.pathType", "pathType must be specified")]
    place = f"{path}.path"
    errors: list[FieldError] = []
    if kind not in _PATH_TYPES:
        errors.append(field.not_supported(f"{path}.pathType", kind, _PATH_TYPES))
    elif not text.startswith("/") and (text or kind != "ImplementationSpecific"):
        errors.append(field.invalid(place, text, "must be an absolute path"))
    if kind in ("Exact", "Prefix"):
        errors += [field.invalid(place, text, f"must not contain '{each}'") for each in _BAD_SEQUENCES if each in text]
        if text.endswith(_BAD_SUFFIXES):
            errors += [field.invalid(place, text, f"cannot end with '{each}'") for each in _BAD_SUFFIXES if text.endswith(each)]
    return errors + _validate_backend(entry.get("backend") or {}, f"{path}.backend")


def _validate_backend(backend: Object, path: str) -> list[FieldError]:
    service, resource = backend.get("service"), backend.get("resource")
    if service is not None and resource is not None:
        return [field.invalid(path, "", "cannot set both resource and service backends")]
    if resource is not None:
        return _validate_resource(resource, f"{path}.resource")
    if service is None:
        return [field.invalid(path, "", "resource or service backend is required")]
    name, port = service.get("name") or "", service.get("port") or {}
    errors = dns1123_label(f"{path}.service.name", name) if name else [field.required(f"{path}.service.name")]
    if port.get("name") and port.get("number"):
        errors.append(field.invalid(path, "", "cannot set both port name & port number"))
    elif port.get("name"):
        errors += judged(validation.is_valid_port_name, f"{path}.service.port.name", port["name"])
    elif port.get("number"):
        errors += port_number(f"{path}.service.port.number", port["number"])
    else:
        errors.append(field.required(path, "port name or number is required"))
    return errors


def _validate_resource(reference: Object, path: str) -> list[FieldError]:
    errors = dns1123_subdomain(f"{path}.apiGroup", reference["apiGroup"]) if reference.get("apiGroup") is not None else []
    for name in ("kind", "name"):
        value = reference.get(name) or ""
        if not value:
            errors.append(field.required(f"{path}.{name}"))
        errors += [field.invalid(f"{path}.{name}", value, message) for message in validation.path_segment_name(value, False)]
    return errors


def _validate_status(ingress: Object, old: Object) -> list[FieldError]:
    known = [each.get("ip") for each in (status_of(old).get("loadBalancer") or {}).get("ingress") or ()]
    errors: list[FieldError] = []
    for position, each in enumerate((status_of(ingress).get("loadBalancer") or {}).get("ingress") or ()):
        path = f"status.loadBalancer.ingress[{position}]"
        if each.get("ip") and each["ip"] not in known:
            errors += legacy_ip(f"{path}.ip", each["ip"])
        if each.get("hostname"):
            host = each["hostname"]
            errors += dns1123_subdomain(f"{path}.hostname", host)
            errors += [field.invalid(f"{path}.hostname", host, _NOT_AN_ADDRESS)] if not validation.is_valid_ip(host) else []
    return errors


def _warnings(ingress: Object, old: Object | None) -> list[str]:
    if old is None and _CLASS in (metadata_of(ingress).get("annotations") or {}) and spec_of(ingress).get("ingressClassName") is None:
        return [f"annotation \"{_CLASS}\" is deprecated, please use 'spec.ingressClassName' instead"]
    return []


def _hosts(rules: list[Object]) -> str:
    """Upstream looks at the first three named hosts, and counts all rules."""
    shown: list[str] = []
    more = False
    for rule in rules:
        more = more or len(shown) == _SHOWN_HOSTS
        if not more and rule.get("host"):
            shown.append(rule["host"])
    if not shown:
        return "*"
    text = ",".join(shown)
    return f"{text} + {len(rules) - _SHOWN_HOSTS} more..." if more else text


def _cells(ingress: Object) -> list[Any]:
    spec = spec_of(ingress)
    name = spec.get("ingressClassName")
    balancers = (status_of(ingress).get("loadBalancer") or {}).get("ingress") or ()
    addresses = {each.get("ip") or each.get("hostname") or "" for each in balancers} - {""}
    ports = "80, 443" if spec.get("tls") else "80"
    hosts = _hosts(spec.get("rules") or [])
    return [name_of(ingress), NONE if name is None else name, hosts, ",".join(sorted(addresses)), ports, age_of(ingress)]


STRATEGY: Final = Strategy(
    default=_default,
    prepare_for_create=starts_with(loadBalancer={}),
    prepare_for_update=keep_status,
    validate=_validate_create,
    validate_update=lambda ingress, old: _validate(ingress),
    warnings=_warnings,
    subresources=status_subresource(_validate_status),
    cells=_cells,
)
