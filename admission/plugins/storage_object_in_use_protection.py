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

_FINALIZERS: Final[Mapping[GroupResource, str]] = {
    GroupResource("", "persistentvolumes"): "kubernetes.io/pv-protection",
    GroupResource("", "persistentvolumeclaims"): "kubernetes.io/pvc-protection",
    GroupResource("storage.k8s.io", "volumeattributesclasses"): "kubernetes.io/vac-protection",
}


class StorageObjectInUseProtection:
    name = "StorageObjectInUseProtection"

    def handles(self, operation: Operation) -> bool:
        return operation is Operation.CREATE

    def admit(self, attributes: Attributes) -> None:
        finalizer = _FINALIZERS.get(attributes.resource.group_resource)
        if finalizer is not None and not attributes.subresource and attributes.object is not None:
            protect(attributes.object, finalizer)
