"""Resource lists of a pod spec: as they are served, and how requests follow from limits.

Upstream: `pkg/apis/core/v1/defaults.go`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from cluster.api import pod_resources, quantity
from cluster.api.errors import BadRequest
from cluster.api.names import Object
from cluster.api.pod_resources import QOS_RESOURCES, is_pod_level_resource
from cluster.api.resource_lists import texts_of
from cluster.api.resource_names import HUGE_PAGES
from cluster.kinds.model import Default

_MILLI: Final = 1_000_000
_MOST_KEPT: Final = 32
"""Characters of a text whose canonical form is remembered."""


def decoded(default: Default) -> Default:
    """Defaulting that reads quantities: one that can't be read is a fault of the body, as upstream's decoder says it."""

    def guarded(obj: Object) -> None:
        try:
            default(obj)
        except ValueError as error:
            kind, version = obj.get("kind", ""), obj.get("apiVersion", "")
            raise BadRequest(f'{kind} in version "{version.rpartition("/")[2]}" cannot be handled as a {kind}: {error}') from error

    return guarded


def canonical_resource_list(resources: Object | None) -> None:
    """Rewrites each quantity as it is served: canonical, and rounded up to a thousandth; ValueError where it is none."""
    for name, value in (resources or {}).items():
        resources[name] = _served(value) if type(value) is str and len(value) <= _MOST_KEPT else str(_rounded(value))  # type: ignore[index]


def _rounded(value: str | int | float) -> quantity.Quantity:
    amount = quantity.parse(value)
    return quantity.of_milli(amount.milli_value(), amount.format) if amount.nano % _MILLI else amount


@lru_cache(maxsize=4096)
def _served(text: str) -> str:
    """Remembered: the same few amounts are asked for everywhere."""
    return str(_rounded(text))


def canonical_requirements(requirements: Object) -> None:
    """The same of limits and of requests."""
    if limits := requirements.get("limits"):
        canonical_resource_list(limits)
    if requests := requirements.get("requests"):
        canonical_resource_list(requests)


def default_requests(container: Object) -> None:
    """A limit without a request is the request too (for pods, not for templates)."""
    resources = container.get("resources") or {}
    limits = resources.get("limits")
    if limits:
        requests = resources.setdefault("requests", {})
        for name, value in limits.items():
            requests.setdefault(name, value)


def default_pod_level_resources(spec: Object) -> None:
    """Limits of the pod as a whole settle its requests: what its containers ask for, or else the limits."""
    resources = spec.get("resources")
    if not resources or not (resources.get("limits") or resources.get("requests")):
        return
    for name, amount in aggregate(spec, "limits").items():
        if name.startswith(HUGE_PAGES) and name not in (resources.get("requests") or {}):
            resources.setdefault("limits", {}).setdefault(name, amount)
    limits = resources.get("limits") or {}
    if not limits:
        return
    requests = dict(resources.get("requests") or {})
    for name, amount in aggregate(spec, "requests").items():
        if name in QOS_RESOURCES:
            requests.setdefault(name, amount)
    for name, amount in limits.items():
        if is_pod_level_resource(name):
            requests.setdefault(name, amount)
    if requests:
        resources["requests"] = requests


def aggregate(spec: Object, which: str) -> dict[str, str]:
    """The `requests` or `limits` of all containers together, as the API shows them."""
    return texts_of(pod_resources.aggregate(spec, which))
