"""By what an object breaks a limit range.  Upstream: the constraints in `plugin/pkg/admission/limitranger/admission.go`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from cluster.api.names import Object
from cluster.api.pod_resources import QOS_RESOURCES, aggregate
from cluster.api.quantity import ZERO, Quantity, parse
from cluster.api.resource_lists import ResourceList, parsed

_LARGEST_MILLI: Final = (2**63 - 1) // 1000
"""Above it upstream compares whole units, as thousandths would not fit."""


def pod_problems(pod: Object, items: Iterable[Object]) -> list[str]:
    """What is wrong with a pod's containers, and with the pod as a whole."""
    spec = pod.get("spec") or {}
    problems: list[str] = []
    for item in items:
        if item.get("type") == "Container":
            for container in (*(spec.get("containers") or ()), *(spec.get("initContainers") or ())):
                resources = container.get("resources") or {}
                problems += _problems(item, parsed(resources.get("requests")), parsed(resources.get("limits")))
        elif item.get("type") == "Pod":
            problems += _problems(item, _of_pod(spec, "requests"), _of_pod(spec, "limits"))
    return problems


def claim_problems(claim: Object, items: Iterable[Object]) -> list[str]:
    """What is wrong with the storage that a claim requests; its limits are nothing that is looked at."""
    requests = parsed(((claim.get("spec") or {}).get("resources") or {}).get("requests"))
    problems: list[str] = []
    for item in items:
        if item.get("type") == "PersistentVolumeClaim":
            problems += [_below(item, *each, requests, {}) for each in _sorted(item, "min")]
            problems += [_above_request(item, *each, requests) for each in _sorted(item, "max")]
    return [each for each in problems if each]


def _of_pod(spec: Object, which: str) -> ResourceList:
    """Of the containers together, unless it is said for the pod: overhead and what a status says count for nothing here."""
    own = parsed((spec.get("resources") or {}).get(which))
    return aggregate(spec, which) | {name: amount for name, amount in own.items() if name in QOS_RESOURCES}


def _problems(item: Object, requests: ResourceList, limits: ResourceList) -> Iterator[str]:
    found = [_below(item, *each, requests, limits) for each in _sorted(item, "min")]
    found += [_above(item, *each, requests, limits) for each in _sorted(item, "max")]
    found += [_beyond_ratio(item, *each, requests, limits) for each in _sorted(item, "maxLimitRequestRatio")]
    return (each for each in found if each)


def _sorted(item: Object, which: str) -> list[tuple[str, Quantity]]:
    """Upstream's order is random."""
    return [(name, parse(amount)) for name, amount in sorted((item.get(which) or {}).items())]


def _comparable(*amounts: Quantity) -> list[int]:
    """In thousandths, or, where one is too large, in whole units."""
    if all(each.value() <= _LARGEST_MILLI for each in amounts):
        return [each.milli_value() for each in amounts]
    return [each.value() for each in amounts]


def _below(item: Object, name: str, bound: Quantity, requests: Mapping[str, Quantity], limits: Mapping[str, Quantity]) -> str:
    request, limit = requests.get(name), limits.get(name)
    asked, limited, least = _comparable(request or ZERO, limit or ZERO, bound)
    start = f"minimum {name} usage per {item['type']} is {bound}"
    if request is None:
        return f"{start}.  No request is specified"
    if asked < least:
        return f"{start}, but request is {request}"
    return f"{start}, but limit is {limit}" if limit is not None and limited < least else ""


def _above(item: Object, name: str, bound: Quantity, requests: Mapping[str, Quantity], limits: Mapping[str, Quantity]) -> str:
    request, limit = requests.get(name), limits.get(name)
    asked, limited, most = _comparable(request or ZERO, limit or ZERO, bound)
    start = f"maximum {name} usage per {item['type']} is {bound}"
    if limit is None:
        return f"{start}.  No limit is specified"
    if limited > most:
        return f"{start}, but limit is {limit}"
    return f"{start}, but request is {request}" if request is not None and asked > most else ""


def _above_request(item: Object, name: str, bound: Quantity, requests: Mapping[str, Quantity]) -> str:
    request = requests.get(name)
    asked, most = _comparable(request or ZERO, bound)
    start = f"maximum {name} usage per {item['type']} is {bound}"
    if request is None:
        return f"{start}.  No request is specified"
    return f"{start}, but request is {request}" if asked > most else ""


def _beyond_ratio(item: Object, name: str, bound: Quantity, requests: Mapping[str, Quantity], limits: Mapping[str, Quantity]) -> str:
    asked, limited, _ = _comparable(requests.get(name, ZERO), limits.get(name, ZERO), bound)
    start = f"{name} max limit to request ratio per {item['type']} is {bound}"
    if not asked:
        return f"{start}, but no request is specified or request is 0"
    if not limited:
        return f"{start}, but no limit is specified or limit is 0"
    ratio = limited / asked
    fine = bound.value() <= _LARGEST_MILLI
    beyond = ratio * 1000 > bound.milli_value() if fine else ratio > bound.value()
    return f"{start}, but provided ratio is {ratio:f}" if beyond else ""
