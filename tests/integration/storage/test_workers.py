"""Workers in processes of their own agree with each other."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from cluster.storage.contract import Key
from cluster.storage.remote import RemoteStore
from tests.support import eventually

from .conftest import StoreProcess, Worker, put
from .linearizability import Operation, violations

KEY = Key("pods", "dev", "web")
StartWorker = Callable[[str], Worker]


@pytest.mark.parametrize("mode", ["gevent", "threads"])
def test_a_worker_that_was_stopped_reads_the_newest_at_once(remote: RemoteStore, worker: StartWorker, mode: str) -> None:
    other = worker(mode).ready()
    revision = 0
    for _ in range(5):
        other.signal(signal.SIGSTOP)
        for number in range(100):
            revision = put(remote, KEY, revision, str(number))
        other.tell("get", KEY)  # waits in its socket, so that it is the first thing done
        other.signal(signal.SIGCONT)
        assert other.reply()[0] == revision


def test_a_stopped_worker_is_disconnected_and_catches_up(process: StoreProcess, remote: RemoteStore, worker: StartWorker) -> None:
    other = worker("threads").ready()
    sockets = open_sockets(process.pid)
    other.signal(signal.SIGSTOP)
    for number in range(60):
        put(remote, Key("pods", "big", str(number)), 0, "x" * 1_000_000)
    eventually(lambda: open_sockets(process.pid) < sockets, "the connection is closed")
    assert resident(process.pid) < 200 << 20
    last = put(remote, KEY, 0)
    other.tell("get", KEY)
    other.signal(signal.SIGCONT)
    assert other.reply()[0] == last
    other.tell("names", "pods")
    assert len(other.reply()) == 61


def open_sockets(pid: int) -> int:
    return sum(1 for each in Path(f"/proc/{pid}/fd").iterdir() if each.readlink().name.startswith("socket:"))


def resident(pid: int) -> int:
    """Bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


def test_ten_thousand_concurrent_operations_are_linearizable(worker: StartWorker) -> None:
    workers = [worker("gevent").ready(), worker("threads").ready()]
    for seed, each in enumerate(workers):
        each.tell("record", 8, 625, 20, seed)
    history = [Operation(*line) for each in workers for line in each.reply()]
    assert len(history) == 10_000
    assert {operation.kind for operation in history} == {"read", "swapped", "refused"}
    assert violations(history) == []
