"""Connections of callers: their end can be brought about from outside, and their address looked up anew each time.

A socket's own time limit begins anew with each byte, so that a service which answers in trickles would be waited for without end.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from types import TracebackType
from typing import Any, Final

import urllib3

from cluster.api.protocols import Resolve

_CURRENT: Final = threading.local()


class Watch:
    """Ends whatever one call waits for once its time is over; used as a block around the call."""

    def __init__(self, seconds: float) -> None:
        self.expired = False
        self.dialled = ""
        """The address that was last connected to, where it was looked up."""
        self._line = -1
        self._lock = threading.Lock()
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    def __enter__(self) -> Watch:
        _CURRENT.watch = self
        self._timer.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        _CURRENT.watch = None
        self._timer.cancel()
        self._see(-1)

    def over(self, line: socket.socket) -> None:
        """The call goes over this socket from now on; TimeoutError where it is too late for that."""
        self._see(os.dup(line.fileno()))
        if self.expired:
            raise TimeoutError("timed out")

    def _see(self, descriptor: int) -> None:
        """The descriptor is the watch's own: a connection may close its socket, or wrap it, at any time."""
        with self._lock:
            if self._line >= 0:
                os.close(self._line)
            self._line = descriptor

    def _end(self) -> None:
        with self._lock:
            self.expired = True
            if self._line >= 0:
                with contextlib.suppress(OSError), socket.socket(fileno=os.dup(self._line)) as line:
                    line.shutdown(socket.SHUT_RDWR)


def _watch() -> Watch | None:
    return getattr(_CURRENT, "watch", None)


class PlainConnection(urllib3.connection.HTTPConnection):
    """Tells the call that it serves of its socket."""

    def _new_conn(self) -> socket.socket:
        return _told(super()._new_conn())

    def request(self, *args: Any, **more: Any) -> None:
        _tell(self.sock)
        super().request(*args, **more)


class TlsConnection(urllib3.connection.HTTPSConnection):
    """The same over TLS; `resolve` says where the host is, which its certificate names all the same."""

    def __init__(self, *args: Any, resolve: Resolve | None = None, **more: Any) -> None:
        super().__init__(*args, **more)
        self._resolve = resolve

    def _new_conn(self) -> socket.socket:
        if self._resolve is None:
            return _told(super()._new_conn())
        address = self._resolve()
        watch = _watch()
        if watch is not None:
            watch.dialled = f"[{address[0]}]:{address[1]}" if ":" in address[0] else f"{address[0]}:{address[1]}"
        try:
            made = urllib3.util.connection.create_connection(address, self.timeout, socket_options=self.socket_options)
        except OSError as error:
            raise urllib3.exceptions.NewConnectionError(self, str(error)) from error
        return _told(made)

    def request(self, *args: Any, **more: Any) -> None:
        _tell(self.sock)
        super().request(*args, **more)


def _told(made: socket.socket) -> socket.socket:
    try:
        _tell(made)
    except BaseException:
        made.close()
        raise
    return made


def _tell(line: socket.socket | None) -> None:
    watch = _watch()
    if watch is not None and line is not None:
        watch.over(line)
