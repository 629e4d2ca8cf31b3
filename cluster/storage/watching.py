"""Watches over a cache: changes are shared, each watcher is woken once for a batch, and none is buffered without bound."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Final, Protocol, Self

from cluster.storage.contract import Change, Compacted, Key, StoreUnavailable

QUEUE_CHANGES: Final = 10_000
"""Changes that a watch may leave untaken before it is closed."""

Scope = tuple[str, str | None, str | None]
"""Resource; namespace or None for all; name or None for all."""
HistorySource = Callable[[Scope, int, int], tuple[Sequence[Change], int]]
"""A page of older changes of a scope in (after, until], and the revision up to which it is complete.  Compacted, StoreUnavailable."""


class Progress(Protocol):
    """What a watch asks of its cache."""

    revision: int


class Watchers:
    """Watches by scope.  Called under the cache's lock."""

    def __init__(self) -> None:
        self._scopes: dict[Scope, dict[LiveWatch, None]] = {}

    def add(self, scope: Scope, watch: LiveWatch) -> None:
        self._scopes.setdefault(scope, {})[watch] = None

    def remove(self, scope: Scope, watch: LiveWatch) -> None:
        watches = self._scopes.get(scope)
        if watches is not None:
            watches.pop(watch, None)
            if not watches:
                self._scopes.pop(scope, None)

    def publish(self, changes: Sequence[Change]) -> None:
        """Hands a batch to everyone it concerns: one list for all watches of a scope."""
        if not self._scopes:
            return
        found: dict[Scope, list[Change]] = {}
        for change in changes:
            resource, namespace, name = change.key
            scopes: tuple[Scope, ...] = (
                (resource, None, None),
                (resource, namespace, None),
                (resource, namespace, name),
                (resource, None, name),
            )
            for scope in scopes:
                if scope in self._scopes:
                    found.setdefault(scope, []).append(change)
        for scope, batch in found.items():
            for watch in list(self._scopes.get(scope, ())):
                watch.offer(batch)

    def close_all(self) -> None:
        for watches in list(self._scopes.values()):
            for watch in list(watches):
                watch.shut()
        self._scopes.clear()


class LiveWatch:
    """See contract.Watch.  One consumer."""

    def __init__(self, progress: Progress, watchers: Watchers, scope: Scope, since: int) -> None:
        self._progress = progress
        self._watchers = watchers
        self._scope = scope
        self._taken = since
        self._batches: list[Sequence[Change]] = []
        self._waiting = 0
        self._closed = False
        self._older: HistorySource | None = None
        self._until = self._paged = since
        self._page: Sequence[Change] = ()
        self._wake = threading.Event()
        self._lock = threading.Lock()

    def covers(self, key: Key) -> bool:
        resource, namespace, name = self._scope
        return key.resource == resource and namespace in (None, key.namespace) and name in (None, key.name)

    def start(self, changes: Sequence[Change]) -> None:
        """Begins with changes that are remembered."""
        if changes:
            self._batches.append(changes)
            self._wake.set()

    def start_in_history(self, older: HistorySource, until: int) -> None:
        """Begins with changes up to `until` that are paged in as they are taken."""
        self._older, self._until = older, until

    def begin(self) -> None:
        """Takes the first page of history, so that a revision that is compacted is noticed at once.  Compacted, StoreUnavailable."""
        if self._older is not None:
            self._take_page(self._older)

    def offer(self, batch: Sequence[Change]) -> None:
        """Queues a batch; a watch that does not keep up is closed."""
        with self._lock:
            if self._closed:
                return
            self._waiting += len(batch)
            self._batches.append(batch)
        if self._waiting > QUEUE_CHANGES:
            self.shut()
        elif not self._wake.is_set():
            self._wake.set()

    def shut(self) -> None:
        """Ends it from within: nothing more is delivered."""
        with self._lock:
            self._closed = True
            self._batches = []
        self._wake.set()

    def next(self, timeout: float | None = None) -> Sequence[Change] | None:
        """See contract.Watch."""
        while not self._closed and (self._page or self._older):
            if self._page:
                changes, self._page = self._page, ()
                self._taken = self._paged
                return changes
            self._next_page()
        if not self._wake.wait(timeout):
            return []
        with self._lock:
            if self._closed:
                return None
            batches, self._batches = self._batches, []
            self._waiting = 0
            self._wake.clear()
        changes = batches[0] if len(batches) == 1 else [change for batch in batches for change in batch]
        self._taken = changes[-1].revision
        return changes

    def _next_page(self) -> None:
        try:
            if self._older is not None:
                self._take_page(self._older)
        except (Compacted, StoreUnavailable):
            self.shut()

    def _take_page(self, older: HistorySource) -> None:
        self._page, self._paged = older(self._scope, self._paged, self._until)
        if not self._page:
            self._taken = self._paged
        if self._paged >= self._until:
            self._older = None

    @property
    def revision(self) -> int:
        """See contract.Watch."""
        reached = self._progress.revision  # read before the queue: what came after it is in there
        if self._older is not None or self._page or self._batches:
            return self._taken
        return max(self._taken, reached)

    def close(self) -> None:
        self._watchers.remove(self._scope, self)
        self.shut()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
