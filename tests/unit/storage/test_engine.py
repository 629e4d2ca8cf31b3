"""The engine equals a dictionary with a history; and what it does at its limits."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from cluster.storage import engine as engine_module
from cluster.storage import sqlite as sqlite_module
from cluster.storage.contract import Key
from cluster.storage.engine import (
    HistoryCompacted,
    NotWritten,
    Record,
    Refusal,
    Row,
    Transaction,
    key_range,
    key_text,
    open_engine,
    parse_key,
)
from cluster.storage.sqlite import SQLiteEngine

EVERYTHING = ("", "~")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[SQLiteEngine]:
    engine = SQLiteEngine(tmp_path / "store.db")
    yield engine
    engine.close()


def write(engine: SQLiteEngine, key: str, expected: int, value: bytes | None = b"x", token: str = "t") -> int | Refusal:
    (outcome,), _ = engine.apply([Transaction(token, [(key, expected, value)])])
    return outcome


KEYS = ["pods/a/x", "pods/a/y", "pods/b/x", "nodes//x"]
WRITES = st.lists(
    st.tuples(st.sampled_from(KEYS), st.sampled_from(["right", "wrong", "absent"]), st.one_of(st.none(), st.binary(max_size=4))),
    min_size=1,
    max_size=3,
)


class EngineEqualsModel(RuleBasedStateMachine):
    """A model of three lines: the state after every revision."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.path = Path(self.folder.name) / "store.db"
        self.engine = SQLiteEngine(self.path)
        self.states: list[dict[str, Row]] = [{}, {}]
        self.records: list[Record] = []
        self.transactions = 0

    def teardown(self) -> None:
        self.engine.close()
        self.folder.cleanup()

    @rule(batch=st.lists(WRITES, min_size=1, max_size=4))
    def apply(self, batch: list[list[tuple[str, str, bytes | None]]]) -> None:
        transactions, expected_outcomes, expected_records = [], [], []
        state = self.states[-1]
        for members in batch:
            self.transactions += 1
            token = f"t{self.transactions}"
            writes, outcome, trial, records = [], None, [state], []
            for key, kind, value in members:
                current = trial[-1][key].revision if key in trial[-1] else 0
                expected = {"right": current, "wrong": current + 1, "absent": 0}[kind]
                writes.append((key, expected, value))
                if outcome is None and expected != current:
                    outcome = Refusal(key, current)
                if outcome is None:
                    revision = len(self.states) + len(records)
                    before = trial[-1].get(key)
                    records.append(Record(revision, key, value, current, before.value if before else None, token))
                    after = {k: row for k, row in trial[-1].items() if k != key}
                    trial.append(after | ({key: Row(key, revision, value)} if value is not None else {}))
            transactions.append(Transaction(token, writes))
            if outcome is None:
                self.states += trial[1:]
                expected_records += records
                state = trial[-1]
            expected_outcomes.append(outcome or len(self.states) - 1)
        assert self.engine.apply(transactions) == (expected_outcomes, expected_records)
        self.records += expected_records

    @rule()
    def reopen(self) -> None:
        identity = self.engine.identity
        self.engine.close()
        self.engine = SQLiteEngine(self.path)
        assert self.engine.identity == identity

    @rule(idle=st.booleans())
    def tend(self, idle: bool) -> None:
        self.engine.tend(idle=idle)

    @rule()
    def compact(self) -> None:
        while self.engine.compact(float("inf")):
            pass
        assert self.engine.compacted == self.engine.head

    @rule(data=st.data(), scope=st.sampled_from([("pods", None), ("pods", "a"), ("nodes", ""), ("none", None)]))
    def read_the_past(self, data: st.DataObject, scope: tuple[str, str | None]) -> None:
        low, high = key_range(*scope)
        revision = data.draw(st.integers(1, self.engine.head))
        until = data.draw(st.integers(revision, self.engine.head))
        if revision < self.engine.compacted:
            for ask in (lambda: self.engine.snapshot(revision, "", low, high), lambda: self.engine.log(revision)):
                with pytest.raises(HistoryCompacted):
                    ask()
            return
        rows = sorted(row for row in self.states[revision].values() if low <= row.key < high)
        assert snapshot(self.engine, revision, low, high) == rows
        records = [record for record in self.records if revision < record.revision <= until and low <= record.key < high]
        assert history(self.engine, revision, until, low, high) == records
        log = [record._replace(previous=None) for record in self.records if record.revision > revision]
        assert whole_log(self.engine, revision) == log

    @invariant()
    def newest(self) -> None:
        assert self.engine.head == len(self.states) - 1
        assert load(self.engine) == sorted(self.states[-1].values())


def snapshot(engine: SQLiteEngine, revision: int, low: str, high: str) -> list[Row]:
    rows: list[Row] = []
    done = False
    while not done:
        page, done = engine.snapshot(revision, rows[-1].key if rows else "", low, high)
        assert page or done
        rows += page
    return rows


def history(engine: SQLiteEngine, after: int, until: int, low: str, high: str) -> list[Record]:
    records: list[Record] = []
    while after < until:
        page, after = engine.history(after, until, low, high)
        records += page
    return records


def whole_log(engine: SQLiteEngine, after: int) -> list[Record]:
    records: list[Record] = []
    while after < engine.head:
        page = engine.log(after)
        assert len(page) == engine.head - after or page[-1].token != engine.log(page[-1].revision)[0].token
        records += page
        after = page[-1].revision
    return records


def load(engine: SQLiteEngine) -> list[Row]:
    rows: list[Row] = []
    done = False
    while not done:
        page, done = engine.load(rows[-1].key if rows else "")
        rows += page
    return rows


TestEngineEqualsModel = EngineEqualsModel.TestCase
TestEngineEqualsModel.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)


class SmallPages(EngineEqualsModel):
    """The same with pages of a few rows and bytes."""

    def __init__(self) -> None:
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(sqlite_module, "PAGE_ROWS", 4)
        self.patch.setattr(sqlite_module, "PAGE_BYTES", 6)
        super().__init__()

    def teardown(self) -> None:
        super().teardown()
        self.patch.undo()


TestSmallPages = SmallPages.TestCase
TestSmallPages.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)


def test_an_empty_database_is_at_revision_one(engine: SQLiteEngine) -> None:
    assert (engine.head, engine.compacted, engine.load("")) == (1, 1, ([], True))


def test_a_conflict_fails_only_its_own_member(engine: SQLiteEngine) -> None:
    outcomes, records = engine.apply([Transaction(str(n), [(f"pods/a/{n}", 9 if n == 5 else 0, b"x")]) for n in range(10)])
    assert [n for n, outcome in enumerate(outcomes) if isinstance(outcome, Refusal)] == [5]
    assert [record.revision for record in records] == list(range(2, 11))


def test_compaction_keeps_what_is_young_and_goes_by_slices(engine: SQLiteEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_module, "COMPACTION_SLICE", 3)
    now = 1000.0
    monkeypatch.setattr(sqlite_module.time, "time", lambda: now)
    for number in range(5):
        write(engine, f"pods/a/{number}", 0)
    now = 1400.0
    young = write(engine, "pods/a/young", 0)
    assert engine.compact(now - 300) is True
    assert engine.compacted == 4
    assert engine.compact(now - 300) is False
    assert engine.compacted == young - 1
    assert [record.revision for record in engine.log(young - 1)] == [young]
    with pytest.raises(HistoryCompacted) as caught:
        engine.history(3, young, *EVERYTHING)
    assert caught.value.oldest == young - 1


def test_a_full_disk_is_said_and_the_state_is_as_before(tmp_path: Path, engine: SQLiteEngine) -> None:
    revision = write(engine, "pods/a/x", 0)
    raw: Any = engine._connection.connection.driver_connection
    pages = raw.execute("PRAGMA page_count").fetchone()[0]
    raw.execute(f"PRAGMA max_page_count={pages}").fetchall()
    with pytest.raises(NotWritten, match="database or disk is full"):
        write(engine, "pods/a/y", 0, b"x" * 100_000)
    assert engine.head == revision
    assert write(engine, "pods/a/x", revision, b"y") == revision + 1


def test_every_commit_is_synced_and_the_log_ahead_of_writing_is_truncated(tmp_path: Path, engine: SQLiteEngine) -> None:
    raw: Any = engine._connection.connection.driver_connection
    assert raw.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert raw.execute("PRAGMA synchronous").fetchone()[0] == 2
    write(engine, "pods/a/x", 0, b"x" * 100_000)
    log = tmp_path / "store.db-wal"
    assert log.stat().st_size > 100_000
    engine.tend(idle=True)
    assert log.stat().st_size == 0


def test_under_load_the_log_ahead_of_writing_stays_small(tmp_path: Path, engine: SQLiteEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cluster.storage.checkpoint.BEGIN_AT", 1 << 20)
    monkeypatch.setattr("cluster.storage.checkpoint.CAP", 4 << 20)
    revision: int | Refusal = 0
    largest = 0
    for _ in range(100):
        revision = write(engine, "pods/a/x", revision, b"x" * 200_000)
        engine.tend(idle=False)
        largest = max(largest, (tmp_path / "store.db-wal").stat().st_size)
    assert largest < 6 << 20


def test_pages_are_bounded_by_bytes(engine: SQLiteEngine) -> None:
    for number in range(6):
        write(engine, f"pods/a/{number}", 0, b"x" * (engine_module.PAGE_BYTES // 3), token=str(number))
    page, done = engine.load("")
    assert (len(page), done) == (3, False)
    assert len(engine.log(1)) == 3
    assert [len(load(engine)), len(whole_log(engine, 1))] == [6, 6]


@pytest.mark.parametrize("url", ["postgresql://x/y", "sqlite://", "sqlite:///:memory:", "", "mysql://h"])
def test_a_url_of_no_engine_is_refused(url: str) -> None:
    with pytest.raises(engine_module.UnsupportedStore, match="no store engine for"):
        open_engine(url)


def test_a_url_names_a_file(tmp_path: Path) -> None:
    open_engine(f"sqlite:///{tmp_path}/a b.db").close()
    assert (tmp_path / "a b.db").exists()


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"nothing of the kind" * 100)
    with pytest.raises(OSError, match="file is not a database"):
        open_engine(f"sqlite:///{tmp_path / 'x'}")


def test_keys_are_text_and_back() -> None:
    key = Key("deployments.apps", "", "system:node")
    assert parse_key(key_text(key)) == key
    with pytest.raises(ValueError, match="slash"):
        key_text(Key("pods", "a", "b/c"))


@pytest.mark.parametrize(
    ("scope", "inside", "outside"),
    [
        (("pods", None), ["pods//a", "pods/a/b", "pods/~/~"], ["podsx/a/b", "pods.x/a/b", "pod/a/b"]),
        (("pods", ""), ["pods//a"], ["pods/a/b"]),
        (("pods", "a"), ["pods/a/b"], ["pods/a-b/c", "pods/ab/c", "pods//a"]),
        (("pods", "a", "b"), ["pods/a/b"], ["pods/a/b-c", "pods/a/bc", "pods/a/a"]),
    ],
)
def test_a_scope_is_a_range_of_keys(scope: tuple[Any, ...], inside: list[str], outside: list[str]) -> None:
    low, high = key_range(*scope)
    assert [low <= key < high for key in inside + outside] == [True] * len(inside) + [False] * len(outside)


def test_sqlite_is_new_enough() -> None:
    assert sqlite3.sqlite_version_info >= (3, 24)
