"""What every store implementation has in common: reads and watches served from the cache, once it is current."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Final, Self

from cluster.storage.cache import Cache
from cluster.storage.contract import PREFIX, Change, Entry, FutureRevision, Key, Snapshot, StoreUnavailable, Watch, Write
from cluster.storage.engine import MAX_VALUE, MAX_WRITES, Record, Row, key_range, key_text, parse_key
from cluster.storage.watching import Scope

EMPTY: Final = PREFIX + b"}"
CURRENT_WITHIN: Final = 10.0
"""Seconds that a read waits for its cache to catch up."""
FUTURE_WITHIN: Final = 3.0
"""Seconds that a revision from the future is waited for."""


class CachedStore(ABC):
    """A Store whose cache something else keeps current."""

    def __init__(self) -> None:
        self._cache = Cache()

    @abstractmethod
    def revision(self) -> int:
        """See contract.Store."""

    @abstractmethod
    def commit(self, writes: Sequence[Write]) -> int:
        """See contract.Store."""

    @abstractmethod
    def _history(self, after: int, until: int, low: str, high: str) -> tuple[Sequence[Record], int]:
        """As Engine.history, but Compacted and StoreUnavailable."""

    @abstractmethod
    def _snapshot(self, revision: int, after: str, low: str, high: str) -> tuple[Sequence[Row], bool]:
        """As Engine.snapshot, but Compacted and StoreUnavailable."""

    def get(self, key: Key) -> Entry | None:
        """See contract.Store.  StoreUnavailable."""
        self.settle()
        return self._cache.find(key)

    def list(self, resource: str, namespace: str | None = None, *, at_least: int | None = None) -> Snapshot:
        """See contract.Store.  StoreUnavailable."""
        if at_least is None:
            self.settle()
        elif at_least > self._cache.revision:
            self._reach(at_least)
        return self._cache.list(resource, namespace)

    def list_at(self, resource: str, namespace: str | None, revision: int) -> Snapshot:
        """See contract.Store.  StoreUnavailable."""
        self._reach(revision)
        remembered = self._cache.list_at(resource, namespace, revision)
        if remembered is not None:
            return remembered
        low, high = key_range(resource, namespace)
        entries: list[Entry] = []
        after, done = "", False
        while not done:
            rows, done = self._snapshot(revision, after, low, high)
            entries += [Entry(parse_key(row[0]), row[1], row[2]) for row in rows]
            after = rows[-1][0] if rows else after
        entries.sort(key=lambda entry: entry.key)
        return Snapshot(revision, entries)

    def watch(self, resource: str, namespace: str | None, since: int, *, name: str | None = None) -> Watch:
        """See contract.Store.  StoreUnavailable."""
        self._reach(since)
        watch = self._cache.watch(resource, namespace, name, since, self._older)
        try:
            watch.begin()
        except BaseException:
            watch.close()
            raise
        return watch

    def subscribe(self, resource: str, callback: Callable[[Change], None]) -> None:
        """See contract.Store.  StoreUnavailable."""
        self.settle()
        self._cache.subscribe(resource, callback)

    def settle(self) -> None:
        """See contract.Store.  StoreUnavailable."""
        newest = self.revision()
        if self._cache.revision < newest and not self._cache.wait(newest, CURRENT_WITHIN):
            raise StoreUnavailable(f"this worker is at revision {self._cache.revision}, behind {newest}")

    def close(self) -> None:
        self._cache.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _reach(self, revision: int) -> None:
        if not self._cache.wait(revision, FUTURE_WITHIN):
            raise FutureRevision(revision, self._cache.revision)

    def _older(self, scope: Scope, after: int, until: int) -> tuple[Sequence[Change], int]:
        records, complete = self._history(after, until, *key_range(*scope))
        return [_change(record) for record in records if _named(record, scope)], complete


def _named(record: Record, scope: Scope) -> bool:
    return scope[2] is None or record[1].endswith(f"/{scope[2]}")


def _change(record: Record) -> Change:
    revision, text, value, previous_revision, previous, _ = record
    key = parse_key(text)
    return Change(
        revision,
        key,
        None if value is None else Entry(key, revision, value),
        None if previous is None else Entry(key, previous_revision, previous),
    )


def check_writes(writes: Sequence[Write]) -> list[tuple[str, int, bytes | None]]:
    """The writes as an engine takes them.  ValueError for what could never be written."""
    if not 0 < len(writes) <= MAX_WRITES:
        raise ValueError(f"a transaction has 1 to {MAX_WRITES} writes, not {len(writes)}")
    for write in writes:
        if write.value is None and not write.expected:
            raise ValueError(f"{write.key} can't be deleted where it must not exist")
        if write.value is not None and (not write.value.startswith(PREFIX) or write.value.startswith(EMPTY)):
            raise ValueError(f"the value of {write.key} does not begin with its metadata")
        if write.value is not None and len(write.value) > MAX_VALUE:
            raise ValueError(f"the value of {write.key} has {len(write.value)} bytes, more than {MAX_VALUE}")
    return [(key_text(write.key), write.expected, write.value) for write in writes]
