"""Commits writes with what they are charged: both are one transaction, which expects what was charged to be as it was when settled.

Writes to one account would conflict with one another all the time: of many clients in a namespace with a quota, one would succeed in each
commit.  So those that come to this process while a commit is under way are settled one after the other and go into the next one together;
against other processes the whole batch is settled anew.  The writer that finds nobody at it commits for all that wait, then hands over.
Upstream batches by namespace, too: apiserver `pkg/admission/plugin/resourcequota/controller.go` (checkQuotas).
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Final

from admission.chain import Chain
from admission.charges import Charge
from cluster.api.errors import InternalError, StatusError
from cluster.api.names import GroupResource, Object
from cluster.kinds.catalog import Catalog
from cluster.registry.codec import Codec, shared
from cluster.storage.contract import Entry, Key, Store, StoreUnavailable, Write, WriteConflict
from cluster.storage.latch import Latch

SETTLE_SECONDS: Final = 10.0
"""How long a write is tried against others' of the same account."""
_WAIT_SECONDS: Final = 30.0
"""How long one waits for the commit that it is a part of: a settling, and a store that does not answer."""
_MOST_MEMBERS: Final = 64
_MOST_WRITES: Final = 500
_MOST_BYTES: Final = 2 << 20
"""What one transaction holds, except for a single write that is larger."""
_UNKNOWN: Final = "the commit was given up, it is unknown whether the write happened"


class ChargedWrite(Write, frozen=True):
    """A write that was admitted with charges of its own, and is committed with another one (see Companion)."""

    charges: tuple[Charge, ...] = ()


def charges_of(own: Sequence[Charge], writes: Sequence[Write]) -> list[Charge]:
    """All that is to be settled when the writes are committed."""
    return [*own, *(charge for each in writes if isinstance(each, ChargedWrite) for charge in each.charges)]


class Charging:
    """The commits of charged writes, of one process."""

    def __init__(self, store: Store, catalog: Catalog, chain: Chain) -> None:
        self._store = store
        self._catalog = catalog
        self._chain = chain
        self._lock = threading.Lock()
        self._waiting: dict[str, deque[_Member]] = {}
        """By account; an account is in it as long as somebody commits for it."""

    def commit(self, charges: Sequence[Charge], writes: Sequence[Write]) -> int:
        """The revision of the last of the writes.

        What a charge denies them with; WriteConflict for one of theirs; StoreUnavailable; InternalError where others were always faster.
        """
        account, member = charges[0].account, _Member(charges, writes)
        with self._lock:
            queue = self._waiting.get(account)
            leads = queue is None
            if queue is None:
                self._waiting[account] = deque()
            else:
                queue.append(member)
        if leads or self._await(account, member):
            self._lead(account, member)
        return member.result()

    def _await(self, account: str, member: _Member) -> bool:
        """Waits until the member was committed, or, which is the answer True, is to commit."""
        if member.latch.wait(_WAIT_SECONDS):
            return member.leads
        with self._lock:
            queue = self._waiting.get(account)
            if queue is not None and member in queue:
                queue.remove(member)
            elif member.leads:
                return True
        member.fail(StoreUnavailable(_UNKNOWN))
        return False

    def _lead(self, account: str, member: _Member) -> None:
        """Commits until a whole batch, and with it the member, has its outcome; then whoever has waited longest leads."""
        batch = [member]
        try:
            self._settle(account, batch)
        finally:  # of whatever ended this thread, the others must not wait for it
            for each in batch:
                each.fail(StoreUnavailable(_UNKNOWN))
            with self._lock:
                queue = self._waiting[account]
                if queue:
                    queue.popleft().lead()
                else:
                    del self._waiting[account]

    def _settle(self, account: str, batch: list[_Member]) -> None:
        """Until all of the batch are written or have failed; who comes meanwhile joins it at the next try."""
        while batch:
            self._fill(account, batch)
            late = time.monotonic() - SETTLE_SECONDS
            for each in batch:
                if each.since < late:
                    each.fail(InternalError.of("resource quota evaluation timed out"))
            ledger = StoredLedger(self._store, self._catalog)
            fitting = [each for each in batch if not each.done and self._charge(each, ledger)]
            if fitting:
                self._write(fitting, ledger.writes())
            batch[:] = [each for each in batch if not each.done]

    def _fill(self, account: str, batch: list[_Member]) -> None:
        """Adds who is next, in order, as many as fit, without two writes of one object."""
        keys = {key for each in batch for key in each.keys}
        size, writes = sum(each.size for each in batch), sum(len(each.writes) for each in batch)
        with self._lock:
            queue = self._waiting[account]
            while queue and len(batch) < _MOST_MEMBERS:
                following = queue[0]
                size, writes = size + following.size, writes + len(following.writes)
                if writes > _MOST_WRITES or size > _MOST_BYTES or not keys.isdisjoint(following.keys):
                    break
                batch.append(queue.popleft())
                keys |= following.keys

    def _charge(self, member: _Member, ledger: StoredLedger) -> bool:
        """Whether all of a member's charges are settled; of one that is denied none is."""
        before = ledger.mark()
        try:
            for charge in member.charges:
                self._chain.settle(charge, ledger)
        except StatusError as denial:
            ledger.back_to(before)
            member.fail(denial)
            return False
        return True

    def _write(self, members: Sequence[_Member], charged: Sequence[Write]) -> None:
        """One transaction.  Where what was charged has changed, no member has an outcome of it."""
        writes = [*charged, *(write for member in members for write in member.writes)]
        try:
            revision = self._store.commit(writes)
        except WriteConflict as conflict:
            loser = next((each for each in members if conflict.key in each.keys), None)
            if loser is not None:
                loser.fail(conflict)
            return
        except (StoreUnavailable, ValueError) as error:
            for each in members:
                each.fail(error)
            return
        for each in reversed(members):
            each.succeed(revision)
            revision -= len(each.writes)


class _Member:
    """One write that is to be committed, with all that goes with it."""

    __slots__ = ("_error", "_revision", "charges", "keys", "latch", "leads", "since", "size", "writes")

    def __init__(self, charges: Sequence[Charge], writes: Sequence[Write]) -> None:
        self.charges = charges
        self.writes = writes
        self.keys: Final = frozenset(each.key for each in writes)
        self.size: Final = sum(len(each.value or b"") for each in writes)
        self.since: Final = time.monotonic()
        self.latch: Final = Latch()
        self.leads = False
        self._revision = 0
        self._error: Exception | None = None

    @property
    def done(self) -> bool:
        return bool(self._revision) or self._error is not None

    def lead(self) -> None:
        self.leads = True
        self.latch.open()

    def succeed(self, revision: int) -> None:
        self._revision = revision
        self.latch.open()

    def fail(self, error: Exception) -> None:
        """Nothing, where it has an outcome."""
        if not self.done:
            self._error = error
            self.latch.open()

    def result(self) -> int:
        if self._error is not None:
            raise self._error
        return self._revision


class StoredLedger:
    """`admission.charges.Ledger` of what is stored."""

    def __init__(self, store: Store, catalog: Catalog) -> None:
        self._store = store
        self._catalog = catalog
        self._entries: dict[tuple[str, str], dict[Key, Entry]] = {}
        self._codecs: dict[GroupResource, Codec] = {}
        self._changed: dict[Key, tuple[Codec, Object]] = {}

    def list(self, resource: GroupResource, namespace: str) -> Sequence[Object]:
        codec = self._codec(resource)
        found = self._entries.get((codec.resource, namespace))
        if found is None:
            listed = self._store.list(codec.resource, namespace).entries
            found = self._entries[codec.resource, namespace] = {entry.key: entry for entry in listed}
        return [self._changed[key][1] if key in self._changed else shared(entry, codec.kind.gvk) for key, entry in found.items()]

    def put(self, resource: GroupResource, obj: Object) -> None:
        codec, metadata = self._codec(resource), obj["metadata"]
        self._changed[codec.key(metadata.get("namespace", ""), metadata["name"])] = codec, obj

    def mark(self) -> dict[Key, tuple[Codec, Object]]:
        """What `back_to` goes back to."""
        return dict(self._changed)

    def back_to(self, mark: dict[Key, tuple[Codec, Object]]) -> None:
        self._changed = mark

    def writes(self) -> Sequence[Write]:
        """Of what was changed, each expecting what was listed."""
        return tuple(
            Write(key, self._entries[key.resource, key.namespace][key].revision, codec.encode(obj))
            for key, (codec, obj) in self._changed.items()
        )

    def _codec(self, resource: GroupResource) -> Codec:
        found = self._codecs.get(resource)
        if found is None:
            kind = self._catalog.by_group_resource(resource)
            assert kind is not None, f"{resource} is charged, so it is served"
            stored = self._catalog.stored(kind) or kind
            found = self._codecs[resource] = Codec(stored, stored)
        return found
