"""A watcher that does not read is closed: it is neither buffered without bound nor shown a stream with gaps."""

from __future__ import annotations

import json
import socket
import ssl
from pathlib import Path

import pytest

from tests.integration.server import raw
from tests.support import ApiServer, start_api_server

WRITES = 500
SIZE = 100_000
MOST_GROWTH = 160 << 20
"""Bytes: the log's memory and one watcher's bound, not the half gigabyte that two such watchers would leave unread."""


def memory(server: ApiServer) -> int:
    """Bytes that the server's processes have to themselves."""
    parent = str(server.gunicorn.pid)
    workers = [each.parent for each in Path("/proc").glob("[0-9]*/stat") if each.read_text().rpartition(")")[2].split()[1] == parent]
    rows = [line.split() for worker in workers for line in (worker / "smaps_rollup").read_text().splitlines()]
    return sum(int(row[1]) * 1024 for row in rows if row[0] in ("Private_Dirty:", "Private_Clean:"))


def events_of(sock: ssl.SSLSocket) -> list[int]:
    """The revisions of all whole events that are still to be read from a chunked body, until the connection ends."""
    _, _, rest = raw.received(sock).partition(b"\r\n\r\n")
    body = b""
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        if not size or int(size, 16) == 0:
            break
        body, rest = body + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
    lines = body.split(b"\n")[:-1]
    return [int(json.loads(line)["object"]["metadata"]["resourceVersion"]) for line in lines]


def test_a_watcher_that_does_not_read_is_closed_and_bounded(tmp_path_factory: pytest.TempPathFactory) -> None:
    server = start_api_server(tmp_path_factory.mktemp("slow"), workers=1)
    try:
        path = f"/api/v1/namespaces/{server.namespace()}/configmaps"
        server.request("POST", path, {"metadata": {"name": "big"}})
        revision = server.request("GET", path).body["metadata"]["resourceVersion"]
        home = server.config.home
        context = raw.context(server, home.certificate("admin"), home.key("admin"))
        plain = socket.socket()
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        plain.settimeout(90)
        plain.connect((server.config.host, server.config.port))
        with context.wrap_socket(plain, server_hostname=server.config.host) as idle:
            idle.sendall(f"GET {path}?watch=1&resourceVersion={revision} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            before = memory(server)
            written = [write(server, path, number) for number in range(WRITES)]
            grown = memory(server) - before
            seen = events_of(idle)
        assert seen == written[: len(seen)], "what was sent has no gap"
        assert len(seen) < WRITES, "the watch ended, as it did not keep up"
        assert grown < MOST_GROWTH
    finally:
        server.stop()


def write(server: ApiServer, path: str, number: int) -> int:
    body = {"metadata": {"name": "big"}, "data": {"x": str(number) * (SIZE // len(str(number)))}}
    answer = server.request("PUT", f"{path}/big", body)
    assert answer.code == 200
    return int(answer.body["metadata"]["resourceVersion"])
