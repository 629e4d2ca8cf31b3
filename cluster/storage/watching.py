"""Watches over a cache: changes are shared, each watcher is woken once for a batch, and none is buffered without bound."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, Protocol, Self

from cluster.storage.contract import Change, Compacted, Key, StoreUnavailable
from cluster.storage.latch import Latch

QUEUE_CHANGES: Final = 10_000
"""Changes that a watch may leave untaken before it is closed."""

QUEUE_BYTES: Final = 32 << 20

Scope = tuple[str, str | None, str | None]
"""Resource; namespace or None for all; name or None for all."""
HistorySource = Callable[[Scope, int, int], tuple[Sequence[Change], int]]
"""A page of older changes of a scope in (after, until], and the revision up to which it is complete.  Compacted, StoreUnavailable."""


class Progress(Protocol):
    """What a watch asks of its cache."""

    revision: int


class Watchers:
    """Watches by scope.  Changed and published to under the cache's lock."""

    def __init__(self) -> None:
        self._scopes: dict[Scope, dict[LiveWatch, None]] = {}

    def add(self, scope: Scope, watch: LiveWatch) -> None:
        self._scopes.setdefault(scope, {})[watch] = None

    def remove(self, scope: Scope, watch: LiveWatch) -> None:
        watches = self._scopes.get(scope)
        if watches is not None:
            watches.pop(watch, None)
            if not watches:
                del self._scopes[scope]

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
            size = sum(map(weight, batch))
            for watch in self._scopes[scope]:
                watch.offer(batch, size)

    def close_all(self) -> None:
        for watches in self._scopes.values():
            for watch in watches:
                watch.shut()
        self._scopes.clear()


class LiveWatch:
    """See contract.Watch.  One producer, under the cache's lock, and one consumer: a deque between them needs no lock."""

    def __init__(self, progress: Progress, scope: Scope, since: int, forget: Callable[[LiveWatch], None]) -> None:
        self._progress = progress
        self.scope = scope
        self._forget = forget
        self._taken = since
        self._batches: deque[tuple[Sequence[Change], int]] = deque()
        self._offered_changes = self._taken_changes = 0
        self._offered_bytes = self._taken_bytes = 0
        self._closed = False
        self._latch: Latch | None = None
        self._older: HistorySource | None = None
        self._until = self._paged = since
        self._page: Sequence[Change] = ()

    def covers(self, key: Key) -> bool:
        resource, namespace, name = self.scope
        return key.resource == resource and namespace in (None, key.namespace) and name in (None, key.name)

    def start(self, changes: Sequence[Change]) -> None:
        """Begins with changes that are remembered."""
        if changes:
            self._batches.append((changes, 0))
            self._offered_changes = len(changes)

    def start_in_history(self, older: HistorySource, until: int) -> None:
        """Begins with changes up to `until` that are paged in as they are taken."""
        self._older, self._until = older, until

    def begin(self) -> None:
        """Takes the first page of history, so that a revision that is compacted is noticed at once.  Compacted, StoreUnavailable."""
        if self._older is not None:
            self._take_page(self._older)

    def offer(self, batch: Sequence[Change], size: int) -> None:
        """Queues a batch of `size` bytes; a watch that does not keep up is closed."""
        if self._closed:
            return
        self._offered_changes += len(batch)
        self._offered_bytes += size
        if (
            self._offered_changes - self._taken_changes > QUEUE_CHANGES + len(batch)
            or self._offered_bytes - self._taken_bytes > QUEUE_BYTES + size
        ):
            self.shut()
            return
        self._batches.append((batch, size))
        self._wake()

    def _wake(self) -> None:
        latch, self._latch = self._latch, None
        if latch is not None:
            latch.open()

    def shut(self) -> None:
        """Ends it from within: nothing more is delivered."""
        self._closed = True
        self._batches.clear()
        self._wake()

    def next(self, timeout: float | None = None) -> Sequence[Change] | None:
        """See contract.Watch."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self._closed:
            changes = self._take_older() if self._page or self._older else self._take_batches()
            if changes:
                return None if self._closed else changes
            if self._older is None and not self._closed and not self._wait(deadline):
                return []
        return None

    def _wait(self, deadline: float | None) -> bool:
        """Whether something may have happened before the deadline."""
        latch = self._latch = Latch()
        if self._batches or self._closed:  # it came before the latch was there
            return True
        if latch.wait(None if deadline is None else deadline - time.monotonic()):
            return True
        self._latch = None
        return bool(self._batches) or self._closed

    def _take_batches(self) -> Sequence[Change]:
        taken: list[Sequence[Change]] = []
        while self._batches:
            try:
                batch, size = self._batches.popleft()
            except IndexError:  # shut meanwhile
                break
            taken.append(batch)
            self._taken_changes += len(batch)
            self._taken_bytes += size
        if not taken:
            return ()
        self._taken = taken[-1][-1].revision
        return taken[0] if len(taken) == 1 else [change for batch in taken for change in batch]

    def _take_older(self) -> Sequence[Change]:
        """What is left of the history, page by page."""
        try:
            while not self._page and self._older is not None:
                self._take_page(self._older)
        except (Compacted, StoreUnavailable):
            self.shut()
            return ()
        changes, self._page = self._page, ()
        self._taken = self._paged
        return changes

    def _take_page(self, older: HistorySource) -> None:
        self._page, self._paged = older(self.scope, self._paged, self._until)
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
        self._forget(self)
        self.shut()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def weight(change: Change) -> int:
    """About how many bytes a remembered change keeps alive."""
    return 400 + (len(change.entry.data) if change.entry else 0) + (len(change.previous.data) if change.previous else 0)
