"""Charged writes: they and what they are charged are one transaction, and those of one account share it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence

import orjson
import pytest

from admission.attributes import Attributes
from admission.chain import Chain
from admission.charges import Ledger
from admission.denial import forbidden
from cluster.api.errors import Forbidden, InternalError, StatusError
from cluster.api.names import GroupResource, Object
from cluster.kinds.catalog import Catalog, catalog
from cluster.registry import charging
from cluster.registry.charging import ChargedWrite, Charging, charges_of
from cluster.registry.codec import encode
from cluster.schema.model import SchemaSet
from cluster.storage.contract import Key, StoreUnavailable, Write, WriteConflict
from cluster.storage.local import LocalStore
from tests.support import eventually
from tests.unit.admission.writes import write

QUOTAS = GroupResource("", "resourcequotas")
LIMIT = 10


@pytest.fixture(name="kinds", scope="module")
def kinds_fixture() -> Catalog:
    return catalog("1.36", SchemaSet.for_version().gvks())


class Store(LocalStore):
    """Counts what is committed; `before` is called ahead of each commit."""

    before: Callable[[Sequence[Write]], None] | None = None

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self.committed: list[Sequence[Write]] = []

    def commit(self, writes: Sequence[Write]) -> int:
        if self.before is not None:
            self.before(writes)
        revision = super().commit(writes)
        self.committed.append(writes)
        return revision


@pytest.fixture(name="store")
def store_fixture() -> Iterator[Store]:
    store = Store.temporary()
    put_quota(store, "q", 0)
    store.committed.clear()
    yield store
    store.close()


def quota_key(name: str) -> Key:
    return Key("resourcequotas", "dev", name)


def put_quota(store: LocalStore, name: str, used: int) -> None:
    entry = store.get(quota_key(name))
    value = encode({"metadata": {"name": name, "namespace": "dev", "uid": name}, "status": {"used": used}})
    store.commit([Write(quota_key(name), entry.revision if entry else 0, value)])


def used(store: LocalStore, name: str = "q") -> int:
    entry = store.get(quota_key(name))
    assert entry is not None
    number: int = orjson.loads(entry.data)["status"]["used"]
    return number


class OneMore:
    """Charges one of a quota that has room for ten."""

    plugin = "OneMore"
    account = "dev"

    def __init__(self, quota: str = "q") -> None:
        self.attributes: Attributes = write("CREATE", "pods", {"metadata": {"name": "p"}}, namespace="dev")
        self._quota = quota

    def settle(self, ledger: Ledger) -> None:
        quotas = {each["metadata"]["name"]: each for each in ledger.list(QUOTAS, "dev")}
        quota: Object = quotas[self._quota]
        if quota["status"]["used"] == LIMIT:
            raise forbidden(self.attributes, "full")
        ledger.put(QUOTAS, {**quota, "status": {"used": quota["status"]["used"] + 1}})


def pod(name: str) -> Write:
    return Write(Key("pods", "dev", name), 0, encode({"metadata": {"name": name, "namespace": "dev", "uid": name}}))


def pods(store: LocalStore) -> list[str]:
    return [entry.key.name for entry in store.list("pods").entries]


def test_a_write_and_its_charge_are_one_transaction(store: Store, kinds: Catalog) -> None:
    revision = Charging(store, kinds, Chain([])).commit([OneMore()], [pod("a")])
    assert [[write.key.resource for write in each] for each in store.committed] == [["resourcequotas", "pods"]]
    found = store.get(Key("pods", "dev", "a"))
    assert found is not None
    assert (found.revision, used(store)) == (revision, 1)


def test_a_charge_that_changes_nothing_writes_nothing(store: Store, kinds: Catalog) -> None:
    class Free(OneMore):
        def settle(self, ledger: Ledger) -> None:
            ledger.list(QUOTAS, "dev")

    Charging(store, kinds, Chain([])).commit([Free()], [pod("a")])
    assert [len(each) for each in store.committed] == [1]


def test_of_many_at_once_no_more_are_written_than_fit_and_those_that_wait_share_commits(store: Store, kinds: Catalog) -> None:
    chosen, go, threads = Charging(store, kinds, Chain([])), threading.Event(), 40
    written: dict[str, int] = {}
    denied: list[str] = []

    def create(name: str) -> None:
        go.wait()
        try:
            written[name] = chosen.commit([OneMore()], [pod(name)])
        except Forbidden as error:
            denied.append(error.message)

    waiting = [threading.Thread(target=create, args=(f"p{number}",)) for number in range(threads)]
    for each in waiting:
        each.start()
    go.set()
    for each in waiting:
        each.join()
    assert (len(written), len(denied), used(store)) == (LIMIT, threads - LIMIT, LIMIT)
    assert sorted(pods(store)) == sorted(written)
    assert {name: entry.revision for name in written if (entry := store.get(Key("pods", "dev", name)))} == written
    assert denied[0] == 'pods "p" is forbidden: full'


class Stepwise:
    """Holds each commit until it is let go, so that others come to wait meanwhile."""

    def __init__(self, store: Store) -> None:
        self.arrived = threading.Semaphore(0)
        self.release = threading.Semaphore(0)
        store.before = self._hold

    def _hold(self, writes: Sequence[Write]) -> None:
        self.arrived.release()
        assert self.release.acquire(timeout=10)


def run(chosen: Charging, charge: OneMore, *writes: Write) -> tuple[threading.Thread, list[object]]:
    outcome: list[object] = []

    def work() -> None:
        try:
            outcome.append(chosen.commit([charge], writes))
        except (StatusError, WriteConflict, StoreUnavailable) as error:
            outcome.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    return thread, outcome


def waits(chosen: Charging, number: int) -> None:
    eventually(lambda: len(chosen._waiting.get("dev", ())) == number, f"{number} wait")


def test_those_that_come_during_a_commit_go_into_the_next_one_in_order(store: Store, kinds: Catalog) -> None:
    chosen, steps = Charging(store, kinds, Chain([])), Stepwise(store)
    started = [run(chosen, OneMore(), pod("a"))]
    assert steps.arrived.acquire(timeout=10)
    for number, name in enumerate("bcd"):
        started.append(run(chosen, OneMore(), pod(name)))
        waits(chosen, number + 1)
    for _ in range(2):
        steps.release.release()
    for thread, _ in started:
        thread.join(10)
    assert [[write.key.name for write in each] for each in store.committed] == [["q", "a"], ["q", "b", "c", "d"]]
    assert [outcome for _, (outcome,) in started] == [4, 6, 7, 8]
    assert chosen._waiting == {}


def test_a_quota_that_others_charge_is_settled_anew_with_who_has_come_meanwhile(store: Store, kinds: Catalog) -> None:
    chosen, steps = Charging(store, kinds, Chain([])), Stepwise(store)
    first, outcome = run(chosen, OneMore(), pod("a"))
    assert steps.arrived.acquire(timeout=10)
    second, other = run(chosen, OneMore(), pod("b"))
    waits(chosen, 1)
    hold, store.before = store.before, None
    put_quota(store, "q", LIMIT - 1)  # as another process would
    store.before = hold
    for _ in range(2):
        steps.release.release()
    first.join(10)
    second.join(10)
    assert used(store) == LIMIT
    assert pods(store) == ["a"]
    assert isinstance(outcome[0], int)
    assert isinstance(other[0], Forbidden)


def test_who_conflicts_is_told_and_the_others_are_written(store: Store, kinds: Catalog) -> None:
    store.commit([pod("b")])
    chosen, steps = Charging(store, kinds, Chain([])), Stepwise(store)
    started = [run(chosen, OneMore(), pod("a"))]
    assert steps.arrived.acquire(timeout=10)
    for number, name in enumerate("bc"):
        started.append(run(chosen, OneMore(), pod(name)))
        waits(chosen, number + 1)
    for _ in range(3):
        steps.release.release()
    for thread, _ in started:
        thread.join(10)
    assert [type(outcome) for _, (outcome,) in started] == [int, WriteConflict, int]
    assert (pods(store), used(store)) == (["a", "b", "c"], 2)


def test_two_writes_of_one_object_are_never_in_one_commit(store: Store, kinds: Catalog) -> None:
    chosen, steps = Charging(store, kinds, Chain([])), Stepwise(store)
    started = [run(chosen, OneMore(), pod("a"))]
    assert steps.arrived.acquire(timeout=10)
    for number, name in enumerate(["same", "same"]):
        started.append(run(chosen, OneMore(), pod(name)))
        waits(chosen, number + 1)
    for _ in range(3):
        steps.release.release()
    for thread, _ in started:
        thread.join(10)
    assert [type(outcome) for _, (outcome,) in started] == [int, int, WriteConflict]
    assert used(store) == 2


def test_a_store_that_fails_fails_for_all_of_a_commit_and_not_for_the_next(store: Store, kinds: Catalog) -> None:
    chosen = Charging(store, kinds, Chain([]))

    def fail(_: Sequence[Write]) -> None:
        raise StoreUnavailable("gone")

    store.before = fail
    with pytest.raises(StoreUnavailable, match="gone"):
        chosen.commit([OneMore()], [pod("a")])
    store.before = None
    chosen.commit([OneMore()], [pod("a")])
    assert (used(store), chosen._waiting) == (1, {})


class Ended(BaseException):
    """A thread's end, as when its process shuts down."""


def test_whoever_leads_and_ends_leaves_nobody_waiting(store: Store, kinds: Catalog) -> None:
    chosen, steps = Charging(store, kinds, Chain([])), Stepwise(store)
    ended: list[BaseException] = []

    class Ends(OneMore):
        def settle(self, ledger: Ledger) -> None:
            steps.arrived.release()
            assert steps.release.acquire(timeout=10)
            raise Ended

    def lead() -> None:
        try:
            chosen.commit([Ends()], [pod("a")])
        except Ended as error:
            ended.append(error)

    leader = threading.Thread(target=lead)
    leader.start()
    assert steps.arrived.acquire(timeout=10)
    store.before = None
    follower, outcome = run(chosen, OneMore(), pod("b"))
    waits(chosen, 1)
    steps.release.release()
    leader.join(10)
    follower.join(10)
    assert len(ended) == 1
    assert isinstance(outcome[0], int)


def test_a_write_is_not_tried_for_ever(store: Store, kinds: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(charging, "SETTLE_SECONDS", 0.05)
    chosen = Charging(store, kinds, Chain([]))

    def faster(writes: Sequence[Write]) -> None:
        store.before = None
        put_quota(store, "q", 0)
        store.before = faster

    store.before = faster
    with pytest.raises(InternalError, match="resource quota evaluation timed out"):
        chosen.commit([OneMore()], [pod("a")])
    assert pods(store) == []


def test_of_a_write_with_several_charges_all_are_settled_or_none(store: Store, kinds: Catalog) -> None:
    put_quota(store, "full", LIMIT)
    chosen = Charging(store, kinds, Chain([]))
    with pytest.raises(Forbidden):
        chosen.commit([OneMore(), OneMore("full")], [pod("a")])
    assert (used(store), used(store, "full"), pods(store)) == (0, LIMIT, [])
    put_quota(store, "full", LIMIT - 1)
    chosen.commit([OneMore(), OneMore("full")], [pod("a")])
    assert (used(store), used(store, "full")) == (1, LIMIT)


def test_writes_that_go_with_another_bring_their_own_charges() -> None:
    own, others = OneMore(), OneMore()
    plain = pod("a")
    charged = ChargedWrite(plain.key, plain.expected, plain.value, (others,))
    assert charges_of([own], [plain, charged]) == [own, others]
