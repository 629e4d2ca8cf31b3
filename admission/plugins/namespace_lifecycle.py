"""NamespaceLifecycle: nothing is created in a namespace that is missing or terminating, and three namespaces are immortal.

Upstream: apiserver `pkg/admission/plugin/namespace/lifecycle/admission.go`.
"""

from __future__ import annotations

from typing import Final

from admission.attributes import Attributes, Operation
from admission.denial import forbidden
from cluster.api.errors import Forbidden, NotFound
from cluster.api.names import GroupKind, GroupResource
from cluster.api.protocols import Reader

IMMORTAL: Final = frozenset({"default", "kube-system", "kube-public"})
NAMESPACES: Final = GroupResource("", "namespaces")
_NAMESPACE: Final = GroupKind("", "Namespace")
_ACCESS_REVIEW: Final = GroupResource("authorization.k8s.io", "localsubjectaccessreviews")


class NamespaceLifecycle:
    name = "NamespaceLifecycle"

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def handles(self, operation: Operation) -> bool:
        return operation is not Operation.CONNECT

    def admit(self, attributes: Attributes) -> None:
        """NotFound for a missing namespace; Forbidden for a terminating one, or for deleting an immortal one."""
        resource = attributes.resource.group_resource
        if attributes.kind.group_kind == _NAMESPACE:
            if attributes.operation is Operation.DELETE and attributes.name in IMMORTAL:
                raise Forbidden.of(resource, attributes.name, "this namespace may not be deleted")
            return
        if not attributes.namespace or attributes.operation is Operation.DELETE or resource == _ACCESS_REVIEW:
            return
        namespace = self._reader.get(NAMESPACES, "", attributes.namespace)
        if namespace is None:
            raise NotFound.of(NAMESPACES, attributes.namespace)
        if attributes.operation is Operation.CREATE and (namespace.get("status") or {}).get("phase") == "Terminating":
            raise _terminating(attributes)


def _terminating(attributes: Attributes) -> Forbidden:
    namespace = attributes.namespace
    error = forbidden(attributes, f"unable to create new content in namespace {namespace} because it is being terminated")
    cause = {"reason": "NamespaceTerminating", "message": f"namespace {namespace} is being terminated", "field": "metadata.namespace"}
    error.details = {**(error.details or {}), "causes": [cause]}
    return error
