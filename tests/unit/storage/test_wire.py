"""Frames, addresses and the counter: what workers and the store process share."""

from __future__ import annotations

import struct
from pathlib import Path

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.storage import wire
from cluster.storage.counter import Counter

MESSAGES = st.lists(st.lists(st.one_of(st.integers(0, 2**63), st.binary(), st.text(), st.none()), max_size=4), max_size=5)


@given(bodies=MESSAGES, cuts=st.lists(st.integers(0, 200), max_size=5))
def test_messages_survive_any_cut_of_the_stream(bodies: list[list[object]], cuts: list[int]) -> None:
    stream = b"".join(wire.pack(1, *body) for body in bodies)
    splitter, received, start = wire.Splitter(), [], 0
    for cut in [*sorted(cuts), len(stream)]:
        received += splitter.feed(stream[start:cut])
        start = max(start, cut)
    assert received == [[1, *body] for body in bodies]


@pytest.mark.parametrize(
    "data",
    [
        struct.pack(">I", wire.MAX_FRAME + 1),
        struct.pack(">I", 0),
        struct.pack(">I", 1) + b"\xc1",
        struct.pack(">I", 1) + msgpack.packb(1),
        struct.pack(">I", 1) + msgpack.packb([]),
        struct.pack(">I", 3) + msgpack.packb(["a"]),
    ],
)
def test_what_is_no_message_is_an_error(data: bytes) -> None:
    with pytest.raises(wire.ProtocolError):
        wire.Splitter().feed(data)


def test_a_message_that_no_peer_would_take_is_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "MAX_FRAME", 100)
    with pytest.raises(ValueError, match="too large"):
        wire.pack(1, b"x" * 100)


def test_a_published_number_is_read_through_another_mapping(tmp_path: Path) -> None:
    one, other = Counter(tmp_path / "revision"), Counter(tmp_path / "revision")
    assert other.read() == 0
    one.publish(2**40 + 7)
    assert other.read() == 2**40 + 7
    one.close()
    assert Counter(tmp_path / "revision").read() == 2**40 + 7
