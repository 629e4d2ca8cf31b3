"""Resource lists of a pod spec: requests from limits, what a pod asks for as a whole, and its quality of service.

Upstream: `pkg/apis/core/v1/defaults.go`, `pkg/apis/core/helper/qos/qos.go`, `component-helpers/resource`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from cluster.api import quantity
from cluster.api.errors import BadRequest
from cluster.api.names import Object
from cluster.api.quantity import Quantity
from cluster.kinds.model import Default

QOS_RESOURCES: Final = ("cpu", "memory")
HUGEPAGES: Final = "hugepages-"
_MILLI: Final = 1_000_000


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
        amount = quantity.parse(value)
        if amount.nano % _MILLI:
            amount = quantity.of_milli(amount.milli_value(), amount.format)
        resources[name] = str(amount)  # type: ignore[index]


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
        if name.startswith(HUGEPAGES) and name not in (resources.get("requests") or {}):
            resources.setdefault("limits", {}).setdefault(name, amount)
    limits = resources.get("limits") or {}
    if not limits:
        return
    requests = dict(resources.get("requests") or {})
    for name, amount in aggregate(spec, "requests").items():
        if name in QOS_RESOURCES:
            requests.setdefault(name, amount)
    for name, amount in limits.items():
        if name in QOS_RESOURCES or name.startswith(HUGEPAGES):
            requests.setdefault(name, amount)
    if requests:
        resources["requests"] = requests


def aggregate(spec: Object, which: str) -> dict[str, str]:
    """The `requests` or `limits` of all containers together; sidecars add up, and the largest init container counts."""
    totals: dict[str, Quantity] = {}
    for container in spec.get("containers") or ():
        _add(totals, _amounts(container, which))
    sidecars: dict[str, Quantity] = {}
    largest: dict[str, Quantity] = {}
    for container in spec.get("initContainers") or ():
        amounts = _amounts(container, which)
        if container.get("restartPolicy") == "Always":
            _add(totals, amounts)
            _add(sidecars, amounts)
            amounts = dict(sidecars)
        else:
            _add(amounts, sidecars)
        for name, amount in amounts.items():
            largest[name] = max(largest.get(name, amount), amount)
    for name, amount in largest.items():
        totals[name] = max(totals.get(name, amount), amount)
    return {name: str(amount) for name, amount in totals.items()}


def _amounts(container: Object, which: str) -> dict[str, Quantity]:
    resources = (container.get("resources") or {}).get(which) or {}
    return {name: quantity.parse(value) for name, value in resources.items()}


def _add(totals: dict[str, Quantity], amounts: dict[str, Quantity]) -> None:
    for name, amount in amounts.items():
        totals[name] = totals[name] + amount if name in totals else amount


def quality_of_service(spec: Object) -> str:
    """The QoS class: Guaranteed where every container's limits equal its requests, BestEffort where there are none."""
    pod_level = spec.get("resources")
    if pod_level is not None:
        holders: Iterable[Object] = [{"resources": pod_level}]
    else:
        holders = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
    requests: dict[str, Any] = {}
    limits: dict[str, Any] = {}
    guaranteed = True
    for holder in holders:
        resources = holder.get("resources") or {}
        _add_positive(requests, resources.get("requests"))
        limited = _add_positive(limits, resources.get("limits"))
        guaranteed = guaranteed and len(limited) == len(QOS_RESOURCES)
    if not requests and not limits:
        return "BestEffort"
    return "Guaranteed" if guaranteed and requests == limits else "Burstable"


def _add_positive(totals: dict[str, Any], resources: Object | None) -> set[str]:
    """Adds what is above zero of the resources that count; which those were."""
    found = set()
    for name in QOS_RESOURCES:
        value = (resources or {}).get(name)
        if value is None:
            continue
        amount = quantity.parse(value)
        if quantity.compare(value, 0) > 0:
            totals[name] = totals[name] + amount if name in totals else amount
            found.add(name)
    return found
