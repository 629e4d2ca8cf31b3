"""The newest revision in shared memory: reading it costs less than a tenth of a microsecond, so every read can."""

from __future__ import annotations

import mmap
import os
from pathlib import Path


class Counter:
    """An mmap'd integer.  The file is never truncated or replaced: others have it mapped.

    Eight aligned bytes are stored and loaded by one instruction, so that no reader sees half of a number.
    """

    def __init__(self, path: Path) -> None:
        """Maps the file, making it where it is missing.  OSError."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if os.fstat(descriptor).st_size < 8:
                os.ftruncate(descriptor, 8)
            self._map = mmap.mmap(descriptor, 8)
        finally:
            os.close(descriptor)
        self._number = memoryview(self._map).cast("Q")

    def read(self) -> int:
        return self._number[0]

    def publish(self, revision: int) -> None:
        self._number[0] = revision

    def close(self) -> None:
        self._number.release()
        self._map.close()
