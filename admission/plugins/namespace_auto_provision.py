"""NamespaceAutoProvision: a namespace that something is created in is made where it is missing.

Upstream: `plugin/pkg/admission/namespace/autoprovision`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from admission.attributes import Attributes, Operation
from admission.denial import forbidden
from admission.plugins.namespace_lifecycle import NAMESPACES
from cluster.api.errors import AlreadyExists, Forbidden, StatusError
from cluster.api.names import GroupVersionKind, Object
from cluster.api.protocols import Reader

_NAMESPACE: Final = GroupVersionKind("", "v1", "Namespace")


class NamespaceAutoProvision:
    name = "NamespaceAutoProvision"

    def __init__(self, reader: Reader, create: Callable[[GroupVersionKind, Object], None]) -> None:
        self._reader = reader
        self._create = create

    def handles(self, operation: Operation) -> bool:
        return operation is Operation.CREATE

    def admit(self, attributes: Attributes) -> None:
        """Makes the namespace, unless the request is a dry run; Forbidden where it can not be made."""
        name = attributes.namespace
        if attributes.dry_run or not name or attributes.kind.group_kind == _NAMESPACE.group_kind:
            return
        if self._reader.get(NAMESPACES, "", name) is not None:
            return
        try:
            self._create(_NAMESPACE, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        except AlreadyExists:  # another request made it meanwhile
            return
        except Forbidden:
            raise
        except StatusError as error:
            raise forbidden(attributes, error.message) from error
