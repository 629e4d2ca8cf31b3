"""Seams that rooms are handed, so that they need not know the rooms below."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from cluster.api.names import GroupResource, Object

ChangeCallback = Callable[[Object | None, Object | None], None]
"""Called with (old, new), in revision order; old is None for a creation, new is None for a deletion."""


class Reader(Protocol):
    """Linearizable reads of stored objects (shared with the cache: never change what is returned)."""

    def get(self, resource: GroupResource, namespace: str, name: str) -> Object | None:
        """The object, with apiVersion, kind and resourceVersion; None where there is none.  Cluster scope: namespace ""."""
        ...

    def list(self, resource: GroupResource, namespace: str | None = None) -> Iterable[Object]:
        """All objects of a resource, of one namespace or (None) of all."""
        ...

    def subscribe(self, resource: GroupResource, callback: ChangeCallback) -> None:
        """Calls back for every object that exists now (old None), then for every change before any read can see it."""
        ...
