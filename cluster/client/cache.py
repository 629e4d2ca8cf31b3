"""An informer's store: the objects by name and by index, safe for threads.  Upstream: client-go `tools/cache/thread_safe_store.go`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping

from cluster.api.names import Object

Key = tuple[str, str]
"""(namespace, name); cluster scope: ""."""
Indexer = Callable[[Object], Iterable[str]]
Objects = list[Object]


def key_of(obj: Object) -> Key:
    metadata = obj["metadata"]
    return metadata.get("namespace", ""), metadata["name"]


class Cache:
    """Objects are shared, not copied: never change what is returned."""

    def __init__(self, indexers: Mapping[str, Indexer] | None = None) -> None:
        self._lock = threading.Lock()
        self._objects: dict[Key, Object] = {}
        self._indexers = dict(indexers or {})
        self._indices: dict[str, dict[str, dict[Key, None]]] = {name: {} for name in self._indexers}

    def add_indexer(self, name: str, indexer: Indexer) -> None:
        """Also indexes what is already held; a name that exists is left as it is."""
        with self._lock:
            if name in self._indexers:
                return
            self._indexers[name] = indexer
            index = self._indices.setdefault(name, {})
            for key, obj in self._objects.items():
                for value in indexer(obj):
                    index.setdefault(value, {})[key] = None

    def get(self, namespace: str, name: str) -> Object | None:
        with self._lock:
            return self._objects.get((namespace, name))

    def list(self, namespace: str | None = None) -> Objects:
        with self._lock:
            if namespace is None:
                return [*self._objects.values()]
            return [obj for key, obj in self._objects.items() if key[0] == namespace]

    def by_index(self, index: str, value: str) -> Objects:
        with self._lock:
            return [self._objects[key] for key in self._indices[index].get(value, ())]

    def put(self, obj: Object) -> Object | None:
        """Returns what it replaced."""
        key = key_of(obj)
        with self._lock:
            old = self._objects.get(key)
            self._objects[key] = obj
            self._reindex(key, old, obj)
        return old

    def remove(self, key: Key) -> Object | None:
        with self._lock:
            old = self._objects.pop(key, None)
            if old is not None:
                self._reindex(key, old, None)
        return old

    def keys(self) -> set[Key]:
        with self._lock:
            return {*self._objects}

    def __len__(self) -> int:
        return len(self._objects)

    def _reindex(self, key: Key, old: Object | None, new: Object | None) -> None:
        for name, indexer in self._indexers.items():
            index = self._indices[name]
            before = set(indexer(old)) if old is not None else set()
            after = set(indexer(new)) if new is not None else set()
            for value in before - after:
                index[value].pop(key, None)
                if not index[value]:
                    del index[value]
            for value in after - before:
                index.setdefault(value, {})[key] = None
