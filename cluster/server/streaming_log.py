"""Logs: as a chunked body, or as messages of a WebSocket.  Upstream: apiserver `pkg/endpoints/handlers/responsewriters` (StreamObject)."""

from __future__ import annotations

import base64
import contextlib
import http.client
import threading
from collections.abc import Iterator
from typing import Any, Final

from cluster.client import websocket as ws
from cluster.server import streaming_kubelet
from cluster.server.open_streams import held
from cluster.server.response import Response
from cluster.server.streaming import Location, StreamRequest
from cluster.server.streaming_takeover import TakenOver, client_socket, negotiate, wants_websocket

_BASE64: Final = "base64.binary.k8s.io"
PROTOCOLS: Final = ("", "binary.k8s.io", _BASE64)
_CHUNK: Final = 16 * 1024


def respond(request: StreamRequest, location: Location) -> Response:
    """The log; empty for a pod that has no node yet."""
    if not location.host:
        return Response(status=204)
    protocol = negotiate(request.environ, PROTOCOLS) if wants_websocket(request.environ) else None
    connection, response = streaming_kubelet.get(location, request.kubelet, request.name)
    if protocol is not None:
        return TakenOver(protocol, lambda websocket: _send(websocket, protocol, connection, response))
    body = _Body(connection, response, request.environ)
    answer = Response(body, content_type="text/plain")
    if "follow=true" in location.path:
        answer.headers["Connection"] = "close"
        _watch_client(client_socket(request.environ), body)
    return answer


class _Body:
    """Chunks as the kubelet sends them; closed by the WSGI server at the end."""

    def __init__(
        self, connection: http.client.HTTPSConnection, response: http.client.HTTPResponse, environ: dict[str, Any] | None = None
    ) -> None:
        """`environ`: the WSGI environment where the log is the body of its response."""
        self._environ = environ or {}
        self._connection = connection
        self._response = response
        self._sock: Any = connection.sock or getattr(getattr(response.fp, "raw", None), "_sock", None)

    def __iter__(self) -> Iterator[bytes]:
        ended = contextlib.suppress(OSError, ValueError, http.client.HTTPException)  # the kubelet or the follower is gone
        with ended, held(self._environ, self.hang_up, client_socket(self._environ)):
            while chunk := self._response.read1(_CHUNK):
                yield chunk

    def hang_up(self) -> None:
        """Ends the iteration, from any thread."""
        with contextlib.suppress(OSError):
            if self._sock is not None:
                self._sock.shutdown(2)

    def close(self) -> None:
        self.hang_up()
        self._response.close()
        self._connection.close()


def _watch_client(sock: Any, body: _Body) -> None:
    """A follower that hangs up is noticed though the log is silent; its connection carries no other request."""
    if sock is None:
        return

    def watch() -> None:
        with contextlib.suppress(OSError, ValueError):
            while sock.recv(1024):
                continue  # whatever it says, it is not heard
        body.hang_up()

    threading.Thread(target=watch, name="follower", daemon=True).start()


def _send(websocket: ws.WebSocket, protocol: str, connection: http.client.HTTPSConnection, response: http.client.HTTPResponse) -> None:
    """One message a chunk, until the log or the client ends."""
    body = _Body(connection, response)

    def watch() -> None:
        while websocket.receive() is not None:
            continue  # a log is read only
        body.hang_up()

    threading.Thread(target=watch, name="follower", daemon=True).start()
    try:
        for chunk in body:
            if protocol == _BASE64:
                websocket.send_text(base64.b64encode(chunk).decode())
            else:
                websocket.send(chunk)
    finally:
        body.close()
