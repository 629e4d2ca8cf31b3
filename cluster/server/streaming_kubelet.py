"""The API server's connections to kubelets: TLS both ways, the kubelet's certificate verified against its node's address."""

from __future__ import annotations

import base64
import http.client
import os
import socket
import ssl
from functools import lru_cache
from typing import Final

from cluster.api.errors import BadRequest, InternalError, StatusError
from cluster.client.websocket import WebSocket, accept_key
from cluster.server.streaming import KubeletTLS, Location

IDLE_SECONDS: Final = 4 * 3600.0
SILENT_SECONDS: Final = 60.0
"""How long a kubelet may be silent in the middle of a log that is not followed."""
PROTOCOL: Final = "v5.channel.k8s.io"
_CONNECT_SECONDS: Final = 10.0
_ERROR_LIMIT: Final = 64 * 1024


class DialFailure(Exception):
    """A kubelet can't be reached, or refuses; the message is shown to the user."""


@lru_cache(maxsize=8)
def _context(tls: KubeletTLS) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(tls.ca))
    context.load_cert_chain(tls.certificate, tls.key)
    return context


def _connect(location: Location, tls: KubeletTLS) -> http.client.HTTPSConnection:
    """DialFailure, worded as Go's, where nothing answers."""
    connection = http.client.HTTPSConnection(location.host, location.port, timeout=_CONNECT_SECONDS, context=_context(tls))
    where = f"dial tcp {location.host}:{location.port}"
    try:
        connection.connect()
    except TimeoutError as error:
        raise DialFailure(f"{where}: i/o timeout") from error
    except ConnectionRefusedError as error:
        raise DialFailure(f"{where}: connect: connection refused") from error
    except ssl.SSLCertVerificationError as error:
        raise DialFailure(f"tls: failed to verify certificate: {error.verify_message}") from error
    except OSError as error:
        raise DialFailure(f"{where}: {error.strerror or error}") from error
    return connection


def get(location: Location, tls: KubeletTLS, name: str) -> tuple[http.client.HTTPSConnection, http.client.HTTPResponse]:
    """A log's connection and response, its body unread.  StatusError for the pod `name` where the kubelet has none."""
    url = f"https://{location.host}:{location.port}{location.path}"
    try:
        connection = _connect(location, tls)
        _idle(connection, IDLE_SECONDS if "follow=true" in location.path else SILENT_SECONDS)
        connection.request("GET", location.path)
        response = connection.getresponse()
    except DialFailure as failure:
        raise InternalError(f'Get "{url}": {failure}') from failure
    except (OSError, http.client.HTTPException) as error:
        raise InternalError(f'Get "{url}": {str(error) or "EOF"}') from error
    if response.status != 200:
        text = response.read(_ERROR_LIMIT).decode(errors="replace")
        connection.close()
        raise _refusal(response.status, text, name)
    return connection, response


def _refusal(code: int, text: str, name: str) -> StatusError:
    """Upstream: apiserver `pkg/registry/generic/rest/response_checker.go`."""
    if code == 400:
        return BadRequest(text)
    if code == 500:
        return InternalError.of(text)
    message = "the server could not find the requested resource" if code == 404 else text or "unknown"
    reason = {401: "Unauthorized", 403: "Forbidden", 404: "NotFound"}.get(code, "InternalError")
    return StatusError(f"{message} ( pods/log {name})", code=code, reason=reason)


def _idle(connection: http.client.HTTPSConnection, seconds: float) -> None:
    sock: socket.socket = connection.sock
    sock.settimeout(seconds)


def upgrade(location: Location, tls: KubeletTLS) -> WebSocket:
    """A stream in the newest channel protocol.  DialFailure where the kubelet doesn't answer or refuses."""
    try:
        connection = _connect(location, tls)
    except DialFailure as failure:
        raise DialFailure(f"error dialing backend: {failure}") from failure
    sock: ssl.SSLSocket = connection.sock
    key = base64.b64encode(os.urandom(16)).decode()
    try:
        sock.sendall(_handshake(location, key))
        head, received = _head(sock)
        status, headers = _parsed(head)
    except (OSError, ValueError) as error:
        connection.close()
        raise DialFailure(f"error sending request: {str(error) or 'EOF'}") from error
    if status != 101 or headers.get("sec-websocket-accept") != accept_key(key):
        text = _rest(sock, received, int(headers.get("content-length") or 0))
        connection.close()
        raise DialFailure(text or f"the kubelet answered with code {status}")
    return WebSocket(sock, client=True, received=received, idle_seconds=IDLE_SECONDS)


def _handshake(location: Location, key: str) -> bytes:
    host = f"[{location.host}]" if ":" in location.host else location.host
    lines = (
        f"GET {location.path} HTTP/1.1",
        f"Host: {host}:{location.port}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {key}",
        f"Sec-WebSocket-Protocol: {PROTOCOL}",
    )
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode()


def _head(sock: ssl.SSLSocket) -> tuple[bytes, bytes]:
    """(status line and headers, what came after them)."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = sock.recv(4096)
        if not part or len(data) > _ERROR_LIMIT:
            raise ValueError("the kubelet's answer is no HTTP response")
        data += part
    head, _, rest = data.partition(b"\r\n\r\n")
    return head, rest


def _parsed(head: bytes) -> tuple[int, dict[str, str]]:
    """(status, headers by lower-case name)."""
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = (line.partition(":") for line in lines)
    return int(first.split(" ")[1]), {name.strip().lower(): value.strip() for name, _, value in headers}


def _rest(sock: ssl.SSLSocket, received: bytes, length: int) -> str:
    """The body of a refusal."""
    while len(received) < min(length, _ERROR_LIMIT):
        part = sock.recv(4096)
        if not part:
            break
        received += part
    return received.decode(errors="replace")
