"""StorageObjectInUseProtection: claims, volumes and volume attributes classes are not gone while they are in use.

The controllers `persistentvolumeclaim-protection`, `persistentvolume-protection` and `volumeattributesclass-protection` take the
finalizers away again.  Upstream: `plugin/pkg/admission/storage/storageobjectinuseprotection`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from admission.attributes import Attributes, Operation
from admission.finalizers import protect
from cluster.api.names import GroupResource

_FINALIZERS: Final[Mapping[str, tuple[str, str]]] = {
    "persistentvolumes": ("", "kubernetes.io/pv-protection"),
    "persistentvolumeclaims": ("", "kubernetes.io/pvc-protection"),
    "volumeattributesclasses": ("storage.k8s.io", "kubernetes.io/vac-protection"),
}
"""A resource's name to its group and its finalizer."""


class StorageObjectInUseProtection:
    name = "StorageObjectInUseProtection"
    resources: Final = frozenset(GroupResource(group, resource) for resource, (group, _) in _FINALIZERS.items())

    def handles(self, operation: Operation) -> bool:
        return operation is Operation.CREATE

    def admit(self, attributes: Attributes) -> None:
        group, finalizer = _FINALIZERS.get(attributes.resource.resource, ("", ""))
        if finalizer and attributes.resource.group == group and not attributes.subresource and attributes.object is not None:
            protect(attributes.object, finalizer)
