"""The timers of requests that greenlets serve: the event loop raises them."""

from __future__ import annotations

from gevent import Timeout

from cluster.server.deadline import Timer


class GreenletTimer(Timeout, Timer):  # type: ignore[misc]  # gevent has no types
    """Raised in the greenlet that started it, wherever it waits."""


def start(seconds: float) -> Timer:
    """See cluster.server.deadline.StartTimer."""
    timer: Timer = GreenletTimer.start_new(seconds)
    return timer
