"""The embedded engine: SQLite in WAL mode, every commit synced.

Statements are made once, at module level, and run on one long-lived connection: building them for each call costs more
than the commit.  Checkpoints are ours, so that no commit pays for one by surprise and the write-ahead log stays capped.
"""

from __future__ import annotations

import sqlite3
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from cluster.storage.checkpoint import Checkpointer
from cluster.storage.engine import PAGE_BYTES, PAGE_ROWS, HistoryCompacted, NotWritten, Record, Refusal, Row, Transaction

COMPACTION_SLICE = 500
REWRITE_SLICE = 200
SELECT_CHUNK = 2000

PRAGMAS = (
    "page_size=8192",  # two changes of common size to a page of the log: fewer pages to sync
    "journal_mode=WAL",
    "synchronous=FULL",  # every commit is synced
    "wal_autocheckpoint=0",  # see cluster.storage.checkpoint
    "busy_timeout=5000",
    "secure_delete=FAST",  # what was replaced, as by its sealed form, does not linger in a page that is written anyway
    "cache_size=-4096",  # KiB
)

metadata = sa.MetaData()
objects = sa.Table(
    "objects",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("revision", sa.BigInteger, nullable=False),
    sa.Column("value", sa.LargeBinary, nullable=False),
)
log = sa.Table(
    "log",
    metadata,
    sa.Column("revision", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("token", sa.Text, nullable=False),
    sa.Column("time", sa.Float, nullable=False),
    sa.Column("previous_revision", sa.BigInteger, nullable=False),
    sa.Column("value", sa.LargeBinary),
    sa.Column("previous", sa.LargeBinary),
)
meta = sa.Table("meta", metadata, sa.Column("name", sa.Text, primary_key=True), sa.Column("value", sa.Text, nullable=False))


def _rendered(statement: sa.ClauseElement) -> str:
    return str(statement.compile(dialect=sqlite.dialect()))


_AFTER: sa.BindParameter[Any] = sa.bindparam("after")
_UNTIL: sa.BindParameter[Any] = sa.bindparam("until")
_IN_RANGE = (log.c.key >= sa.bindparam("low"), log.c.key < sa.bindparam("high"))
_PAGE: sa.BindParameter[int] = sa.bindparam("rows")

SELECT_META = sa.select(meta.c.name, meta.c.value)
INSERT_META = meta.insert()
UPDATE_META = meta.update().where(meta.c.name == sa.bindparam("which")).values(value=sa.bindparam("to"))
SELECT_OBJECTS = sa.select(objects).where(objects.c.key.in_(sa.bindparam("keys", expanding=True)))
# what is written many times in a commit is rendered once, and takes its rows as tuples: binding by name costs as much again
_UPSERT = sqlite.insert(objects)
UPSERT_OBJECT = _rendered(_UPSERT.on_conflict_do_update([objects.c.key], set_=dict(_UPSERT.excluded.items()[1:])))
DELETE_OBJECT = _rendered(objects.delete().where(objects.c.key == sa.bindparam("gone")))
INSERT_LOG = _rendered(log.insert())
SIZES_OF_OBJECTS = (
    sa.select(objects.c.key, sa.func.length(objects.c.value)).where(objects.c.key > _AFTER).order_by(objects.c.key).limit(_PAGE)
)
OBJECTS_BETWEEN = sa.select(objects).where(objects.c.key > _AFTER, objects.c.key <= _UNTIL).order_by(objects.c.key)
SIZES_OF_LOG = (
    sa.select(log.c.revision, sa.func.coalesce(sa.func.length(log.c.value), 0), log.c.token)
    .where(log.c.revision > _AFTER)
    .order_by(log.c.revision)
    .limit(_PAGE)
)
LOG_BETWEEN = (
    sa.select(log.c.revision, log.c.key, log.c.value, log.c.previous_revision, log.c.token)
    .where(log.c.revision > _AFTER, log.c.revision <= _UNTIL)
    .order_by(log.c.revision)
)
SIZES_OF_HISTORY = (
    sa.select(log.c.revision, sa.func.coalesce(sa.func.length(log.c.value), 0) + sa.func.coalesce(sa.func.length(log.c.previous), 0))
    .where(log.c.revision > _AFTER, log.c.revision <= _UNTIL, *_IN_RANGE)
    .order_by(log.c.revision)
    .limit(_PAGE)
)
HISTORY_BETWEEN = (
    sa.select(log.c.revision, log.c.key, log.c.value, log.c.previous_revision, log.c.previous, log.c.token)
    .where(log.c.revision > _AFTER, log.c.revision <= _UNTIL, *_IN_RANGE)
    .order_by(log.c.revision)
)
SNAPSHOT_OBJECTS = (
    sa.select(objects.c.key, objects.c.revision, sa.func.length(objects.c.value))
    .where(
        objects.c.key > _AFTER,
        objects.c.key >= sa.bindparam("low"),
        objects.c.key < sa.bindparam("high"),
        objects.c.revision <= sa.bindparam("at"),
    )
    .order_by(objects.c.key)
    .limit(_PAGE)
)
SNAPSHOT_FIRST = (
    sa.select(log.c.key, sa.func.min(log.c.revision).label("first"))
    .where(log.c.revision > sa.bindparam("at"), log.c.key > _AFTER, *_IN_RANGE)
    .group_by(log.c.key)
    .order_by(log.c.key)
    .limit(_PAGE)
    .subquery()
)
SNAPSHOT_LOG = (
    sa.select(log.c.key, log.c.revision, sa.func.coalesce(sa.func.length(log.c.previous), 0), log.c.previous_revision)
    .join(SNAPSHOT_FIRST, log.c.revision == SNAPSHOT_FIRST.c.first)
    .order_by(log.c.key)
)
PREVIOUS_VALUES = sa.select(log.c.revision, log.c.previous).where(log.c.revision.in_(sa.bindparam("revisions", expanding=True)))
TIMES_OF_LOG = sa.select(log.c.revision, log.c.time).where(log.c.revision > _AFTER).order_by(log.c.revision).limit(_PAGE)
REWRITE_OBJECTS = sa.select(objects.c.key, objects.c.value).where(objects.c.key > _AFTER).order_by(objects.c.key).limit(_PAGE)
REWRITE_LOG = (
    sa.select(log.c.revision, log.c.key, log.c.value, log.c.previous).where(log.c.revision > _AFTER).order_by(log.c.revision).limit(_PAGE)
)
UPDATE_OBJECT = objects.update().where(objects.c.key == sa.bindparam("which")).values(value=sa.bindparam("to"))
UPDATE_LOG = log.update().where(log.c.revision == sa.bindparam("which")).values(value=sa.bindparam("to"), previous=sa.bindparam("before"))
SET_META = sqlite.insert(meta).on_conflict_do_update([meta.c.name], set_={"value": sqlite.insert(meta).excluded.value})
DELETE_LOG = log.delete().where(log.c.revision <= _UNTIL)


class SQLiteEngine:
    """The engine behind `sqlite:///path`."""

    def __init__(self, path: Path) -> None:
        """Opens the file, or makes it.  OSError where it can't be read as a database."""
        path.touch(mode=0o600, exist_ok=True)
        self._engine = sa.create_engine(sa.URL.create("sqlite", database=str(path)), poolclass=sa.StaticPool)
        sa.event.listen(self._engine, "connect", _configure)
        sa.event.listen(self._engine, "begin", _begin)
        try:
            metadata.create_all(self._engine)
        except sa.exc.DatabaseError as error:
            self._engine.dispose()
            raise OSError(f'"{path}" can\'t be opened: {error.orig}') from error
        self._connection = self._engine.connect()
        self._checkpointer = Checkpointer(path, self._truncate)
        with self._connection.begin():
            state = self._read_meta()
            if not state:
                state = {"identity": uuid.uuid4().hex, "revision": "1", "compacted": "1"}
                self._connection.execute(INSERT_META, [{"name": name, "value": value} for name, value in state.items()])
        self.identity = state["identity"]
        self.head = int(state["revision"])
        self.compacted = int(state["compacted"])

    def _read_meta(self) -> dict[str, str]:
        return {row.name: row.value for row in self._connection.execute(SELECT_META)}

    def apply(self, transactions: Sequence[Transaction]) -> tuple[list[int | Refusal], list[Record]]:
        """See Engine.  The revision counter moves only with the commit."""
        try:
            with self._connection.begin():
                outcomes, records = _decide(transactions, self._current(transactions), self.head)
                if records:
                    self._write(records)
        except sa.exc.OperationalError as error:
            if getattr(error.orig, "sqlite_errorcode", None) != sqlite3.SQLITE_FULL:
                raise OSError(f"the database can't be written: {error.orig}") from error
            raise NotWritten(f"the database can't grow: {error.orig}") from error
        if records:
            self.head = records[-1].revision
        return outcomes, records

    def _current(self, transactions: Sequence[Transaction]) -> dict[str, tuple[int, bytes | None]]:
        keys = list({write[0] for transaction in transactions for write in transaction.writes})
        state: dict[str, tuple[int, bytes | None]] = {}
        for start in range(0, len(keys), SELECT_CHUNK):
            for key, revision, value in self._connection.execute(SELECT_OBJECTS, {"keys": keys[start : start + SELECT_CHUNK]}):
                state[key] = (revision, value)
        return state

    def _write(self, records: list[Record]) -> None:
        now = time.time()
        last = {record.key: record for record in records}
        upserts = [(r.key, r.revision, r.value) for r in last.values() if r.value is not None]
        if upserts:
            self._connection.exec_driver_sql(UPSERT_OBJECT, upserts)
        gone = [(r.key,) for r in last.values() if r.value is None]
        if gone:
            self._connection.exec_driver_sql(DELETE_OBJECT, gone)
        rows = [(r.revision, r.key, r.token, now, r.previous_revision, r.value, r.previous) for r in records]
        self._connection.exec_driver_sql(INSERT_LOG, rows)
        self._connection.execute(UPDATE_META, {"which": "revision", "to": str(records[-1].revision)})

    def load(self, after: str) -> tuple[list[Row], bool]:
        """See Engine."""
        with self._read() as read:
            sizes = read(SIZES_OF_OBJECTS, after=after)
            cut = _cut([size for _, size in sizes])
            if not cut:
                return [], True
            rows = [Row(*row) for row in read(OBJECTS_BETWEEN, after=after, until=sizes[cut - 1][0])]
        return rows, cut == len(sizes) < PAGE_ROWS

    def log(self, after: int) -> list[Record]:
        """See Engine."""
        self._check(after)
        with self._read() as read:
            sizes = read(SIZES_OF_LOG, after=after)
            cut = _cut([size for _, size, _ in sizes])
            while 0 < cut < len(sizes) and sizes[cut][2] == sizes[cut - 1][2]:
                cut += 1
            if cut == len(sizes) == PAGE_ROWS:  # the last transaction may go on beyond the page; it is shorter than a page
                last = sizes[-1][2]
                while cut and sizes[cut - 1][2] == last:
                    cut -= 1
            if not cut:
                return []
            rows = read(LOG_BETWEEN, after=after, until=sizes[cut - 1][0])
        return [Record(revision, key, value, before, None, token) for revision, key, value, before, token in rows]

    def history(self, after: int, until: int, low: str, high: str) -> tuple[list[Record], int]:
        """See Engine."""
        self._check(after)
        scope = {"low": low, "high": high}
        with self._read() as read:
            sizes = read(SIZES_OF_HISTORY, after=after, until=until, **scope)
            cut = _cut([size for _, size in sizes])
            end = until if cut == len(sizes) < PAGE_ROWS else sizes[cut - 1][0]
            return [Record(*row) for row in read(HISTORY_BETWEEN, after=after, until=end, **scope)] if cut else [], end

    def snapshot(self, revision: int, after: str, low: str, high: str) -> tuple[list[Row], bool]:
        """See Engine.  Objects not written since, and for each key written since what its first later record replaced."""
        self._check(revision)
        scope = {"at": revision, "after": after, "low": low, "high": high}
        with self._read() as read:
            unchanged = read(SNAPSHOT_OBJECTS, **scope)
            changed = read(SNAPSHOT_LOG, **scope)
            full = [rows[-1][0] for rows in (unchanged, changed) if len(rows) == PAGE_ROWS]
            horizon = min(full, default=high)
            found = [(key, size, at, 0) for key, at, size in unchanged if key <= horizon]
            found += [(key, size, before, by) for key, by, size, before in changed if key <= horizon]
            found.sort()
            cut = _cut([size for _, size, _, _ in found])
            page = found[:cut]
            values: dict[str, bytes] = {}
            for row in read(SELECT_OBJECTS, keys=[key for key, _, _, by in page if not by]):
                values[row[0]] = row[2]
            replaced = dict(tuple(row) for row in read(PREVIOUS_VALUES, revisions=[by for _, _, at, by in page if by and at]))
        rows = [Row(key, at, replaced[by] if by else values[key]) for key, _, at, by in page if at]
        done = cut == len(found) and not full
        if not rows and not done:  # a page of keys that did not exist yet
            return self.snapshot(revision, page[-1][0], low, high)
        return rows, done

    def compact(self, before: float) -> bool:
        """See Engine."""
        with self._connection.begin():
            times = self._connection.execute(TIMES_OF_LOG, {"after": self.compacted, "rows": COMPACTION_SLICE}).all()
            old = 0
            while old < len(times) and times[old][1] < before:
                old += 1
            if not old:
                return False
            until = times[old - 1][0]
            self._connection.execute(DELETE_LOG, {"until": until})
            self._connection.execute(UPDATE_META, {"which": "compacted", "to": str(until)})
        self.compacted = until
        return old == COMPACTION_SLICE

    def rewrite(self, after: str, change: Callable[[str, bytes], bytes | None]) -> str | None:
        """See Engine.  A position is `o` and a key, among the objects, or `l` and a revision, in the log."""
        with self._connection.begin():
            if not after.startswith("l"):
                rows = self._connection.execute(REWRITE_OBJECTS, {"after": after[1:], "rows": REWRITE_SLICE}).all()
                changed = [{"which": key, "to": to} for key, value in rows if (to := change(key, value)) is not None]
                if changed:
                    self._connection.execute(UPDATE_OBJECT, changed)
                return f"o{rows[-1][0]}" if len(rows) == REWRITE_SLICE else "l0"
            records = self._connection.execute(REWRITE_LOG, {"after": int(after[1:]), "rows": REWRITE_SLICE}).all()
            rewritten = []
            for revision, key, *values in records:
                new = [None if value is None else change(key, value) for value in values]
                if any(each is not None for each in new):
                    to, before = (value if each is None else each for value, each in zip(values, new, strict=True))
                    rewritten.append({"which": revision, "to": to, "before": before})
            if rewritten:
                self._connection.execute(UPDATE_LOG, rewritten)
            return f"l{records[-1][0]}" if len(records) == REWRITE_SLICE else None

    def remember(self, name: str, value: str | None = None) -> str:
        """See Engine."""
        with self._connection.begin():
            if value is not None:
                self._connection.execute(SET_META, {"name": name, "value": value})
            return self._read_meta().get(name, "")

    def tend(self, *, idle: bool) -> None:
        """See Engine."""
        self._checkpointer.tend(idle=idle)

    def _truncate(self) -> None:
        raw: Any = self._connection.connection.driver_connection
        with suppress(sqlite3.OperationalError):  # as on a full disk: it is tried again
            raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def close(self) -> None:
        self._checkpointer.close()
        self._connection.close()
        self._engine.dispose()

    def _check(self, after: int) -> None:
        if after < self.compacted:
            raise HistoryCompacted(self.compacted)

    @contextmanager
    def _read(self) -> Iterator[Any]:
        """Statements of one read transaction, each with all of its rows: an unfinished cursor would read stale data."""
        with self._connection.begin():
            yield lambda statement, **values: self._connection.execute(statement, {"rows": PAGE_ROWS} | values).all()


def _decide(
    transactions: Sequence[Transaction], state: dict[str, tuple[int, bytes | None]], head: int
) -> tuple[list[int | Refusal], list[Record]]:
    """Compares each transaction with what those before it leave, and numbers the writes that hold.  Changes `state`."""
    outcomes: list[int | Refusal] = []
    records: list[Record] = []
    absent = (0, None)
    for token, writes in transactions:
        refusal = None
        undo: list[tuple[str, tuple[int, bytes | None]]] = []
        first = len(records)
        for key, expected, value in writes:
            current = state.get(key, absent)
            if current[0] != expected:
                refusal = Refusal(key, current[0])
                break
            undo.append((key, current))
            revision = head + len(records) + 1
            records.append(Record(revision, key, value, current[0], current[1], token))
            state[key] = absent if value is None else (revision, value)
        if refusal:
            del records[first:]
            state.update(reversed(undo))
        outcomes.append(refusal or head + len(records))
    return outcomes, records


def _cut(sizes: Sequence[int]) -> int:
    """How many of the items make a page: at least one where there is one."""
    total = 0
    for index, size in enumerate(sizes):
        total += size
        if total > PAGE_BYTES and index:
            return index
    return len(sizes)


def _configure(connection: Any, _: object) -> None:
    connection.isolation_level = None  # SQLAlchemy's begin event says when and how a transaction begins
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}").close()


def _begin(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
