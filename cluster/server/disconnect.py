"""Watches as responses: a stream of chunks that ends when the client goes away, even while nothing changes.

A WSGI server notices a lost client only when it writes.  So the connection is watched for its end by the event loop of gevent,
where the server runs on it; the kernel tells of a half-closed connection (POLLRDHUP) without anything being read.
"""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator
from typing import Any, Final

from cluster.registry.watch import Events
from cluster.server.context import Context
from cluster.server.open_streams import held
from cluster.server.response import Response

_GONE: Final = select.POLLRDHUP | select.POLLHUP | select.POLLERR if hasattr(select, "POLLRDHUP") else 0
_SEND_TIMEOUT: Final = 60.0
"""Seconds that a client may leave its connection full before it is given up."""
_AGAIN: Final = 0.5
_open: Final[set[Events]] = set()


def end_watches() -> None:
    """Ends every watch of this process as its time would: its client sees the whole of what was sent, and begins anew elsewhere."""
    for events in list(_open):
        events.close()


def watch_response(context: Context, events: Events) -> Response:
    """The response that streams the events."""
    connection = context.environ.get("gunicorn.socket")
    stream = iter(events) if connection is None else _guarded(events, connection, context.environ)
    response = Response(stream, content_type="application/json")
    response.call_on_close(events.close)
    return response


def _guarded(events: Events, connection: Any, environ: dict[str, Any]) -> Iterator[bytes]:
    """The events, until the connection or the credential ends; a send that takes too long ends it, too."""
    guard = _Guard(events, connection)
    _open.add(events)
    before = connection.gettimeout()
    connection.settimeout(_SEND_TIMEOUT)
    try:
        with held(environ, events.close, connection):
            yield from events
    finally:
        _open.discard(events)
        guard.stop()
        if connection.fileno() >= 0:
            connection.settimeout(before)


class _Guard:
    """Closes the events when their connection's other end has gone."""

    def __init__(self, events: Events, connection: socket.socket) -> None:
        from gevent import get_hub

        self._events = events
        self._descriptor = connection.fileno()
        loop = get_hub().loop
        self._readable = loop.io(self._descriptor, 1)
        self._timer = loop.timer(_AGAIN)
        self._readable.start(self._check)

    def _check(self) -> None:
        """Something can be read: the end, or bytes that no one has asked for, under which the end may be hidden until later."""
        poll = _poll()
        poll.register(self._descriptor, _GONE)
        if any(event & _GONE for _, event in poll.poll(0)):
            from gevent import spawn

            self.stop()
            spawn(self._events.close)
            return
        self._readable.stop()
        self._timer.start(self._check)

    def stop(self) -> None:
        for watcher in (self._readable, self._timer):
            watcher.stop()
            watcher.close()


def _poll() -> Any:
    """The system's poll, which does not go through the event loop: it is asked without waiting."""
    from gevent.monkey import get_original

    return get_original("select", "poll")()
