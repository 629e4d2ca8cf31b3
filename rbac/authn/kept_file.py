"""What a followed configuration file said when it was last good, for processes that begin while it is not.

A server has several workers.  One that ends is replaced while others go on with what the file said before it was spoilt; the new
one must go on with the same, and a spoilt file must not keep the server from coming back.
"""

from __future__ import annotations

import logging
from pathlib import Path

import orjson

from cluster.api.private_file import write_private

log = logging.getLogger(__name__)


class KeptFile:
    """A copy, private to its owner.  `run` names the workers that belong together: those of one master."""

    def __init__(self, path: Path, run: str) -> None:
        self._path = path
        self._run = run

    def read(self) -> tuple[str, bool] | None:
        """(content, whether it is what the workers of this run go by); None where none is kept."""
        try:
            found = orjson.loads(self._path.read_bytes())
            return str(found["content"]), found["run"] == self._run
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, content: bytes) -> None:
        """Keeps it, atomically; that it could not be is logged."""
        try:
            write_private(self._path, orjson.dumps({"run": self._run, "content": content.decode()}))
        except (OSError, ValueError) as error:
            log.warning('"%s" could not be kept: %s', self._path, error)
