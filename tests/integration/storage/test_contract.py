"""What every store implementation promises."""

from __future__ import annotations

import threading

import pytest

from cluster.storage import worker
from cluster.storage.contract import Change, Compacted, FutureRevision, Key, Store, Watch, Write, WriteConflict
from cluster.storage.engine import MAX_VALUE

from .conftest import put, value

WEB = Key("deployments.apps", "dev", "web")


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The future is given up sooner than in earnest."""
    assert worker.FUTURE_WITHIN == 3
    monkeypatch.setattr(worker, "FUTURE_WITHIN", 0.5)


def names(entries) -> list[str]:
    return [entry.key.name for entry in entries]


def taken(watch: Watch, count: int) -> list[Change]:
    """The next `count` changes."""
    changes: list[Change] = []
    while len(changes) < count:
        batch = watch.next(10)
        assert batch, f"only {len(changes)} of {count} changes came"
        changes += batch
    return changes


def shape(change: Change) -> tuple[int, str, bytes | None, bytes | None]:
    return (
        change.revision,
        change.key.name,
        change.entry and change.entry.data,
        change.previous and change.previous.data,
    )


def test_a_created_object_is_read_with_its_revision_spliced_in(store: Store) -> None:
    revision = put(store, WEB, 0)
    entry = store.get(WEB)
    assert entry is not None
    assert entry.data == b'{"metadata":{"resourceVersion":"%d","name":"web"},"data":""}' % revision


def test_an_absent_object_is_none(store: Store) -> None:
    assert store.get(WEB) is None


def test_revisions_increase_with_every_write(store: Store) -> None:
    first = put(store, WEB, 0)
    second = put(store, WEB, first)
    third = store.commit([Write(WEB, second, None)])
    assert first < second < third == store.revision()


def test_a_deleted_object_is_gone_and_may_be_created_again(store: Store) -> None:
    store.commit([Write(WEB, put(store, WEB, 0), None)])
    assert store.get(WEB) is None
    revision = put(store, WEB, 0)
    assert store.get(WEB).revision == revision


@pytest.mark.parametrize("expected", [0, 1, 10_000])
def test_a_write_at_another_revision_conflicts(store: Store, expected: int) -> None:
    revision = put(store, WEB, 0)
    with pytest.raises(WriteConflict) as caught:
        put(store, WEB, expected, "changed")
    assert (caught.value.key, caught.value.current) == (WEB, revision)
    assert b"changed" not in store.get(WEB).data


def test_an_update_of_what_is_absent_conflicts_at_zero(store: Store) -> None:
    with pytest.raises(WriteConflict) as caught:
        put(store, WEB, 7)
    assert caught.value.current == 0


def test_after_a_conflict_the_newer_object_is_read(store: Store) -> None:
    first = put(store, WEB, 0)
    second = put(store, WEB, first)
    with pytest.raises(WriteConflict):
        put(store, WEB, first)
    assert store.get(WEB).revision == second


def test_all_writes_of_a_transaction_happen(store: Store) -> None:
    other = WEB._replace(name="other")
    revision = store.commit([Write(WEB, 0, value("web")), Write(other, 0, value("other"))])
    assert [store.get(WEB).revision, store.get(other).revision] == [revision - 1, revision]


def test_no_write_of_a_conflicting_transaction_happens(store: Store) -> None:
    other = WEB._replace(name="other")
    before = put(store, other, 0)
    with pytest.raises(WriteConflict):
        store.commit([Write(WEB, 0, value("web")), Write(other, 0, value("other", "changed"))])
    assert store.get(WEB) is None
    assert store.revision() == before


def test_one_conflict_among_many_concurrent_writes_fails_alone(store: Store) -> None:
    taken_key = Key("pods", "dev", "taken")
    put(store, taken_key, 0)
    outcomes: dict[int, object] = {}

    def write(number: int) -> None:
        try:
            outcomes[number] = put(store, taken_key if number == 7 else Key("pods", "dev", str(number)), 0)
        except WriteConflict as error:
            outcomes[number] = error

    threads = [threading.Thread(target=write, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert isinstance(outcomes.pop(7), WriteConflict)
    revisions = list(outcomes.values())
    assert all(isinstance(revision, int) for revision in revisions)
    assert len(set(revisions)) == 15


@pytest.mark.parametrize(
    "writes",
    [
        pytest.param([], id="none"),
        pytest.param([Write(Key("pods", "a/b", "c"), 0, value("c"))], id="slash"),
        pytest.param([Write(WEB, 0, None)], id="deletion of nothing"),
        pytest.param([Write(WEB, 0, value("web", "x" * MAX_VALUE))], id="too large"),
        pytest.param([Write(WEB, 0, b'{"kind":"Deployment","metadata":{"name":"web"}}')], id="no metadata at the front"),
        pytest.param([Write(WEB, 0, b'{"metadata":{}}')], id="empty metadata"),
        pytest.param([Write(Key("pods", "", str(number)), 0, value("x")) for number in range(1001)], id="too many"),
    ],
)
def test_a_write_that_could_never_be_is_an_error(store: Store, writes: list[Write]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        store.commit(writes)


def test_a_large_object_is_kept(store: Store) -> None:
    put(store, WEB, 0, "x" * 3_000_000)
    assert len(store.get(WEB).data) > 3_000_000


def test_a_list_is_in_key_order_and_as_of_its_revision(store: Store) -> None:
    for namespace, name in (("b", "1"), ("a", "2"), ("a-b", "0"), ("a", "10"), ("a", "1")):
        put(store, Key("pods", namespace, name), 0)
    last = put(store, Key("nodes", "", "n"), 0)
    snapshot = store.list("pods")
    assert [entry.key[1:] for entry in snapshot.entries] == [("a", "1"), ("a", "10"), ("a", "2"), ("a-b", "0"), ("b", "1")]
    assert snapshot.revision == last
    assert names(store.list("pods", "a").entries) == ["1", "10", "2"]
    assert names(store.list("nodes", "").entries) == ["n"]
    assert list(store.list("pods", "none").entries) == list(store.list("none").entries) == []


def test_a_snapshot_does_not_change(store: Store) -> None:
    revision = put(store, WEB, 0, "first")
    before = store.list("deployments.apps", "dev")
    put(store, WEB._replace(name="a"), 0)
    store.commit([Write(WEB, revision, None)])
    assert names(before.entries) == ["web"]
    assert names(store.list("deployments.apps", "dev").entries) == ["a"]


def test_a_list_at_least_as_new_waits_then_says_it_is_the_future(store: Store) -> None:
    with pytest.raises(FutureRevision) as caught:
        store.list("pods", at_least=1000)
    assert (caught.value.asked, caught.value.current) == (1000, 1)
    assert store.list("pods", at_least=0).revision == 1


def test_a_list_at_a_past_revision_is_exact(store: Store) -> None:
    first = put(store, WEB, 0, "one")
    other = put(store, WEB._replace(name="other"), 0)
    store.commit([Write(WEB, first, None)])
    store.commit([Write(WEB._replace(name="other"), other, value("other", "two"))])
    put(store, WEB._replace(name="later"), 0)
    snapshot = store.list_at("deployments.apps", "dev", other)
    assert snapshot.revision == other
    assert [(entry.key.name, entry.revision) for entry in snapshot.entries] == [("other", other), ("web", first)]
    assert b"one" in snapshot.entries[1].data


def test_a_list_at_a_future_revision_is_refused(store: Store) -> None:
    with pytest.raises(FutureRevision):
        store.list_at("pods", None, 99)


def test_a_watch_delivers_every_later_change_once_in_order(store: Store) -> None:
    with store.watch("deployments.apps", "dev", store.revision()) as watch:
        first = put(store, WEB, 0, "one")
        second = put(store, WEB, first, "two")
        third = store.commit([Write(WEB, second, None)])
        one = b'{"metadata":{"resourceVersion":"%d","name":"web"},"data":"one"}' % first
        two = b'{"metadata":{"resourceVersion":"%d","name":"web"},"data":"two"}' % second
        assert [shape(change) for change in taken(watch, 3)] == [
            (first, "web", one, None),
            (second, "web", two, one),
            (third, "web", None, two),
        ]
        assert watch.next(0.01) == []


def test_a_watch_from_the_past_begins_with_what_was_missed(store: Store) -> None:
    since = put(store, WEB, 0)
    second = put(store, WEB, since)
    with store.watch("deployments.apps", None, since) as watch:
        third = put(store, WEB, second)
        assert [change.revision for change in taken(watch, 2)] == [second, third]


@pytest.mark.parametrize(
    ("namespace", "name", "expected"),
    [
        (None, None, ["dev/a", "dev/b", "ops/a"]),
        ("dev", None, ["dev/a", "dev/b"]),
        ("dev", "b", ["dev/b"]),
        (None, "a", ["dev/a", "ops/a"]),
    ],
)
@pytest.mark.parametrize("past", [True, False])
def test_a_watch_sees_its_scope_only(store: Store, namespace: str | None, name: str | None, expected: list[str], past: bool) -> None:
    since = store.revision()
    keys = [Key("pods", "dev", "a"), Key("pods", "dev", "b"), Key("pods", "ops", "a"), Key("services", "dev", "a")]
    if past:
        for key in keys:
            put(store, key, 0)
    with store.watch("pods", namespace, since, name=name) as watch:
        if not past:
            for key in keys:
                put(store, key, 0)
        seen = [f"{change.key.namespace}/{change.key.name}" for change in taken(watch, len(expected))]
        assert seen == expected
        assert watch.next(0.01) == []


def test_an_idle_watch_has_the_progress_of_the_store(store: Store) -> None:
    with store.watch("pods", None, store.revision()) as watch:
        revision = put(store, WEB, 0)
        assert store.get(WEB) is not None
        assert watch.revision == revision


def test_a_watch_has_no_progress_beyond_what_it_returned(store: Store) -> None:
    with store.watch("deployments.apps", None, store.revision()) as watch:
        before = store.revision()
        revision = put(store, WEB, 0)
        assert watch.revision == before
        taken(watch, 1)
        assert watch.revision == revision


def test_a_watch_from_the_future_is_refused(store: Store) -> None:
    with pytest.raises(FutureRevision):
        store.watch("pods", None, 50)


def test_a_watch_from_the_near_future_waits_for_it(store: Store) -> None:
    later = threading.Timer(0.2, put, (store, WEB, 0))
    later.start()
    with store.watch("deployments.apps", None, store.revision() + 1) as watch:
        assert watch.next(0.01) == []
    later.join()


def test_a_closed_watch_returns_none(store: Store) -> None:
    watch = store.watch("deployments.apps", None, store.revision())
    put(store, WEB, 0)
    watch.close()
    assert watch.next(1) is None


def test_closing_wakes_the_consumer(store: Store) -> None:
    watch = store.watch("pods", None, store.revision())
    timer = threading.Timer(0.1, watch.close)
    timer.start()
    assert watch.next(10) is None
    timer.join()


def test_a_slow_watch_is_closed(store: Store) -> None:
    with store.watch("pods", None, store.revision()) as slow, store.watch("nodes", None, store.revision()) as other:
        for start in range(0, 12_000, 1000):
            store.commit([Write(Key("pods", "dev", str(number)), 0, b'{"metadata":{"a":1}}') for number in range(start, start + 1000)])
        assert store.get(WEB) is None
        assert slow.next(10) is None
        assert other.next(0.01) == []


def test_a_subscriber_hears_of_what_there_is_then_of_changes_before_they_are_read(store: Store) -> None:
    heard: list[tuple[str, int]] = []
    first = put(store, WEB, 0)
    store.subscribe("deployments.apps", lambda change: heard.append((change.key.name, change.revision)))
    second = put(store, WEB, first)
    assert heard == [("web", first), ("web", second)]


def test_once_settled_subscribers_were_told_of_all_that_was_acknowledged(store: Store) -> None:
    heard: list[int] = []
    store.subscribe("deployments.apps", lambda change: heard.append(change.revision))
    written = put(store, WEB, 0)
    store.settle()
    assert heard == [written]


def test_a_failing_subscriber_stops_nobody(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    def fail(change: Change) -> None:
        raise RuntimeError("subscriber")

    store.subscribe("deployments.apps", fail)
    put(store, WEB, 0)
    assert store.get(WEB) is not None
    assert "a subscriber failed" in caplog.text


def test_the_changes_of_a_resumed_watch_equal_those_of_one_that_never_ended(store: Store) -> None:
    since = store.revision()
    with store.watch("pods", None, since) as whole:
        revisions: dict[Key, int] = {}
        for number in range(200):
            key = Key("pods", "dev", str(number * 7 % 23))
            if number % 5 == 4 and revisions.get(key):
                store.commit([Write(key, revisions.pop(key), None)])
            else:
                revisions[key] = put(store, key, revisions.get(key, 0), str(number))
        expected = [shape(change) for change in taken(whole, 200)]
    for start in (0, 1, 77, 199):
        with store.watch("pods", None, since + start) as resumed:
            assert [shape(change) for change in taken(resumed, 200 - start)] == expected[start:]


def test_compacted_is_what_it_says() -> None:
    error = Compacted(3, 9)
    assert (error.asked, error.oldest, str(error)) == (3, 9, "revision 3 is compacted, the oldest is 9")
