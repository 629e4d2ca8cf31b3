"""DefaultStorageClass: a claim that names no storage class gets the default one, where there is one.

Upstream: `plugin/pkg/admission/storage/storageclass/setdefault`.
"""

from __future__ import annotations

from typing import Final

from admission.attributes import Attributes, Operation
from admission.default_class import newest
from admission.written import object_of
from cluster.api.names import GroupResource, Object
from cluster.api.protocols import Reader
from cluster.kinds.core.volumes import CLASS_ANNOTATION
from cluster.kinds.storage.storageclasses import is_default_class

STORAGE_CLASSES: Final = GroupResource("storage.k8s.io", "storageclasses")
CLAIMS: Final = GroupResource("", "persistentvolumeclaims")


class DefaultStorageClass:
    name = "DefaultStorageClass"
    resources: Final = frozenset({CLAIMS})

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def handles(self, operation: Operation) -> bool:
        return operation is Operation.CREATE

    def admit(self, attributes: Attributes) -> None:
        """A class that is named and empty asks for none, and stays."""
        claim = object_of(attributes, CLAIMS)
        if claim is None or _has_class(claim):
            return
        name = newest(each for each in self._reader.list(STORAGE_CLASSES) if is_default_class(each))
        if name is not None:
            claim.setdefault("spec", {})["storageClassName"] = name


def _has_class(claim: Object) -> bool:
    annotations = (claim.get("metadata") or {}).get("annotations") or {}
    return CLASS_ANNOTATION in annotations or (claim.get("spec") or {}).get("storageClassName") is not None
