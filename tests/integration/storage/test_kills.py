"""kill -9 of any process at any moment loses no acknowledged write."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import cycle, islice

import pytest

from cluster.storage.contract import Change, Entry, Key
from cluster.storage.engine import Record, parse_key
from cluster.storage.remote import RemoteStore
from cluster.storage.sqlite import SQLiteEngine
from tests.support import eventually

from .conftest import StoreProcess, Worker, put

KILLS = 100
WRITERS = 8
BETWEEN = 40
"""Acknowledgements between two kills: every process is in the middle of its work again."""

END = Key("pods", "kill", "end")
Acknowledged = list[tuple[int, str, str | None]]


class Writers:
    """A worker process that is started again whenever it was killed, and what it was told was written."""

    def __init__(self, name: str, mode: str, start: Callable[[str], Worker]) -> None:
        self.acknowledged: Acknowledged = []
        self._name, self._mode, self._start = name, mode, start
        self._threads: list[threading.Thread] = []
        self.begin()

    def begin(self) -> None:
        self._worker = self._start(self._mode)
        self._worker.tell("write", self._name, WRITERS)
        thread = threading.Thread(target=self._listen, args=(self._worker,))
        thread.start()
        self._threads.append(thread)

    def _listen(self, worker: Worker) -> None:
        for reply in worker.replies():
            if reply != "ready":
                self.acknowledged.append(tuple(reply))

    def kill(self) -> None:
        self._worker.kill()

    def end(self) -> None:
        self.kill()
        for thread in self._threads:
            thread.join()


class Follower:
    """A watch that is given up now and then, and resumed from where it was."""

    def __init__(self, store: RemoteStore) -> None:
        self._store = store
        self.changes: list[Change] = []
        self.revision = 1
        self.resumed = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow)
        self._thread.start()

    def _follow(self) -> None:
        while not self._ended.is_set():
            with self._store.watch("pods", None, self.revision) as watch:
                self.resumed += 1
                target = len(self.changes) + 500
                while len(self.changes) < target and not self._ended.is_set():
                    batch = watch.next(0.1)
                    if batch is None:
                        break
                    self.changes += batch
                    self.revision = watch.revision

    def end(self, revision: int) -> None:
        eventually(lambda: self.revision >= revision, "the watch has told all")
        self._ended.set()
        self._thread.join()


@pytest.mark.timeout(300)  # every kill costs a start of Python, which a busy machine makes slow
def test_a_hundred_kills_lose_no_acknowledged_write(process: StoreProcess, remote: RemoteStore, worker: Callable[[str], Worker]) -> None:
    writers = [Writers("a", "gevent", worker), Writers("b", "threads", worker)]
    follower = Follower(remote)

    def acknowledged() -> int:
        return sum(len(each.acknowledged) for each in writers)

    for victim in islice(cycle(["store", writers[0], writers[1]]), KILLS):
        goal = acknowledged() + BETWEEN
        eventually(lambda goal=goal: acknowledged() >= goal, "writes go on")
        if isinstance(victim, Writers):
            victim.kill()
            victim.begin()
        else:
            process.kill()
            process.start()
    for each in writers:
        each.end()
    process.kill()  # and with it what the last workers had sent
    process.start()
    put(remote, END, 0)
    newest = remote.list("pods")
    follower.end(newest.revision)
    entries = {entry.key: entry for entry in newest.entries}
    process.kill()

    log = list(everything(SQLiteEngine(process.database)))
    assert [record.revision for record in log] == list(range(2, len(log) + 2))
    assert lost([each for one in writers for each in one.acknowledged], log) == []
    assert repeated(log) == []
    assert [as_record(change) for change in follower.changes] == [record[:5] for record in log]
    assert follower.resumed > 3
    assert {key: entry.revision for key, entry in entries.items()} == final(log)


def everything(engine: SQLiteEngine) -> Iterator[Record]:
    after = 1
    while after < engine.head:
        records, after = engine.history(after, engine.head, "", "~")
        yield from records
    engine.close()


def lost(acknowledged: Acknowledged, log: list[Record]) -> Acknowledged:
    written = {record.revision: (parse_key(record.key).name, text_of(record)) for record in log}
    assert len(acknowledged) > KILLS * BETWEEN
    return [each for each in acknowledged if written.get(each[0]) != each[1:]]


def text_of(record: Record) -> str | None:
    return record.value.split(b'"data":"')[1].split(b'"')[0].decode() if record.value is not None else None


def repeated(log: list[Record]) -> list[tuple[tuple[str, str | None], int]]:
    """Attempts that were written more than once; each has a text of its own."""
    attempts = Counter((record.key, text_of(record)) for record in log if record.value is not None)
    return [(attempt, count) for attempt, count in attempts.items() if count > 1]


def as_record(change: Change) -> tuple[int, str, bytes | None, int, bytes | None]:
    previous = change.previous
    return (change.revision, "/".join(change.key), plain(change.entry), previous.revision if previous else 0, plain(previous))


def plain(entry: Entry | None) -> bytes | None:
    """The value as it was written, without the revision."""
    return None if entry is None else entry.data.replace(b'"resourceVersion":"%d",' % entry.revision, b"")


def final(log: list[Record]) -> dict[object, int]:
    state: dict[object, int] = {}
    for record in log:
        state[parse_key(record.key)] = record.revision
        if record.value is None:
            del state[parse_key(record.key)]
    return state
