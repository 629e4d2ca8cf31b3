"""A worker's cache: snapshots of the recent past, watches, subscribers, and what they cost."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.storage import cache as cache_module
from cluster.storage import watching
from cluster.storage.cache import Cache
from cluster.storage.contract import Change, Compacted, Key, StoreUnavailable
from cluster.storage.engine import Record, Row
from cluster.storage.latch import Latch
from cluster.storage.watching import LiveWatch, Scope

VALUE = b'{"metadata":{"name":"x"}}'


def no_history(scope: Scope, after: int, until: int) -> tuple[Sequence[Change], int]:
    raise AssertionError(f"the log was asked for {scope} after {after}")


def put(cache: Cache, key: str, value: bytes | None = VALUE) -> int:
    revision = cache.revision + 1
    cache.apply([Record(revision, key, value, 0, None, "")])
    return revision


def watch(cache: Cache, since: int | None = None) -> LiveWatch:
    return cache.watch("pods", None, None, cache.revision if since is None else since, no_history)


@pytest.fixture
def cache() -> Cache:
    cache = Cache()
    cache.replace([], 1)
    return cache


WRITES = st.lists(st.tuples(st.sampled_from(["pods/a/1", "pods/a/2", "pods/b/1", "nodes//1"]), st.sampled_from([VALUE, None])), max_size=30)


@given(writes=WRITES, namespace=st.sampled_from([None, "a", "b"]), asked=st.lists(st.integers(0, 30), max_size=5))
def test_a_list_at_any_remembered_revision_equals_the_list_of_that_moment(
    writes: list[tuple[str, bytes | None]], namespace: str | None, asked: list[int]
) -> None:
    cache = Cache()
    cache.replace([], 1)
    moments = [cache.list("pods", namespace)]
    for step, (key, value) in enumerate(writes):
        put(cache, key, value)
        moments.append(cache.list("pods", namespace))
        if step in asked:
            cache.list("pods", None)
    for revision, moment in enumerate(moments, start=1):
        past = cache.list_at("pods", namespace, revision)
        assert past is not None
        assert (past.revision, list(past.entries)) == (moment.revision, list(moment.entries))
        assert list(moment.entries) == sorted(moment.entries, key=lambda entry: entry.key)


def test_what_is_not_remembered_is_unknown(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_module, "RING_CHANGES", 3)
    for number in range(6):
        put(cache, f"pods/a/{number}")
    assert cache.list_at("pods", None, 3) is None
    assert cache.list_at("pods", None, 4) is not None


def test_memory_of_changes_is_bounded_in_bytes(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_module, "RING_BYTES", 10_000)
    for number in range(20):
        put(cache, f"pods/a/{number}", VALUE[:-2] + b"x" * 1000 + b"}}")
    assert cache.list_at("pods", None, cache.revision - 10) is None
    assert cache.list_at("pods", None, cache.revision - 3) is not None


def test_what_is_compacted_is_refused_though_it_were_remembered(cache: Cache) -> None:
    for number in range(6):
        put(cache, f"pods/a/{number}")
    cache.compact(4)
    with pytest.raises(Compacted):
        cache.list_at("pods", None, 3)
    with pytest.raises(Compacted):
        watch(cache, 3)
    assert cache.list_at("pods", None, 4) is not None
    assert [change.revision for change in watch(cache, 4).next(0)] == [5, 6, 7]


def test_a_gap_in_the_log_is_an_error(cache: Cache) -> None:
    with pytest.raises(ValueError, match="revision 3 does not follow 1"):
        cache.apply([Record(3, "pods/a/1", VALUE, 0, None, "")])


def test_records_that_are_known_are_passed_over(cache: Cache) -> None:
    record = Record(2, "pods/a/1", VALUE, 0, None, "")
    cache.apply([record])
    with watch(cache) as open_watch:
        cache.apply([record])
        assert open_watch.next(0) == []


def test_all_watches_of_a_scope_share_one_list_of_changes(cache: Cache) -> None:
    watches = [watch(cache) for _ in range(3)]
    put(cache, "pods/a/1")
    batches = [each.next(0) for each in watches]
    assert batches[0] is batches[1] is batches[2]


def test_a_watch_is_closed_by_too_many_bytes(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "QUEUE_BYTES", 10_000)
    slow, quick = watch(cache), watch(cache)
    for number in range(40):
        put(cache, f"pods/a/{number}", VALUE[:-2] + b"x" * 1000 + b"}}")
        assert quick.next(0)
    assert slow.next(0) is None


def test_one_large_batch_closes_nobody(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "QUEUE_CHANGES", 10)
    with watch(cache) as open_watch:
        cache.apply([Record(number, f"pods/a/{number}", VALUE, 0, None, "") for number in range(2, 52)])
        assert len(open_watch.next(0)) == 50


def test_a_closed_watch_is_forgotten(cache: Cache) -> None:
    watch(cache).close()
    assert cache._watchers._scopes == {}


def test_a_new_state_closes_watches_and_tells_subscribers_the_difference(cache: Cache) -> None:
    put(cache, "pods/a/kept")
    put(cache, "pods/a/changed")
    put(cache, "pods/a/gone")
    heard: list[tuple[str, int, bool, bool]] = []
    cache.subscribe("pods", lambda c: heard.append((c.key.name, c.revision, c.entry is not None, c.previous is not None)))
    heard.clear()
    open_watch = watch(cache)
    cache.replace([Row("pods/a/kept", 2, VALUE), Row("pods/a/changed", 7, VALUE), Row("pods/a/new", 8, VALUE)], 9)
    assert open_watch.next(0) is None
    assert sorted(heard) == [("changed", 7, True, True), ("gone", 9, False, True), ("new", 8, True, False)]
    assert [entry.key.name for entry in cache.list("pods", "a").entries] == ["changed", "kept", "new"]


def test_a_subscriber_hears_before_anyone_reads(cache: Cache) -> None:
    found: list[object] = []
    cache.subscribe("pods", lambda change: found.append(cache.find(change.key)))
    put(cache, "pods/a/1")
    assert found == [None]
    assert cache.find(Key("pods", "a", "1")) is not None


def test_waiting_ends_with_the_revision_or_with_the_time(cache: Cache) -> None:
    assert cache.wait(2, 0.01) is False
    timer = threading.Timer(0.05, put, (cache, "pods/a/1"))
    timer.start()
    assert cache.wait(2, 10) is True
    timer.join()
    assert cache._waiters == []


def history_of(pages: list[object]) -> tuple[list[tuple[int, int]], object]:
    asked: list[tuple[int, int]] = []

    def older(scope: Scope, after: int, until: int) -> tuple[Sequence[Change], int]:
        asked.append((after, until))
        page = pages.pop(0)
        if isinstance(page, Exception):
            raise page
        return page

    return asked, older


def change(revision: int) -> Change:
    return Change(revision, Key("pods", "a", "1"), None, None)


def forgetful(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_module, "RING_CHANGES", 1)
    for number in range(9):
        put(cache, f"pods/a/{number}")


def test_older_history_is_paged_in_as_it_is_taken(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    forgetful(cache, monkeypatch)
    asked, older = history_of([([change(3)], 4), ([], 6), ([change(8)], 10)])
    with cache.watch("pods", None, None, 2, older) as open_watch:
        open_watch.begin()
        assert asked == [(2, 10)]
        put(cache, "pods/a/live")
        assert ([c.revision for c in open_watch.next(0)], open_watch.revision) == ([3], 4)
        assert ([c.revision for c in open_watch.next(0)], open_watch.revision) == ([8], 10)
        assert ([c.revision for c in open_watch.next(0)], open_watch.revision) == ([11], 11)
        assert asked == [(2, 10), (4, 10), (6, 10)]


@pytest.mark.parametrize("failure", [Compacted(2, 3), StoreUnavailable()])
def test_a_watch_whose_history_fails_later_is_closed(cache: Cache, monkeypatch: pytest.MonkeyPatch, failure: Exception) -> None:
    forgetful(cache, monkeypatch)
    _, older = history_of([([change(3)], 4), failure])
    with cache.watch("pods", None, None, 2, older) as open_watch:
        open_watch.begin()
        assert open_watch.next(0)
        assert open_watch.next(0) is None


def test_a_latch_opens_once_and_again_changes_nothing() -> None:
    latch = Latch()
    assert latch.wait(0) is False
    latch.open()
    latch.open()
    assert latch.wait(None) is True
