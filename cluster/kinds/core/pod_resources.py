"""Resource lists of a pod spec: requests from limits, what a pod asks for as a whole, and its quality of service.

Upstream: `pkg/apis/core/v1/defaults.go`, `pkg/apis/core/helper/qos/qos.go`, `component-helpers/resource`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from cluster.api import quantity
from cluster.api.errors import BadRequest
from cluster.api.names import Object
from cluster.kinds.model import Default

QOS_RESOURCES: Final = ("cpu", "memory")
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


def quality_of_service(spec: Object) -> str:
    """The QoS class: Guaranteed where every container's limits equal its requests, BestEffort where there are none."""
    pod_level = spec.get("resources")
    if pod_level:
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
