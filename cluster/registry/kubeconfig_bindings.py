"""The bindings that were written with a kubeconfig's record, and that go with it."""

from __future__ import annotations

from collections.abc import Sequence

from cluster.api.names import Object
from cluster.kinds.catalog import Catalog
from cluster.kinds.model import Kind
from cluster.registry.codec import load
from cluster.registry.registry import NoCompanion
from cluster.storage.contract import Entry, Key, Store, Write
from rbac.authz.index import CLUSTER_ROLE_BINDINGS, ROLE_BINDINGS


class KubeconfigCompanion(NoCompanion):
    """Removes the bindings of a record that is revoked or deleted, in the same transaction."""

    def __init__(self, store: Store, catalog: Catalog) -> None:
        self._store = store
        self._catalog = catalog

    def update(self, obj: Object, old: Object) -> Sequence[Write]:
        revoked = obj["status"].get("revokedAt") and not old["status"].get("revokedAt")
        return self.delete(old) if revoked else ()

    def delete(self, old: Object) -> Sequence[Write]:
        return [Write(entry.key, entry.revision, None) for _, entry in existing_bindings(self._store, self._catalog, old)]


def existing_bindings(store: Store, catalog: Catalog, record: Object) -> list[tuple[Kind, Entry]]:
    """The record's bindings that are still there."""
    found = []
    for each in (record.get("status") or {}).get("roleBindings") or ():
        namespace = each.get("namespace", "")
        kind = binding_kind(catalog, namespace)
        entry = store.get(Key(str(kind.storage), namespace, each["name"]))
        if entry is not None and load(entry, kind.gvk)["metadata"]["uid"] == each["uid"]:
            found.append((kind, entry))
    return found


def binding_kind(catalog: Catalog, namespace: str) -> Kind:
    """RoleBinding for a namespace, ClusterRoleBinding for "", the cluster."""
    kind = catalog.by_group_resource(ROLE_BINDINGS if namespace else CLUSTER_ROLE_BINDINGS)
    assert kind is not None  # every version has RBAC
    return kind
