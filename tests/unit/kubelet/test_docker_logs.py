"""The frames of the engine's multiplexed logs."""

from __future__ import annotations

import struct

import pytest

from cluster.kubelet.docker_logs import payloads


def _frame(data: bytes, channel: int = 1) -> bytes:
    return struct.pack(">BxxxI", channel, len(data)) + data


@pytest.mark.parametrize("size", [1, 3, 8, 11, 1000])
def test_frames_may_be_cut_anywhere(size: int) -> None:
    stream = _frame(b"one\n") + _frame(b"two\n", 2) + _frame(b"") + _frame(b"three\n")
    chunks = (stream[at : at + size] for at in range(0, len(stream), size))
    assert b"".join(payloads(chunks)) == b"one\ntwo\nthree\n"


def test_the_frames_of_a_chunk_come_at_once() -> None:
    assert list(payloads(iter([_frame(b"a") + _frame(b"b"), _frame(b"c")]))) == [b"ab", b"c"]
