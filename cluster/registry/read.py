"""Get and list: from the newest state, from whatever this worker has, or from an exact past revision, page by page.

Upstream: apiserver `pkg/storage/continue.go`, `pkg/storage/etcd3/store.go` (GetList), `pkg/storage/cacher`.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Final

import orjson
from msgspec import Struct

from cluster.api.errors import BadRequest, Expired, NotFound, Timeout
from cluster.api.names import Object
from cluster.kinds.model import Kind
from cluster.registry.codec import Codec
from cluster.registry.registry import Registry
from cluster.registry.selection import Selection
from cluster.storage.contract import Compacted, Entry, FutureRevision, Snapshot

_CONTINUE_VERSION: Final = "meta.k8s.io/v1"
EXACT: Final = "Exact"
_TOO_OLD: Final = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue "
    "parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided "
    "token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was "
    "returned and now may show up in the list."
)


class InconsistentContinue(Expired):
    """410 for a continue token whose revision is compacted, with a token that goes on from the newest state."""

    def __init__(self, token: str) -> None:
        super().__init__(_TOO_OLD)
        self.token = token

    def status(self) -> Object:
        return {**super().status(), "metadata": {"continue": self.token}}


class ListOptions(Struct, frozen=True):
    """How to list.  `limit` 0: all; `revision` None: the newest."""

    revision: int | None = None
    match: str = ""
    limit: int = 0
    token: str = ""


class Page(Struct, frozen=True):
    """A list, or one page of it.  `remaining` None: unknown, or nothing."""

    revision: int
    entries: Sequence[Entry]
    token: str = ""
    remaining: int | None = None


def get(registry: Registry, kind: Kind, namespace: str, name: str) -> Entry:
    """The newest state; NotFound."""
    entry = registry.store.get(registry.codec(kind).key(namespace, name))
    if entry is None:
        raise NotFound.of(kind.resource.group_resource, name)
    return entry


def list_page(registry: Registry, kind: Kind, namespace: str | None, selection: Selection, options: ListOptions) -> Page:
    """One page.  BadRequest for a bad token, Expired for a compacted revision, Timeout for one that has not come."""
    codec = registry.codec(kind)
    start: tuple[str, str] | None = None
    if options.token:
        revision, start = _parse_token(options.token)
        snapshot = _continued(registry, codec, namespace, revision, start)
    else:
        snapshot = _snapshot(registry, codec, namespace, options)
    entries = snapshot.entries
    if start is not None:
        entries = entries[_position(entries, start) :]
    if selection.everything and not options.limit:
        return Page(snapshot.revision, entries)
    return _cut(codec, snapshot.revision, entries, selection, options.limit)


def _cut(codec: Codec, revision: int, entries: Sequence[Entry], selection: Selection, limit: int) -> Page:
    if selection.everything:
        left = len(entries) - limit
        if left <= 0:
            return Page(revision, entries)
        page = entries[:limit]
        return Page(revision, page, _token(revision, page[-1]), left)
    matching: list[Entry] = []
    for entry in entries:
        if selection.matches(entry, codec):
            if limit and len(matching) == limit:
                return Page(revision, matching, _token(revision, matching[-1]))
            matching.append(entry)
    return Page(revision, matching)


def _snapshot(registry: Registry, codec: Codec, namespace: str | None, options: ListOptions) -> Snapshot:
    store, revision = registry.store, options.revision
    try:
        if revision is None:
            return store.list(codec.resource, namespace)
        if options.match == EXACT or (options.limit and not options.match and revision):
            return store.list_at(codec.resource, namespace, revision)
        return store.list(codec.resource, namespace, at_least=revision)
    except Compacted:
        raise Expired("The resourceVersion for the provided list is too old.") from None
    except FutureRevision as error:
        raise Timeout.too_large_resource_version(error.asked, error.current) from None


def _continued(registry: Registry, codec: Codec, namespace: str | None, revision: int, start: tuple[str, str]) -> Snapshot:
    if revision < 0:
        return registry.store.list(codec.resource, namespace)
    try:
        return registry.store.list_at(codec.resource, namespace, revision)
    except Compacted:
        raise InconsistentContinue(_encode_token(-1, start)) from None
    except FutureRevision as error:
        raise Timeout.too_large_resource_version(error.asked, error.current) from None


def _position(entries: Sequence[Entry], after: tuple[str, str]) -> int:
    """Where the first entry after (namespace, name) stands."""
    low, high = 0, len(entries)
    while low < high:
        middle = (low + high) // 2
        key = entries[middle].key
        if (key.namespace, key.name) <= after:
            low = middle + 1
        else:
            high = middle
    return low


def _token(revision: int, last: Entry) -> str:
    return _encode_token(revision, (last.key.namespace, last.key.name))


def _encode_token(revision: int, start: tuple[str, str]) -> str:
    body = orjson.dumps({"v": _CONTINUE_VERSION, "rv": revision, "start": "/".join(start) + "\0"})
    return base64.urlsafe_b64encode(body).rstrip(b"=").decode()


def _parse_token(token: str) -> tuple[int, tuple[str, str]]:
    """(revision or -1, the last key of the page before)."""
    try:
        body = orjson.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        revision, start = body["rv"], body["start"]
        if body["v"] != _CONTINUE_VERSION:
            raise BadRequest("continue key is not valid: server does not recognize this encoded version")
        namespace, _, name = start.rstrip("\0").partition("/")
        if not isinstance(revision, int) or isinstance(revision, bool) or revision == 0 or not name:
            raise ValueError(token)
    except (binascii.Error, ValueError, KeyError, TypeError, AttributeError):
        raise BadRequest("continue key is not valid: incorrect encoded start resourceVersion (version meta.k8s.io/v1)") from None
    return revision, (namespace, name)
