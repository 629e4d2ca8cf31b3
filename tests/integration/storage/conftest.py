"""A store process of a test's own, and stores connected to it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cluster.storage.contract import Key, Store, Write
from cluster.storage.local import LocalStore
from cluster.storage.remote import RemoteStore

WITHIN = 20.0


def until(condition: Callable[[], object], within: float = WITHIN) -> None:
    """Waits for a condition; AssertionError after the deadline."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.005)


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
        self.process = subprocess.Popen(self.command(*more), stderr=subprocess.PIPE)

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
        self.process.communicate(timeout=WITHIN)
        return self.process.returncode

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()


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


@pytest.fixture(params=["local", "remote"])
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """Every implementation of the contract."""
    if request.param == "remote":
        yield request.getfixturevalue("remote")
    else:
        with LocalStore.temporary() as local:
            yield local
