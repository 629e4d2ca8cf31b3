"""The store's contract: what every engine promises, and what the registry relies on.

One cluster-wide revision, a strictly increasing integer.  Writes are compare-and-swap and durable before `commit`
returns.  Reads are linearizable across workers.  A watch delivers each later change of its scope once, in order.
One contract test suite runs against every implementation (`tests/integration/storage/test_contract.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol, Self

from msgspec import Struct

PREFIX = b'{"metadata":{'
"""How every value begins, so that the revision can be spliced in without parsing."""


class Key(NamedTuple):
    """Where an object lives.  `resource` is str(GroupResource), e.g. `deployments.apps`; namespace "" is cluster scope."""

    resource: str
    namespace: str
    name: str


class Entry:
    """A stored object at one revision.  `data` is its JSON with resourceVersion spliced in, still without apiVersion and kind.

    Immutable but for `memo`, where higher rooms may keep what they derive from it (decoded object, labels) for its lifetime.
    """

    __slots__ = ("data", "key", "memo", "revision")

    def __init__(self, key: Key, revision: int, value: bytes) -> None:
        self.key = key
        self.revision = revision
        self.data = b'{"metadata":{"resourceVersion":"%d",%s' % (revision, value[len(PREFIX) :])
        self.memo: object = None


class Change:
    """One revision of the log.  `entry` is None for a deletion, `previous` None for a creation.

    `memo` is for higher rooms: encodings shared by all watchers of this change.
    """

    __slots__ = ("entry", "key", "memo", "previous", "revision")

    def __init__(self, revision: int, key: Key, entry: Entry | None, previous: Entry | None) -> None:
        self.revision = revision
        self.key = key
        self.entry = entry
        self.previous = previous
        self.memo: dict[object, bytes] = {}


class Write(Struct, frozen=True):
    """One member of a transaction.  `expected`: the revision the object must be at, 0 if it must not exist.

    `value` None deletes.  A value begins with PREFIX and its metadata is not empty.
    """

    key: Key
    expected: int
    value: bytes | None


class Snapshot(NamedTuple):
    """All entries of a scope as of one revision, in key order."""

    revision: int
    entries: Sequence[Entry]


class WriteConflict(Exception):
    """A write's expectation did not hold; nothing of its transaction was written.  `current` is 0 where the object is absent."""

    def __init__(self, key: Key, current: int) -> None:
        super().__init__(f"{key} is at revision {current}")
        self.key = key
        self.current = current


class Compacted(Exception):
    """The log no longer reaches back to the revision asked for."""

    def __init__(self, asked: int, oldest: int) -> None:
        super().__init__(f"revision {asked} is compacted, the oldest is {oldest}")
        self.asked = asked
        self.oldest = oldest


class FutureRevision(Exception):
    """The revision asked for did not come into being within the time given."""

    def __init__(self, asked: int, current: int) -> None:
        super().__init__(f"revision {asked} is in the future of {current}")
        self.asked = asked
        self.current = current


class StoreUnavailable(Exception):
    """The store did not answer in time; whether a write happened is then unknown and is said in the message."""


class Watch(Protocol):
    """A subscription to the changes of one scope."""

    def next(self, timeout: float | None = None) -> Sequence[Change] | None:
        """The next changes, in order and at least one; [] when `timeout` seconds pass; None once closed (too slow, or stopped).

        A closed watch first delivers nothing more: it never skips a change and goes on.
        """
        ...

    @property
    def revision(self) -> int:
        """Every change of the scope up to this revision has been returned by `next` (for bookmarks)."""
        ...

    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc: object) -> None: ...


class Store(Protocol):
    """What a worker sees.  Blocking calls yield to other greenlets where the process runs gevent."""

    def revision(self) -> int:
        """The newest revision that any worker has been told of."""
        ...

    def settle(self) -> None:
        """Waits until this worker has, and its subscribers were told of, every write that was acknowledged anywhere before this call.

        StoreUnavailable where that takes too long.  Where nothing is missing, it costs a look at a counter.
        """
        ...

    def commit(self, writes: Sequence[Write]) -> int:
        """All of the writes or none, durable, under revisions that follow one another: the last.  WriteConflict, StoreUnavailable."""
        ...

    def get(self, key: Key) -> Entry | None:
        """The newest entry (linearizable)."""
        ...

    def list(self, resource: str, namespace: str | None = None, *, at_least: int | None = None) -> Snapshot:
        """The newest snapshot (linearizable), in key order.

        `at_least` 0 takes whatever this worker has; n waits until this worker has revision n (FutureRevision after 3 s).
        """
        ...

    def list_at(self, resource: str, namespace: str | None, revision: int) -> Snapshot:
        """The snapshot as of an exact past revision.  Compacted, FutureRevision."""
        ...

    def watch(self, resource: str, namespace: str | None, since: int, *, name: str | None = None) -> Watch:
        """Changes after revision `since`, which may be in the log's past.  Compacted; FutureRevision after 3 s."""
        ...

    def subscribe(self, resource: str, callback: Callable[[Change], None]) -> None:
        """Calls back for each entry there is (as a creation), then for each change before any read of this worker sees it.

        A callback neither blocks nor reads the store, which waits for it.
        """
        ...

    def close(self) -> None: ...
