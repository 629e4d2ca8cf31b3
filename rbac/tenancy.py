"""Tenants are granted as bindings are: nobody gives a tenant what they do not hold, and nobody moves namespaces between tenants.

A Tenant becomes RoleBindings in all of its namespaces, and the namespaces are yet to come: so its writer must hold, or be allowed to
`bind`, each of its ClusterRoles in the whole cluster.  Which tenant a namespace belongs to is a label of it; to set, change or take
it off needs the verb `assign` on each tenant that is concerned.
"""

from __future__ import annotations

from typing import Final

from cluster.api import field
from cluster.api.authorization import Attributes, Authorizer
from cluster.api.errors import Forbidden, Invalid, NotFound
from cluster.api.expiry import EXPIRES_AT
from cluster.api.field import quoted
from cluster.api.names import GroupKind, GroupResource, Object
from cluster.api.tenancy import OWNER_ROLES, TENANT_LABEL, TENANTS, tenant_of
from cluster.api.user import MASTERS, UserInfo, service_account_name
from rbac.authz.index import GROUP
from rbac.escalation import Resolver, check_binding_write

NAMESPACES: Final = GroupResource("", "namespaces")
ASSIGN: Final = "assign"


def check_tenant_write(
    user: UserInfo, resource: GroupResource, namespace: str, obj: Object, old: Object | None, authorizer: Authorizer, resolver: Resolver
) -> None:
    """Forbidden where a Tenant would grant what its writer does not hold; Invalid where it names a ClusterRole that is none."""
    if MASTERS in user.groups or (old is not None and _granted(obj) == _granted(old)):
        return
    name = obj["metadata"].get("name", "")
    for path, role, expires in _roles(obj):
        annotations = {EXPIRES_AT: expires} if expires else {}
        reference = {"apiGroup": GROUP, "kind": "ClusterRole", "name": role}
        binding = {"metadata": {"name": name, "annotations": annotations}, "roleRef": reference}
        try:
            check_binding_write(user, resource, namespace, binding, None, authorizer, resolver)
        except NotFound:
            raise Invalid.of(GroupKind("berth.io", "Tenant"), name, [field.not_found(path, role)]) from None


def _granted(tenant: Object) -> list[object]:
    spec = tenant.get("spec") or {}
    return [spec.get(name) or [] for name in ("owners", "roles")]


def _roles(tenant: Object) -> list[tuple[str, str, str]]:
    """(field, ClusterRole, when it ends or "") of each role that the tenant gives."""
    spec = tenant.get("spec") or {}
    found = [("spec.owners", role, "") for role in OWNER_ROLES if spec.get("owners")]
    for position, each in enumerate(spec.get("roles") or ()):
        path = field.child(field.index("spec.roles", position), "clusterRole")
        found.append((path, each.get("clusterRole") or "", each.get("expiresAt") or ""))
    return [each for each in found if each[1]]  # one without a name is refused by validation


def check_namespace_write(user: UserInfo, obj: Object, old: Object | None, authorizer: Authorizer) -> None:
    """Forbidden where a Namespace would come to, leave or change its tenant by one who may not assign them."""
    after, before = tenant_of(obj), tenant_of(old) if old is not None else ""
    if after == before:
        return
    for tenant in filter(None, (after, before)):
        if not may_assign(user, tenant, authorizer):
            why = f'label "{TENANT_LABEL}" is set by those who may "{ASSIGN}" tenant {quoted(tenant)}: {quoted(user.name)} may not'
            raise Forbidden.of(NAMESPACES, obj["metadata"].get("name", ""), why)


def may_assign(user: UserInfo, tenant: str, authorizer: Authorizer) -> bool:
    """Whether the user says which namespaces are the tenant's."""
    question = Attributes(user, ASSIGN, api_group=TENANTS.group, api_version="*", resource=TENANTS.resource, name=tenant)
    return authorizer.authorize(question).allowed


def owns(user: UserInfo, tenant: Object) -> bool:
    """Whether the user is among the tenant's owners, by name or by group."""
    return any(_is(user, each) for each in (tenant.get("spec") or {}).get("owners") or ())


def _is(user: UserInfo, subject: Object) -> bool:
    kind, name = subject.get("kind"), subject.get("name") or ""
    if kind == "Group":
        return name in user.groups
    if kind == "ServiceAccount":
        return user.name == service_account_name(subject.get("namespace") or "", name)
    return kind == "User" and user.name == name
