"""A store in this process alone, on the same engine and cache: for the policy runner and for tests."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

from cluster.storage.contract import Compacted, Write, WriteConflict
from cluster.storage.engine import Engine, HistoryCompacted, Record, Refusal, Row, Transaction, open_engine, parse_key
from cluster.storage.worker import CachedStore, check_writes


class LocalStore(CachedStore):
    """See contract.Store.  It owns its engine; `directory` is removed when it closes."""

    def __init__(self, engine: Engine, directory: TemporaryDirectory[str] | None = None) -> None:
        super().__init__()
        self._engine = engine
        self._directory = directory
        self._lock = threading.RLock()
        rows: list[Row] = []
        done = False
        while not done:
            page, done = engine.load(rows[-1].key if rows else "")
            rows += page
        self._cache.replace(rows, engine.head)
        self._cache.compact(engine.compacted)

    @classmethod
    def open(cls, url: str) -> Self:
        """A store on the database of a URL that no other process uses.  UnsupportedStore."""
        return cls(open_engine(url))

    @classmethod
    def temporary(cls) -> Self:
        """An empty store that is gone once it is closed."""
        directory = TemporaryDirectory(prefix="berth-")
        return cls(open_engine(f"sqlite:///{Path(directory.name) / 'store.db'}"), directory)

    def revision(self) -> int:
        """See contract.Store."""
        return self._engine.head

    def commit(self, writes: Sequence[Write]) -> int:
        """See contract.Store."""
        checked = check_writes(writes)
        with self._lock:
            (outcome,), records = self._engine.apply([Transaction(uuid.uuid4().hex, checked)])
            self._cache.apply(records)
            self._engine.tend(idle=False)
        if isinstance(outcome, Refusal):
            raise WriteConflict(parse_key(outcome.key), outcome.current)
        return outcome

    def compact(self, before: float) -> None:
        """Forgets the log from before a time, in seconds since 1970."""
        with self._lock:
            more = True
            while more:
                more = self._engine.compact(before)
            self._cache.compact(self._engine.compacted)

    def _history(self, after: int, until: int, low: str, high: str) -> tuple[Sequence[Record], int]:
        with self._lock:
            try:
                return self._engine.history(after, until, low, high)
            except HistoryCompacted as error:
                raise Compacted(after, error.oldest) from error

    def _snapshot(self, revision: int, after: str, low: str, high: str) -> tuple[Sequence[Row], bool]:
        with self._lock:
            try:
                return self._engine.snapshot(revision, after, low, high)
            except HistoryCompacted as error:
                raise Compacted(revision, error.oldest) from error

    def close(self) -> None:
        super().close()
        with self._lock:
            self._engine.close()
            if self._directory is not None:
                self._directory.cleanup()
