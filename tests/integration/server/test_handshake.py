"""A peer that connects and never finishes its handshake is dropped."""

from __future__ import annotations

import contextlib
import socket
import time

from cluster.server.worker import HANDSHAKE_SECONDS
from tests.support import ApiServer


def test_a_silent_peer_is_dropped(api_server: ApiServer) -> None:
    with socket.create_connection((api_server.config.host, api_server.config.port), timeout=HANDSHAKE_SECONDS + 10) as peer:
        began = time.monotonic()
        assert peer.recv(1) == b""
        assert time.monotonic() - began > HANDSHAKE_SECONDS / 2


def test_a_peer_that_speaks_no_tls_is_dropped_at_once(api_server: ApiServer) -> None:
    with socket.create_connection((api_server.config.host, api_server.config.port), timeout=HANDSHAKE_SECONDS) as peer:
        peer.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        began = time.monotonic()
        with contextlib.suppress(ConnectionResetError):
            while peer.recv(4096):
                pass
        assert time.monotonic() - began < HANDSHAKE_SECONDS / 2
