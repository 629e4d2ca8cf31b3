"""The audit log read back, newest event first, a block at a time: no file is ever in memory as a whole.

A position in the log outlives rotation and compression: it names a file by its first line, and an offset in what that file says.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import os
import tempfile
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import IO, Final, NamedTuple

from rbac.audit.log_file import rotated_files

BLOCK: Final = 256 * 1024
MAX_LINE: Final = 32 * 1024 * 1024
"""Bytes of a line from which on it is passed over."""
_HEAD: Final = 4096


class Position(NamedTuple):
    """Where a line begins: what is older lies before it."""

    file: str
    offset: int


class Line(NamedTuple):
    text: bytes
    position: Position


class Gone(LookupError):
    """The file that a position was in has been removed."""


class LogReader:
    """Reads one log with its rotated files; `pause` is called between blocks, so that others get their turn."""

    def __init__(self, path: Path, pause: Callable[[], None] = lambda: None) -> None:
        self._path = path
        self._pause = pause

    def lines(self, before: Position | None = None) -> Iterator[Line]:
        """Every line, or those before a position; Gone where that is no longer in the log.  OSError for what cannot be read."""
        found = before is None
        with contextlib.closing(self._files()) as files:
            for file in files:
                name = _identity(file)
                if not found and before is not None and name != before.file:
                    continue
                end = before.offset if before is not None and name == before.file else file.seek(0, os.SEEK_END)
                found = True
                for offset, text in self._backwards(file, end):
                    yield Line(text, Position(name, offset))
        if not found:
            raise Gone

    def _files(self) -> Generator[IO[bytes], None, None]:
        """The log's files, the newest first; one that is renamed meanwhile comes once all the same."""
        inode = -1
        with contextlib.suppress(FileNotFoundError), self._path.open("rb") as current:
            inode = os.fstat(current.fileno()).st_ino
            yield current
        seen = ""
        for path in rotated_files(self._path):
            name = path.name.removesuffix(".gz")
            if name == seen:
                continue
            with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
                if os.fstat(file.fileno()).st_ino == inode:
                    continue
                seen = name
                if path.suffix != ".gz":
                    yield file
                    continue
                with tempfile.TemporaryFile(dir=self._path.parent) as plain:
                    self._unpack(file, plain)
                    yield plain

    def _unpack(self, packed: IO[bytes], plain: IO[bytes]) -> None:
        with gzip.GzipFile(fileobj=packed) as source:
            while block := source.read(BLOCK):
                plain.write(block)
                self._pause()

    def _backwards(self, file: IO[bytes], end: int) -> Iterator[tuple[int, bytes]]:
        """(where it begins, the line without its end), the last first; what is no whole line yet is passed over."""
        parts: list[bytes] = []  # of the line that began before this block, the last part first
        size, whole, position = 0, False, end
        while position > 0:
            start = max(0, position - BLOCK)
            file.seek(start)
            block = file.read(position - start)
            self._pause()
            pieces = block.split(b"\n")
            offset = position
            for index in range(len(pieces) - 1, 0, -1):
                piece = pieces[index]
                offset -= len(piece)
                if whole and size + len(piece) <= MAX_LINE:
                    yield offset, piece + b"".join(reversed(parts))
                parts, size, whole = [], 0, True
                offset -= 1
            size += len(pieces[0])
            if size <= MAX_LINE:
                parts.append(pieces[0])
            position = start
        if whole and 0 < size <= MAX_LINE:
            yield 0, b"".join(reversed(parts))


def _identity(file: IO[bytes]) -> str:
    """A file by its first line, which begins with an audit ID of its own and never changes."""
    file.seek(0)
    return hashlib.blake2b(file.read(_HEAD).partition(b"\n")[0], digest_size=12).hexdigest()
