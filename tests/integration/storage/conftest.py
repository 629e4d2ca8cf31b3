"""A store process of a test's own, and stores connected to it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from cluster.storage.contract import Key, Store, Write
from cluster.storage.counter import Counter
from cluster.storage.local import LocalStore
from cluster.storage.process import listen
from cluster.storage.remote import RemoteStore
from cluster.storage.service import Service
from cluster.storage.sqlite import SQLiteEngine

WITHIN = 20.0


def value(name: str, text: str = "") -> bytes:
    return b'{"metadata":{"name":"%s"},"data":"%s"}' % (name.encode(), text.encode())


def put(store: Store, key: Key, expected: int, text: str = "") -> int:
    return store.commit([Write(key, expected, value(key.name, text))])


class StoreProcess:
    """One store process, to be started, killed and started again on the same files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = folder / "store.db"
        self.socket = folder / "store.sock"
        self.revision_file = folder / "revision"
        self.process: subprocess.Popen[bytes] | None = None

    def command(self, *more: str) -> list[str]:
        command = [sys.executable, "-m", "cluster.storage.process", "--url", f"sqlite:///{self.database}"]
        return [*command, "--socket", str(self.socket), "--revision-file", str(self.revision_file), *more]

    def start(self, *more: str) -> None:
        with (self.folder / "errors").open("ab") as errors:
            self.process = subprocess.Popen(self.command(*more), stderr=errors)

    def connect(self) -> RemoteStore:
        return RemoteStore.connect(self.socket, self.revision_file)

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def kill(self) -> None:
        """SIGKILL, and the process is gone."""
        assert self.process is not None
        self.process.kill()
        self._reap()

    def end(self) -> int:
        """SIGTERM, and its exit code."""
        assert self.process is not None
        os.kill(self.pid, signal.SIGTERM)
        return self._reap()

    def _reap(self) -> int:
        assert self.process is not None
        return self.process.wait(WITHIN)

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()


class Worker:
    """A worker process, on greenlets or threads; see worker_process.py."""

    def __init__(self, process: StoreProcess, mode: str) -> None:
        self.channel, theirs = socket.socketpair()
        self.channel.settimeout(WITHIN * 3)
        script = Path(__file__).parent / "worker_process.py"
        command = [sys.executable, str(script), mode, str(process.socket), str(process.revision_file), str(theirs.fileno())]
        self.process = subprocess.Popen(command, pass_fds=[theirs.fileno()])
        theirs.close()
        self._lines = self.channel.makefile("rb")

    def ready(self) -> Worker:
        assert self.reply() == "ready"
        return self

    def tell(self, *command: object) -> None:
        self.channel.sendall(json.dumps(command).encode() + b"\n")

    def reply(self) -> Any:
        return json.loads(self._lines.readline())

    def replies(self) -> Iterator[Any]:
        """All replies until the worker ends; a last line that is not whole is none."""
        with suppress(ConnectionResetError):
            for line in self._lines:
                if line.endswith(b"\n"):
                    yield json.loads(line)

    def signal(self, number: int) -> None:
        os.kill(self.process.pid, number)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(WITHIN)

    def close(self) -> None:
        self.kill()
        self._lines.close()
        self.channel.close()


@pytest.fixture
def worker(process: StoreProcess) -> Iterator[Callable[[str], Worker]]:
    """Starts a worker in a mode, `gevent` or `threads`."""
    workers: list[Worker] = []

    def start(mode: str) -> Worker:
        workers.append(Worker(process, mode))
        return workers[-1]

    yield start
    for each in workers:
        each.close()


@pytest.fixture
def process(tmp_path: Path) -> Iterator[StoreProcess]:
    process = StoreProcess(tmp_path)
    process.start()
    yield process
    process.stop()


@pytest.fixture
def remote(process: StoreProcess) -> Iterator[RemoteStore]:
    with process.connect() as store:
        yield store


class Served:
    """A store process's loop in a thread of the test's own process, which starts sooner."""

    def __init__(self, folder: Path, history: float = 300.0) -> None:
        self.socket, self.revision_file = folder / "s", folder / "r"
        self._stop, stopped = socket.socketpair()
        self._listener = listen(self.socket)
        self._thread = threading.Thread(target=self._run, args=(folder / "store.db", stopped, history))
        self._thread.start()

    def _run(self, path: Path, stopped: socket.socket, history: float) -> None:
        engine = SQLiteEngine(path)
        service = Service(engine, Counter(self.revision_file), self._listener, history=history)
        service.stop_on(stopped)
        service.run()
        engine.close()
        stopped.close()

    def connect(self) -> RemoteStore:
        return RemoteStore.connect(self.socket, self.revision_file)

    def close(self) -> None:
        self._stop.send(b".")
        self._thread.join(WITHIN)
        self._stop.close()
        self._listener.close()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    served = Served(tmp_path)
    yield served
    served.close()


@pytest.fixture(params=["local", "remote"])
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """Every implementation of the contract."""
    if request.param == "remote":
        with request.getfixturevalue("served").connect() as remote:
            yield remote
    else:
        with LocalStore.temporary() as local:
            yield local
