"""Configuration that is taken over from its file as the file changes; what is bad is told, and what was in force stays so."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from cluster.api.followed_file import UNOBSERVED, FileObserver, follow_file, read_file

log = logging.getLogger(__name__)
Apply = Callable[[bytes], bool]
"""Puts a file's content in force; whether there was anything new in it.  ValueError or OSError where it is bad."""


def follow(path: Path, known: bytes, apply: Apply, closed: threading.Event, observer: FileObserver = UNOBSERVED) -> None:
    """Applies the file's content whenever it is another than `known`: now, and from then on in a thread until `closed` is set."""
    observer.begins(known)
    follower = _Follower(path, known, apply, observer)
    file = follow_file(path)
    follower.look()  # a process that comes later than others starts with what is in force there
    file.follow(follower.look, closed, path.name)


class _Follower:
    def __init__(self, path: Path, known: bytes, apply: Apply, observer: FileObserver) -> None:
        self._path = path
        self._known = known
        self._apply = apply
        self._observer = observer
        self._missing = False

    def look(self) -> None:
        """Each content is applied, and each problem told of, once."""
        try:
            data = read_file(self._path)
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
                self._observer.changed(data)
                log.info('reloaded "%s"', self._path)
        except (OSError, ValueError) as error:
            self._tell(error)

    def _tell(self, error: Exception) -> None:
        self._observer.failed()
        log.error('"%s" was not reloaded, what it said before stays in force: %s', self._path, error)
