"""A TLS connection on which a test says what it likes, byte by byte."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.support import ApiServer


def context(server: ApiServer, certificate: Path | None = None, key: Path | None = None) -> ssl.SSLContext:
    made = ssl.create_default_context(cafile=str(server.ca))
    if certificate is not None:
        made.load_cert_chain(certificate, key)
    return made


@contextlib.contextmanager
def connection(server: ApiServer, *, identity: str = "admin", timeout: float = 10) -> Iterator[ssl.SSLSocket]:
    """A connection with the client certificate of that name."""
    home = server.config.home
    made = context(server, home.certificate(identity), home.key(identity)) if identity else context(server)
    with (
        socket.create_connection((server.config.host, server.config.port), timeout) as plain,
        made.wrap_socket(plain, server_hostname=server.config.host) as secured,
    ):
        yield secured


def received(sock: ssl.SSLSocket) -> bytes:
    """All that comes until the other end closes."""
    data = b""
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        while part := sock.recv(65536):
            data += part
    return data


def first_answer(data: bytes) -> tuple[int, Any]:
    """(code, body) of the first response; the code is 0 where there was none, the body text where it is no JSON."""
    if not data:
        return 0, None
    head, _, rest = data.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    length = next((int(line.split(":")[1]) for line in lines if line.lower().startswith("content-length:")), len(rest))
    text = rest[:length]
    try:
        return int(lines[0].split()[1]), json.loads(text)
    except ValueError:
        return int(lines[0].split()[1]), text.decode("utf-8", "replace")


def ask(server: ApiServer, request: bytes, *, identity: str = "admin", timeout: float = 10) -> tuple[int, Any]:
    """Sends a request's bytes, and reads the first answer; the request says `Connection: close`."""
    with connection(server, identity=identity, timeout=timeout) as sock:
        with contextlib.suppress(ConnectionError, ssl.SSLError):  # refused before all of it was sent
            sock.sendall(request)
        return first_answer(received(sock))
