from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.client import websocket as ws


@pytest.fixture
def pair() -> Iterator[tuple[ws.WebSocket, ws.WebSocket]]:
    """(server, client) over a socket pair."""
    left, right = socket.socketpair()
    with left, right:
        yield ws.WebSocket(left, client=False, idle_seconds=5), ws.WebSocket(right, client=True, idle_seconds=5)


@given(st.integers(0, 255), st.binary(max_size=64))
def test_binary_frames_round_trip(channel: int, data: bytes) -> None:
    assert ws.decode(ws.encode(channel, data, base64_coded=False), base64_coded=False) == (channel, data)


@given(st.integers(0, 9), st.binary(max_size=64))
def test_base64_frames_round_trip(channel: int, data: bytes) -> None:
    assert ws.decode(ws.encode(channel, data, base64_coded=True), base64_coded=True) == (channel, data)


@pytest.mark.parametrize("message", [b"", b"x", b"1***"])
def test_what_is_no_base64_frame_is_passed_over(message: bytes) -> None:
    assert ws.decode(message, base64_coded=True) is None


@pytest.mark.parametrize("base64_coded", [False, True])
def test_channels_carry_data_both_ways(pair: tuple[ws.WebSocket, ws.WebSocket], base64_coded: bool) -> None:
    server, client = (ws.Channels(each, base64_coded=base64_coded) for each in pair)
    client.send(ws.STDIN, b"in")
    server.send(ws.STDOUT, b"out")
    assert (server.receive(), client.receive()) == ((ws.STDIN, b"in"), (ws.STDOUT, b"out"))


def test_a_closed_peer_ends_the_messages(pair: tuple[ws.WebSocket, ws.WebSocket]) -> None:
    server, client = pair
    client.send(b"last")
    client.close()
    assert (server.receive(), server.receive()) == (b"last", None)


def test_a_message_that_is_too_big_ends_the_connection() -> None:
    left, right = socket.socketpair()
    with left, right:
        server = ws.WebSocket(left, client=False)
        server._feed(bytes((0x82, 0xFF)) + (ws.MESSAGE_LIMIT + 1).to_bytes(8, "big") + bytes(4) + bytes(ws.MESSAGE_LIMIT + 1))
        assert server.receive() is None


def test_nonsense_ends_the_connection(pair: tuple[ws.WebSocket, ws.WebSocket]) -> None:
    server, _ = pair
    server._feed(b"\xff\xff\xff\xff")
    assert server.receive() is None


@pytest.mark.parametrize(
    ("offered", "expected"),
    [([], ""), (["b"], "b"), (["x", "b"], "b"), (["x"], None), ([" a ", "b"], "a")],
)
def test_the_clients_order_decides_the_subprotocol(offered: list[str], expected: str | None) -> None:
    assert ws.choose(offered, ("a", "b", "")) == expected


def test_the_accept_key_is_that_of_the_rfc() -> None:
    assert ws.accept_key("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
