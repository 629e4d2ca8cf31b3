"""RoleEscalation: nobody writes a role or binding that grants what they do not hold.

Upstream does this in the storage of the four RBAC resources, after mutation and before validation; so it stands last of those
that mutate here, and cannot be switched off.
"""

from __future__ import annotations

from admission.attributes import Attributes, Operation
from cluster.api.authorization import Authorizer
from cluster.api.protocols import Reader
from rbac.authz.index import CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, ROLE_BINDINGS, ROLES, RbacIndex
from rbac.authz.rbac import RuleResolver
from rbac.escalation import Resolver, check_binding_write, check_role_write


class RoleEscalation:
    name = "RoleEscalation"

    def __init__(self, reader: Reader, authorizer: Authorizer, resolver: Resolver | None = None) -> None:
        self._authorizer = authorizer
        self._resolver = resolver or RuleResolver(RbacIndex.following(reader))

    def handles(self, operation: Operation) -> bool:
        return operation in (Operation.CREATE, Operation.UPDATE)

    def admit(self, attributes: Attributes) -> None:
        """Forbidden in upstream's words; NotFound for a binding of a role that does not exist by who may not bind it."""
        resource, obj = attributes.resource.group_resource, attributes.object
        if obj is None or attributes.subresource:
            return
        if resource in (ROLES, CLUSTER_ROLES):
            check = check_role_write
        elif resource in (ROLE_BINDINGS, CLUSTER_ROLE_BINDINGS):
            check = check_binding_write
        else:
            return
        check(attributes.user, resource, attributes.namespace, obj, attributes.old_object, self._authorizer, self._resolver)
