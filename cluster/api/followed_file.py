"""Files that are read again while a process runs: configuration, keys.

A file is another one when it was written over, renamed onto, or is reached by a symlink that now leads elsewhere.
Upstream: apiserver `pkg/util/filesystem` (WatchUntil).
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, Protocol

log = logging.getLogger(__name__)
MAX_BYTES: Final = 10 << 20
LOOK_SECONDS: Final = 1.0
"""How often a file is looked at."""
READ_SECONDS: Final = 60.0
"""How often it is read though it looks as it did."""
_SETTLED_SECONDS: Final = 2.0
"""What changed less long ago may change once more without looking otherwise: the clocks of file systems are coarse."""


class FileObserver(Protocol):
    """Is told what becomes of a configuration file that is followed."""

    def begins(self, data: bytes) -> None:
        """What it said when this process began."""

    def changed(self, data: bytes) -> None:
        """What it says now was taken over."""

    def failed(self) -> None:
        """What it says now could not be."""


class Unobserved:
    """A FileObserver for files whose changes nobody counts."""

    def begins(self, data: bytes) -> None:
        pass

    def changed(self, data: bytes) -> None:
        pass

    def failed(self) -> None:
        pass


UNOBSERVED: Final = Unobserved()
Looks = tuple[tuple[str, int, int, int, int, int], ...]


def read_file(path: Path) -> bytes:
    """The content, or as much of it as shows that it is larger than MAX_BYTES; OSError."""
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


class FollowedFiles:
    """Says when files are to be read again; whoever reads them tells from the content whether there is anything new."""

    def __init__(self, files: Callable[[], Iterable[Path]], clock: Callable[[], float] = time.monotonic) -> None:
        self._files = files
        self._clock = clock
        self._looks = self.looks()
        self._due = self._next_reading()

    def looks(self) -> Looks:
        """What changes when one of them does, or a link that leads to it; a missing file has no part in it."""
        return tuple((str(file), *stamp) for file in self._files() if (stamp := _stamp(file)) is not None)

    def is_due(self) -> bool:
        """Whether they look otherwise than when this was last asked, or it is time to read them however they look."""
        looks = self.looks()
        if looks == self._looks and self._clock() < self._due:
            return False
        self._looks = looks
        self._due = self._next_reading()
        return True

    def try_again(self, seconds: float = 0.0) -> None:
        """They are due in some seconds, however they look."""
        self._due = self._clock() + seconds

    def follow(self, read: Callable[[], None], closed: threading.Event, name: str) -> None:
        """Calls `read` whenever it is due, in a thread of that name, until `closed` is set."""

        def run() -> None:
            while not closed.wait(LOOK_SECONDS):
                if self.is_due():
                    try:
                        read()
                    except Exception:  # whatever a file may bring about, the next one is looked at
                        log.exception("%s could not be read again", name)

        threading.Thread(target=run, name=name, daemon=True).start()

    def _next_reading(self) -> float:
        changed = max((max(each[4:]) for each in self._looks), default=0)
        return self._clock() + (LOOK_SECONDS if time.time() - changed / 1e9 < _SETTLED_SECONDS else READ_SECONDS)


def follow_file(path: Path) -> FollowedFiles:
    return FollowedFiles(lambda: (path,))


def _stamp(path: Path) -> tuple[int, int, int, int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
