"""Streams end with the credential that opened them, at once or when it expires, and no other stream does."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from cluster.api.names import Object
from cluster.api.user import UserInfo
from cluster.server.open_streams import HOLDER, Holder, OpenStreams, held
from cluster.server.response import Response
from rbac.credentials.reference import CREDENTIAL_ID, EXTRA, KUBECONFIGS, Reference
from tests.support import eventually
from tests.unit.rbac.world import World, metadata

LATER = "2990-01-01T00:00:00Z"


def record(name: str, *ids: str, expires: str = LATER, **status: Any) -> Object:
    credentials = [{"id": each, "expiresAt": expires} for each in ids]
    return {"metadata": metadata(name, "dev", uid=name), "status": {"credentials": credentials, **status}}


class Opened:
    """A stream that is held in a thread of its own, as a worker's greenlet holds one."""

    def __init__(self, streams: OpenStreams, name: str, credential_id: str, *, deaf: bool = False) -> None:
        self.ended, self.over = threading.Event(), threading.Event()
        self.near, self.far = socket.socketpair()
        self._holder = Holder(streams, Reference(KUBECONFIGS, "dev", name, name), credential_id)
        self._deaf = deaf
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with held({HOLDER: self._holder}, self.ended.set, self.far):
            if self._deaf:
                self.far.recv(1)
            else:
                self.ended.wait(10)
        self.over.set()

    def close(self) -> None:
        self.ended.set()
        self.near.close()
        self._thread.join(10)
        self.far.close()


@contextlib.contextmanager
def opened(streams: OpenStreams, *wanted: tuple[str, str], deaf: bool = False) -> Iterator[list[Opened]]:
    made = [Opened(streams, *each, deaf=deaf) for each in wanted]
    try:
        eventually(lambda: len(streams) == len(made), "the streams are open")
        yield made
    finally:
        for each in made:
            each.close()


def world(*records: Object) -> World:
    there = World()
    for each in records:
        there.put(KUBECONFIGS, each)
    return there


def test_a_revocation_ends_what_that_kubeconfig_opened() -> None:
    there = world(record("out", "1", "2"), record("stays", "3"))
    streams = OpenStreams(there)
    with opened(streams, ("out", "1"), ("out", "2"), ("stays", "3")) as (first, second, other):
        there.put(KUBECONFIGS, record("out", "1", "2", revokedAt="2026-01-01T00:00:00Z"))
        assert first.over.wait(1)
        assert second.over.wait(1)
        assert not other.ended.is_set()


def test_a_deletion_ends_it_too() -> None:
    there = world(record("out", "1"))
    streams = OpenStreams(there)
    with opened(streams, ("out", "1")) as (stream,):
        there.delete(KUBECONFIGS, "dev", "out")
        assert stream.over.wait(1)


def test_one_credential_of_a_record_ends_alone() -> None:
    there = world(record("both", "1", "2"))
    streams = OpenStreams(there)
    with opened(streams, ("both", "1"), ("both", "2")) as (first, second):
        there.put(KUBECONFIGS, record("both", "2"))
        assert first.over.wait(1)
        assert not second.ended.is_set()


def test_other_changes_of_the_record_end_nothing() -> None:
    there = world(record("used", "1"))
    streams = OpenStreams(there)
    with opened(streams, ("used", "1")) as (stream,):
        there.put(KUBECONFIGS, record("used", "1", lastUsedTime="2026-01-01T00:00:00Z"))
        assert not stream.ended.wait(0.2)


def test_a_credential_that_expires_ends_it() -> None:
    clock = [time.time()]
    there = world(record("short", "1", expires="2900-01-01T00:00:00Z"), record("long", "2"))
    streams = OpenStreams(there, clock=lambda: clock[0])
    with opened(streams, ("short", "1"), ("long", "2")) as (short, long):
        clock[0] = 29_400_000_000.0
        assert short.over.wait(2)
        assert not long.ended.is_set()


def test_a_stream_whose_credential_ended_before_it_was_open_ends_at_once() -> None:
    stream = Opened(OpenStreams(world(record("out", "1", revokedAt="2026-01-01T00:00:00Z"))), "out", "1")
    assert stream.over.wait(1)
    stream.close()


def test_a_stream_that_does_not_end_by_itself_is_cut() -> None:
    there = world(record("deaf", "1"))
    streams = OpenStreams(there)
    with opened(streams, ("deaf", "1"), deaf=True) as (stream,):
        there.delete(KUBECONFIGS, "dev", "deaf")
        assert stream.over.wait(1)
        assert stream.near.recv(1) == b""


def test_what_is_over_is_forgotten() -> None:
    streams = OpenStreams(world(record("k", "1")))
    with opened(streams, ("k", "1")) as (stream,):
        stream.ended.set()
        assert stream.over.wait(1)
        assert len(streams) == 0


ISSUED = UserInfo("tina", extra={CREDENTIAL_ID: ("1",), EXTRA: ("kubeconfigs/dev/k/k",)})


@pytest.mark.parametrize(("user", "is_stream", "is_held"), [(ISSUED, True, True), (ISSUED, False, False), (UserInfo("tina"), True, False)])
def test_streams_of_issued_kubeconfigs_are_held_and_no_others(user: UserInfo, is_stream: bool, is_held: bool) -> None:
    context: Any = SimpleNamespace(requester=user, user=UserInfo("someone else"), environ={})
    OpenStreams(World()).filter(lambda _: is_stream)(context, lambda _: Response())
    assert (HOLDER in context.environ) is is_held
