"""A worker's end of the store: one connection to the store process, which feeds the cache and carries the commits.

Made of threads, locks and sockets only, so that it runs on greenlets where the process is monkey-patched.  Connect after
the fork.  When the store process dies, the connection is made anew and the cache caught up by the log; a commit whose
outcome is unknown is in the log by then, or never will be, and only then is it sent again.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Self

from cluster.storage import wire
from cluster.storage.contract import Compacted, StoreUnavailable, Write, WriteConflict
from cluster.storage.counter import Counter
from cluster.storage.engine import Record, Row, parse_key
from cluster.storage.latch import Latch
from cluster.storage.worker import CachedStore, check_writes

REQUEST_WITHIN: Final = 10.0
"""Seconds that a commit or a question waits for its answer."""
CONNECT_WITHIN: Final = 30.0
"""Seconds that `connect` waits for a store process and for the first load."""
START_INTERVAL: Final = 2.0
"""Seconds between attempts to start a store process."""
BACK_OFF: Final = (0.01, 0.5)
"""Seconds between attempts to connect: the first, and the longest."""
READ_SIZE: Final = 1 << 20
logger = logging.getLogger(__name__)


class Pending:
    """A request that was not answered yet.  `latch` opens once `revision`, `payload` or `failure` is set."""

    __slots__ = ("commit", "failure", "frame", "latch", "payload", "revision")

    def __init__(self, frame: bytes, *, commit: bool) -> None:
        self.frame = frame
        self.commit = commit
        self.latch = Latch()
        self.revision = 0
        self.payload: Any = None
        self.failure: tuple[int, Any] | None = None


class ConnectionLost(Exception):
    """The stream ended, or can't be followed."""


class RemoteStore(CachedStore):
    """See contract.Store."""

    def __init__(self, socket_path: Path, revision_file: Path, start: Callable[[], None] | None) -> None:
        super().__init__()
        self._path = socket_path
        self._revision_file = revision_file
        self._start = start
        self._started = -START_INTERVAL
        self._worker = uuid.uuid4().hex
        self._identity = ""
        self._counter = Counter(revision_file)
        self._pending: dict[int, Pending] = {}
        self._last = 0
        self._lock = threading.Lock()
        self._outbox: list[bytes] = []
        self._to_send = threading.Event()
        self._socket: socket.socket | None = None
        self._live = False
        self._closed = threading.Event()
        self._reader = threading.Thread(target=self._follow_forever, name="store-reader", daemon=True)
        self._sender = threading.Thread(target=self._send_forever, name="store-sender", daemon=True)

    @classmethod
    def connect(
        cls, socket_path: Path, revision_file: Path, *, start: Callable[[], None] | None = None, timeout: float = CONNECT_WITHIN
    ) -> Self:
        """A store whose cache is loaded.  `start` is called to start a store process where none answers.  StoreUnavailable."""
        store = cls(socket_path, revision_file, start)
        store._reader.start()
        store._sender.start()
        if not store._cache.wait(1, timeout):
            store.close()
            raise StoreUnavailable(f'no store process answers at "{socket_path}"')
        return store

    def revision(self) -> int:
        """See contract.Store."""
        return self._counter.read()

    def commit(self, writes: Sequence[Write]) -> int:
        """See contract.Store.  ValueError for writes that could never be."""
        checked = check_writes(writes)
        with self._lock:
            self._last += 1
            request = self._last
            pending = self._enqueue(request, wire.pack(wire.COMMIT, request, f"{self._worker}.{request}", checked), commit=True)
        self._await(request, pending, "it is unknown whether the write happened")
        if pending.failure is None:
            return pending.revision
        status, detail = pending.failure
        if status == wire.REFUSED:
            raise WriteConflict(parse_key(detail[0]), detail[1])
        raise StoreUnavailable(str(detail))

    def _history(self, after: int, until: int, low: str, high: str) -> tuple[Sequence[Record], int]:
        records, complete = self._ask(after, wire.HISTORY, after, until, low, high)
        return records, complete

    def _snapshot(self, revision: int, after: str, low: str, high: str) -> tuple[Sequence[Row], bool]:
        rows, done = self._ask(revision, wire.SNAPSHOT, revision, after, low, high)
        return rows, done

    def close(self) -> None:
        """Ends every watch and the connection; what is pending fails."""
        self._closed.set()
        self._to_send.set()
        super().close()
        sock = self._socket
        if sock is not None:
            _shut(sock)
        self._fail(list(self._pending), "the store was closed, it is unknown whether a write happened")
        for thread in (self._reader, self._sender):
            if thread.ident is not None and thread is not threading.current_thread():
                thread.join(REQUEST_WITHIN)

    # requests

    def _ask(self, revision: int, kind: int, *arguments: object) -> Any:
        with self._lock:
            self._last += 1
            request = self._last
            pending = self._enqueue(request, wire.pack(kind, request, *arguments), commit=False)
        self._await(request, pending, "the log was not read")
        if pending.failure is None:
            return pending.payload
        status, detail = pending.failure
        if status == wire.COMPACTED:
            raise Compacted(revision, detail)
        raise StoreUnavailable(str(detail))

    def _enqueue(self, request: int, frame: bytes, *, commit: bool) -> Pending:
        """Remembers a request and sends it now, or once the connection is live."""
        pending = self._pending[request] = Pending(frame, commit=commit)
        if self._live:
            self._outbox.append(frame)
            self._to_send.set()
        return pending

    def _await(self, request: int, pending: Pending, otherwise: str) -> None:
        if self._closed.is_set() or not pending.latch.wait(REQUEST_WITHIN):
            with self._lock:
                unanswered = self._pending.pop(request, None)
            if unanswered is not None:
                raise StoreUnavailable(f"the store did not answer in time, {otherwise}")

    def _send_forever(self) -> None:
        while not self._closed.is_set():
            self._to_send.wait()
            self._to_send.clear()
            with self._lock:
                frames, self._outbox = self._outbox, []
                sock = self._socket
            if frames and sock is not None:
                try:
                    sock.sendall(b"".join(frames))
                except OSError:
                    _shut(sock)  # the reader notices, and connects anew

    # the stream

    def _follow_forever(self) -> None:
        delay = BACK_OFF[0]
        while not self._closed.is_set():
            sock = self._dial()
            if sock is None:
                self._closed.wait(delay)
                delay = min(delay * 2, BACK_OFF[1])
                continue
            try:
                with sock:
                    self._socket = sock
                    if self._closed.is_set():
                        return
                    stream = Stream(sock)
                    self._catch_up(stream)
                    delay = BACK_OFF[0]
                    while True:
                        self._take(stream.receive())
            except (ConnectionLost, OSError, wire.ProtocolError) as error:
                if not self._closed.is_set():
                    logger.info("the connection to the store ended: %s", error)
            except Exception:  # a fault of ours: what the cache holds is in doubt, so it is loaded anew
                logger.exception("the store's stream can't be followed")
                self._identity = ""
            finally:
                with self._lock:
                    self._live, self._socket, self._outbox = False, None, []
            self._closed.wait(delay)

    def _dial(self) -> socket.socket | None:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            wire.connect(sock, self._path)
        except OSError:
            sock.close()
            now = time.monotonic()
            if self._start is not None and now - self._started >= START_INTERVAL:
                self._started = now
                try:
                    self._start()
                except OSError:
                    logger.exception("no store process could be started")
            return None
        return sock

    def _catch_up(self, stream: Stream) -> None:
        """From hello to live: by the log, or with everything anew where the log doesn't reach back."""
        identity, head, oldest = stream.ask(wire.WELCOME, wire.HELLO, self._worker)
        self._remap()
        mine = self._cache.revision
        if identity != self._identity or not oldest <= mine <= head or not self._follow(stream):
            commits = [request for request, pending in list(self._pending.items()) if pending.commit]
            self._fail(commits, "the log was compacted, it is unknown whether the write happened")
            self._reload(stream, head)
            self._identity = identity
        self._cache.compact(oldest)
        with self._lock:
            self._live = True
            self._outbox = [pending.frame for pending in self._pending.values()]
            self._to_send.set()

    def _follow(self, stream: Stream) -> bool:
        """Whether the log led to the head."""
        live = False
        while not live:
            kind, *rest = stream.request(wire.FOLLOW, self._cache.revision)
            if kind == wire.GONE:
                return False
            records, live = rest
            self._take_records(records)
        return True

    def _reload(self, stream: Stream, head: int) -> None:
        """Pages of the newest objects, then the log since before the first page: what a page had already is passed over."""
        objects: dict[str, tuple[int, bytes]] = {}
        after, done = "", False
        while not done:
            ((_, _, (rows, done)),) = stream.ask(wire.REPLIES, wire.LOAD, 0, after)[0]
            for key, revision, value in rows:
                objects[key] = (revision, value)
                after = key
        live = False
        while not live:
            records, live = stream.ask(wire.EVENTS, wire.FOLLOW, head)
            for revision, key, value, _, _ in records:
                head = revision
                if objects.get(key, (0,))[0] < revision:
                    if value is None:
                        objects.pop(key, None)
                    else:
                        objects[key] = (revision, value)
        self._cache.replace((Row(key, *objects[key]) for key in objects), head)

    def _remap(self) -> None:
        """Maps the counter anew, in case the file was replaced while no store process ran."""
        self._counter = Counter(self._revision_file)

    def _take(self, message: Sequence[Any]) -> None:
        if message[0] == wire.EVENTS:
            self._take_records(message[1])
        elif message[0] == wire.REPLIES:
            for request, status, payload in message[1]:
                self._resolve(request, status, payload)
        elif message[0] == wire.TRIMMED:
            self._cache.compact(message[1])
        else:
            raise ConnectionLost(f"an unexpected message of kind {message[0]}")

    def _take_records(self, records: Sequence[Any]) -> None:
        """Applies records, then resolves the commits that they were."""
        self._cache.apply([Record(revision, key, value, before, None, token) for revision, key, value, before, token in records])
        mine = self._worker
        done: dict[int, int] = {}
        for record in records:
            worker, _, request = record[4].partition(".")
            if worker == mine:
                done[int(request)] = record[0]
        for number, revision in done.items():
            pending = self._pending.pop(number, None)
            if pending is not None:
                pending.revision = revision
                pending.latch.open()

    def _resolve(self, request: int, status: int, payload: Any) -> None:
        pending = self._pending.pop(request, None)
        if pending is not None:
            if status == wire.OK:
                pending.payload = payload
            else:
                pending.failure = (status, payload)
            pending.latch.open()

    def _fail(self, pending: Sequence[int], message: str) -> None:
        for request in pending:
            self._resolve(request, wire.FAILED, message)


class Stream:
    """A socket as messages."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self._splitter = wire.Splitter()
        self._received: list[Any] = []

    def receive(self) -> list[Any]:
        """The next message.  ConnectionLost, ProtocolError."""
        while not self._received:
            data = self.socket.recv(READ_SIZE)
            if not data:
                raise ConnectionLost("closed by the store")
            self._received = self._splitter.feed(data)[::-1]
        message: list[Any] = self._received.pop()
        return message

    def request(self, *message: object) -> list[Any]:
        self.socket.sendall(wire.pack(*message))
        return self.receive()

    def ask(self, expected: int, *message: object) -> list[Any]:
        """The rest of an answer of the kind expected.  ConnectionLost."""
        kind, *rest = self.request(*message)
        if kind != expected:
            raise ConnectionLost(f"a message of kind {kind} where {expected} was expected")
        return rest


def _shut(sock: socket.socket) -> None:
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it was closed already
