"""The loop of the store process: drain every worker's socket, one commit for all of it, one ordered stream back.

One thread and no locks: a batch is whatever arrived while the last one was being synced.
"""

from __future__ import annotations

import selectors
import socket
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final

from cluster.storage import wire
from cluster.storage.counter import Counter
from cluster.storage.engine import MAX_VALUE, MAX_WRITES, Engine, HistoryCompacted, NotWritten, Record, Refusal, Transaction

READ_SIZE: Final = 1 << 20
OUTPUT_LIMIT: Final = 32 << 20
"""Bytes that a worker may leave unread before it is disconnected; it then catches up from the log."""
BATCH_BYTES: Final = 4 << 20
BATCH_TRANSACTIONS: Final = 512
MAX_BUFFERS: Final = 64
IDLE_AFTER: Final = 1.0
"""Seconds without work after which housekeeping may take its time."""
COMPACTION_INTERVAL: Final = 5.0
COMPACTION_PAUSE: Final = 0.02
"""Seconds between slices of one compaction, where nothing else happens."""
CHORE_INTERVAL: Final = 1.0
"""Seconds after which it is seen whether there is a chore again."""
ANSWER_BELOW: Final = 1 << 20
"""Bytes unread above which a worker's questions wait: pages are large, and many watches may ask at once."""


class Connection:
    """One worker's socket.  `live` once it follows the stream."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.splitter = wire.Splitter()
        self.worker = ""
        self.live = False
        self.closed = False
        self.output: deque[memoryview] = deque()
        self.unsent = 0
        self.replies: list[tuple[int, int, object]] = []
        self.questions: deque[tuple[int, Callable[[], object]]] = deque()
        self.writing = False

    @property
    def answerable(self) -> bool:
        """Whether a question may be answered now."""
        return bool(self.questions) and self.unsent < ANSWER_BELOW


class Service:
    """Serves one engine to the workers that connect to `listener`."""

    def __init__(
        self,
        engine: Engine,
        counter: Counter,
        listener: socket.socket,
        *,
        history: float,
        exit_when_idle: float | None = None,
        chore: Callable[[], bool] | None = None,
    ) -> None:
        """`chore` does a slice of work now and then, and says whether more is waiting."""
        self._engine = engine
        self._chore = chore
        self._counter = counter
        self._listener = listener
        self._history = history
        self._exit_when_idle = exit_when_idle
        self._selector = selectors.DefaultSelector()
        self._connections: set[Connection] = set()
        self._queue: deque[tuple[Connection, int, Transaction, int]] = deque()
        self._stopping = False
        now = time.monotonic()
        self._worked = self._occupied = self._compacted = self._chored = now
        self._tended = self._compacting = self._chores_wait = False
        listener.setblocking(False)
        self._selector.register(listener, selectors.EVENT_READ)
        self._handlers: dict[int, Callable[..., None]] = {
            wire.HELLO: self._hello,
            wire.LOAD: self._load,
            wire.FOLLOW: self._follow,
            wire.COMMIT: self._commit,
            wire.HISTORY: self._history_page,
            wire.SNAPSHOT: self._snapshot_page,
        }

    def stop_on(self, sock: socket.socket) -> None:
        """Ends the loop once `sock` has something to read (a signal's wake-up)."""
        self._selector.register(sock, selectors.EVENT_READ)

    def run(self) -> None:
        """Serves until told to stop, or until no worker has been connected for `exit_when_idle` seconds."""
        self._counter.publish(self._engine.head)
        while not self._stopping:
            self._turn()
        while self._queue:
            self._apply()
        for connection in list(self._connections):
            self._flush(connection)
            self._close(connection)
        self._selector.close()

    def _turn(self) -> None:
        ready = self._selector.select(self._patience())
        for key, events in ready:
            if key.fileobj is self._listener:
                self._accept()
            elif key.data is None:
                self._stopping = True
            else:
                if events & selectors.EVENT_WRITE:
                    self._flush(key.data)
                if events & selectors.EVENT_READ:
                    self._receive(key.data)
        while self._queue:
            self._apply()
        for connection in list(self._connections):
            self._answer(connection)
            self._reply(connection)
        if ready:
            self._worked, self._tended = time.monotonic(), False
            self._engine.tend(idle=False)
        self._keep_house(time.monotonic())

    def _patience(self) -> float:
        """Seconds until there is something to do of our own accord."""
        if any(connection.answerable for connection in self._connections):
            return 0.0
        if self._compacting or self._chores_wait:
            return COMPACTION_PAUSE
        wait = CHORE_INTERVAL if self._chore else COMPACTION_INTERVAL if self._tended else IDLE_AFTER
        if self._exit_when_idle is not None and not self._connections:
            wait = min(wait, max(0.0, self._occupied + self._exit_when_idle - time.monotonic()))
        return wait

    def _keep_house(self, now: float) -> None:
        if not self._tended and now - self._worked >= IDLE_AFTER:
            self._tended = True
            self._engine.tend(idle=True)
        if self._compacting or now - self._compacted >= COMPACTION_INTERVAL:
            self._compact(now)
        if self._chore is not None and (self._chores_wait or now - self._chored >= CHORE_INTERVAL):
            self._chores_wait = self._chore()
            self._chored = now
        if self._connections:
            self._occupied = now
        elif self._exit_when_idle is not None and now - self._occupied >= self._exit_when_idle:
            self._stopping = True

    def _compact(self, now: float) -> None:
        """Deletes a slice of what is too old, and tells the workers."""
        oldest = self._engine.compacted
        self._compacting = self._engine.compact(time.time() - self._history)
        self._compacted = now
        if self._engine.compacted != oldest:
            self._tended = False
            frame = wire.pack(wire.TRIMMED, self._engine.compacted)
            for connection in list(self._connections):
                if connection.live:
                    self._send(connection, frame)

    def _accept(self) -> None:
        try:
            sock, _ = self._listener.accept()
        except OSError:
            return  # it went away before it was accepted
        sock.setblocking(False)
        connection = Connection(sock)
        self._connections.add(connection)
        self._selector.register(sock, selectors.EVENT_READ, connection)

    def _close(self, connection: Connection) -> None:
        if not connection.closed:
            connection.closed = True
            self._connections.discard(connection)
            self._selector.unregister(connection.sock)
            connection.sock.close()
            connection.output.clear()

    def _receive(self, connection: Connection) -> None:
        if connection.closed:
            return
        try:
            data = connection.sock.recv(READ_SIZE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._close(connection)
            return
        try:
            for message in connection.splitter.feed(data):
                self._handlers[message[0]](connection, *message[1:])
        except (wire.ProtocolError, KeyError, TypeError, ValueError) as error:
            sys.stderr.write(f"store: a connection is dropped for a bad message: {error!r}\n")
            self._close(connection)

    def _hello(self, connection: Connection, worker: str) -> None:
        """Drops the worker's older connection first: what it sent there is in the log by now, or never will be."""
        for other in list(self._connections):
            if other.worker == worker:
                self._close(other)
        connection.worker = worker
        self._send(connection, wire.pack(wire.WELCOME, self._engine.identity, self._engine.head, self._engine.compacted))

    def _load(self, connection: Connection, request: int, after: str) -> None:
        connection.questions.append((request, partial(self._engine.load, after)))

    def _follow(self, connection: Connection, after: int) -> None:
        """A page of the log; the connection goes live in the same step in which it has all of it."""
        try:
            records = self._engine.log(after) if after < self._engine.head else []
        except HistoryCompacted as error:
            self._send(connection, wire.pack(wire.GONE, error.oldest))
            return
        connection.live = (records[-1].revision if records else after) >= self._engine.head
        self._send(connection, _events(records, live=connection.live))

    def _commit(self, connection: Connection, request: int, token: str, writes: list[tuple[str, int, bytes | None]]) -> None:
        size = sum(len(value or b"") for _, _, value in writes)
        if len(writes) > MAX_WRITES or any(value and len(value) > MAX_VALUE for _, _, value in writes):
            connection.replies.append((request, wire.FAILED, "the write did not happen: the transaction is too large"))
            return
        self._queue.append((connection, request, Transaction(token, writes), size))

    def _history_page(self, connection: Connection, request: int, after: int, until: int, low: str, high: str) -> None:
        connection.questions.append((request, partial(self._engine.history, after, until, low, high)))

    def _snapshot_page(self, connection: Connection, request: int, revision: int, after: str, low: str, high: str) -> None:
        connection.questions.append((request, partial(self._engine.snapshot, revision, after, low, high)))

    def _answer(self, connection: Connection) -> None:
        """One question of a worker in each turn, so that commits don't wait for many."""
        if connection.answerable:
            request, ask = connection.questions.popleft()
            try:
                connection.replies.append((request, wire.OK, ask()))
            except HistoryCompacted as error:
                connection.replies.append((request, wire.COMPACTED, error.oldest))

    def _apply(self) -> None:
        """One commit; its revision is published before anyone is told of it."""
        batch: list[tuple[Connection, int, Transaction, int]] = []
        size = 0
        while self._queue and len(batch) < BATCH_TRANSACTIONS and size < BATCH_BYTES:
            member = self._queue.popleft()
            if not member[0].closed:
                batch.append(member)
                size += member[3]
        if not batch:
            return
        try:
            outcomes, records = self._engine.apply([member[2] for member in batch])
        except NotWritten as error:
            for connection, request, _, _ in batch:
                connection.replies.append((request, wire.FAILED, f"the write did not happen: {error}"))
            return
        if records:
            self._counter.publish(records[-1].revision)
            frame = _events(records, live=True)
            for connection in list(self._connections):
                if connection.live:
                    self._reply(connection)
                    self._send(connection, frame)
        for (connection, request, _, _), outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, Refusal):
                connection.replies.append((request, wire.REFUSED, outcome))

    def _reply(self, connection: Connection) -> None:
        if connection.replies and not connection.closed:
            replies, connection.replies = connection.replies, []
            self._send(connection, wire.pack(wire.REPLIES, replies))

    def _send(self, connection: Connection, frame: bytes) -> None:
        if connection.closed:
            return
        connection.output.append(memoryview(frame))
        connection.unsent += len(frame)
        if not connection.writing:
            self._flush(connection)
        if connection.unsent > OUTPUT_LIMIT:
            self._close(connection)

    def _flush(self, connection: Connection) -> None:
        output = connection.output
        while output and not connection.closed:
            try:
                sent = connection.sock.sendmsg(list(_first(output, MAX_BUFFERS)))
            except BlockingIOError:
                break
            except OSError:
                self._close(connection)
                return
            connection.unsent -= sent
            while sent:
                if sent >= len(output[0]):
                    sent -= len(output.popleft())
                else:
                    output[0] = output[0][sent:]
                    sent = 0
        if not connection.closed and connection.writing != bool(output):
            connection.writing = bool(output)
            wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if output else 0)
            self._selector.modify(connection.sock, wanted, connection)


def _first(items: Iterable[Any], count: int) -> Iterable[Any]:
    return (item for item, _ in zip(items, range(count), strict=False))


def _events(records: list[Record], *, live: bool) -> bytes:
    return wire.pack(wire.EVENTS, [(r.revision, r.key, r.value, r.previous_revision, r.token) for r in records], live)
