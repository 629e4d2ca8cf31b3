"""What a controller has asked for and not yet seen in its cache, so that it doesn't ask twice.

Upstream: `pkg/controller/controller_utils.go` (UIDTrackingControllerExpectations).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import Final

from msgspec import Struct, field

from cluster.client.cache import Key

TIMEOUT_SECONDS: Final = 300.0


class _Expected(Struct):
    since: float
    creations: int = 0
    deletions: set[str] = field(default_factory=set)


class Expectations:
    """Per key: a number of creations and the uids of deletions; forgotten after five minutes, lest a lost event block the key for ever."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._expected: dict[Key, _Expected] = {}

    def expect_creations(self, key: Key, count: int) -> None:
        with self._lock:
            self._expected[key] = _Expected(self._now(), creations=count)

    def expect_deletions(self, key: Key, uids: Iterable[str]) -> None:
        with self._lock:
            self._expected[key] = _Expected(self._now(), deletions=set(uids))

    def created(self, key: Key) -> None:
        """One was seen, or will never be."""
        with self._lock:
            expected = self._expected.get(key)
            if expected is not None and expected.creations > 0:
                expected.creations -= 1

    def deleted(self, key: Key, uid: str) -> None:
        with self._lock:
            expected = self._expected.get(key)
            if expected is not None:
                expected.deletions.discard(uid)

    def satisfied(self, key: Key) -> bool:
        with self._lock:
            expected = self._expected.get(key)
            if expected is None:
                return True
            return (expected.creations <= 0 and not expected.deletions) or self._now() - expected.since > TIMEOUT_SECONDS

    def forget(self, key: Key) -> None:
        with self._lock:
            self._expected.pop(key, None)
