"""Takes a client's connection over from the WSGI server, once the request asks for an upgrade."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

from cluster.api.errors import BadRequest
from cluster.client import websocket as ws
from cluster.server.open_streams import cut, held
from cluster.server.response import Response

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

IDLE_SECONDS: Final = 4 * 3600.0


def wants_websocket(environ: dict[str, Any]) -> bool:
    upgrade = ws.has_token(environ.get("HTTP_CONNECTION", ""), "upgrade")
    return upgrade and str(environ.get("HTTP_UPGRADE", "")).lower() == "websocket"


def negotiate(environ: dict[str, Any], supported: Iterable[str]) -> str:
    """The subprotocol to speak; BadRequest where the handshake can't succeed."""
    if not environ.get("HTTP_SEC_WEBSOCKET_KEY") or environ.get("HTTP_SEC_WEBSOCKET_VERSION") != "13":
        raise BadRequest("the WebSocket handshake must carry Sec-WebSocket-Key and Sec-WebSocket-Version: 13")
    if client_socket(environ) is None:
        raise BadRequest("this server can't take over connections")
    known = tuple(supported)
    chosen = ws.choose(environ.get("HTTP_SEC_WEBSOCKET_PROTOCOL", "").split(","), known)
    if chosen is None:
        names = ", ".join(each for each in known if each)
        raise BadRequest(f"none of the WebSocket subprotocols offered is supported; those are: {names}")
    return chosen


def client_socket(environ: dict[str, Any]) -> Any:
    """The connection's own socket, which gunicorn hands to applications; None under other servers."""
    return environ.get("gunicorn.socket")


class TakenOver(Response):
    """Answers 101 by itself, lets `speak` talk on the WebSocket, and leaves the WSGI server nothing to say."""

    def __init__(self, protocol: str, speak: Callable[[ws.WebSocket], None]) -> None:
        super().__init__(status=101)
        self._subprotocol = protocol
        self._speak = speak

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:  # noqa: ARG002 - nothing starts
        from gunicorn.workers.base_async import ALREADY_HANDLED

        sock = client_socket(environ)
        try:
            sock.sendall(self._handshake(environ))
            websocket = ws.WebSocket(sock, client=False, idle_seconds=IDLE_SECONDS)
            try:
                with held(environ, lambda: cut(sock), sock):
                    self._speak(websocket)
            finally:
                websocket.finish()
        except OSError:
            pass  # the client is gone: nobody is left to be told
        finally:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            self.close()
        handled: Iterable[bytes] = ALREADY_HANDLED
        return handled

    def _handshake(self, environ: WSGIEnvironment) -> bytes:
        lines = [
            "HTTP/1.1 101 Switching Protocols",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Accept: {ws.accept_key(environ['HTTP_SEC_WEBSOCKET_KEY'])}",
        ]
        if self._subprotocol:
            lines.append(f"Sec-WebSocket-Protocol: {self._subprotocol}")
        return "".join(f"{line}\r\n" for line in (*lines, "")).encode()
