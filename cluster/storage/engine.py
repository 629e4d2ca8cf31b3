"""What the store process asks of a database, and which engine a URL names.

An engine is used by one thread of one process; the exclusive lock on the database is the process's business.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from cluster.storage.contract import Key

PAGE_BYTES = 4 << 20
"""About how many bytes of values one page of a load, of the log or of a snapshot holds."""
PAGE_ROWS = 2000
MAX_WRITES = 1000
"""The most writes of one transaction."""
MAX_VALUE = 8 << 20
"""The most bytes of one value."""
SEALED_NOTE = "sealed"
"""The note in a database in which something may be sealed, see `cluster.storage.encryption`."""


class Transaction(NamedTuple):
    """Writes that succeed or fail together.  Each is (key text, expected revision or 0, value or None to delete)."""

    token: str
    writes: Sequence[tuple[str, int, bytes | None]]


class Refusal(NamedTuple):
    """Why a transaction was not written: `key` is at revision `current`, 0 where it is absent."""

    key: str
    current: int


class Record(NamedTuple):
    """One revision of the log.  `value` is None for a deletion, `previous_revision` 0 for a creation."""

    revision: int
    key: str
    value: bytes | None
    previous_revision: int
    previous: bytes | None
    token: str


class Row(NamedTuple):
    """An object at one revision."""

    key: str
    revision: int
    value: bytes


class HistoryCompacted(Exception):
    """The log begins after the revision asked for."""

    def __init__(self, oldest: int) -> None:
        super().__init__(f"the log begins after revision {oldest}")
        self.oldest = oldest


class UnsupportedStore(ValueError):
    """No engine is known for a store URL."""


class NotWritten(Exception):
    """A batch was not written and nothing of it will be, as on a full disk."""


class Engine(Protocol):
    """A database of objects and the log of their revisions, which are contiguous integers."""

    @property
    def identity(self) -> str:
        """Random, made with the database: tells one that was replaced."""
        ...

    @property
    def head(self) -> int:
        """The newest revision; 1 for an empty database."""
        ...

    @property
    def compacted(self) -> int:
        """The log holds every revision after this one."""
        ...

    def apply(self, transactions: Sequence[Transaction]) -> tuple[list[int | Refusal], list[Record]]:
        """One durable commit of all transactions whose expectations hold, in order.

        An outcome for each (its last revision, or why it was refused), and the records written.  NotWritten; OSError,
        after which the database's state is in doubt, and the process must end.
        """
        ...

    def load(self, after: str) -> tuple[list[Row], bool]:
        """A page of the newest objects with keys after `after`, in key order, and whether it was the last."""
        ...

    def log(self, after: int) -> list[Record]:
        """A page of whole transactions after a revision, without `previous`.  HistoryCompacted."""
        ...

    def history(self, after: int, until: int, low: str, high: str) -> tuple[list[Record], int]:
        """A page of the log in (after, until] with low <= key < high, and the revision up to which it is complete.

        HistoryCompacted.
        """
        ...

    def snapshot(self, revision: int, after: str, low: str, high: str) -> tuple[list[Row], bool]:
        """A page of the objects as of a past revision with low <= key < high and key > after, and whether it was the last.

        HistoryCompacted.
        """
        ...

    def compact(self, before: float) -> bool:
        """Deletes a slice of the log that was committed before a time (seconds since 1970); whether more remains."""
        ...

    def rewrite(self, after: str, change: Callable[[str, bytes], bytes | None]) -> str | None:
        """Goes through what is stored, a slice at a time: where to go on ("" to begin), None at the end.

        `change` is given the key and each value, newest or past, and answers another form of it to be put in its place.
        """
        ...

    def remember(self, name: str, value: str | None = None) -> str:
        """A note in the database that outlives the process: its value, after it was set where one is given; "" where there is none."""
        ...

    def tend(self, *, idle: bool) -> None:
        """Housekeeping between commits: what must be done under load, or what can wait until `idle`."""
        ...

    def close(self) -> None: ...


def key_text(key: Key) -> str:
    """A key as the database holds it.  ValueError where a part contains a slash."""
    text = f"{key.resource}/{key.namespace}/{key.name}"
    if text.count("/") != 2:
        raise ValueError(f'no part of a key may contain a slash: "{text}"')
    return text


def parse_key(text: str) -> Key:
    """The key of a text made by `key_text`."""
    return Key(*text.split("/"))


def key_range(resource: str, namespace: str | None, name: str | None = None) -> tuple[str, str]:
    """The texts [low, high) of all keys of a scope; namespace None is every namespace."""
    if namespace is None:
        return f"{resource}/", f"{resource}0"  # "0" is the character after "/"
    if name is None:
        return f"{resource}/{namespace}/", f"{resource}/{namespace}0"
    text = f"{resource}/{namespace}/{name}"
    return text, text + "\0"


def database_path(url: str) -> Path:
    """The file of an embedded database.  UnsupportedStore."""
    prefix = "sqlite:///"
    path = url.removeprefix(prefix)
    if not url.startswith(prefix) or not path or path == ":memory:" or "?" in path:
        raise UnsupportedStore(f'no store engine for "{url}": use "sqlite:///" and the path of a file')
    return Path(path)


def open_engine(url: str) -> Engine:
    """The engine of a store URL, with its tables made.  UnsupportedStore, OSError."""
    path = database_path(url)
    from cluster.storage.sqlite import SQLiteEngine  # here, so that workers, who need the types above, never load SQLAlchemy

    return SQLiteEngine(path)
