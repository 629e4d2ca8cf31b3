"""What a pod as a whole asks for and is limited to, and the quality of service that it gets for it.

Upstream: `staging/src/k8s.io/component-helpers/resource/helpers.go`, `pkg/apis/core/v1/helper/qos/qos.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from cluster.api.names import Object
from cluster.api.quantity import ZERO, Quantity, parse
from cluster.api.resource_lists import ResourceList, added, largest, parsed
from cluster.api.resource_names import HUGE_PAGES

QOS_RESOURCES: Final = ("cpu", "memory")
BEST_EFFORT: Final = "BestEffort"
_Amounts = Callable[[Object], ResourceList]


def requests_of(pod: Object) -> ResourceList:
    """What is requested, overhead included: while a pod is resized the greatest of what it has, is given and wants."""
    spec = pod.get("spec") or {}
    total = _total(spec, _effective(pod, "requests")) | _pod_level(spec, "requests")
    return added(total, parsed(spec.get("overhead")))


def limits_of(pod: Object) -> ResourceList:
    """The same of limits; overhead counts where there is a limit at all."""
    spec = pod.get("spec") or {}
    total = _total(spec, _effective(pod, "limits")) | _pod_level(spec, "limits")
    overhead = parsed(spec.get("overhead"))
    return {name: amount + overhead[name] if amount and name in overhead else amount for name, amount in total.items()}


def aggregate(spec: Object, which: str) -> ResourceList:
    """The `requests` or `limits` of all containers of a spec together; sidecars add up, and the largest init container counts."""
    return _total(spec, lambda container: parsed((container.get("resources") or {}).get(which)))


def is_pod_level_resource(name: str) -> bool:
    """Whether the resource may be set for a pod as a whole."""
    return name in QOS_RESOURCES or name.startswith(HUGE_PAGES)


def is_pod_level(spec: Object) -> bool:
    """Whether resources are set for the pod as a whole."""
    resources = spec.get("resources") or {}
    return any(is_pod_level_resource(name) for which in ("requests", "limits") for name in resources.get(which) or ())


def _pod_level(spec: Object, which: str) -> ResourceList:
    amounts = (spec.get("resources") or {}).get(which) or {}
    return {name: parse(amount) for name, amount in amounts.items() if is_pod_level_resource(name)}


def _total(spec: Object, amounts: _Amounts) -> ResourceList:
    total: ResourceList = {}
    for container in spec.get("containers") or ():
        total = added(total, amounts(container))
    sidecars: ResourceList = {}
    most: ResourceList = {}
    for container in spec.get("initContainers") or ():
        asked = amounts(container)
        if container.get("restartPolicy") == "Always":
            total = added(total, asked)
            asked = sidecars = added(sidecars, asked)
        else:
            asked = added(asked, sidecars)
        most = largest(most, asked)
    return largest(total, most)


def _effective(pod: Object, which: str) -> _Amounts:
    """Of a container what its status says, too; an init container that is no sidecar is never resized."""
    status = pod.get("status") or {}
    reported = {
        each.get("name"): each
        for name in ("containerStatuses", "initContainerStatuses")
        for each in status.get(name) or ()
        if each.get("resources") is not None
    }
    if not reported:
        return lambda container: parsed((container.get("resources") or {}).get(which))
    ordinary = {each.get("name") for each in (pod["spec"].get("initContainers") or ()) if each.get("restartPolicy") != "Always"}
    infeasible = _is_resize_infeasible(status)

    def amounts(container: Object) -> ResourceList:
        wanted = parsed((container.get("resources") or {}).get(which))
        found = reported.get(container.get("name"))
        if found is None or container.get("name") in ordinary:
            return wanted
        held = parsed(found["resources"].get(which))
        if which == "requests":
            held = largest(held, parsed(found.get("allocatedResources")))
        return held if infeasible else largest(wanted, held)

    return amounts


def _is_resize_infeasible(status: Object) -> bool:
    for condition in status.get("conditions") or ():
        if condition.get("type") == "PodResizePending":
            return bool(condition.get("reason") == "Infeasible")
    return False


def quality_of_service(spec: Object) -> str:
    """The QoS class: Guaranteed where every container's limits equal its requests, BestEffort where there are none."""
    pod_level = spec.get("resources")
    if pod_level is not None:
        holders: Iterable[Object] = [{"resources": pod_level}]
    else:
        holders = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
    requests: ResourceList = {}
    limits: ResourceList = {}
    guaranteed = True
    for holder in holders:
        resources = holder.get("resources") or {}
        requests = added(requests, _positive(resources.get("requests")))
        limited = _positive(resources.get("limits"))
        limits = added(limits, limited)
        guaranteed = guaranteed and len(limited) == len(QOS_RESOURCES)
    if not requests and not limits:
        return BEST_EFFORT
    return "Guaranteed" if guaranteed and requests == limits else "Burstable"


def _positive(resources: Any) -> ResourceList:
    """What is above zero of the resources that count."""
    amounts: dict[str, Quantity] = {name: parse((resources or {}).get(name) or 0) for name in QOS_RESOURCES}
    return {name: amount for name, amount in amounts.items() if amount > ZERO}


def qos_class(pod: Object) -> str:
    """The class that the pod was given, or would be."""
    return (pod.get("status") or {}).get("qosClass") or quality_of_service(pod.get("spec") or {})
