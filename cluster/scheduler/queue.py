"""Pods that await a node: ready to be tried, backing off, or waiting for something to change.

Upstream: `pkg/scheduler/backend/queue/scheduling_queue.go`.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from cluster.api.names import Object
from cluster.scheduler.cache import Key

FIRST_BACKOFF: Final = 1.0
LONGEST_BACKOFF: Final = 10.0
LONGEST_WAIT: Final = 300.0
"""What nothing has moved for so long is tried again anyhow."""


class QueuedPod(Struct):
    pod: Object
    since: float
    attempts: int = 0
    failed_at: float = 0.0
    sequence: int = 0

    @property
    def key(self) -> Key:
        metadata = self.pod["metadata"]
        return metadata.get("namespace", ""), metadata["name"]

    @property
    def priority(self) -> int:
        return int(self.pod["spec"].get("priority") or 0)

    @property
    def gated(self) -> bool:
        return bool(self.pod["spec"].get("schedulingGates"))

    def due(self) -> float:
        """When its back-off ends: 1 s after the first failure, doubled with each to 10 s."""
        return self.failed_at + min(FIRST_BACKOFF * float(2 ** min(max(0, self.attempts - 1), 10)), LONGEST_BACKOFF)


class SchedulingQueue:
    """Safe for threads.  A pod is in one of three places or in the hands of the scheduler."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._condition = threading.Condition()
        self._pods: dict[Key, QueuedPod] = {}
        self._active: list[tuple[int, float, int, Key]] = []
        self._backoff: list[tuple[float, int, Key]] = []
        self._waiting: dict[Key, float] = {}
        self._in_hand: set[Key] = set()
        self._sequence = 0
        self._moves = 0
        self._closed = False

    def add(self, pod: Object) -> None:
        """A pod that is new, or changed so that it may fit now."""
        with self._condition:
            queued = self._pods.get(_key(pod))
            if queued is None:
                queued = self._pods[_key(pod)] = QueuedPod(pod, self._now())
            queued.pod = pod
            self._activate(queued)

    def update(self, pod: Object, *, retry: bool) -> None:
        """The pod as it is now; `retry` where its change may let it fit."""
        with self._condition:
            queued = self._pods.get(_key(pod))
            if queued is not None:
                queued.pod = pod
                if retry and queued.key in self._waiting:
                    self._back_off(queued)

    def remove(self, key: Key) -> None:
        with self._condition:
            self._pods.pop(key, None)
            self._waiting.pop(key, None)

    def pop(self, timeout: float | None = None) -> QueuedPod | None:
        """The next of highest priority, the oldest first; waits for one.  None when closed, or after `timeout` seconds."""
        until = None if timeout is None else self._now() + timeout
        with self._condition:
            while not self._closed:
                pause = self._release()
                queued = self._next()
                if queued is not None:
                    self._in_hand.add(queued.key)
                    queued.attempts += 1
                    return queued
                if until is not None:
                    left = until - self._now()
                    if left <= 0:
                        return None
                    pause = left if pause is None else min(pause, left)
                self._condition.wait(pause)
            return None

    @property
    def moves(self) -> int:
        """How often `move` was called; take it when a cycle begins."""
        return self._moves

    def done(self, queued: QueuedPod) -> None:
        """It is bound, or gone."""
        with self._condition:
            self._in_hand.discard(queued.key)
            self._pods.pop(queued.key, None)

    def fail(self, queued: QueuedPod, *, moves: int, error: bool = False) -> None:
        """It waits for a change; where one came since the cycle began (`moves`), or for an `error` of ours, it only backs off."""
        with self._condition:
            self._in_hand.discard(queued.key)
            if queued.key not in self._pods:
                return
            queued.failed_at = self._now()
            if error or self._moves != moves:
                self._back_off(queued)
            else:
                self._waiting[queued.key] = self._now()

    def move(self) -> None:
        """Something changed (a node, a pod that went): whoever waits may fit now."""
        with self._condition:
            self._moves += 1
            for key in list(self._waiting):
                if key in self._pods:
                    self._back_off(self._pods[key])
            self._waiting.clear()

    def close(self) -> None:
        with self._condition:
            self._closed = True
            self._condition.notify_all()

    def __len__(self) -> int:
        with self._condition:
            return len(self._pods)

    def _activate(self, queued: QueuedPod) -> None:
        self._waiting.pop(queued.key, None)
        if queued.gated:
            return
        if queued.key not in self._in_hand:
            self._sequence += 1
            queued.sequence = self._sequence
            heapq.heappush(self._active, (-queued.priority, queued.since, queued.sequence, queued.key))
            self._condition.notify()

    def _back_off(self, queued: QueuedPod) -> None:
        self._waiting.pop(queued.key, None)
        due = queued.due()
        if due <= self._now():
            self._activate(queued)
            return
        self._sequence += 1
        queued.sequence = self._sequence
        heapq.heappush(self._backoff, (due, queued.sequence, queued.key))
        self._condition.notify()

    def _next(self) -> QueuedPod | None:
        while self._active:
            _, _, sequence, key = heapq.heappop(self._active)
            queued = self._pods.get(key)
            if queued is not None and queued.sequence == sequence and not queued.gated and key not in self._in_hand:
                return queued
        return None

    def _release(self) -> float | None:
        """Activates whose back-off is over; returns the seconds until the next is due."""
        now = self._now()
        for key, since in list(self._waiting.items()):
            if now - since > LONGEST_WAIT and key in self._pods:
                self._activate(self._pods[key])
        while self._backoff:
            due, sequence, key = self._backoff[0]
            queued = self._pods.get(key)
            if queued is None or queued.sequence != sequence:
                heapq.heappop(self._backoff)
            elif due <= now:
                heapq.heappop(self._backoff)
                self._activate(queued)
            else:
                return due - now
        return 30.0 if self._waiting else None


def _key(pod: Object) -> Key:
    return pod["metadata"].get("namespace", ""), pod["metadata"]["name"]
