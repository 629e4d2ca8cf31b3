"""Validation of requests and limits.  Upstream: `pkg/apis/core/validation/validation.go` and `pkg/apis/core/helper`."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from cluster.api import field, quantity
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.api.resource_names import HUGE_PAGES
from cluster.kinds.core.pod_resources import aggregate
from cluster.kinds.core.pod_rules import dns_label, members
from cluster.kinds.core.quantities import allows_overcommit, validate_container_resource_name, validate_quantity, validate_resource_name

POD_LEVEL: Final = ("cpu", HUGE_PAGES, "memory")
_COMMON: Final = frozenset({"cpu", "memory"})
_PLAIN: Final = re.compile("[0-9]{1,18}(?:m|[KMGTPE]i|[kMGTPE])?").fullmatch
"""Amounts that are in order at sight: of the common resources nothing more is asked, but that requests be within limits."""


def container_resources(requirements: Object, spec: Object, path: str) -> list[FieldError]:
    """A container's requests and limits, and the resource claims that it uses."""
    errors = resource_requirements(requirements, validate_container_resource_name, path)
    if claims := requirements.get("claims"):
        errors += _claims(claims, spec, f"{path}.claims")
    return errors


def pod_resources(requirements: Object, spec: Object, path: str) -> list[FieldError]:
    """Requests and limits of the pod as a whole."""
    if (spec.get("os") or {}).get("name") == "windows":
        return [field.forbidden(path, "may not be set for a windows pod")]
    errors: list[FieldError] = []
    if requirements.get("claims") is not None:
        errors.append(field.forbidden(f"{path}.claims", "claims may not be set for Resources at pod-level"))
    return errors + resource_requirements(requirements, _pod_resource_name, path) + _consistency(spec, requirements, path)


def _consistency(spec: Object, requirements: Object, path: str) -> list[FieldError]:
    """The containers' requests together, and each one's limits, fit into the pod's."""
    requests, limits = requirements.get("requests") or {}, requirements.get("limits") or {}
    errors: list[FieldError] = []
    for name, amount in sorted(aggregate(spec, "requests").items()):
        if name in requests and quantity.compare(amount, requests[name]) > 0:
            detail = f"must be greater than or equal to aggregate container requests of {amount}"
            errors.append(field.invalid(f"{path}.requests[{name}]", requests[name], detail))
    for name, amount in sorted(aggregate(spec, "limits").items()):
        if name.startswith(HUGE_PAGES) and name in limits and quantity.compare(amount, limits[name]) > 0:
            detail = f"must be greater than or equal to aggregate container limits of {amount}"
            errors.append(field.invalid(f"{path}.limits[{name}]", limits[name], detail))
    for position, container in enumerate(members(spec.get("containers"))):
        own = (container.get("resources") or {}).get("limits") or {}
        for name in sorted(own):
            if name in limits and quantity.compare(own[name], limits[name]) > 0:
                where = f"{path}.containers[{position}][{name}].limits"
                errors.append(field.invalid(where, own[name], f"must be less than or equal to pod limits of {limits[name]}"))
    return errors


def resource_requirements(requirements: Object, name_rule: Callable[[str, str], list[FieldError]], path: str) -> list[FieldError]:
    limits, requests = requirements.get("limits") or {}, requirements.get("requests") or {}
    errors: list[FieldError] = []
    for name in sorted(limits):
        if name not in _COMMON or not _PLAIN(limits[name]):
            errors += _resource(name, limits[name], name_rule, f"{path}.limits[{name}]")
    for name in sorted(requests):
        if name not in _COMMON or not _PLAIN(requests[name]):
            errors += _resource(name, requests[name], name_rule, f"{path}.requests[{name}]")
        elif name not in limits or (_PLAIN(limits[name]) and _is_within(requests[name], limits[name])):
            continue
        errors += _request_against_limit(name, requests[name], limits, path)
    names = {*limits, *requests}
    if names.isdisjoint(_COMMON) and any(name.startswith(HUGE_PAGES) for name in names):
        errors.append(field.forbidden(path, "HugePages require cpu or memory"))
    return errors


@lru_cache(maxsize=4096)
def _is_within(request: str, limit: str) -> bool:
    """Of plain amounts; remembered, as pods that are alike ask for the same."""
    return quantity.parse(request) <= quantity.parse(limit)


def _resource(name: str, value: Any, name_rule: Callable[[str, str], list[FieldError]], path: str) -> list[FieldError]:
    errors = name_rule(path, name) + validate_quantity(path, name, value)
    if name.startswith(HUGE_PAGES):
        size = quantity.parse(name.removeprefix(HUGE_PAGES)).value()
        if size <= 0 or quantity.parse(value).value() % size:
            errors.append(field.invalid(path, str(value), f"{value} is not positive integer multiple of {name}"))
    return errors


def _request_against_limit(name: str, value: Any, limits: Object, path: str) -> list[FieldError]:
    where, overcommit = f"{path}.requests", allows_overcommit(name)
    if name not in limits:
        return [] if overcommit else [field.required(f"{path}.limits", "Limit must be set for non overcommitable resources")]
    request, limit = quantity.parse(value), quantity.parse(limits[name])
    if request != limit and not overcommit:
        return [field.invalid(where, str(value), f"must be equal to {name} limit of {limits[name]}")]
    if request > limit:
        return [field.invalid(where, str(value), f"must be less than or equal to {name} limit of {limits[name]}")]
    return []


def _pod_resource_name(path: str, name: str) -> list[FieldError]:
    errors = validate_resource_name(path, name)
    if not errors and name not in ("cpu", "memory") and not name.startswith(HUGE_PAGES):
        errors.append(field.not_supported(path, name, POD_LEVEL))
    return errors


def _claims(claims: list[Object], spec: Object, path: str) -> list[FieldError]:
    known = sorted(each["name"] for each in members(spec.get("resourceClaims")) if each.get("name"))
    errors: list[FieldError] = []
    seen: set[str] = set()
    for position, claim in enumerate(claims):
        here, name, request = f"{path}[{position}]", claim.get("name") or "", claim.get("request") or ""
        if not name:
            errors.append(field.required(here))
            continue
        full = f"{name}/{request}" if request else name
        if request:
            errors += dns_label(request, f"{here}.request")
        if name in seen or full in seen or (not request and any(each.startswith(f"{name}/") for each in seen)):
            errors.append(field.duplicate(here, full if full in seen and name not in seen else name))
        seen.add(full)
        if name not in known:
            detail = "must be one of the names in pod.spec.resourceClaims"
            detail += f": {', '.join(known)}" if known else " which is empty"
            errors.append(FieldError(field.NOT_FOUND, here, name, detail))
    return errors
