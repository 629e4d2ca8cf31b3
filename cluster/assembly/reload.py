"""Configuration files that are read again while a process runs.

The file is looked at by its content, so that it does not matter how it was replaced: written over, renamed onto, or reached by
a symlink that now leads elsewhere.  Upstream: apiserver `pkg/util/filesystem` (WatchUntil).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

log = logging.getLogger("berth.configuration")
SECONDS: Final = 1.0
"""How often a file is looked at."""
MAX_BYTES: Final = 10 << 20
Apply = Callable[[bytes], bool]
"""Puts a file's content in force; whether there was anything new in it.  ValueError or OSError where it is bad."""


def follow(path: Path, known: bytes, apply: Apply, closed: threading.Event) -> None:
    """Applies the file's content whenever it is another than `known`: now, and from then on in a thread until `closed` is set.

    What is bad is logged, and what was in force stays so.
    """
    follower = _Follower(path, known, apply)
    follower.look()  # a process that comes later than others starts with what is in force there

    def run() -> None:
        while not closed.wait(SECONDS):
            follower.look()

    threading.Thread(target=run, name=f"reload-{path.name}", daemon=True).start()


class _Follower:
    def __init__(self, path: Path, known: bytes, apply: Apply) -> None:
        self._path = path
        self._known = known
        self._apply = apply
        self._missing = False

    def look(self) -> None:
        """Each content is applied, and each problem told of, once."""
        try:
            data = self._read()
        except OSError as error:
            if not self._missing:
                self._tell(error)
            self._missing = True
            return
        self._missing = False
        if data == self._known:
            return
        self._known = data
        try:
            if self._apply(data):
                log.info('reloaded "%s"', self._path)
        except (OSError, ValueError) as error:
            self._tell(error)

    def _read(self) -> bytes:
        with self._path.open("rb") as file:
            return file.read(MAX_BYTES + 1)

    def _tell(self, error: Exception) -> None:
        log.error('"%s" was not reloaded, what it said before stays in force: %s', self._path, error)
