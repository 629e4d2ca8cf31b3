"""PersistentVolumeClaimResize: a claim grows only while it is bound, and only where its storage class lets it.

Upstream: `plugin/pkg/admission/storage/persistentvolume/resize`.
"""

from __future__ import annotations

from typing import Final

from admission.attributes import Attributes, Operation
from admission.denial import forbidden
from admission.plugins.default_storage_class import CLAIMS, STORAGE_CLASSES
from admission.written import object_of
from cluster.api import quantity
from cluster.api.names import Object
from cluster.api.protocols import Reader
from cluster.kinds.core.volumes import storage_class

_NO_RESIZE: Final = "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize"


class PersistentVolumeClaimResize:
    name = "PersistentVolumeClaimResize"
    resources: Final = frozenset({CLAIMS})

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def handles(self, operation: Operation) -> bool:
        return operation is Operation.UPDATE

    def validate(self, attributes: Attributes) -> None:
        claim, old = object_of(attributes, CLAIMS), attributes.old_object
        if claim is None or old is None:
            return
        if quantity.compare(_size(claim), _size(old)) <= 0:
            return
        if (old.get("status") or {}).get("phase") != "Bound":
            raise forbidden(attributes, "Only bound persistent volume claims can be expanded")
        if not self._allows_resize(claim, old):
            raise forbidden(attributes, _NO_RESIZE)

    def _allows_resize(self, claim: Object, old: Object) -> bool:
        name = storage_class(claim)
        if not name or name != storage_class(old):
            return False
        found = self._reader.get(STORAGE_CLASSES, "", name)
        return found is not None and bool(found.get("allowVolumeExpansion"))


def _size(claim: Object) -> str:
    """What it asks for; none where it says nothing."""
    resources = (claim.get("spec") or {}).get("resources") or {}
    return (resources.get("requests") or {}).get("storage") or "0"
