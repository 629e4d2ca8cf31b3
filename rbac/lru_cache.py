"""Bounded caches that forget what was used least recently."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class LruCache(Generic[Key, Value]):
    """At most `size` entries.  For the threads (or greenlets) of one process."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._entries: OrderedDict[Key, Value] = OrderedDict()

    def get(self, key: Key) -> Value | None:
        value = self._entries.get(key)
        if value is not None:
            try:
                self._entries.move_to_end(key)
            except KeyError:  # another thread has just evicted it
                return value
        return value

    def put(self, key: Key, value: Value) -> None:
        self._entries[key] = value
        if len(self._entries) > self._size:
            self._entries.popitem(last=False)

    def __len__(self) -> int:
        return len(self._entries)


class TimedCache(Generic[Key, Value]):
    """At most `size` entries, each for a time of its own."""

    def __init__(self, size: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._entries: LruCache[Key, tuple[float, Value]] = LruCache(size)
        self._clock = clock

    def get(self, key: Key) -> Value | None:
        found = self._entries.get(key)
        return found[1] if found is not None and self._clock() < found[0] else None

    def put(self, key: Key, value: Value, seconds: float) -> None:
        """A value that is to be kept for no time is not."""
        if seconds > 0:
            self._entries.put(key, (self._clock() + seconds, value))

    def __len__(self) -> int:
        return len(self._entries)
