"""The standard streams of a Docker exec or attach: one hijacked connection, multiplexed unless there is a terminal."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import struct
import time
from typing import Any, Final

_CHUNK: Final = 32 * 1024
_EXIT_WAIT_SECONDS: Final = 5.0


class DockerStream:
    """Upstream of the framing: Docker Engine API, "Attach to a container": a byte of stream, three of padding, a length."""

    def __init__(self, raw: Any, *, tty: bool, engine: Any, exec_id: str = "", container_id: str = "") -> None:
        self._raw = raw
        self._socket: Any = getattr(raw, "_sock", raw)
        self._socket.settimeout(None)
        self._tty = tty
        self._engine = engine
        self._exec_id = exec_id
        self._container_id = container_id
        self._left = 0
        self._channel = 1

    def read(self) -> tuple[int, bytes] | None:
        try:
            if self._tty:
                data = self._socket.recv(_CHUNK)
                return (1, data) if data else None
            while not self._left:
                header = self._exactly(8)
                if header is None:
                    return None
                self._channel, self._left = header[0] or 1, struct.unpack(">I", header[4:])[0]
            data = self._socket.recv(min(self._left, _CHUNK))
        except OSError:
            return None
        self._left -= len(data)
        return (self._channel, data) if data else None

    def _exactly(self, count: int) -> bytes | None:
        data = b""
        while len(data) < count:
            part = self._socket.recv(count - len(data))
            if not part:
                return None
            data += part
        return data

    def write(self, data: bytes) -> None:
        self._socket.sendall(data)

    def close_stdin(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def resize(self, width: int, height: int) -> None:
        from docker.errors import APIError

        with contextlib.suppress(APIError):  # the process has ended
            if self._exec_id:
                self._engine.exec_resize(self._exec_id, height=height, width=width)
            else:
                self._engine.resize(self._container_id, height=height, width=width)

    def exit_code(self) -> int:
        if not self._exec_id:
            return 0
        deadline = time.monotonic() + _EXIT_WAIT_SECONDS
        while True:
            found = self._engine.exec_inspect(self._exec_id)
            if not found["Running"] or time.monotonic() > deadline:
                return int(found["ExitCode"] or 0)
            time.sleep(0.02)

    def kill(self) -> None:
        """Ends the command by force: Docker itself has no call for that."""
        found = self._engine.exec_inspect(self._exec_id) if self._exec_id else {}
        if found.get("Running") and found.get("Pid"):
            with contextlib.suppress(OSError):  # not ours to kill, or gone
                os.kill(found["Pid"], signal.SIGKILL)
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(OSError):
            self._raw.close()
            self._socket.close()
