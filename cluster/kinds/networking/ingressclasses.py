"""Ingress classes.  Upstream: `validateIngressClassSpec` in `pkg/apis/networking/validation/validation.go`."""

from __future__ import annotations

from typing import Any, Final

from cluster.api import field, validation
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.kinds.cells import age_of, name_of
from cluster.kinds.checks import dns1123_subdomain, metadata_of, spec_of, unchanged
from cluster.kinds.model import Strategy
from cluster.kinds.printing import NONE

_DEFAULT: Final = "ingressclass.kubernetes.io/is-default-class"
_LONGEST: Final = 250


def _default(ingress_class: Object) -> None:
    parameters = ingress_class.setdefault("spec", {}).get("parameters")
    if parameters is not None and parameters.get("scope") is None:
        parameters["scope"] = "Cluster"


def _validate(ingress_class: Object) -> list[FieldError]:
    spec = spec_of(ingress_class)
    controller, path = spec.get("controller") or "", "spec.controller"
    errors = [field.too_long(path, "", _LONGEST)] if len(controller.encode()) > _LONGEST else []
    domain, slash, rest = controller.partition("/")
    if not controller:
        errors.append(field.required(path))
    elif not slash or not domain or not rest:
        errors.append(field.invalid(path, controller, 'must be a domain-prefixed path (such as "acme.io/foo")'))
    else:
        errors += [field.invalid(path, domain, message) for message in validation.is_dns1123_subdomain(domain)]
    return errors + _validate_parameters(spec.get("parameters"))


def _validate_parameters(parameters: Object | None) -> list[FieldError]:
    if parameters is None:
        return []
    path = "spec.parameters"
    errors = dns1123_subdomain(f"{path}.apiGroup", parameters["apiGroup"]) if parameters.get("apiGroup") is not None else []
    for name in ("kind", "name"):
        value = parameters.get(name) or ""
        if not value:
            errors.append(field.required(f"{path}.{name}"))
        errors += [field.invalid(f"{path}.{name}", value, message) for message in validation.path_segment_name(value, False)]
    scope, namespace = parameters.get("scope"), parameters.get("namespace")
    if scope not in ("Cluster", "Namespace"):
        errors.append(field.not_supported(f"{path}.scope", scope, ("Cluster", "Namespace")))
    elif scope == "Namespace" and not namespace:
        errors.append(field.required(f"{path}.namespace", "`parameters.scope` is set to 'Namespace'"))
    elif scope == "Cluster" and namespace is not None:
        errors.append(field.forbidden(f"{path}.namespace", "`parameters.scope` is set to 'Cluster'"))
    return errors


def _validate_update(ingress_class: Object, old: Object) -> list[FieldError]:
    fixed = unchanged("spec.controller", spec_of(ingress_class).get("controller"), spec_of(old).get("controller"))
    return fixed + _validate(ingress_class)


def _cells(ingress_class: Object) -> list[Any]:
    spec = spec_of(ingress_class)
    name = name_of(ingress_class)
    if (metadata_of(ingress_class).get("annotations") or {}).get(_DEFAULT) == "true":
        name += " (default)"
    parameters = spec.get("parameters")
    shown = NONE
    if parameters is not None:
        group = f".{parameters['apiGroup']}" if parameters.get("apiGroup") is not None else ""
        shown = f"{parameters.get('kind') or ''}{group}/{parameters.get('name') or ''}"
    return [name, spec.get("controller") or "", shown, age_of(ingress_class)]


STRATEGY: Final = Strategy(default=_default, validate=_validate, validate_update=_validate_update, cells=_cells)
