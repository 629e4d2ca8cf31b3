"""The client against a real HTTP server on loopback that answers as it is told."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from cluster.api import errors
from cluster.client.http import ApiClient, resource_path
from cluster.client.resources import DEPLOYMENTS, NODES, PODS
from cluster.client.status import Unreachable, from_status

Answer = Callable[[BaseHTTPRequestHandler], None]


class Scripted(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _do(self) -> None:
        server = self.server
        assert isinstance(server, Scripted)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        server.requests.append((self.command, self.path, dict(self.headers), body))
        server.answers.pop(0)(self)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _do  # noqa: N815

    def log_message(self, *args: Any) -> None:
        pass


def answer(code: int, body: object, **headers: str) -> Answer:
    def send(handler: BaseHTTPRequestHandler) -> None:
        data = json.dumps(body).encode()
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    return send


def drop(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True
    handler.connection.close()


def chunks(*parts: bytes, hold: threading.Event | None = None) -> Answer:
    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for part in parts:
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        handler.wfile.flush()
        if hold is not None:
            hold.wait(20)
        handler.wfile.write(b"0\r\n\r\n")

    return send


@pytest.fixture
def server() -> Iterator[Scripted]:
    with Scripted() as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield made
        made.shutdown()
        thread.join(5)


@pytest.fixture
def client(server: Scripted) -> Iterator[ApiClient]:
    made = ApiClient(f"http://127.0.0.1:{server.server_address[1]}", token="t", user_agent="test")
    yield made
    made.close()


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        ((PODS, "dev", "x"), "/api/v1/namespaces/dev/pods/x"),
        ((PODS, None), "/api/v1/pods"),
        ((PODS, "dev", "x", "status"), "/api/v1/namespaces/dev/pods/x/status"),
        ((NODES, "", "n1"), "/api/v1/nodes/n1"),
        ((DEPLOYMENTS, "dev"), "/apis/apps/v1/namespaces/dev/deployments"),
        ((PODS, "dev", "a/b"), "/api/v1/namespaces/dev/pods/a%2Fb"),
    ],
)
def test_paths(arguments: tuple[Any, ...], path: str) -> None:
    assert resource_path(*arguments) == path


def test_a_token_and_the_user_agent_are_sent(server: Scripted, client: ApiClient) -> None:
    server.answers.append(answer(200, {"kind": "Pod"}))
    client.get(PODS, "dev", "x")
    headers = server.requests[0][2]
    assert (headers["Authorization"], headers["User-Agent"]) == ("Bearer t", "test")


@pytest.mark.parametrize(
    ("reason", "code", "error"),
    [
        ("NotFound", 404, errors.NotFound),
        ("AlreadyExists", 409, errors.AlreadyExists),
        ("Conflict", 409, errors.Conflict),
        ("Forbidden", 403, errors.Forbidden),
        ("Invalid", 422, errors.Invalid),
        ("Expired", 410, errors.Expired),
        ("Unauthorized", 401, errors.Unauthorized),
        ("", 503, errors.ServiceUnavailable),
        ("", 418, errors.StatusError),
    ],
)
def test_a_status_becomes_the_error_of_its_reason(reason: str, code: int, error: type[errors.StatusError]) -> None:
    made = from_status(code, {"kind": "Status", "reason": reason, "message": "m", "code": code})
    assert (type(made), made.code, made.message) == (error, code, "m")


def test_a_failure_without_a_status_shows_its_text(server: Scripted, client: ApiClient) -> None:
    server.answers.append(answer(404, "no such page"))
    with pytest.raises(errors.NotFound):
        client.get(PODS, "dev", "x")


def test_a_list_is_read_page_by_page(server: Scripted, client: ApiClient) -> None:
    server.answers += [
        answer(200, {"kind": "PodList", "metadata": {"continue": "c", "resourceVersion": "5"}, "items": [1]}),
        answer(200, {"kind": "PodList", "metadata": {"resourceVersion": "5"}, "items": [2]}),
    ]
    assert client.list(PODS, "dev", limit=1, resource_version="0")["items"] == [1, 2]
    assert "resourceVersion" not in server.requests[1][1]


def test_a_read_is_repeated_when_the_connection_breaks(server: Scripted, client: ApiClient) -> None:
    server.answers += [drop, answer(200, {"kind": "Pod"})]
    assert client.get(PODS, "dev", "x") == {"kind": "Pod"}


def test_a_create_is_not_repeated(server: Scripted, client: ApiClient) -> None:
    server.answers += [drop, answer(201, {})]
    with pytest.raises(Unreachable):
        client.create(PODS, "dev", {})
    assert len(server.requests) == 1


def test_a_server_that_throttles_is_asked_again(server: Scripted, client: ApiClient) -> None:
    server.answers += [answer(429, {}, Retry_After="0"), answer(200, {"kind": "Pod"})]
    assert client.get(PODS, "dev", "x") == {"kind": "Pod"}


def test_a_server_that_is_down_is_unreachable() -> None:
    with pytest.raises(Unreachable):
        ApiClient("http://127.0.0.1:1", user_agent="test").get(PODS, "dev", "x")


def _event(kind: str, version: str) -> bytes:
    return json.dumps({"type": kind, "object": {"metadata": {"name": "x", "resourceVersion": version}}}).encode() + b"\n"


def test_a_watch_yields_events_however_they_are_cut(server: Scripted, client: ApiClient) -> None:
    data = _event("ADDED", "1") + _event("MODIFIED", "2") + _event("BOOKMARK", "7")
    server.answers.append(chunks(data[:10], data[10:100], data[100:]))
    watch = client.watch(PODS, "dev")
    assert [kind for kind, _ in watch] == ["ADDED", "MODIFIED", "BOOKMARK"]
    assert watch.last == "7"


def test_a_watch_is_closed_from_another_thread(server: Scripted, client: ApiClient) -> None:
    hold = threading.Event()
    server.answers.append(chunks(_event("ADDED", "1"), hold=hold))
    watch = client.watch(PODS, "dev")
    seen: list[str] = []
    first = threading.Event()

    def read() -> None:
        for kind, _ in watch:
            seen.append(kind)
            first.set()

    reader = threading.Thread(target=read)
    reader.start()
    assert first.wait(5)
    watch.close()
    reader.join(5)
    hold.set()
    assert not reader.is_alive()
    assert seen == ["ADDED"]


def test_a_watch_that_is_refused_raises(server: Scripted, client: ApiClient) -> None:
    server.answers.append(answer(410, {"kind": "Status", "reason": "Expired", "message": "too old", "code": 410}))
    with pytest.raises(errors.Expired):
        client.watch(PODS, "dev", resource_version="1")
