"""Default roles and bindings that came out of others: where such a one is missing, it takes over what had become of its origin.

Upstream: `pkg/registry/rbac/rest/storage_rbac.go` (primeAggregatedClusterRoles, primeSplitClusterRoleBindings).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from cluster.api.names import GroupResource, Object
from rbac.authz.index import CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES
from rbac.bootstrap.reconcile import reconcile

Get = Callable[[GroupResource, str, str], Object | None]
"""(resource, namespace, name) to the stored object."""
_ORIGINS: Final = {
    ("ClusterRole", "system:aggregate-to-admin"): (CLUSTER_ROLES, "admin"),
    ("ClusterRole", "system:aggregate-to-edit"): (CLUSTER_ROLES, "edit"),
    ("ClusterRole", "system:aggregate-to-view"): (CLUSTER_ROLES, "view"),
    ("ClusterRoleBinding", "system:public-info-viewer"): (CLUSTER_ROLE_BINDINGS, "system:discovery"),
}


def with_origins(expected: Iterable[Object], get: Get) -> list[Object]:
    """The default objects, those that are missing with what their origins hold that they do not."""
    return [_with_origin(each, get) for each in expected]


def _with_origin(expected: Object, get: Get) -> Object:
    origin = _ORIGINS.get((expected["kind"], expected["metadata"]["name"]))
    if origin is None:
        return expected
    resource, name = origin
    if get(resource, "", expected["metadata"]["name"]) is not None:
        return expected
    found = get(resource, "", name)
    if found is None or found.get("aggregationRule"):  # a role that aggregates has moved already
        return expected
    kept = {field: found["metadata"][field] for field in ("labels", "annotations") if found["metadata"].get(field)}
    content = "subjects" if resource == CLUSTER_ROLE_BINDINGS else "rules"
    moved = {**expected, "metadata": {"name": expected["metadata"]["name"], **kept}, content: found.get(content)}
    return reconcile(moved, expected) or moved
