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


def follow(path: Path, known: bytes, apply: Callable[[bytes], bool], closed: threading.Event) -> None:
    """Calls `apply` with the file's new content whenever it changes, in a thread of its own, until `closed` is set.

    `apply` says whether there was anything new in it, and raises ValueError or OSError where it is bad: that is logged, and what
    was in force stays so.  `known` is the content that is in force.
    """
    threading.Thread(target=_follow, args=(path, known, apply, closed), name=f"reload-{path.name}", daemon=True).start()


def _follow(path: Path, known: bytes, apply: Callable[[bytes], bool], closed: threading.Event) -> None:
    problem = ""
    while not closed.wait(SECONDS):
        try:
            data = _read(path)
            if data == known:
                problem = ""
                continue
            known = data
            if apply(data):
                log.info('reloaded "%s"', path)
            problem = ""
        except (OSError, ValueError) as error:
            if str(error) != problem:  # said once, not every second
                problem = str(error)
                log.error('"%s" was not reloaded, what it said before stays in force: %s', path, error)


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)
