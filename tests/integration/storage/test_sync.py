"""Data are synced to the disk between a write's receipt and its acknowledgement: the system calls say so."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.storage.contract import Key
from cluster.storage.remote import RemoteStore
from tests.support import eventually
from tests.support_needs import need_program

from .conftest import WITHIN, StoreProcess, put

WRITES = 20
RECEIVED = re.compile(r"(?:recvfrom|read|recvmsg)\(.*marker-(\d+)-")
SENT = re.compile(r"(?:sendmsg|sendto|write)\(\d+<(?:UNIX|socket).*marker-(\d+)-")
LOG_WRITTEN = re.compile(r"pwrite64\(\d+<.*store\.db-wal>")
LOG_SYNCED = re.compile(r"f(?:data)?sync\(\d+<.*store\.db-wal>\) *= 0")


@pytest.fixture
def trace(tmp_path: Path) -> Iterator[Path]:
    """The system calls of a store process that serves `tmp_path`."""
    strace = need_program("strace")
    path = tmp_path / "trace"
    options = ["-f", "-yy", "-s", "512", "-e", "trace=recvfrom,recvmsg,read,sendmsg,sendto,write,pwrite64,fsync,fdatasync"]
    command = [strace, *options, "-o", str(path), *StoreProcess(tmp_path).command()]
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    yield path
    for traced in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
        os.kill(int(traced), signal.SIGTERM)  # strace itself minds no signal, and ends with what it traces
    process.communicate(timeout=WITHIN)


def test_a_write_is_synced_between_its_receipt_and_its_acknowledgement(trace: Path, tmp_path: Path) -> None:
    process = StoreProcess(tmp_path)
    with RemoteStore.connect(process.socket, process.revision_file, timeout=WITHIN) as store:
        for number in range(WRITES):
            put(store, Key("pods", "dev", f"marker-{number}-"), 0)
    eventually(lambda: f"marker-{WRITES - 1}-" in trace.read_text(errors="replace"), "the last write is traced")
    calls = trace.read_text(errors="replace").splitlines()
    for number in range(WRITES):
        between = calls[first(calls, RECEIVED, number) : first(calls, SENT, number)]
        written = [index for index, call in enumerate(between) if LOG_WRITTEN.search(call)]
        synced = [index for index, call in enumerate(between) if LOG_SYNCED.search(call)]
        assert written, "nothing was written to the log"
        assert synced, "nothing was synced"
        assert written[-1] < synced[-1]


def first(calls: list[str], pattern: re.Pattern[str], number: int) -> int:
    for index, call in enumerate(calls):
        match = pattern.search(call)
        if match and int(match[1]) == number:
            return index
    raise AssertionError(f"write {number} is not in the trace")
