"""Frames between workers and the store process: four bytes of length, then a msgpack array that begins with its kind.

A worker sends HELLO first, then LOAD and FOLLOW until an EVENTS frame says that it is live: from then on every commit's
records reach it in order, on one stream with the replies.  An EVENTS frame holds whole transactions.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgpack

MAX_FRAME: Final = 64 << 20
"""Bytes; a peer that announces more is disconnected."""

MAX_ADDRESS: Final = 107
"""Bytes of a Unix socket's address."""

# from a worker
HELLO: Final = 1  # worker
LOAD: Final = 2  # id, after key
FOLLOW: Final = 3  # after revision
COMMIT: Final = 4  # id, token, writes
HISTORY: Final = 5  # id, after revision, until revision, low key, high key
SNAPSHOT: Final = 6  # id, revision, after key, low key, high key

# from the store process
WELCOME: Final = 11  # identity, head, compacted
EVENTS: Final = 12  # records as (revision, key, value, previous revision, token), live
REPLIES: Final = 13  # list of (id, status, payload)
TRIMMED: Final = 15  # compacted
GONE: Final = 14  # compacted: the log no longer reaches back to where FOLLOW began

# status of a reply; a commit that succeeds has none, its records carry its token
OK: Final = 0
REFUSED: Final = 1  # key, current revision
COMPACTED: Final = 2  # oldest revision
FAILED: Final = 3  # message

_LENGTH = struct.Struct(">I")


class ProtocolError(Exception):
    """A peer sent what is no frame."""


def pack(*message: object) -> bytes:
    """One frame.  ValueError where it would be larger than a peer accepts."""
    body: bytes = msgpack.packb(message)
    if len(body) > MAX_FRAME:
        raise ValueError(f"a message of {len(body)} bytes is too large")
    return _LENGTH.pack(len(body)) + body


def bind(sock: socket.socket, path: Path) -> None:
    """Binds to a Unix socket's path, however long it is.  OSError."""
    with _short(path) as address:
        sock.bind(address)


def connect(sock: socket.socket, path: Path) -> None:
    """Connects to a Unix socket's path, however long it is.  OSError."""
    with _short(path) as address:
        sock.connect(address)


@contextmanager
def _short(path: Path) -> Iterator[str]:
    """An address that fits: the kernel takes no path of more than 107 bytes, but goes through an open folder."""
    if len(os.fsencode(path)) <= MAX_ADDRESS:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


class Splitter:
    """Bytes in, messages out."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Any]:
        """The messages that `data` completes.  ProtocolError."""
        buffer = self._buffer
        buffer += data
        messages = []
        start, end = 0, len(buffer)
        with memoryview(buffer) as view:
            while end - start >= 4:
                (length,) = _LENGTH.unpack_from(buffer, start)
                if length > MAX_FRAME:
                    raise ProtocolError(f"a frame of {length} bytes is too large")
                if end - start - 4 < length:
                    break
                messages.append(_unpack(view[start + 4 : start + 4 + length]))
                start += 4 + length
        if start:
            del buffer[:start]
        return messages


def _unpack(body: memoryview) -> list[Any]:
    try:
        message = msgpack.unpackb(body)
    except (ValueError, msgpack.UnpackException) as error:
        raise ProtocolError(f"a frame can't be read: {error}") from error
    finally:
        body.release()
    if not isinstance(message, list) or not message or not isinstance(message[0], int):
        raise ProtocolError("a frame holds no message")
    return message
