"""Linearizable reads of stored objects for authorizers, authenticators and admission plugins.

An object that is read is decoded once and kept with its entry; one that only passes a subscriber is not kept.
"""

from __future__ import annotations

from collections.abc import Iterator

from cluster.api.names import GroupResource, GroupVersionKind, Object
from cluster.api.protocols import ChangeCallback
from cluster.kinds.catalog import Catalog
from cluster.registry.codec import load, memo, shared
from cluster.storage.contract import Change, Entry, Key, Store


class StoreReader:
    """`cluster.api.protocols.Reader` over a Store."""

    def __init__(self, store: Store, catalog: Catalog) -> None:
        self._store = store
        self._catalog = catalog
        self._gvks: dict[GroupResource, GroupVersionKind] = {}

    def _gvk(self, resource: GroupResource) -> GroupVersionKind | None:
        """The stored version of a resource; None for one that this Kubernetes version does not serve, of which there are no objects."""
        found = self._gvks.get(resource)
        if found is None:
            kind = self._catalog.by_group_resource(resource)
            if kind is None:
                return None
            found = self._gvks[resource] = (self._catalog.stored(kind) or kind).gvk
        return found

    def get(self, resource: GroupResource, namespace: str, name: str) -> Object | None:
        gvk = self._gvk(resource)
        entry = self._store.get(Key(str(resource), namespace, name)) if gvk else None
        return None if gvk is None or entry is None else shared(entry, gvk)

    def list(self, resource: GroupResource, namespace: str | None = None) -> Iterator[Object]:
        gvk = self._gvk(resource)
        if gvk is None:
            return iter(())
        return (shared(entry, gvk) for entry in self._store.list(str(resource), namespace).entries)

    def subscribe(self, resource: GroupResource, callback: ChangeCallback) -> None:
        gvk = self._gvk(resource)
        if gvk is None:
            return

        def decoded(entry: Entry | None) -> Object | None:
            if entry is None:
                return None
            known = memo(entry).object
            return known if known is not None else load(entry, gvk)

        def changed(change: Change) -> None:
            callback(decoded(change.previous), decoded(change.entry))

        self._store.subscribe(str(resource), changed)
