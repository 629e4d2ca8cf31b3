"""A watch of the namespaces that its caller may see: they come with the right to `get` them, and go with it.

The right is judged again whenever roles or bindings change, for the namespaces that the change can concern, and now and then for all,
since some rights end without any change.  A watch that goes on from a revision needs that nothing of the caller's rights changed since
then; where something may have, it answers 410, and the caller lists anew.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final

import orjson
from msgspec import Struct

from cluster.api.names import Object
from cluster.api.protocols import Reader
from cluster.api.user import UserInfo
from cluster.kinds.berth.tenantnamespaces import of_namespace
from cluster.kinds.model import Kind
from cluster.registry.codec import at_revision, dumps, load
from cluster.registry.registry import Registry
from cluster.registry.selection import Selection
from cluster.registry.watch import ADDED, BOOKMARK_EVERY, DELETED, MODIFIED, Events, WatchOptions, bookmark, event
from cluster.server.resources import WatchForm
from cluster.storage.contract import Change, Compacted, Entry, Snapshot, Watch
from rbac.authz.index import CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, ROLE_BINDINGS, ROLES, Binding, subject_keys

EVERYWHERE: Final = ""
_POLL: Final = 0.5
"""Seconds after which a change of rights shows, at the latest."""
_REMEMBERED: Final = 4096
_BINDINGS: Final = (ROLE_BINDINGS, CLUSTER_ROLE_BINDINGS)
_RIGHTS: Final = (*_BINDINGS, ROLES, CLUSTER_ROLES)


class AccessChanges:
    """Counts the changes of roles and bindings, and remembers which namespaces the newest of them concern."""

    def __init__(self) -> None:
        self.count = 0
        self._recent: deque[str] = deque(maxlen=_REMEMBERED)

    @classmethod
    def following(cls, reader: Reader) -> AccessChanges:
        changes = cls()
        for resource in _RIGHTS:
            reader.subscribe(resource, changes.changed)
        return changes

    def changed(self, old: Object | None, new: Object | None) -> None:
        """A role or binding came, changed or went."""
        concerned = new if new is not None else old
        assert concerned is not None
        self._recent.append(concerned["metadata"].get("namespace") or EVERYWHERE)
        self.count += 1

    def since(self, count: int) -> frozenset[str]:
        """The namespaces that changes after the first `count` concern; with EVERYWHERE among them, all are."""
        missed = self.count - count
        if missed > len(self._recent):
            return frozenset((EVERYWHERE,))
        return frozenset(list(self._recent)[len(self._recent) - missed :]) if missed else frozenset()


class Sight(Struct, frozen=True):
    """Who watches, what they select and may see, and how they want it shown (None: as objects)."""

    user: UserInfo
    changes: AccessChanges
    selection: Selection
    form: WatchForm | None


class VisibleEvents(Events):
    """One watcher's stream of TenantNamespaces.  It keeps the namespaces of the cluster by reference, and the names it has shown."""

    def __init__(self, registry: Registry, namespaces: Kind, shown_as: Kind, sight: Sight, options: WatchOptions) -> None:
        def show(entry: Entry) -> bytes:
            obj = of_namespace(load(entry, namespaces.gvk))
            return sight.form.show(obj) if sight.form is not None else dumps(obj)

        def mark(revision: int, initial: bool) -> bytes:
            return (sight.form.bookmark if sight.form is not None else own)(revision, initial)

        codec = registry.codec(shown_as)

        def own(revision: int, initial: bool) -> bytes:
            return bookmark(codec, revision, initial)

        super().__init__(registry, namespaces, "", sight.selection, options, show, mark)
        self._sight = sight
        self._show = show
        self._entries: dict[str, Entry] = {}
        self._shown: set[str] = set()
        self._judged = sight.changes.count

    def _visible(self, entry: Entry) -> bool:
        return self._sight.selection.matches(entry, self._codec)

    def _begin(self) -> tuple[Snapshot | None, int]:
        self._judged = self._sight.changes.count
        snapshot, since = super()._begin()
        if snapshot is None:
            store = self._registry.store
            self._refuse_changed_rights(since)
            held = store.list_at(self._codec.resource, "", since)
            self._shown = {entry.key.name for entry in held.entries if self._visible(entry)}
        else:
            held = snapshot
        self._entries = {entry.key.name: entry for entry in held.entries}
        return snapshot, since

    def _refuse_changed_rights(self, since: int) -> None:
        """Compacted where the caller's rights may have changed after the revision: what they were then is not known any more."""
        keys = frozenset(subject_keys(self._sight.user))
        for resource in _RIGHTS:
            with self._registry.store.watch(str(resource), None, since) as watch:
                while changes := watch.next(0):
                    for change in changes:
                        if resource not in _BINDINGS or _concerns(change, keys):
                            raise Compacted(since, change.revision)

    def _existing(self, snapshot: Snapshot) -> Iterator[bytes]:
        found = [entry for entry in snapshot.entries if self._visible(entry)]
        self._shown = {entry.key.name for entry in found}
        if found:
            yield b"".join(event(ADDED, self._show(entry)) for entry in found)

    def _changes(self, watch: Watch, deadline: float) -> Iterator[bytes]:
        due = time.monotonic() + BOOKMARK_EVERY
        while not self._closed and (now := time.monotonic()) < deadline:
            changes = watch.next(min(_POLL, deadline - now))
            if changes is None:
                return
            parts = [part for change in changes for part in self._follow(change)]
            parts += self._judge(self._concerned(), watch.revision)
            if time.monotonic() >= due:
                due = time.monotonic() + BOOKMARK_EVERY
                parts += self._judge(frozenset((EVERYWHERE,)), watch.revision)
                parts += [self._bookmark(watch.revision, False)] if self._options.bookmarks else []
            if parts:
                yield b"".join(parts)

    def _concerned(self) -> frozenset[str]:
        changes = self._sight.changes
        if changes.count == self._judged:
            return frozenset()
        judged, self._judged = self._judged, changes.count
        return changes.since(judged)

    def _follow(self, change: Change) -> Sequence[bytes]:
        """What a change of a namespace is to this watcher."""
        name, entry = change.key.name, change.entry
        before = self._entries.pop(name, None)
        if entry is not None:
            self._entries[name] = entry
            if self._visible(entry):
                kind = MODIFIED if name in self._shown else ADDED
                self._shown.add(name)
                return (event(kind, self._show(entry)),)
        last = change.previous or before
        if name not in self._shown or last is None:
            return ()
        self._shown.discard(name)
        return (event(DELETED, self._show(at_revision(last, change.revision))),)

    def _judge(self, concerned: frozenset[str], revision: int) -> list[bytes]:
        """What comes and goes because of rights; with the revision up to which the watcher has seen everything."""
        names = self._entries.keys() if EVERYWHERE in concerned else concerned & self._entries.keys()
        parts: list[bytes] = []
        for name in sorted(names):
            entry = self._entries[name]
            visible = self._visible(entry)
            if visible == (name in self._shown):
                continue
            (self._shown.add if visible else self._shown.discard)(name)
            current = at_revision(entry, max(revision, entry.revision))
            parts.append(event(ADDED if visible else DELETED, self._show(current)))
        return parts


def _concerns(change: Change, keys: frozenset[str]) -> bool:
    """Whether a binding binds, or bound, one of the subjects."""
    found = [Binding(orjson.loads(each.data)) for each in (change.entry, change.previous) if each is not None]
    return any(not keys.isdisjoint(each.subjects) for each in found)
