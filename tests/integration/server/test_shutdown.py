"""SIGTERM: what is under way is finished, and open watches end as if their time had come."""

from __future__ import annotations

import signal
import threading

import pytest

from tests.integration.server import raw
from tests.support import ApiServer, start_api_server


@pytest.fixture(name="ending")
def ending_fixture(tmp_path_factory: pytest.TempPathFactory) -> ApiServer:
    return start_api_server(tmp_path_factory.mktemp("ending"), workers=1)


def test_watches_end_whole_and_a_write_under_way_is_answered(ending: ApiServer) -> None:
    try:
        path = f"/api/v1/namespaces/{ending.namespace()}/configmaps"
        body = b'{"metadata":{"name":"late"}}'
        with raw.connection(ending) as watch, raw.connection(ending) as write:
            watch.sendall(f"GET {path}?watch=1 HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert watch.recv(4096).startswith(b"HTTP/1.1 200")
            head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            write.sendall(head.encode() + body[:10])
            threading.Timer(0.3, write.sendall, [body[10:]]).start()
            ending.gunicorn.send_signal(signal.SIGTERM)
            ended = raw.received(watch)
            code, _ = raw.first_answer(raw.received(write))
        assert ended.endswith(b"0\r\n\r\n"), "the last chunk: nothing was cut off"
        assert code == 201
        assert ending.gunicorn.wait(10) == 0
    finally:
        ending.stop()
