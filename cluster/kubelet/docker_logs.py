"""Logs of a Docker engine's containers, in the chunks that the engine sends."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator
from typing import Any, Final

from docker.errors import DockerException
from docker.types import CancellableStream

from cluster.kubelet.docker_engine import failures
from cluster.kubelet.runtime import LogOptions, LogStream

_CHUNK: Final = 64 * 1024
_HEADER: Final = struct.Struct(">BxxxI")
_CONNECT_SECONDS: Final = 60


def follow(engine: Any, container_id: str, options: LogOptions) -> LogStream:
    """RuntimeFailure where the engine has no such log.  Asked by hand: the SDK reads a terminal's log byte by byte."""
    parameters = {
        "stdout": int(options.stdout),
        "stderr": int(options.stderr),
        "follow": int(options.follow),
        "timestamps": int(options.timestamps),
        "tail": "all" if options.tail is None else options.tail,
        "since": f"{options.since:.9f}" if options.since else 0,
    }
    with failures():
        tty = bool(engine.inspect_container(container_id)["Config"]["Tty"])
        url = f"{engine.base_url}/v{engine.api_version}/containers/{container_id}/logs"
        response = engine.get(url, params=parameters, stream=True, timeout=(_CONNECT_SECONDS, None))
        response.raise_for_status()
    chunks = response.raw.stream(_CHUNK)
    return _Log(CancellableStream(chunks if tty else payloads(chunks), response))


class _Log:
    """A log of the engine's; its connection is closed with the last chunk."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._stream
        finally:
            self.close()

    def close(self) -> None:
        with contextlib.suppress(OSError, AttributeError, DockerException):  # it has ended, and its connection is another's
            self._stream.close()


def payloads(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """What the frames of a multiplexed stream carry (Docker Engine API, "Attach to a container"), joined for each chunk."""
    waiting = bytearray()
    for chunk in chunks:
        waiting += chunk
        carried, at = [], 0
        while len(waiting) - at >= _HEADER.size:
            end = at + _HEADER.size + _HEADER.unpack_from(waiting, at)[1]
            if end > len(waiting):
                break
            carried.append(waiting[at + _HEADER.size : end])
            at = end
        del waiting[:at]
        if carried:
            yield b"".join(carried)
