"""An update that is the server's own: no admission and no strategy, only read, change and compare-and-swap until it holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from cluster.api.errors import NotFound
from cluster.api.names import Object
from cluster.kinds.model import Kind
from cluster.registry.metadata import stale
from cluster.registry.registry import Registry
from cluster.storage.contract import Entry, Write, WriteConflict

ATTEMPTS: Final = 64


def change(registry: Registry, kind: Kind, namespace: str, name: str, make: Callable[[Object], Object], *, dry_run: bool = False) -> Entry:
    """Stores what `make` turns the object (a copy) into; NotFound, or what `make` raises."""
    codec = registry.codec(kind)
    key = codec.key(namespace, name)
    for _ in range(ATTEMPTS):
        entry = registry.store.get(key)
        if entry is None:
            raise NotFound.of(kind.resource.group_resource, name)
        value = codec.encode(make(codec.load(entry)))
        if dry_run:
            return Entry(key, entry.revision, value)
        try:
            return Entry(key, registry.store.commit([Write(key, entry.revision, value)]), value)
        except WriteConflict:
            continue
    raise stale(kind.resource.group_resource, name)
