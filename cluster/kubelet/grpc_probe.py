"""The gRPC health check, as few bytes of HTTP/2 as it takes.

One request is sent on one connection: the preface, empty settings, headers (literals without an index, so that no table is kept)
and one message; of the answer only the data of the stream is read.  Upstream of the protocol: grpc `doc/health-checking.md`.
"""

from __future__ import annotations

import socket
import struct
from typing import Final

_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RESET, _SETTINGS, _PING, _GOAWAY = 0, 1, 3, 4, 6, 7
_END_STREAM, _ACK, _END_HEADERS = 1, 1, 4
_LARGEST_FRAME: Final = 1 << 14
_STATES: Final = {0: "UNKNOWN", 1: "SERVING", 2: "NOT_SERVING", 3: "SERVICE_UNKNOWN"}


def check(host: str, port: int, service: str, seconds: float) -> None:
    """Returns where the service says SERVING.  OSError or ValueError otherwise."""
    try:
        connection = socket.create_connection((host, port), timeout=seconds)
    except OSError as error:
        raise OSError(f'timeout: failed to connect service "{host}:{port}" within {seconds:g}s: {error}') from error
    with connection:
        connection.sendall(_request(f"{host}:{port}", service))
        state = _STATES.get(_answer(connection), "UNKNOWN")
    if state != "SERVING":
        raise ValueError(f'service unhealthy (responded with "{state}")')


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def _request(authority: str, service: str) -> bytes:
    headers = {
        ":method": "POST",
        ":scheme": "http",
        ":path": "/grpc.health.v1.Health/Check",
        ":authority": authority,
        "content-type": "application/grpc",
        "te": "trailers",
    }
    block = b"".join(b"\x00" + _text(name) + _text(value) for name, value in headers.items())
    name = service.encode()[:100]
    message = b"\x0a" + bytes((len(name),)) + name if name else b""
    body = b"\x00" + struct.pack(">I", len(message)) + message
    return _PREFACE + _frame(_SETTINGS, 0, 0, b"") + _frame(_HEADERS, _END_HEADERS, 1, block) + _frame(_DATA, _END_STREAM, 1, body)


def _text(text: str) -> bytes:
    """A string of a header block, without Huffman coding; shorter than 127 bytes."""
    data = text.encode()[:126]
    return bytes((len(data),)) + data


def _answer(connection: socket.socket) -> int:
    """The state in the response's message; ValueError where there is none."""
    data = b""
    while True:
        kind, flags, payload = _next(connection)
        if kind == _DATA:
            data += payload
        if kind == _SETTINGS and not flags & _ACK:
            connection.sendall(_frame(_SETTINGS, _ACK, 0, b""))
        elif kind == _PING and not flags & _ACK:
            connection.sendall(_frame(_PING, _ACK, 0, payload))
        elif kind in (_RESET, _GOAWAY) or (kind in (_DATA, _HEADERS) and flags & _END_STREAM):
            break
        if len(data) >= 5 and len(data) >= 5 + struct.unpack(">I", data[1:5])[0]:
            break
    if len(data) < 5:
        raise ValueError("error: this server does not implement the grpc health protocol (grpc.health.v1.Health)")
    message = data[5:]
    return message[1] if message[:1] == b"\x08" and len(message) > 1 else 0


def _next(connection: socket.socket) -> tuple[int, int, bytes]:
    head = _exactly(connection, 9)
    length = int.from_bytes(head[:3], "big")
    if length > _LARGEST_FRAME:
        raise ValueError("the answer is not HTTP/2")
    return head[3], head[4], _exactly(connection, length)


def _exactly(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = connection.recv(count - len(data))
        if not part:
            raise ValueError("the connection ended before the answer")
        data += part
    return data
