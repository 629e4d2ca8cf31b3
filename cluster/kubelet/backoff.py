"""Waiting times that double.  Upstream: client-go `util/flowcontrol/backoff.go`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from msgspec import Struct

FIRST_SECONDS: Final = 10.0
LONGEST_SECONDS: Final = 300.0


class _Entry(Struct):
    seconds: float
    at: float


class Backoff:
    """One waiting time per key; it starts anew when a key had no failure for twice the longest time."""

    def __init__(self, first: float = FIRST_SECONDS, longest: float = LONGEST_SECONDS, clock: Callable[[], float] = time.time) -> None:
        self._first = first
        self._longest = longest
        self._clock = clock
        self._entries: dict[str, _Entry] = {}
        self._lock = threading.Lock()

    def next(self, key: str, at: float) -> float:
        """Notes a failure at the time `at`; returns the seconds to wait from then on."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None or at - entry.at > 2 * self._longest:
                entry = self._entries[key] = _Entry(self._first, self._clock())
            else:
                entry.seconds, entry.at = min(entry.seconds * 2, self._longest), self._clock()
            return entry.seconds

    def remaining(self, key: str, since: float) -> float:
        """Seconds still to wait after a failure at `since`; 0 where the key may be tried."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None or since - entry.at > 2 * self._longest:
                return 0.0
            return max(0.0, entry.seconds - (self._clock() - since))

    def restore(self, key: str, failures: int, at: float) -> None:
        """Takes up a count that another kubelet kept, the last of its failures noted at `at`; a key that is known stays as it is."""
        with self._lock:
            if failures > 0 and key not in self._entries:
                self._entries[key] = _Entry(min(self._first * 2 ** min(failures - 1, 16), self._longest), at)

    def noted(self, key: str) -> float:
        """When the key's last failure was noted; 0 where there was none."""
        with self._lock:
            entry = self._entries.get(key)
            return entry.at if entry else 0.0

    def seconds(self, key: str) -> float:
        """The whole current waiting time."""
        with self._lock:
            entry = self._entries.get(key)
            return entry.seconds if entry else 0.0

    def forget(self, prefix: str) -> None:
        """Drops every key that starts so."""
        with self._lock:
            for key in [key for key in self._entries if key.startswith(prefix)]:
                del self._entries[key]
