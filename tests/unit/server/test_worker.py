"""What a response of the worker puts on the wire, and in how many sends."""

from __future__ import annotations

from types import SimpleNamespace

from cluster.server.worker import JoinedResponse


class Wire:
    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def sendall(self, data: bytes) -> None:
        self.sent.append(data)


def _response(wire: Wire, *headers: tuple[str, str], method: str = "GET") -> JoinedResponse:
    request = SimpleNamespace(method=method, version=(1, 1), should_close=lambda: False)
    response = JoinedResponse(request, wire, SimpleNamespace())
    response.start_response("200 OK", [("Content-Type", "application/json"), *headers])
    return response


def test_head_and_body_are_one_send() -> None:
    wire = Wire()
    response = _response(wire, ("Content-Length", "2"))
    response.write(b"{}")
    response.close()
    assert len(wire.sent) == 1
    assert wire.sent[0].startswith(b"HTTP/1.1 200 OK\r\n")
    assert wire.sent[0].endswith(b"\r\n\r\n{}")


def test_a_big_body_is_not_copied() -> None:
    wire = Wire()
    body = b"x" * (1 << 20)
    response = _response(wire, ("Content-Length", str(len(body))))
    response.write(body)
    response.close()
    assert wire.sent[0].endswith(b"\r\n\r\n")
    assert wire.sent[1:] == [body]


def test_an_empty_first_write_sends_the_head_of_a_stream_at_once() -> None:
    wire = Wire()
    response = _response(wire)
    response.write(b"")
    assert len(wire.sent) == 1
    assert b"Transfer-Encoding: chunked\r\n" in wire.sent[0]
    response.write(b"event\n")
    response.close()
    assert wire.sent[1:] == [b"6\r\nevent\n\r\n", b"0\r\n\r\n"]


def test_a_response_to_head_has_no_body() -> None:
    wire = Wire()
    response = _response(wire, ("Content-Length", "2"), method="HEAD")
    response.close()
    assert len(wire.sent) == 1
    assert wire.sent[0].endswith(b"\r\n\r\n")
