"""NamespaceExists: nothing is written in a namespace that is missing.

NamespaceLifecycle says so, too, but for deletes.  Upstream: `plugin/pkg/admission/namespace/exists`.
"""

from __future__ import annotations

from typing import Final

from admission.attributes import Attributes, Operation
from admission.plugins.namespace_lifecycle import NAMESPACES
from cluster.api.errors import NotFound
from cluster.api.names import GroupKind
from cluster.api.protocols import Reader

_NAMESPACE: Final = GroupKind("", "Namespace")


class NamespaceExists:
    name = "NamespaceExists"

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def handles(self, operation: Operation) -> bool:
        return operation is not Operation.CONNECT

    def validate(self, attributes: Attributes) -> None:
        """NotFound for the namespace."""
        name = attributes.namespace
        if not name or attributes.kind.group_kind == _NAMESPACE:
            return
        if self._reader.get(NAMESPACES, "", name) is None:
            raise NotFound.of(NAMESPACES, name)
