"""ResourceClaims: their number, and the devices that they ask for by class and by the extended resources that stand for classes.

Upstream: `pkg/quota/v1/evaluator/core/resource_claims.go`, dynamic-resource-allocation `deviceclass/extendedresourcecache`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final, Protocol

from cluster.api.names import GroupResource, Object
from cluster.api.quantity import ZERO, of_value
from cluster.api.quota.evaluator import CREATE, ONE, UPDATE, count_name
from cluster.api.quota.pods import PodEvaluator
from cluster.api.quota.scopes import Scope
from cluster.api.resource_lists import ResourceList, added, largest
from cluster.api.resource_names import DEVICE_CLASS, REQUESTS, is_extended_in_quota

RESOURCE_CLAIMS: Final = GroupResource("resource.k8s.io", "resourceclaims")
DEVICE_CLASSES: Final = GroupResource("resource.k8s.io", "deviceclasses")
_COUNT: Final = count_name(RESOURCE_CLAIMS)
_OF_CLASS: Final = ".deviceclass.resource.k8s.io/devices"
_FOR_POD: Final = "resource.kubernetes.io/extended-resource-claim"
"""The annotation of a claim that the scheduler made for a pod's extended resources."""
_MOST_DEVICES: Final = 32
"""The most that a claim is ever allocated, which is what one for all devices counts as."""


class Neighbours(Protocol):
    """What is looked up beside a claim."""

    def device_classes(self) -> Mapping[str, str]:
        """Each DeviceClass's name to the extended resource that it says it stands for, "" for none."""
        ...

    def pod(self, namespace: str, name: str) -> Object | None: ...

    def claims(self, namespace: str) -> Iterable[Object]:
        """All ResourceClaims of a namespace."""
        ...


class NoNeighbours:
    """There is nothing else, as in a namespace that is new."""

    def device_classes(self) -> Mapping[str, str]:
        return {}

    def pod(self, namespace: str, name: str) -> Object | None:  # noqa: ARG002 - a Neighbours' signature
        return None

    def claims(self, namespace: str) -> Iterable[Object]:  # noqa: ARG002
        return ()


class ResourceClaimEvaluator:
    resource = RESOURCE_CLAIMS
    selects = False

    def __init__(self, neighbours: Neighbours, pods: PodEvaluator) -> None:
        self._neighbours = neighbours
        self._pods = pods

    def handles(self, operation: str, subresource: str, obj: Object, old: Object | None) -> bool:  # noqa: ARG002
        return operation in (CREATE, UPDATE) and not subresource

    def names(self, limited: Iterable[str]) -> list[str]:
        return [each for each in limited if each == _COUNT or each.endswith(_OF_CLASS) or self._stands_for_class(each)]

    def _stands_for_class(self, name: str) -> bool:
        if not is_extended_in_quota(name):
            return False
        classes, resource = self._neighbours.device_classes(), name.removeprefix(REQUESTS)
        return resource.removeprefix(DEVICE_CLASS) in classes if resource.startswith(DEVICE_CLASS) else resource in classes.values()

    def missing(self, required: Collection[str], obj: Object) -> str:  # noqa: ARG002
        return ""

    def in_scope(self, scope: Scope, obj: Object) -> bool:  # noqa: ARG002
        return False

    def usage(self, obj: Object) -> ResourceList:
        usage: ResourceList = {_COUNT: ONE}
        for request in ((obj.get("spec") or {}).get("devices") or {}).get("requests") or ():
            if request.get("firstAvailable"):
                # whichever is taken: the most of each class
                usage = added(usage, largest(*(_devices(each) for each in request["firstAvailable"])))
            else:
                usage = added(usage, _devices(request.get("exactly") or request))  # in v1beta1 it is the request itself
        return usage | self._extended_usage(obj, usage)

    def _extended_usage(self, claim: Object, usage: ResourceList) -> ResourceList:
        """What the devices are as extended resources, less what the pod that the claim was made for is charged already."""
        devices = {name.removesuffix(_OF_CLASS): amount for name, amount in usage.items() if name.endswith(_OF_CLASS)}
        if not devices:
            return {}
        classes = self._neighbours.device_classes()
        extended: ResourceList = {}
        for name, amount in devices.items():
            extended[REQUESTS + DEVICE_CLASS + name] = amount
            if classes.get(name):
                extended[REQUESTS + classes[name]] = amount
        charged = self._charged_to_pod(claim)
        rest = {name: amount - charged[name] if name in charged else amount for name, amount in extended.items()}
        return {name: amount for name, amount in rest.items() if amount > ZERO}

    def _charged_to_pod(self, claim: Object) -> ResourceList:
        """The usage of the pod that the claim was made for, where both say so and it is the pod's first such claim."""
        owner = _owning_pod(claim)
        if owner is None:
            return {}
        metadata = claim["metadata"]
        pod = self._neighbours.pod(metadata["namespace"], owner["name"])
        if pod is None or pod["metadata"].get("uid") != owner.get("uid"):
            return {}
        reported = (pod.get("status") or {}).get("extendedResourceClaimStatus")
        if reported is not None and reported.get("resourceClaimName") != metadata.get("name"):
            return {}
        if reported is None and self._has_earlier(claim, str(owner.get("uid"))):
            return {}
        return self._pods.usage(pod)

    def _has_earlier(self, claim: Object, uid: str) -> bool:
        """Whether another claim was made for the same pod before this one."""
        own = _age(claim)
        for other in self._neighbours.claims(claim["metadata"]["namespace"]):
            owner = _owning_pod(other)
            if owner is not None and owner.get("uid") == uid and _age(other) < own:
                return True
        return False


def _age(claim: Object) -> tuple[str, str]:
    metadata = claim["metadata"]
    return metadata.get("creationTimestamp") or "", metadata.get("name") or ""


def _owning_pod(claim: Object) -> Object | None:
    """The owner reference to the pod that a claim was made for."""
    metadata = claim["metadata"]
    if (metadata.get("annotations") or {}).get(_FOR_POD) != "true":
        return None
    for owner in metadata.get("ownerReferences") or ():
        if owner.get("controller"):
            return owner if owner.get("kind") == "Pod" and owner.get("apiVersion") == "v1" else None
    return None


def _devices(request: Object) -> ResourceList:
    """How many devices of which class; of a mode or a kind of request that is not known, none."""
    name, mode = request.get("deviceClassName"), request.get("allocationMode") or "ExactCount"
    if not name or mode not in ("ExactCount", "All"):
        return {}
    return {name + _OF_CLASS: of_value(_MOST_DEVICES if mode == "All" else int(request.get("count") or 1))}
