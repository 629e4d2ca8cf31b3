"""One WebSocket connection over a socket that has been upgraded, and the channels that Kubernetes multiplexes in it.

The API server speaks it with its clients and, as a client, with kubelets; a kubelet speaks it with the API server.
Upstream: `streaming/pkg/httpstream/wsstream`, apimachinery `pkg/util/remotecommand/constants.go`.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import select
import socket
import ssl
import struct
import threading
from collections.abc import Iterable
from typing import Any, Final

from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, TextMessage
from wsproto.utilities import LocalProtocolError, RemoteProtocolError

STDIN: Final = 0
STDOUT: Final = 1
STDERR: Final = 2
ERROR: Final = 3
RESIZE: Final = 4
CLOSE: Final = 255
"""v5 only: the byte that follows names the channel that ends."""

MESSAGE_LIMIT: Final = 1 << 20
_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_CHUNK: Final = 64 * 1024
_TOO_BIG: Final = 1009
_PROTOCOL_ERROR: Final = 1002


def accept_key(key: str) -> str:
    """The Sec-WebSocket-Accept of a Sec-WebSocket-Key.  RFC 6455, section 4.2.2."""
    return base64.b64encode(hashlib.sha1(key.encode() + _GUID, usedforsecurity=False).digest()).decode()


def has_token(header: str, token: str) -> bool:
    """Whether a comma-separated header names the token, in any case."""
    return token in (each.strip().lower() for each in header.split(","))


def choose(offered: Iterable[str], supported: Iterable[str]) -> str | None:
    """The first supported subprotocol in the client's order; "" where it offers none and that is supported; None: no match."""
    wanted = [each.strip() for each in offered if each.strip()]
    known = set(supported)
    if not wanted:
        return "" if "" in known else None
    return next((each for each in wanted if each in known), None)


class WebSocket:
    """Messages in both directions; one thread may receive while others send."""

    def __init__(self, connection: Any, *, client: bool, received: bytes = b"", idle_seconds: float | None = None) -> None:
        """`connection` is the socket, its handshake done; `received` what was read beyond that."""
        self._socket = connection
        self._socket.settimeout(0)
        self._idle_seconds = idle_seconds
        self._io = threading.Lock()
        self._protocol = Connection(ConnectionType.CLIENT if client else ConnectionType.SERVER)
        self._lock = threading.Lock()
        self._reading = threading.Lock()
        self._pending: list[bytes] = []
        self._parts = bytearray()
        self._closed = False
        self._ended = False
        if received:
            self._feed(received)

    def receive(self) -> bytes | None:
        """The next message, text as UTF-8; None once the peer has closed, gone silent for too long, or sent nonsense."""
        with self._reading:
            return self._next()

    def _next(self) -> bytes | None:
        while not self._pending:
            if self._ended:
                return None
            try:
                data = self._receive_some()
            except (OSError, ValueError):
                data = b""
            if not data:
                self._ended = True
                return None
            self._feed(data)
        return self._pending.pop(0)

    def _feed(self, data: bytes) -> None:
        try:
            self._protocol.receive_data(data)
            for event in self._protocol.events():
                self._take(event)
        except (RemoteProtocolError, LocalProtocolError):
            self._ended = True
            self.close(_PROTOCOL_ERROR)

    def _take(self, event: object) -> None:
        if isinstance(event, TextMessage | BytesMessage):
            self._parts += event.data.encode() if isinstance(event, TextMessage) else event.data
            if len(self._parts) > MESSAGE_LIMIT:
                self._ended = True
                self.close(_TOO_BIG)
            elif event.message_finished:
                self._pending.append(bytes(self._parts))
                self._parts.clear()
        elif isinstance(event, Ping):
            self._answer(event.response())
        elif isinstance(event, CloseConnection):
            self._ended = True
            if not self._closed:
                self._closed = True
                self._answer(event.response())

    def _answer(self, event: Pong | CloseConnection) -> None:
        with contextlib.suppress(OSError):  # the peer has left without waiting for it
            self._send(event)

    def send(self, data: bytes) -> None:
        """A binary message.  OSError where the connection is gone."""
        self._send(BytesMessage(data=data))

    def send_text(self, text: str) -> None:
        self._send(TextMessage(data=text))

    def ping(self) -> None:
        self._send(Ping())

    def _send(self, event: BytesMessage | TextMessage | Ping | Pong | CloseConnection) -> None:
        with self._lock:
            try:
                data = self._protocol.send(event)
            except LocalProtocolError as error:
                raise ConnectionResetError("the WebSocket is closed") from error
            self._send_all(data)

    def _receive_some(self) -> bytes:
        while True:
            with self._io:
                try:
                    data: bytes = self._socket.recv(_CHUNK)
                    return data
                except (BlockingIOError, ssl.SSLWantReadError):
                    events = select.POLLIN
                except ssl.SSLWantWriteError:
                    events = select.POLLOUT
            self._await(events)

    def _send_all(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            with self._io:
                try:
                    view = view[self._socket.send(view) :]
                    continue
                except (BlockingIOError, ssl.SSLWantWriteError):
                    events = select.POLLOUT
                except ssl.SSLWantReadError:
                    events = select.POLLIN
            self._await(events)

    def _await(self, events: int) -> None:
        """TimeoutError where nothing happens for too long.

        TLS takes one thread at a time: so no call blocks inside of it, and whoever must wait does so here, outside the lock.
        """
        poll = select.poll()
        poll.register(self._socket, events)
        seconds = self._idle_seconds
        if not poll.poll(None if seconds is None else seconds * 1000):
            raise TimeoutError("the peer is silent")

    def close(self, code: int = 1000) -> None:
        """Says goodbye, once; the socket stays open until `shut`."""
        if self._closed:
            return
        self._closed = True
        with contextlib.suppress(OSError):  # the peer is gone already
            self._send(CloseConnection(code=code))

    def finish(self, seconds: float = 1.0) -> None:
        """Says goodbye and waits for the peer's: a socket that is closed with data unread takes back what was sent."""
        self.close()
        if self._reading.acquire(timeout=seconds):
            try:
                self._idle_seconds = seconds
                while self._next() is not None:
                    continue  # nobody wants it any more
            except (OSError, ValueError):
                return  # the peer is gone, which is as good
            finally:
                self._reading.release()

    def shut(self) -> None:
        """Ends the connection for good, and with it a `receive` in another thread."""
        self.close()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def release(self) -> None:
        """Ends the connection and closes its socket: for those who opened it."""
        self.shut()
        with contextlib.suppress(OSError):
            self._socket.close()


class Channels:
    """Channel frames over a WebSocket: a byte of channel and data; in base64, a digit and its base64."""

    def __init__(self, websocket: WebSocket, *, base64_coded: bool = False) -> None:
        self.websocket = websocket
        self._base64 = base64_coded

    def receive(self) -> tuple[int, bytes] | None:
        """(channel, data); None at the end.  Empty and unreadable messages are passed over."""
        while (message := self.websocket.receive()) is not None:
            frame = decode(message, base64_coded=self._base64)
            if frame is not None:
                return frame
        return None

    def send(self, channel: int, data: bytes) -> None:
        if self._base64:
            self.websocket.send_text(encode(channel, data, base64_coded=True).decode())
        else:
            self.websocket.send(encode(channel, data, base64_coded=False))


def encode(channel: int, data: bytes, *, base64_coded: bool) -> bytes:
    """A frame; only channels 0 to 9 can be written in base64."""
    if base64_coded:
        return str(channel).encode() + base64.b64encode(data)
    return struct.pack("B", channel) + data


def decode(message: bytes, *, base64_coded: bool) -> tuple[int, bytes] | None:
    """(channel, data) of a frame; None for what is none."""
    if not message:
        return None
    if not base64_coded:
        return message[0], message[1:]
    if not message[:1].isdigit():
        return None
    try:
        return int(message[:1]), base64.b64decode(message[1:], validate=True)
    except (binascii.Error, ValueError):
        return None
