"""Workers agree: one that was stopped, written past and continued answers the newest at its very next read."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import ssl
from pathlib import Path

from tests.support import ApiServer, eventually, start_api_server, workers

CONNECTIONS = 24
WRITES = 50


def connect(server: ApiServer) -> http.client.HTTPSConnection:
    """A connection that stays with the worker that accepted it."""
    context = ssl.create_default_context(cafile=str(server.ca))
    context.load_cert_chain(*server.admin)
    connection = http.client.HTTPSConnection(server.config.host, server.config.port, timeout=10, context=context)
    connection.connect()
    return connection


def value(connection: http.client.HTTPSConnection, path: str) -> str:
    connection.request("GET", path)
    answer: str = json.loads(connection.getresponse().read())["data"]["n"]
    return answer


def write(connection: http.client.HTTPSConnection, path: str, number: int) -> None:
    body = json.dumps({"data": {"n": str(number)}})
    connection.request("PATCH", path, body, {"Content-Type": "application/merge-patch+json"})
    response = connection.getresponse()
    assert response.status == 200, response.read()
    response.read()


def test_a_stopped_worker_reads_the_newest_once_it_goes_on(tmp_path: Path) -> None:
    server = start_api_server(tmp_path, workers=2)
    connections = [connect(server) for _ in range(CONNECTIONS)]
    with contextlib.ExitStack() as stack:
        stack.callback(server.stop)
        for each in connections:
            stack.callback(each.close)
        path = f"/api/v1/namespaces/{server.namespace()}/configmaps/shared"
        made = server.request("POST", path.rpartition("/")[0], {"metadata": {"name": "shared"}, "data": {"n": "0"}})
        assert made.code == 201
        assert {value(each, path) for each in connections} == {"0"}

        stopped = workers(server)[0]
        os.kill(stopped, signal.SIGSTOP)
        stack.callback(os.kill, stopped, signal.SIGCONT)
        eventually(lambda: Path(f"/proc/{stopped}/stat").read_text().rpartition(")")[2].split()[0] == "T", "the worker stops")
        live, silent = [], []
        for each in connections:
            each.sock.settimeout(0.5)
            try:
                value(each, path)
                live.append(each)
            except TimeoutError:
                silent.append(each)
        assert live, "every connection is with one worker"
        assert silent, "every connection is with one worker"
        for number in range(1, WRITES + 1):
            write(live[0], path, number)

        os.kill(stopped, signal.SIGCONT)
        assert newest(silent, path) == str(WRITES)


def newest(silent: list[http.client.HTTPSConnection], path: str) -> str:
    """What the worker answers, first of all, to a read sent after it was continued.

    Each of the connections has a read under way from before the writes; its answer is taken first, whatever it says.
    """
    connection = silent[0]
    connection.sock.settimeout(10)
    line = b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % path.encode()
    connection.sock.sendall(line)
    received = b""
    while received.count(b'"n":"') < 2:
        received += connection.sock.recv(65536)
    last: str = received.rpartition(b'"n":"')[2].partition(b'"')[0].decode()
    return last
