"""PEM and signing requests, as they come from outside."""

from __future__ import annotations

import time

import pytest

from cluster.api.certificates import parse_request, pem_blocks
from tests.unit.controllers.signing_requests import pem_of, pkcs10

REQUEST = pem_of(pkcs10("jane", ["dev"]))
HELLO = b"-----BEGIN A-----\naGVsbG8=\n-----END A-----\n"


@pytest.mark.parametrize(
    ("data", "blocks"),
    [
        (HELLO, [("A", False, b"hello")]),
        (b"text\n" + HELLO + b"more" + b"\n" + HELLO.replace(b"A", b"BB"), [("A", False, b"hello"), ("BB", False, b"hello")]),
        (HELLO.replace(b"\n", b"\r\n"), [("A", False, b"hello")]),
        (b"-----BEGIN A-----\nKey: value\n\naGVs\nbG8=\n-----END A-----", [("A", True, b"hello")]),
        (b"-----BEGIN A-----\n-----END A-----", [("A", False, b"")]),
        (b"", []),
        (b"no PEM", []),
        (b"x" + HELLO, []),
        (b"-----BEGIN A-----\naGVsbG8=\n", []),
        (b"-----BEGIN A-----\naGVsbG8=\n-----END B-----\n" + HELLO, [("A", False, b"hello")]),
        (b"-----BEGIN A-----\n!!!\n-----END A-----\n" + HELLO, [("A", False, b"hello")]),
        (b"-----BEGIN A\naGVsbG8=\n-----END A\n", []),
    ],
)
def test_the_blocks_of_a_pem_file(data: bytes, blocks: list[tuple[str, bool, bytes]]) -> None:
    assert [tuple(each) for each in pem_blocks(data)] == blocks


@pytest.mark.parametrize("part", [b"-----BEGIN A-----\n", b"-----END A-----\n", b"-----BEGIN A-----\n-----END B-----\n", b"\n-----BEGIN "])
def test_megabytes_of_half_blocks_are_read_at_once(part: bytes) -> None:
    started = time.process_time()
    assert [*pem_blocks(part * (3_000_000 // len(part)))] == []
    assert time.process_time() - started < 2


def test_a_request_is_read() -> None:
    assert parse_request(b"before\n" + REQUEST).subject.rfc4514_string() == "CN=jane,O=dev"


@pytest.mark.parametrize(
    ("pem", "why"),
    [
        (b"", "PEM block type must be CERTIFICATE REQUEST"),
        (HELLO, "PEM block type must be CERTIFICATE REQUEST"),
        (HELLO + REQUEST, "PEM block type must be CERTIFICATE REQUEST"),
        (HELLO.replace(b"A--", b"CERTIFICATE REQUEST--"), "asn1: structure error"),
    ],
)
def test_what_is_no_request(pem: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_request(pem)
