"""Writes SQLite's write-ahead log back into the database, mostly beside the commits.

A checkpoint of a full log takes a tenth of a second, which no commit should wait for.  So a thread with a connection of its
own writes back what there is (the interpreter's lock is free meanwhile), and then the committing thread, between two commits,
writes back the little that came since and truncates the log.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

BEGIN_AT: Final = 8 << 20
"""Bytes of write-ahead log at which writing back begins beside the commits."""
CAP: Final = 64 << 20
"""Bytes at which commits wait for a checkpoint, whatever the thread has done."""


class Checkpointer:
    """`truncate` is called on the committing thread, by `tend`."""

    def __init__(self, path: Path, truncate: Callable[[], None]) -> None:
        self._path = path
        self._log = f"{path}-wal"
        self._truncate = truncate
        self._wanted = threading.Event()
        self._written = threading.Event()
        self._busy = self._closed = False
        self._thread = threading.Thread(target=self._run, name="checkpoint", daemon=True)
        self._thread.start()

    def tend(self, *, idle: bool) -> None:
        """Does what is due; called between commits.  At the cap it waits, so that the log never grows beyond it."""
        try:
            size = os.stat(self._log).st_size
        except FileNotFoundError:
            return
        if not size:
            return
        if self._busy and (idle or size > CAP):
            self._written.wait()  # two checkpoints can't run at once
        if idle or size > CAP or self._written.is_set():
            self._truncate()
            self._written.clear()
            self._busy = False
        elif size > BEGIN_AT and not self._busy:
            self._busy = True
            self._wanted.set()

    def close(self) -> None:
        self._closed = True
        self._wanted.set()
        self._thread.join()

    def _run(self) -> None:
        connection = sqlite3.connect(self._path, isolation_level=None)
        try:
            while True:
                self._wanted.wait()
                self._wanted.clear()
                if self._closed:
                    return
                with suppress(sqlite3.OperationalError):  # as on a full disk: the cap has it tried again
                    connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
                self._written.set()
        finally:
            connection.close()
