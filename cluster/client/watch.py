"""One watch: an iterator of events that another thread may close."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import orjson
import urllib3
from urllib3.exceptions import HTTPError

from cluster.api.names import Object

Event = tuple[str, Object]
"""(ADDED | MODIFIED | DELETED | BOOKMARK | ERROR, the object or the Status)."""


class Watch:
    """Iterates until the server ends the stream, the connection breaks (both end it quietly: resume from the last revision), or close().

    `last` is the resourceVersion of the newest event seen, bookmarks included.
    """

    def __init__(self, response: urllib3.BaseHTTPResponse, resource_version: str = "") -> None:
        self._response = response
        self._lock = threading.Lock()
        self._closed = False
        self.last = resource_version

    def __iter__(self) -> Iterator[Event]:
        try:
            for line in self._lines():
                event = orjson.loads(line)
                obj = event["object"]
                if event["type"] != "ERROR":
                    self.last = (obj.get("metadata") or {}).get("resourceVersion") or self.last
                yield event["type"], obj
        finally:
            self._release()

    def _lines(self) -> Iterator[bytes]:
        pending = bytearray()
        while True:
            try:
                data = self._response.read1(65536)
            except (HTTPError, OSError, ValueError, AttributeError):
                # However a connection breaks (or is shut down under the reader), the stream is over.
                return
            if not data:
                return
            pending += data
            if b"\n" in data:
                *lines, rest = pending.split(b"\n")
                pending = bytearray(rest)
                yield from (bytes(line) for line in lines if line.strip())

    def close(self) -> None:
        """Ends the iteration, from any thread; more calls do nothing."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            with contextlib.suppress(HTTPError, OSError, ValueError):  # already broken, which is what is wanted
                self._response.shutdown()

    def _release(self) -> None:
        """Run by the reader, which alone may take the connection apart."""
        with self._lock:
            self._closed = True
            with contextlib.suppress(HTTPError, OSError, ValueError):
                self._response.close()

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
