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
        self._known: dict[GroupResource, tuple[GroupVersionKind, str]] = {}

    def _stored(self, resource: GroupResource) -> tuple[GroupVersionKind, str] | None:
        """The stored version of a resource, and the store's name of it; None for one that this Kubernetes version does not serve.

        Of that there are no objects.
        """
        kind = self._catalog.by_group_resource(resource)
        if kind is None:
            return None
        found = self._known[resource] = (self._catalog.stored(kind) or kind).gvk, str(resource)
        return found

    def get(self, resource: GroupResource, namespace: str, name: str) -> Object | None:
        known = self._known.get(resource) or self._stored(resource)
        if known is None:
            return None
        entry = self._store.get(Key(known[1], namespace, name))
        return None if entry is None else shared(entry, known[0])

    def list(self, resource: GroupResource, namespace: str | None = None) -> Iterator[Object]:
        known = self._known.get(resource) or self._stored(resource)
        if known is None:
            return iter(())
        gvk = known[0]
        return (shared(entry, gvk) for entry in self._store.list(known[1], namespace).entries)

    def subscribe(self, resource: GroupResource, callback: ChangeCallback) -> None:
        known = self._known.get(resource) or self._stored(resource)
        if known is None:
            return
        gvk, text = known

        def decoded(entry: Entry | None) -> Object | None:
            if entry is None:
                return None
            decoded_once = memo(entry).object
            return decoded_once if decoded_once is not None else load(entry, gvk)

        def changed(change: Change) -> None:
            callback(decoded(change.previous), decoded(change.entry))

        self._store.subscribe(text, changed)
