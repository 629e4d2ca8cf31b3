"""The store process: the one that owns a cluster's database.

`python -m cluster.storage.process --url URL --socket PATH --revision-file PATH [--exit-when-idle SECONDS]`;
`--background`, `--history SECONDS` and `--encryption-provider-config FILE` besides.
It holds a lock on the database for its lifetime, and ends cleanly on SIGTERM or SIGINT.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from cluster.storage import wire
from cluster.storage.counter import Counter
from cluster.storage.engine import SEALED_NOTE, Engine, UnsupportedStore, database_path, open_engine
from cluster.storage.service import Service

HISTORY = 300.0
"""Seconds of history that the log keeps."""


class StoreTaken(Exception):
    """Another store process holds the database."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a store process; 0 after a clean end, 1 with a message where it can't start."""
    options = _parse(arguments)
    if options.background and os.fork():
        return 0
    try:
        serve(
            options.url,
            options.socket,
            options.revision_file,
            history=options.history,
            exit_when_idle=options.exit_when_idle,
            encryption=options.encryption_provider_config,
        )
    except (StoreTaken, UnsupportedStore, OSError, ValueError) as error:
        sys.stderr.write(f"store: {error}\n")
        return 1
    return 0


def serve(
    url: str,
    socket_path: Path,
    revision_file: Path,
    *,
    history: float,
    exit_when_idle: float | None,
    encryption: Path | None = None,
) -> None:
    """Owns the database until a signal ends it.  StoreTaken, UnsupportedStore, OSError; ValueError for a bad configuration."""
    wake, woken = socket.socketpair()
    wake.setblocking(False)
    signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    lock = _lock(database_path(url))
    engine, chore = _open(url, encryption)
    counter = Counter(revision_file)
    counter.publish(engine.head)
    listener = listen(socket_path)
    service = Service(engine, counter, listener, history=history, exit_when_idle=exit_when_idle, chore=chore)
    service.stop_on(woken)
    try:
        service.run()
    finally:
        socket_path.unlink(missing_ok=True)
        listener.close()
        engine.close()
        os.close(lock)


def _open(url: str, encryption: Path | None) -> tuple[Engine, Callable[[], bool] | None]:
    """The database's engine and its chore; what seals is loaded where something is, or may be, sealed."""
    engine = open_engine(url)
    if encryption is None and not engine.remember(SEALED_NOTE):
        return engine, None
    from cluster.storage.encryption.engine import SealedEngine

    sealed = SealedEngine(engine, encryption)
    return sealed, sealed.chore


def _lock(database: Path) -> int:
    """The descriptor that holds the lock.  StoreTaken."""
    descriptor = os.open(f"{database}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise StoreTaken(f'the database "{database}" is in use by another store process: stop it, or use another home') from None
    return descriptor


def listen(path: Path) -> socket.socket:
    """A listening socket that only this user can connect to; what an earlier process left there is removed."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)
    try:
        wire.bind(listener, path)
    finally:
        os.umask(mask)
    listener.listen(64)
    return listener


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m cluster.storage.process", description="owns a cluster's database")
    parser.add_argument("--url", required=True, help="SQLAlchemy URL of the database, e.g. sqlite:////var/lib/berth/store.db")
    parser.add_argument("--socket", required=True, type=Path, help="the Unix socket that workers connect to")
    parser.add_argument("--revision-file", required=True, type=Path, help="where the newest revision is published")
    parser.add_argument("--exit-when-idle", type=_positive, metavar="SECONDS", help="end once no worker was connected for so long")
    parser.add_argument("--background", action="store_true", help="return at once, and run on")
    parser.add_argument("--encryption-provider-config", type=Path, metavar="FILE", help="an EncryptionConfiguration")
    parser.add_argument("--history", type=_positive, default=HISTORY, metavar="SECONDS", help="how long the log is kept")
    return parser.parse_args(arguments)


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError("must be a positive number of seconds")
    return number


if __name__ == "__main__":
    sys.exit(main())
