"""Finalizers that keep an object until nothing uses it any more.

Upstream: `pkg/controller/util/protectionutil`, and what the controllers in `pkg/controller/volume/*protection` have in common.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from cluster.api.errors import NotFound
from cluster.api.meta import has_finalizer
from cluster.api.names import GroupVersionResource, Object
from cluster.client.http import ApiClient
from cluster.controllers.objects import being_deleted, copied, namespace_of


class Protection(Struct, frozen=True):
    """One finalizer of all objects of a resource."""

    client: ApiClient
    resource: GroupVersionResource
    finalizer: str

    def settle(self, obj: Object, used: Callable[[], bool]) -> None:
        """Lets an object go that is being deleted and not used, and protects one that is not yet: it is older than the admission of it."""
        finalizers = obj["metadata"].get("finalizers") or []
        if not waits(obj, self.finalizer):
            return
        if not being_deleted(obj):
            self._write(obj, [*finalizers, self.finalizer])
        elif not used():
            self._write(obj, [each for each in finalizers if each != self.finalizer])

    def _write(self, obj: Object, finalizers: list[str]) -> None:
        changed = copied(obj)
        changed["metadata"]["finalizers"] = finalizers
        try:
            self.client.update(self.resource, namespace_of(obj), changed)
        except NotFound:
            return


def waits(obj: Object, finalizer: str) -> bool:
    """Whether it is being deleted and has the finalizer, or is not and lacks it."""
    return being_deleted(obj) == has_finalizer(obj, finalizer)
