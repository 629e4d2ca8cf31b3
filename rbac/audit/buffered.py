"""Events that wait in memory for a batch, so that no request waits for the backend.

Upstream: apiserver `plugin/pkg/audit/buffered`.  Each process has its own buffer, batches and rate.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from rbac.audit.model import AuditEvent, Sink

log = logging.getLogger(__name__)
SENDERS: Final = 8
"""Batches that are under way at once; while so many are, events wait in the buffer."""
CLOSE_SECONDS: Final = 0.9
"""A server that is told to end has a second."""
_LOOK: Final = 0.01
_QUIET: Final = 10.0
"""Seconds between two lines of the log on events that were dropped."""


class BatchOptions(Struct, frozen=True):
    """`max_wait` in seconds, `qps` and `burst` in batches."""

    buffer_size: int
    max_size: int
    max_wait: float
    qps: float
    burst: int


class Buffered:
    """Hands batches to another sink, by threads of its own; drops what finds the buffer full, and counts it."""

    def __init__(self, delegate: Sink, options: BatchOptions) -> None:
        self._delegate = delegate
        self._options = options
        self._waiting: deque[AuditEvent] = deque()
        self._changed = threading.Condition()
        self._throttle = Throttle(options.qps, options.burst)
        self._free = threading.Semaphore(SENDERS)
        self._collector: threading.Thread | None = None
        self._owner = 0
        self._closing = False
        self._under_way = 0
        self._told = -_QUIET
        self.dropped = 0

    def process(self, events: Sequence[AuditEvent]) -> bool:
        """Always True: nothing is known yet of what becomes of the events."""
        with self._changed:
            if self._collector is None or self._owner != os.getpid():
                self._start()
            room = self._options.buffer_size - len(self._waiting)
            self._waiting.extend(events[:room])
            if len(events) > room:
                self._drop(len(events) - room)
            if len(self._waiting) <= len(events) or len(self._waiting) >= self._options.max_size:
                self._changed.notify()
        return True

    def close(self) -> None:
        """Sends what waits, within CLOSE_SECONDS, and from now on what comes without waiting for more."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._delegate.close()
        deadline = time.monotonic() + CLOSE_SECONDS
        while (self._waiting or self._under_way) and time.monotonic() < deadline:
            time.sleep(_LOOK)
        lost = len(self._waiting) + self._under_way
        if lost:
            log.error("%d audit events were not sent before the server ended", lost)

    def _start(self) -> None:
        self._owner = os.getpid()
        self._collector = threading.Thread(target=self._collect, name="audit-batches", daemon=True)
        self._collector.start()

    def _drop(self, count: int) -> None:
        self.dropped += count
        now = time.monotonic()
        if now - self._told >= _QUIET:
            self._told = now
            log.error("audit buffer queue blocked: %d audit events were dropped so far", self.dropped)

    def _collect(self) -> None:
        while True:
            batch = self._batch()
            if not self._closing:
                self._throttle.accept()
            self._free.acquire()
            threading.Thread(target=self._send, args=(batch,), name="audit-batch", daemon=True).start()

    def _batch(self) -> list[AuditEvent]:
        """The next batch: as large as it may be, or as old."""
        options = self._options
        with self._changed:
            while not self._waiting:
                self._changed.wait()
            deadline = time.monotonic() + options.max_wait
            while len(self._waiting) < options.max_size and not self._closing:
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                self._changed.wait(left)
            batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), options.max_size))]
            self._under_way += len(batch)
            return batch

    def _send(self, batch: list[AuditEvent]) -> None:
        try:
            self._delegate.process(batch)
        finally:
            self._free.release()
            with self._changed:
                self._under_way -= len(batch)


class Throttle:
    """A token bucket: `burst` at once, and `qps` a second in the long run."""

    def __init__(self, qps: float, burst: int) -> None:
        self._qps = qps
        self._burst = float(burst)
        self._tokens = float(burst)
        self._at = time.monotonic()

    def accept(self) -> None:
        """Waits for a token."""
        now = time.monotonic()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._qps) - 1
        self._at = now
        if self._tokens < 0:
            time.sleep(-self._tokens / self._qps)
