"""A store in memory that remembers what was written, so that it can be undone: each case begins in the world of its suite.

What is undone is undone by further changes, as any other write would have done it: revisions never come twice, and who follows the store
is told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Self

from cluster.storage.contract import Change, Compacted, Entry, FutureRevision, Key, Snapshot, Watch, Write, WriteConflict
from cluster.storage.table import Table


class MemoryStore:
    """See contract.Store.  For one thread: nobody writes while a case runs but the case itself."""

    def __init__(self) -> None:
        self._revision = 1
        self._entries: dict[Key, Entry] = {}
        self._tables: dict[str, dict[str, Table]] = {}
        self._callbacks: dict[str, list[Callable[[Change], None]]] = {}
        self._journal: list[tuple[Key, Entry | None]] = []
        self._last = 0

    def mark(self) -> int:
        """What `undo` goes back to."""
        return len(self._journal)

    def undo(self, mark: int) -> None:
        """Takes back what was written since, the last first."""
        journal = self._journal
        while len(journal) > mark:
            key, previous = journal.pop()
            self._revision += 1
            self._put(key, previous, self._revision)

    def wrote(self, resource: str, namespace: str, name: str) -> bool:
        """Whether the last commit has written it."""
        return any(key == (resource, namespace, name) for key, _ in self._journal[self._last :])

    def revision(self) -> int:
        """See contract.Store."""
        return self._revision

    def settle(self) -> None:
        """See contract.Store: there is nobody to wait for."""

    def commit(self, writes: Sequence[Write]) -> int:
        """See contract.Store."""
        current = []
        for write in writes:
            found = self._entries.get(write.key)
            at = 0 if found is None else found.revision
            if at != write.expected:
                raise WriteConflict(write.key, at)
            current.append(found)
        self._last = len(self._journal)
        for write, found in zip(writes, current, strict=True):
            self._revision += 1
            self._journal.append((write.key, found))
            entry = None if write.value is None else Entry(write.key, self._revision, write.value)
            self._put(write.key, entry, self._revision)
        return self._revision

    def _put(self, key: Key, entry: Entry | None, revision: int) -> None:
        callbacks = self._callbacks.get(key.resource)
        if callbacks:
            change = Change(revision, key, entry, self._entries.get(key))
            for callback in callbacks:
                callback(change)
        if entry is None:
            del self._entries[key]
            self._tables[key.resource][key.namespace].remove(key.name)
            return
        self._entries[key] = entry
        namespaces = self._tables.setdefault(key.resource, {})
        table = namespaces.get(key.namespace)
        if table is None:
            table = namespaces[key.namespace] = Table()
        table.put(entry)

    def get(self, key: Key) -> Entry | None:
        """See contract.Store."""
        return self._entries.get(key)

    def list(self, resource: str, namespace: str | None = None, *, at_least: int | None = None) -> Snapshot:
        """See contract.Store."""
        if at_least is not None and at_least > self._revision:
            raise FutureRevision(at_least, self._revision)
        tables = self._tables.get(resource, {})
        if namespace is not None:
            table = tables.get(namespace)
            return Snapshot(self._revision, table.sorted() if table else ())
        return Snapshot(self._revision, [entry for name in sorted(tables) for entry in tables[name].sorted()])

    def list_at(self, resource: str, namespace: str | None, revision: int) -> Snapshot:
        """See contract.Store; what was before is not kept."""
        if revision < self._revision:
            raise Compacted(revision, self._revision)
        return self.list(resource, namespace, at_least=revision)

    def watch(self, resource: str, namespace: str | None, since: int, *, name: str | None = None) -> Watch:  # noqa: ARG002 - a Store's
        """See contract.Store."""
        if since < self._revision:
            raise Compacted(since, self._revision)
        if since > self._revision:
            raise FutureRevision(since, self._revision)
        return _Quiet(since)

    def subscribe(self, resource: str, callback: Callable[[Change], None]) -> None:
        """See contract.Store."""
        for entry in self.list(resource).entries:
            callback(Change(entry.revision, entry.key, entry, None))
        self._callbacks.setdefault(resource, []).append(callback)

    def close(self) -> None:
        """See contract.Store."""


class _Quiet:
    """A watch in a world where nothing happens besides."""

    def __init__(self, since: int) -> None:
        self.revision = since
        self._closed = False

    def next(self, timeout: float | None = None) -> Sequence[Change] | None:
        """See contract.Watch; it does not wait, for there is nothing to wait for."""
        return None if self._closed or timeout is None else []

    def close(self) -> None:
        self._closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
