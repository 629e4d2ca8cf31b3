"""Exec and attach: the client's WebSocket joined to the kubelet's.

Upstream: apiserver `pkg/util/proxy/streamtranslator.go`; the subprotocols are those of `apimachinery/pkg/util/remotecommand`.
"""

from __future__ import annotations

import contextlib
import threading
from typing import Final

import orjson

from cluster.api.errors import BadRequest, InternalError
from cluster.client import websocket as ws
from cluster.server.response import Response
from cluster.server.streaming import KubeletTLS, Location, StreamRequest
from cluster.server.streaming_kubelet import DialFailure, upgrade
from cluster.server.streaming_takeover import TakenOver, negotiate, wants_websocket

_V5: Final = "v5.channel.k8s.io"
_STATUS: Final = frozenset({_V5, "v4.channel.k8s.io", "v4.base64.channel.k8s.io"})
"""Those whose error channel carries a Status; before them it was plain text."""
_BASE64: Final = frozenset({"base64.channel.k8s.io", "v4.base64.channel.k8s.io"})
PROTOCOLS: Final = (
    _V5,
    "v4.channel.k8s.io",
    "v3.channel.k8s.io",
    "v2.channel.k8s.io",
    "channel.k8s.io",
    "v4.base64.channel.k8s.io",
    "base64.channel.k8s.io",
    "",
)


def respond(request: StreamRequest, location: Location) -> Response:
    """The upgraded response; BadRequest where no WebSocket is asked for."""
    if not wants_websocket(request.environ):
        if request.environ.get("HTTP_UPGRADE"):
            raise BadRequest(f'this server upgrades to WebSocket, not to "{request.environ["HTTP_UPGRADE"]}"')
        raise BadRequest("Upgrade request required")
    protocol = negotiate(request.environ, PROTOCOLS)
    return TakenOver(protocol, lambda websocket: _join(websocket, protocol, location, request.kubelet))


def _join(websocket: ws.WebSocket, protocol: str, location: Location, tls: KubeletTLS) -> None:
    """Pumps both ways until either side ends."""
    client = ws.Channels(websocket, base64_coded=protocol in _BASE64)
    try:
        kubelet = ws.Channels(upgrade(location, tls))
    except DialFailure as failure:
        _send_status(client, protocol, orjson.dumps(InternalError.of(failure).status()))
        return
    threading.Thread(target=_forward, args=(client, kubelet, protocol), name="stream", daemon=True).start()
    try:
        while (frame := kubelet.receive()) is not None:
            channel, data = frame
            if channel == ws.ERROR:
                _send_status(client, protocol, data)
            else:
                client.send(channel, data)
    finally:
        kubelet.websocket.release()


def _forward(client: ws.Channels, kubelet: ws.Channels, protocol: str) -> None:
    """From the client to the kubelet; a client that hangs up ends the stream."""
    with contextlib.suppress(OSError):  # the kubelet's side has ended
        while (frame := client.receive()) is not None:
            channel, data = frame
            if channel in (ws.STDIN, ws.RESIZE) or (channel == ws.CLOSE and protocol == _V5):
                kubelet.send(channel, data)
    kubelet.websocket.shut()


def _send_status(client: ws.Channels, protocol: str, status: bytes) -> None:
    """The end of a stream, as the client's protocol tells it."""
    if protocol in _STATUS:
        client.send(ws.ERROR, status)
        return
    found = orjson.loads(status)
    if found.get("status") != "Success":
        client.send(ws.ERROR, str(found.get("message", "")).encode())
