"""An engine whose database holds sealed values, while everyone above it sees them open.

What the configuration wants otherwise than it lies on disk (a resource newly covered, a key that was rotated) is sealed
anew in the background, in place: no revision changes, and nobody has to rewrite their objects for it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from cluster.api.followed_file import follow_file, read_file
from cluster.storage.encryption.configuration import BadConfiguration, Encryption, decode
from cluster.storage.encryption.providers import SEALED, Provider, Unreadable
from cluster.storage.engine import SEALED_NOTE, Engine, Record, Refusal, Row, Transaction


class SealedEngine:
    """Implements Engine on another one.  Without a configuration it adds nothing but the refusal of a database that needs one."""

    def __init__(self, engine: Engine, path: Path | None = None) -> None:
        """BadConfiguration, OSError for a file that is none, or that lacks a key which the database needs."""
        self._engine = engine
        self._path = path
        self._file = follow_file(path) if path else None
        self._content = read_file(path) if path else b""
        self._encryption = decode(path, self._content) if path else Encryption()
        self._position: str | None = None
        if path or engine.remember(SEALED_NOTE):
            self._check(self._encryption)
            engine.remember(SEALED_NOTE, "yes")
            self._position = ""

    @property
    def identity(self) -> str:
        return self._engine.identity

    @property
    def head(self) -> int:
        return self._engine.head

    @property
    def compacted(self) -> int:
        return self._engine.compacted

    def apply(self, transactions: Sequence[Transaction]) -> tuple[list[int | Refusal], list[Record]]:
        """See Engine."""
        if self._path is None:
            return self._engine.apply(transactions)
        opened: dict[int, bytes] = {}
        outcomes, records = self._engine.apply([self._sealed(each, opened) for each in transactions])
        return outcomes, [
            record._replace(value=opened.get(id(record.value), record.value), previous=self._open(record.key, record.previous))
            for record in records
        ]

    def _sealed(self, transaction: Transaction, opened: dict[int, bytes]) -> Transaction:
        """The transaction as it is stored; `opened` learns what each sealed value was, by its identity."""
        writes: list[tuple[str, int, bytes | None]] = []
        for key, expected, value in transaction.writes:
            provider = self._sealing(key)
            if value is None or provider is None:
                writes.append((key, expected, value))
                continue
            sealed = provider.seal(value, key)
            opened[id(sealed)] = value
            writes.append((key, expected, sealed))
        return Transaction(transaction.token, writes)

    def load(self, after: str) -> tuple[list[Row], bool]:
        """See Engine."""
        rows, last = self._engine.load(after)
        return self._rows(rows), last

    def log(self, after: int) -> list[Record]:
        """See Engine."""
        return self._records(self._engine.log(after))

    def history(self, after: int, until: int, low: str, high: str) -> tuple[list[Record], int]:
        """See Engine."""
        records, end = self._engine.history(after, until, low, high)
        return self._records(records), end

    def snapshot(self, revision: int, after: str, low: str, high: str) -> tuple[list[Row], bool]:
        """See Engine."""
        rows, last = self._engine.snapshot(revision, after, low, high)
        return self._rows(rows), last

    def compact(self, before: float) -> bool:
        """See Engine."""
        return self._engine.compact(before)

    def rewrite(self, after: str, change: Callable[[str, bytes], bytes | None]) -> str | None:
        """See Engine."""
        return self._engine.rewrite(after, change)

    def remember(self, name: str, value: str | None = None) -> str:
        """See Engine."""
        return self._engine.remember(name, value)

    def tend(self, *, idle: bool) -> None:
        """See Engine."""
        self._engine.tend(idle=idle)

    def close(self) -> None:
        self._engine.close()

    def chore(self) -> bool:
        """Reads a changed configuration, or seals a slice of what lies otherwise; whether more is waiting."""
        if self._path is not None and self._file is not None and self._file.is_due():
            self._reload(self._path)
        if self._position is None:
            return False
        self._position = self._engine.rewrite(self._position, self._resealed)
        if self._position is None:
            self._engine.tend(idle=True)
            if self._path is None:
                self._engine.remember(SEALED_NOTE, "")
        return self._position is not None

    def _reload(self, path: Path) -> None:
        """Takes a new configuration, or keeps the old one where the new one is bad, and says so."""
        try:
            content = read_file(path)
            if content == self._content:
                return
            self._content = content
            encryption = decode(path, content)
            self._check(encryption)
        except (BadConfiguration, OSError) as error:
            sys.stderr.write(f"store: the changed encryption configuration is not used: {error}\n")
            return
        self._encryption = encryption
        self._position = ""

    def _check(self, encryption: Encryption) -> None:
        """BadConfiguration where something is sealed with what the configuration does not have."""

        def check(key: str, value: bytes) -> None:
            if value.startswith(SEALED) and _opener(encryption, key, value) is None:
                cipher, _, name = value[len(SEALED) :].split(b":", 3)[:3]
                shown = f'"{name.decode(errors="replace")}" of {cipher.decode(errors="replace")}'
                raise BadConfiguration(f'"{key}" is sealed with key {shown}: name it among the providers of its resource')

        position: str | None = ""
        while position is not None:
            position = self._engine.rewrite(position, check)

    def _resealed(self, key: str, value: bytes) -> bytes | None:
        """The value as it should lie, None where it does."""
        provider = self._sealing(key)
        if value.startswith(provider.prefix) if provider is not None and provider.prefix else not value.startswith(SEALED):
            return None
        opened = self._opened(key, value) if value.startswith(SEALED) else value
        return opened if provider is None else provider.seal(opened, key)

    def _sealing(self, key: str) -> Provider | None:
        providers = self._encryption.providers(key.partition("/")[0])
        return providers[0] if providers else None

    def _rows(self, rows: list[Row]) -> list[Row]:
        return [row._replace(value=self._opened(row.key, row.value)) if row.value.startswith(SEALED) else row for row in rows]

    def _records(self, records: list[Record]) -> list[Record]:
        return [
            record._replace(value=self._open(record.key, record.value), previous=self._open(record.key, record.previous))
            if _is_sealed(record)
            else record
            for record in records
        ]

    def _open(self, key: str, value: bytes | None) -> bytes | None:
        return value if value is None or not value.startswith(SEALED) else self._opened(key, value)

    def _opened(self, key: str, value: bytes) -> bytes:
        """What is in a sealed value.  OSError where it can't be opened: the database was changed by another."""
        provider = _opener(self._encryption, key, value)
        if provider is None:
            raise OSError(f'"{key}" is sealed with a key that the encryption configuration does not have')
        try:
            return provider.open(value, key)
        except Unreadable as error:
            raise OSError(str(error)) from None


def _opener(encryption: Encryption, key: str, value: bytes) -> Provider | None:
    return next((each for each in encryption.providers(key.partition("/")[0]) if each.prefix and value.startswith(each.prefix)), None)


def _is_sealed(record: Record) -> bool:
    return any(value is not None and value.startswith(SEALED) for value in (record.value, record.previous))
