"""Watch: the changes of a scope, as they concern one selection.

An object that leaves the selection is DELETED for its watcher, one that enters it is ADDED; DELETED carries the revision of the
deletion.  Upstream: apiserver `pkg/storage/cacher/cache_watcher.go`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from msgspec import Struct

from cluster.api.errors import Expired, StatusError, Timeout
from cluster.kinds.model import Kind
from cluster.registry.codec import Codec, at_revision, dumps
from cluster.registry.registry import Registry
from cluster.registry.selection import Selection
from cluster.storage.contract import Change, Compacted, Entry, FutureRevision, Snapshot, Watch

ADDED: Final = b"ADDED"
MODIFIED: Final = b"MODIFIED"
DELETED: Final = b"DELETED"
BOOKMARK_EVERY: Final = 60.0
INITIAL_EVENTS_END: Final = "k8s.io/initial-events-end"
_BATCH: Final = 256
"""The most events of one chunk while a watch begins with what exists."""


class WatchOptions(Struct, frozen=True):
    """How to watch.  `revision` None: from the newest state; 0: from any; both begin with what exists unless told otherwise."""

    revision: int | None = None
    timeout: float = 1800.0
    bookmarks: bool = False
    initial_events: bool | None = None


Form = Callable[[Entry], bytes]
"""How an object is shown in an event."""


class Events:
    """One watcher's stream of encoded events: iterate for chunks of whole lines; `close` ends it from any greenlet.

    `memo_key` names the form, so that watchers with the same one share the bytes of each event; None: the form is the watcher's own.
    """

    def __init__(
        self,
        registry: Registry,
        kind: Kind,
        namespace: str | None,
        selection: Selection,
        options: WatchOptions,
        form: Form | None = None,
        bookmark: Callable[[int, bool], bytes] | None = None,
    ) -> None:
        self._registry = registry
        self._codec = registry.codec(kind)
        self._namespace = namespace if namespace is not None else selection.namespace
        self._selection = selection
        self._options = options
        self._form = form
        self._bookmark = bookmark or self._own_bookmark
        self._watch: Watch | None = None
        self._closed = False

    def close(self) -> None:
        self._closed = True
        if self._watch is not None:
            self._watch.close()

    def __iter__(self) -> Iterator[bytes]:
        """An empty chunk first, so that headers are sent at once."""
        yield b""
        deadline = time.monotonic() + self._options.timeout
        try:
            snapshot, since = self._begin()
            if snapshot is not None:
                yield from self._existing(snapshot)
            self._watch = self._registry.store.watch(self._codec.resource, self._namespace, since, name=self._selection.name)
        except Compacted as error:
            yield self._error(Expired(f"too old resource version: {error.asked} ({error.oldest})"))
            return
        except FutureRevision as error:
            yield self._error(Timeout.too_large_resource_version(error.asked, error.current))
            return
        with self._watch as watch:
            if snapshot is not None and self._options.initial_events and self._options.bookmarks:
                yield self._bookmark(since, True)
            yield from self._changes(watch, deadline)

    def _begin(self) -> tuple[Snapshot | None, int]:
        """(what exists, if the watch begins with that; the revision to watch from)."""
        options, store, resource = self._options, self._registry.store, self._codec.resource
        if options.initial_events:
            snapshot = store.list(resource, self._namespace, at_least=options.revision)
            return snapshot, snapshot.revision
        if options.initial_events is False and options.revision is None:
            return None, store.list(resource, self._namespace).revision
        if not options.revision:
            snapshot = store.list(resource, self._namespace, at_least=options.revision)
            return snapshot, snapshot.revision
        return None, options.revision

    def _existing(self, snapshot: Snapshot) -> Iterator[bytes]:
        selection, codec, form = self._selection, self._codec, self._form or self._codec.single
        chunk: list[bytes] = []
        for entry in snapshot.entries:
            if selection.everything or selection.matches(entry, codec):
                chunk.append(event(ADDED, form(entry)))
                if len(chunk) == _BATCH:
                    yield b"".join(chunk)
                    chunk.clear()
        if chunk:
            yield b"".join(chunk)

    def _changes(self, watch: Watch, deadline: float) -> Iterator[bytes]:
        bookmark_due = time.monotonic() + BOOKMARK_EVERY
        while not self._closed:
            now = time.monotonic()
            if now >= deadline:
                return
            changes = watch.next(min(deadline, bookmark_due) - now if self._options.bookmarks else deadline - now)
            if changes is None:
                return
            if changes:
                chunk = self._encode(changes)
                if chunk:
                    yield chunk
            if self._options.bookmarks and time.monotonic() >= bookmark_due:
                bookmark_due = time.monotonic() + BOOKMARK_EVERY
                yield self._bookmark(watch.revision, False)

    def _encode(self, changes: Sequence[Change]) -> bytes:
        shared = self._form is None
        parts: list[bytes] = []
        for change in changes:
            kind_of_event = self._concern(change)
            if kind_of_event is None:
                continue
            parts.append(self._shared(change, kind_of_event) if shared else self._render(change, kind_of_event))
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _concern(self, change: Change) -> bytes | None:
        """What the change is to this watcher; None where it is nothing."""
        selection, codec, entry, previous = self._selection, self._codec, change.entry, change.previous
        if selection.everything:
            is_in, was_in = entry is not None, previous is not None
        else:
            is_in = entry is not None and selection.matches(entry, codec)
            was_in = previous is not None and selection.matches(previous, codec)
        if is_in:
            return MODIFIED if was_in else ADDED
        return DELETED if was_in else None

    def _shared(self, change: Change, kind_of_event: bytes) -> bytes:
        memo_key = (self._codec.kind.gvk, kind_of_event)
        found = change.memo.get(memo_key)
        if found is None:
            found = change.memo[memo_key] = self._render(change, kind_of_event)
        return found

    def _render(self, change: Change, kind_of_event: bytes) -> bytes:
        if kind_of_event is DELETED:
            assert change.previous is not None
            entry = at_revision(change.previous, change.revision)
        else:
            assert change.entry is not None
            entry = change.entry
        return event(kind_of_event, (self._form or self._codec.single)(entry))

    def _own_bookmark(self, revision: int, initial: bool) -> bytes:
        return bookmark(self._codec, revision, initial)

    def _error(self, error: StatusError) -> bytes:
        return event(b"ERROR", dumps(error.status()))


def bookmark(codec: Codec, revision: int, initial: bool) -> bytes:
    """A BOOKMARK event; `initial`: the one that ends the initial events."""
    metadata: dict[str, object] = {"resourceVersion": str(revision)}
    if initial:
        metadata["annotations"] = {INITIAL_EVENTS_END: "true"}
    return event(b"BOOKMARK", codec.head + b'"metadata":' + dumps(metadata) + b"}")


def event(kind_of_event: bytes, obj: bytes) -> bytes:
    """One line of a watch; `obj` is encoded."""
    return b'{"type":"%s","object":%s}\n' % (kind_of_event, obj)
