"""PersistentVolumeClaims: their number and the storage that they ask for, in all and by storage class.

Upstream: `pkg/quota/v1/evaluator/core/persistent_volume_claims.go`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from cluster.api.names import GroupResource, Object
from cluster.api.quantity import Quantity, of_value, parse
from cluster.api.quota.evaluator import CREATE, ONE, UPDATE, count_name
from cluster.api.quota.scopes import VOLUME_ATTRIBUTES_CLASS, Scope
from cluster.api.resource_lists import ResourceList

CLAIMS: Final = GroupResource("", "persistentvolumeclaims")
_COUNT: Final = count_name(CLAIMS)
_CLAIMS: Final = "persistentvolumeclaims"
_STORAGE: Final = "requests.storage"
_NAMES: Final = frozenset({_COUNT, _CLAIMS, _STORAGE})
_OF_CLASS: Final = ".storageclass.storage.k8s.io/"
_BY_CLASS: Final = (_OF_CLASS + _CLAIMS, _OF_CLASS + _STORAGE)
_OLD_CLASS: Final = "volume.beta.kubernetes.io/storage-class"


class VolumeClaimEvaluator:
    resource = CLAIMS
    selects = True

    def handles(self, operation: str, subresource: str, obj: Object, old: Object | None) -> bool:  # noqa: ARG002
        """Status updates, too, which tell how much was allocated and of which class it is: they count, but are never refused."""
        if subresource == "status":
            return operation == UPDATE
        return operation in (CREATE, UPDATE) and not subresource

    def names(self, limited: Iterable[str]) -> list[str]:
        return [each for each in limited if each in _NAMES or each.endswith(_BY_CLASS)]

    def missing(self, required: Collection[str], obj: Object) -> str:  # noqa: ARG002
        return ""

    def in_scope(self, scope: Scope, obj: Object) -> bool:
        return scope.name == VOLUME_ATTRIBUTES_CLASS and scope.accepts(_attributes_classes(obj))

    def usage(self, obj: Object) -> ResourceList:
        usage: ResourceList = {_CLAIMS: ONE, _COUNT: ONE}
        storage_class = _storage_class(obj)
        if storage_class:
            usage[f"{storage_class}{_OF_CLASS}{_CLAIMS}"] = ONE
        storage = _storage(obj)
        if storage is not None:
            usage[_STORAGE] = storage
            if storage_class:
                usage[f"{storage_class}{_OF_CLASS}{_STORAGE}"] = storage
        return usage


def _storage_class(claim: Object) -> str:
    annotations = claim["metadata"].get("annotations") or {}
    name: str = annotations[_OLD_CLASS] if _OLD_CLASS in annotations else (claim.get("spec") or {}).get("storageClassName") or ""
    return name


def _storage(claim: Object) -> Quantity | None:
    """In whole bytes; what was allocated, where an expansion was taken back half-way."""
    requests = ((claim.get("spec") or {}).get("resources") or {}).get("requests") or {}
    if "storage" not in requests:
        return None
    wanted = _whole(parse(requests["storage"]))
    allocated = ((claim.get("status") or {}).get("allocatedResources") or {}).get("storage")
    if allocated is not None and parse(allocated) > wanted:
        return _whole(parse(allocated))
    return wanted


def _whole(amount: Quantity) -> Quantity:
    rounded = of_value(amount.value(), amount.format)
    return amount if rounded == amount else rounded


def _attributes_classes(claim: Object) -> list[str]:
    """The VolumeAttributesClasses that it has, is to have and is on its way to."""
    status = claim.get("status") or {}
    names = (
        (claim.get("spec") or {}).get("volumeAttributesClassName"),
        status.get("currentVolumeAttributesClassName"),
        (status.get("modifyVolumeStatus") or {}).get("targetVolumeAttributesClassName"),
    )
    return list(dict.fromkeys(name for name in names if name))
