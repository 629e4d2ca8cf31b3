"""A worker's copy of every object, the recent changes, and who wants to hear of them.

One applier feeds it the records of the log in order; any number of greenlets or threads read.  Whatever is handed out is
never changed afterwards.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from cluster.storage.contract import Change, Compacted, Entry, Key, Snapshot
from cluster.storage.engine import Record, Row, parse_key
from cluster.storage.latch import Latch
from cluster.storage.table import Table
from cluster.storage.watching import HistorySource, LiveWatch, Watchers, weight

RING_CHANGES: Final = 10_000
RING_BYTES: Final = 8 << 20
logger = logging.getLogger(__name__)


class Cache:
    """Objects by resource, namespace and name, as of `revision`."""

    def __init__(self) -> None:
        self.revision = 0
        self._compacted = 0
        self._lock = threading.RLock()
        self._resources: dict[str, dict[str, Table]] = {}
        self._recent: deque[Change] = deque()
        self._recent_bytes = 0
        self._callbacks: dict[str, list[Callable[[Change], None]]] = {}
        self._watchers = Watchers()
        self._waiters: list[tuple[int, Latch]] = []

    # the applier's side

    def replace(self, rows: Iterable[Row], revision: int) -> None:
        """Takes a whole state, first or after the log was compacted: watches end, subscribers hear the difference."""
        fresh: dict[str, dict[str, Table]] = {}
        for text, at, value in rows:
            key = parse_key(text)
            fresh.setdefault(key.resource, {}).setdefault(key.namespace, Table()).entries[key.name] = Entry(key, at, value)
        with self._lock:
            self._watchers.close_all()
            self._recent.clear()
            self._recent_bytes = 0
            old, self._resources = self._resources, fresh
            for resource, callbacks in self._callbacks.items():
                for change in _difference(old.get(resource, {}), fresh.get(resource, {}), revision):
                    _tell(callbacks, change)
            self._advance(revision)

    def apply(self, records: Iterable[Record]) -> None:
        """Takes whole transactions of the log, in order; what the cache has already is passed over.  ValueError at a gap."""
        with self._lock:
            fresh = [record for record in records if record.revision > self.revision]
            if fresh:
                if fresh[0].revision != self.revision + 1:
                    raise ValueError(f"revision {fresh[0].revision} does not follow {self.revision}")
                changes = [self._apply(record) for record in fresh]
                self._remember(changes)
                self._watchers.publish(changes)
                self._advance(changes[-1].revision)

    def compact(self, oldest: int) -> None:
        """Forgets the changes up to a revision, as the log did: what is compacted is compacted for every worker."""
        with self._lock:
            self._compacted = oldest
            while self._recent and self._recent[0].revision <= oldest:
                self._recent_bytes -= weight(self._recent.popleft())

    def _apply(self, record: Record) -> Change:
        key = parse_key(record.key)
        previous = self.find(key)
        entry = None if record.value is None else Entry(key, record.revision, record.value)
        change = Change(record.revision, key, entry, previous)
        callbacks = self._callbacks.get(key.resource)
        if callbacks:
            _tell(callbacks, change)
        if entry is not None:
            self._put(entry)
        elif previous is not None:
            self._remove(key)
        return change

    def _put(self, entry: Entry) -> None:
        key = entry.key
        tables = self._resources.get(key.resource)
        if tables is None:
            tables = self._resources[key.resource] = {}
        table = tables.get(key.namespace)
        if table is None:
            table = tables[key.namespace] = Table()
        table.put(entry)

    def _remove(self, key: Key) -> None:
        tables = self._resources[key.resource]
        table = tables[key.namespace]
        table.remove(key.name)
        if not table.entries:
            del tables[key.namespace]

    def _remember(self, changes: Sequence[Change]) -> None:
        self._recent.extend(changes)
        self._recent_bytes += sum(map(weight, changes))
        while len(self._recent) > RING_CHANGES or self._recent_bytes > RING_BYTES:
            self._recent_bytes -= weight(self._recent.popleft())

    def _advance(self, revision: int) -> None:
        self.revision = revision
        if self._waiters:
            waiting, self._waiters = self._waiters, []
            for waiter in waiting:
                if waiter[0] <= revision:
                    waiter[1].open()
                else:
                    self._waiters.append(waiter)

    # the readers' side

    def wait(self, revision: int, timeout: float) -> bool:
        """Whether the cache reached a revision in time."""
        if self.revision >= revision:
            return True
        latch = Latch()
        with self._lock:
            if self.revision >= revision:
                return True
            self._waiters.append((revision, latch))
        if latch.wait(timeout):
            return True
        with self._lock:
            self._waiters = [waiter for waiter in self._waiters if waiter[1] is not latch]
        return self.revision >= revision

    def find(self, key: Key) -> Entry | None:
        try:
            return self._resources[key.resource][key.namespace].entries.get(key.name)
        except KeyError:
            return None

    def list(self, resource: str, namespace: str | None) -> Snapshot:
        with self._lock:
            return Snapshot(self.revision, self._entries(resource, namespace))

    def _entries(self, resource: str, namespace: str | None) -> Sequence[Entry]:
        tables = self._resources.get(resource, {})
        if namespace is not None:
            table = tables.get(namespace)
            return table.sorted() if table else ()
        if len(tables) == 1:
            return next(iter(tables.values())).sorted()
        return [entry for name in sorted(tables) for entry in tables[name].sorted()]

    def list_at(self, resource: str, namespace: str | None, revision: int) -> Snapshot | None:
        """The snapshot as of a past revision, by undoing the recent changes; None where they don't reach back.

        Compacted.
        """
        with self._lock:
            if revision < self._compacted:
                raise Compacted(revision, self._compacted)
            if revision > self.revision or revision < self._oldest():
                return None
            current = self._entries(resource, namespace)
            undo: dict[Key, Entry | None] = {}
            for change in self._since(revision):
                if change.key.resource == resource and namespace in (None, change.key.namespace):
                    undo.setdefault(change.key, change.previous)
        if not undo:
            return Snapshot(revision, current)
        entries = [entry for entry in current if entry.key not in undo]
        entries += [entry for entry in undo.values() if entry is not None]
        entries.sort(key=_key)
        return Snapshot(revision, entries)

    def _oldest(self) -> int:
        """Every change after this revision is remembered."""
        return self._recent[0].revision - 1 if self._recent else self.revision

    def _since(self, revision: int) -> Sequence[Change]:
        """The remembered changes after a revision; they are contiguous."""
        skip = len(self._recent) - (self.revision - revision)
        return [self._recent[index] for index in range(max(0, skip), len(self._recent))]

    def watch(self, resource: str, namespace: str | None, name: str | None, since: int, older: HistorySource) -> LiveWatch:
        """A watch after `since`, which is not in the future; `older` pages through what is no longer remembered.

        Compacted.
        """
        with self._lock:
            scope = (resource, namespace, name)
            if since < self._compacted:
                raise Compacted(since, self._compacted)
            watch = LiveWatch(self, scope, since, self._forget)
            if since >= self._oldest():
                watch.start([change for change in self._since(since) if watch.covers(change.key)])
            else:
                watch.start_in_history(older, self.revision)
            self._watchers.add(scope, watch)
            return watch

    def _forget(self, watch: LiveWatch) -> None:
        with self._lock:
            self._watchers.remove(watch.scope, watch)

    def subscribe(self, resource: str, callback: Callable[[Change], None]) -> None:
        with self._lock:
            for entry in self._entries(resource, None):
                callback(Change(entry.revision, entry.key, entry, None))
            self._callbacks.setdefault(resource, []).append(callback)

    def close(self) -> None:
        """Ends every watch."""
        with self._lock:
            self._watchers.close_all()


def _key(entry: Entry) -> Key:
    return entry.key


def _tell(callbacks: Iterable[Callable[[Change], None]], change: Change) -> None:
    for callback in callbacks:
        try:
            callback(change)
        except Exception:  # one subscriber's fault must not stop the stream for all
            logger.exception("a subscriber failed on %s at revision %d", change.key, change.revision)


def _difference(old: dict[str, Table], new: dict[str, Table], revision: int) -> Iterable[Change]:
    before = {entry.key: entry for table in old.values() for entry in table.entries.values()}
    for table in new.values():
        for entry in table.entries.values():
            previous = before.pop(entry.key, None)
            if previous is None or previous.revision != entry.revision:
                yield Change(entry.revision, entry.key, entry, previous)
    for previous in before.values():
        yield Change(revision, previous.key, None, previous)
