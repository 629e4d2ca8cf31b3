"""A queue of keys to reconcile: each waits at most once, is worked by one thread at a time, and backs off on its own when it fails.

Upstream: client-go `util/workqueue`.  Its length is bounded by the number of distinct keys.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections import deque
from collections.abc import Hashable
from typing import Final, Generic, TypeVar

Item = TypeVar("Item", bound=Hashable)

BASE_SECONDS: Final = 0.005
MAX_SECONDS: Final = 1000.0


class WorkQueue(Generic[Item]):
    """Safe for threads.  `get` and `done` frame the work on one item; what is added meanwhile is queued again after `done`."""

    def __init__(self, *, base_seconds: float = BASE_SECONDS, max_seconds: float = MAX_SECONDS) -> None:
        self._condition = threading.Condition()
        self._ready: deque[Item] = deque()
        self._dirty: set[Item] = set()
        self._processing: set[Item] = set()
        self._delayed: dict[Item, float] = {}
        self._heap: list[tuple[float, int, Item]] = []
        self._sequence = 0
        self._failures: dict[Item, int] = {}
        self._base, self._max = base_seconds, max_seconds
        self._shut = False

    def add(self, item: Item) -> None:
        with self._condition:
            self._add(item)

    def add_after(self, item: Item, seconds: float) -> None:
        """Adds it then; of several such calls the earliest counts."""
        if seconds <= 0:
            self.add(item)
            return
        due = time.monotonic() + seconds
        with self._condition:
            if self._shut or self._delayed.get(item, due + 1) <= due:
                return
            self._delayed[item] = due
            self._sequence += 1
            heapq.heappush(self._heap, (due, self._sequence, item))
            self._condition.notify()

    def add_rate_limited(self, item: Item) -> None:
        """Adds it after a pause that doubles with each failure since the last `forget`."""
        with self._condition:
            failures = self._failures.get(item, 0)
            self._failures[item] = failures + 1
        self.add_after(item, min(self._base * 2 ** min(failures, 60), self._max))

    def forget(self, item: Item) -> None:
        """It succeeded: its next failure starts from the shortest pause."""
        with self._condition:
            self._failures.pop(item, None)

    def requeues(self, item: Item) -> int:
        with self._condition:
            return self._failures.get(item, 0)

    def get(self, timeout: float | None = None) -> Item | None:
        """The next item, waiting for one; None once shut down, or after `timeout` seconds."""
        until = None if timeout is None else time.monotonic() + timeout
        with self._condition:
            while True:
                pause = self._release_due()
                if self._ready:
                    item = self._ready.popleft()
                    self._dirty.discard(item)
                    self._processing.add(item)
                    return item
                if self._shut:
                    return None
                if until is not None:
                    left = until - time.monotonic()
                    if left <= 0:
                        return None
                    pause = left if pause is None else min(pause, left)
                self._condition.wait(pause)

    def done(self, item: Item) -> None:
        with self._condition:
            self._processing.discard(item)
            if item in self._dirty:
                self._ready.append(item)
                self._condition.notify()

    def shut_down(self) -> None:
        """Drops what waits; every `get` returns None."""
        with self._condition:
            self._shut = True
            self._ready.clear()
            self._heap.clear()
            self._delayed.clear()
            self._condition.notify_all()

    def __len__(self) -> int:
        with self._condition:
            return len(self._ready)

    def _add(self, item: Item) -> None:
        if self._shut or item in self._dirty:
            return
        self._dirty.add(item)
        if item not in self._processing:
            self._ready.append(item)
            self._condition.notify()

    def _release_due(self) -> float | None:
        """Moves what is due; returns the seconds to the next delayed item."""
        now = time.monotonic()
        while self._heap:
            due, _, item = self._heap[0]
            if self._delayed.get(item) != due:
                heapq.heappop(self._heap)
                continue
            if due > now:
                return due - now
            heapq.heappop(self._heap)
            del self._delayed[item]
            self._add(item)
        return None
