"""What several rooms know of tenants: the label by which a namespace belongs to one, and the roles of its owners."""

from __future__ import annotations

from typing import Final

from cluster.api.names import GroupResource, GroupVersionResource, Object

TENANTS: Final = GroupResource("berth.io", "tenants")
TENANTS_V1: Final = GroupVersionResource("berth.io", "v1alpha1", "tenants")
TENANT_LABEL: Final = "berth.io/tenant"
"""The label by which a namespace belongs to a tenant; who may `assign` the tenant sets it."""
FINALIZER: Final = "berth.io/tenant"
"""Holds a Tenant that is being deleted until what it granted is taken back."""
POD_SECURITY: Final = "pod-security.kubernetes.io/"
"""How the labels begin that say which Pod Security Standard holds in a namespace."""
POD_SECURITY_MODES: Final = ("enforce", "audit", "warn")
OWNER_ROLES: Final = ("admin", "berth:tenant-owner")
"""The ClusterRoles that owners have in each namespace of their tenant."""


def tenant_of(namespace: Object) -> str:
    """The name of the tenant that a Namespace belongs to, empty where it belongs to none."""
    name: str = (namespace["metadata"].get("labels") or {}).get(TENANT_LABEL) or ""
    return name


def spec_of(tenant: Object) -> Object:
    spec: Object = tenant.get("spec") or {}
    return spec


def namespace_rules(tenant: Object) -> Object:
    """What a Tenant says of its namespaces."""
    rules: Object = spec_of(tenant).get("namespaces") or {}
    return rules


def prefix_of(tenant: Object) -> str:
    prefix: str = namespace_rules(tenant).get("prefix") or ""
    return prefix


def declared_names(tenant: Object) -> list[str]:
    names: list[str] = namespace_rules(tenant).get("names") or []
    return names


def quota_of(tenant: Object) -> int | None:
    """The most namespaces that it may have; None: any number."""
    quota: int | None = namespace_rules(tenant).get("quota")
    return quota


def prefixes_overlap(one: str, other: str) -> bool:
    """Whether some namespace's name could begin with both."""
    return one.startswith(other) or other.startswith(one)
