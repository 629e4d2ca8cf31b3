"""Configuration that is taken over from its file as the file changes; what is bad is told, and what was in force stays so."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from cluster.api.followed_file import follow_file, read_file

log = logging.getLogger(__name__)
Apply = Callable[[bytes], bool]
"""Puts a file's content in force; whether there was anything new in it.  ValueError or OSError where it is bad."""
Observe = Callable[[bool], None]
"""Told of each change of a file whether it could be taken over."""


def unobserved(taken_over: bool) -> None:
    """For files whose changes nobody counts."""


def follow(path: Path, known: bytes, apply: Apply, closed: threading.Event, observe: Observe = unobserved) -> None:
    """Applies the file's content whenever it is another than `known`: now, and from then on in a thread until `closed` is set."""
    follower = _Follower(path, known, apply, observe)
    file = follow_file(path)
    follower.look()  # a process that comes later than others starts with what is in force there
    file.follow(follower.look, closed, path.name)


class _Follower:
    def __init__(self, path: Path, known: bytes, apply: Apply, observe: Observe) -> None:
        self._path = path
        self._known = known
        self._apply = apply
        self._observe = observe
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
                self._observe(True)
                log.info('reloaded "%s"', self._path)
        except (OSError, ValueError) as error:
            self._tell(error)

    def _tell(self, error: Exception) -> None:
        self._observe(False)
        log.error('"%s" was not reloaded, what it said before stays in force: %s', self._path, error)
