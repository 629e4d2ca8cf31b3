"""Worker processes: forked from the runner once all is loaded, given pieces of the plan one by one, replaced where one dies.

A case at which a worker dies, or does not come to an end, is broken; whatever else it had in hand is given to another.
"""

from __future__ import annotations

import contextlib
import gc
import os
import select
import signal
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

import orjson
from msgspec import Struct, field

from cluster.api.names import Object
from policies.lab.worker import FRAME, Chains, Piece, Planned, Progress, Worker

CASE_SECONDS: Final = 60.0
"""How long one case may take."""
PIECE: Final = 64
"""Cases that are handed out at a time."""
_LOOK_SECONDS: Final = 1.0
_GARBAGE: Final = 10_000
"""New objects of a worker after which it looks for cycles among them."""


class _Process(Struct):
    number: int
    pid: int
    to: int
    """Where pieces go, and answers come from."""
    piece: Piece | None = None
    buffer: bytearray = field(default_factory=bytearray)
    """As much of an answer as has come."""
    at: int = 0
    since: float = 0.0
    """The case that it was last seen at, and since when."""


Answered = tuple[Piece, Object]


class Pool:
    """Runs pieces in so many processes."""

    def __init__(self, plan: Sequence[Planned], chains: Chains, jobs: int, *, fail_fast: bool = False) -> None:
        self._plan = plan
        self._fail_fast = fail_fast
        self._chains = chains
        self._progress = Progress(jobs)
        self._jobs = jobs
        self._waiting: deque[Piece] = deque()
        self._processes: list[_Process] = []

    def run(self, pieces: Iterable[Piece], stop: Callable[[], bool]) -> Iterator[Answered]:
        """What came of each piece, as it comes; none is begun any more once `stop` says so."""
        self._waiting.extend(pieces)
        gc.freeze()  # what workers share is not touched by their collectors, and so not copied
        try:
            for number in range(min(self._jobs, len(self._waiting))):
                self._processes.append(self._fork(number))
                self._hand_out(self._processes[-1])
            while any(each.piece is not None for each in self._processes):
                for answered in self._answers():
                    yield answered
                    if stop():
                        self._waiting.clear()
        finally:
            self._end()
            gc.unfreeze()

    def _fork(self, number: int) -> _Process:
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                ours.close()
                for other in self._processes:
                    if other.number != number:
                        os.close(other.to)
                self._serve(number, theirs.detach())
                code = 0
            finally:
                os._exit(code)
        theirs.close()
        return _Process(number, pid, ours.detach())

    def _serve(self, number: int, connection: int) -> None:
        """In the worker, until the runner closes its end."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the runner ends its workers itself
        gc.set_threshold(_GARBAGE)
        gc.enable()  # the command has disabled it, and requests leave cycles behind, though few
        worker = Worker(self._plan, self._chains, self._progress, number, fail_fast=self._fail_fast)
        with os.fdopen(connection, "r+b", buffering=0) as stream:
            while True:
                asked = _read(stream)
                if asked is None:
                    return
                answer = orjson.dumps(worker.run(Piece(*orjson.loads(asked))), default=_plain, option=orjson.OPT_NON_STR_KEYS)
                _write(stream, answer)

    def _hand_out(self, process: _Process) -> None:
        if not self._waiting:
            process.piece = None
            return
        piece = process.piece = self._waiting.popleft()
        self._progress.set(process.number, 0)
        process.at, process.since = 0, time.monotonic()
        message = orjson.dumps([*piece])
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # that it is gone is found out when its answer is read
            os.write(process.to, FRAME.pack(len(message)) + message)

    def _answers(self) -> Iterator[Answered]:
        busy = {each.to: each for each in self._processes if each.piece is not None}
        ready, _, _ = select.select(list(busy), [], [], _LOOK_SECONDS)
        for descriptor in ready:
            yield from self._take(busy[descriptor])
        for process in self._processes:
            if process.piece is not None:
                self._watch(process)

    def _take(self, process: _Process) -> Iterator[Answered]:
        try:
            data = os.read(process.to, 1 << 20)
        except ConnectionResetError:
            data = b""
        if not data:
            yield from self._lost(process)
            return
        buffer = process.buffer
        buffer += data
        if len(buffer) < FRAME.size:
            return
        (length,) = FRAME.unpack_from(buffer)
        if len(buffer) < FRAME.size + length:
            return
        piece = process.piece
        assert piece is not None, "only who has a piece is listened to"
        answer: Any = orjson.loads(memoryview(buffer)[FRAME.size :])
        buffer.clear()
        process.piece = None
        yield piece, answer
        self._hand_out(process)  # whoever was told may have wanted no more

    def _watch(self, process: _Process) -> None:
        """Ends a worker whose case does not end; what it leaves is told when it is missed."""
        at, now = self._progress.at(process.number), time.monotonic()
        if at != process.at:
            process.at, process.since = at, now
        elif now - process.since > CASE_SECONDS:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)

    def _lost(self, process: _Process) -> Iterator[Answered]:
        """A worker has died at a case, which is broken; the rest of its piece is handed out again, to a new one."""
        piece = process.piece
        assert piece is not None, "only who has a piece is listened to"
        at, slow = self._progress.at(process.number) - 1, time.monotonic() - process.since > CASE_SECONDS
        why = f"it did not end within {CASE_SECONDS:.0f} s" if slow else f"its process {_how(process.pid)}"
        os.close(process.to)
        if slow:
            _reap(process.pid)
        if at < piece.begin:  # before the first case: the suite itself is too much
            rest = []
            yield piece, {"broken": f"the suite could not be run: {why}"}
        else:
            rest = [Piece(piece.planned, begin, end) for begin, end in ((piece.begin, at), (at + 1, piece.end)) if begin < end]
            broken = {"state": "broken", "seconds": time.monotonic() - process.since, "why": why}
            yield Piece(piece.planned, at, at + 1), {"cases": [broken], "seen": []}
        self._waiting.extendleft(reversed(rest))
        fresh = self._fork(process.number)
        process.pid, process.to = fresh.pid, fresh.to
        process.buffer.clear()
        self._hand_out(process)

    def _end(self) -> None:
        for process in self._processes:
            os.close(process.to)
            if process.piece is not None:  # the run was given up
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGKILL)
            _reap(process.pid)
        self._processes.clear()


def _reap(pid: int) -> int:
    try:
        return os.waitpid(pid, 0)[1]
    except ChildProcessError:
        return 0


def _how(pid: int) -> str:
    status = _reap(pid)
    if os.WIFSIGNALED(status):
        return f"was ended by {signal.Signals(os.WTERMSIG(status)).name}"
    return f"ended with code {os.WEXITSTATUS(status)}"


def _read(stream: Any) -> bytes | None:
    head = _exactly(stream, FRAME.size)
    return None if head is None else _exactly(stream, FRAME.unpack(head)[0])


def _exactly(stream: Any, size: int) -> bytes | None:
    data = b""
    while len(data) < size:
        more = stream.read(size - len(data))
        if not more:
            return None
        data += more
    return data


def _write(stream: Any, message: bytes) -> None:
    view = memoryview(FRAME.pack(len(message)) + message)
    while view:
        view = view[stream.write(view) :]


def _plain(value: Any) -> Any:
    """What JSON does not know, such as a tuple's kin, as text."""
    return str(value)
