"""The log backend: events as lines of JSON, in one file that all processes share, or on standard output.

Every write holds a shared lock on the file that lies at the path, and the kernel appends one write after the other; the process that
finds the file full renames it under the exclusive lock.  So each line is whole, none is lost on the way, and a file that has another
name is never written to again.  A line is with the kernel when `process` returns: it outlives the process, whichever way that ends.
Upstream: apiserver `plugin/pkg/audit/log`, and the rotation of lumberjack, whose names for rotated files are kept.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rbac.audit.model import AuditEvent

log = logging.getLogger(__name__)
STDOUT: Final = "-"
MEGABYTE: Final = 1024 * 1024
_DAY: Final = 86400.0
_TRIES: Final = 10
_COPY: Final = 64 * 1024
_FLAGS: Final = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC


class LogFile:
    """The file at a path; `max_size` in bytes (0: never rotated), `max_backups` and `max_age` (days) 0 for no bound."""

    def __init__(self, path: Path, *, max_size: int = 0, max_backups: int = 0, max_age: int = 0, compress: bool = False) -> None:
        self._path = path
        self._name = str(path)
        self._max_size = max_size
        self._max_backups = max_backups
        self._max_age = max_age
        self._compress = compress
        self._descriptor = -1
        self._inode = -1
        self._owner = 0
        """The process that opened the file."""
        self._tidying: threading.Thread | None = None
        self._tidy_lock = threading.Lock()
        self._untidy = False
        self.failures = 0
        """Events that could not be written."""

    def process(self, events: Sequence[AuditEvent]) -> bool:
        """Always True: what cannot be written is told in the server's own log, and stops no request."""
        data = b"".join([b"%b\n" % each.encoded for each in events])
        try:
            self._write(data)
        except OSError as error:
            self.failures += len(events)
            log.error('%d audit events were not written to "%s": %s', len(events), self._path, error)
        return True

    def close(self) -> None:
        tidying = self._tidying
        if tidying is not None:
            tidying.join()
        if self._descriptor >= 0 and self._owner == os.getpid():
            os.close(self._descriptor)
        self._descriptor = -1

    def _write(self, data: bytes) -> None:
        size = self._lock(fcntl.LOCK_SH)
        try:
            if self._is_full(size, data):
                self._rotate(data)
            self._append(data)
        finally:
            self._release(keep=True)

    def _is_full(self, size: int, coming: bytes) -> bool:
        return bool(self._max_size) and size > 0 and size + len(coming) > self._max_size

    def _rotate(self, coming: bytes) -> None:
        """Renames the file, unless another process has done so meanwhile; holds the lock of the one to go on in."""
        self._release()
        if self._is_full(self._lock(fcntl.LOCK_EX), coming):
            os.rename(self._path, self._backup_name())
            self._tidy()
        self._release()
        self._lock(fcntl.LOCK_SH)

    def _append(self, data: bytes) -> None:
        """Writes the lines whole, or not at all: what a full disk cut off is taken back, as long as it is the last in the file."""
        written = os.write(self._descriptor, data)
        while written < len(data):
            try:
                written += os.write(self._descriptor, data[written:])
            except OSError:
                end = os.lseek(self._descriptor, 0, os.SEEK_CUR)
                fcntl.flock(self._descriptor, fcntl.LOCK_EX)
                if os.fstat(self._descriptor).st_size == end:
                    os.ftruncate(self._descriptor, end - written)
                raise

    def _lock(self, kind: int) -> int:
        """Holds a lock on the file that is at the path now; its size."""
        for _ in range(_TRIES):
            if self._descriptor < 0 or self._owner != os.getpid():
                self._open()
            fcntl.flock(self._descriptor, kind)
            try:
                found = os.stat(self._name)
                if found.st_ino == self._inode:
                    return found.st_size
            except FileNotFoundError:
                pass  # it was moved away: another is made
            self._release()
        raise OSError(f"the file at {self._path} is replaced all the time")

    def _release(self, *, keep: bool = False) -> None:
        """Gives the lock back; the file stays open where it is still the one to write to."""
        if self._descriptor < 0:
            return
        if keep:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        else:
            os.close(self._descriptor)
            self._descriptor = -1

    def _open(self) -> None:
        """Opens or makes the file anew; one that a forked process inherited is its parent's, lock and all."""
        try:
            self._descriptor = os.open(self._path, _FLAGS, 0o600)
        except FileNotFoundError:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._descriptor = os.open(self._path, _FLAGS, 0o600)
        self._inode = os.fstat(self._descriptor).st_ino
        self._owner = os.getpid()

    def _backup_name(self) -> Path:
        """`audit-2026-11-23T01-57-59.123.log`, in UTC; a moment later where there is one already."""
        moment = time.time_ns() // 1_000_000
        while True:
            name = backup_path(self._path, moment)
            if not name.exists() and not name.with_name(name.name + ".gz").exists():
                return name
            moment += 1

    def _tidy(self) -> None:
        """Removes and compresses rotated files, beside the requests; one process at a time."""
        with self._tidy_lock:
            self._untidy = True
            if self._tidying is None or not self._tidying.is_alive():
                self._tidying = threading.Thread(target=self._tidy_on, name="audit-log-tidy", daemon=True)
                self._tidying.start()

    def _tidy_on(self) -> None:
        """Once more for what was rotated meanwhile."""
        while True:
            with self._tidy_lock:
                if not self._untidy:
                    self._tidying = None
                    return
                self._untidy = False
            self._tidy_now()

    def _tidy_now(self) -> None:
        try:
            lock = os.open(self._path.with_name(f".{self._path.name}.tidy"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            else:
                tidy(self._path, self._max_backups, self._max_age, compress=self._compress)
            finally:
                os.close(lock)
        except OSError as error:
            log.error('rotated audit logs beside "%s" were not tidied: %s', self._path, error)


def _write_all(descriptor: int, data: bytes) -> None:
    written = os.write(descriptor, data)
    while written < len(data):
        written += os.write(descriptor, data[written:])


def backup_path(path: Path, milliseconds: int) -> Path:
    """The name of a file that was rotated at a moment."""
    seconds, rest = divmod(milliseconds, 1000)
    stamp = time.strftime("%Y-%m-%dT%H-%M-%S", time.gmtime(seconds))
    return path.with_name(f"{path.stem}-{stamp}.{rest:03d}{path.suffix}")


def rotated_files(path: Path) -> list[Path]:
    """The rotated files of a log, the newest first, whether compressed or not."""
    stamp = r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}"
    pattern = re.compile(rf"{re.escape(path.stem)}-({stamp}){re.escape(path.suffix)}(\.gz)?")
    try:
        names = [(match.group(1), name) for name in os.listdir(path.parent) if (match := pattern.fullmatch(name))]
    except FileNotFoundError:
        return []
    return [path.with_name(name) for _, name in sorted(names, reverse=True)]


def tidy(path: Path, max_backups: int, max_age: int, *, compress: bool) -> None:
    """Keeps the newest files that the bounds allow, and compresses those where that is asked for."""
    kept = list(dict.fromkeys(each.name.removesuffix(".gz") for each in rotated_files(path)))
    too_many = set(kept[max_backups:]) if max_backups else set()
    oldest = backup_path(path, int((time.time() - max_age * _DAY) * 1000)).name if max_age else ""
    for each in rotated_files(path):
        name = each.name.removesuffix(".gz")
        if name in too_many or (oldest and name < oldest):
            each.unlink(missing_ok=True)
        elif compress and each.suffix != ".gz":
            _compress(each)


def _compress(path: Path) -> None:
    """Replaces a file by its compressed form, which is complete before it has its name; gives way to requests while it does."""
    import gzip

    target = path.with_name(path.name + ".gz")
    partial = path.with_name(f".{path.name}.gz.partial")
    with path.open("rb") as source:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as raw, gzip.GzipFile(path.name, "wb", 6, raw) as packed:
            while chunk := source.read(_COPY):
                packed.write(chunk)
                time.sleep(0)
    os.rename(partial, target)
    path.unlink(missing_ok=True)


class StandardOutput:
    """Events as lines on standard output, one after the other even where several processes share it."""

    def __init__(self) -> None:
        self._descriptor = -1
        self._owner = 0

    def process(self, events: Sequence[AuditEvent]) -> bool:
        if self._owner != os.getpid():
            self._descriptor, self._owner = _own_stdout(), os.getpid()
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
            try:
                _write_all(self._descriptor, b"".join([b"%b\n" % each.encoded for each in events]))
            finally:
                fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        except OSError as error:
            log.error("%d audit events were not written to standard output: %s", len(events), error)
        return True

    def close(self) -> None:
        """There is nothing to hand over."""


def _own_stdout() -> int:
    """Standard output opened once more, so that its lock is this process's own; as it is where that cannot be done."""
    try:
        return os.open("/dev/stdout", os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
    except OSError:
        return 1
