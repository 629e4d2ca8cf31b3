"""Notices what makes a count due: objects of a counted resource that go, or that use something else than before.

A resource is watched as long as some quota limits it, and by its metadata alone where its objects are only counted.
Upstream: `pkg/controller/resourcequota/resource_quota_monitor.go`, `pkg/quota/v1/install/update_filter.go`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from typing import Final

from cluster.api.names import GroupResource, GroupVersionResource, Object
from cluster.api.quota.evaluator import Evaluator
from cluster.api.quota.pods import PodEvaluator
from cluster.api.quota.scopes import scopes_of
from cluster.api.quota.services import ServiceEvaluator
from cluster.api.quota.volume_claims import VolumeClaimEvaluator
from cluster.client.http import ApiClient
from cluster.client.informer import Handler, Informer
from cluster.controllers.framework import Informers, Requeue
from cluster.controllers.objects import namespace_of

_SYNC_SECONDS: Final = 10.0
_CHANGING: Final[Mapping[GroupResource, Evaluator]] = {
    each.resource: each for each in (PodEvaluator(), ServiceEvaluator(), VolumeClaimEvaluator())
}
"""Whose objects may come to use something else."""

Due = Callable[[GroupResource, str, Callable[[Object], bool]], None]
"""(resource, namespace, which quotas): what they count of the resource in that namespace is to be counted again."""


def bare(obj: Object) -> Object:
    """What of an object's metadata is needed to know it."""
    kept = {name: value for name in ("name", "namespace", "uid", "resourceVersion") if (value := obj["metadata"].get(name))}
    return {"kind": obj["kind"], "apiVersion": obj["apiVersion"], "metadata": kept}


class Watching:
    """`watch` begins, `keep` ends what nobody needs any more."""

    def __init__(self, client: ApiClient, due: Due) -> None:
        self._client = client
        self._due = due
        self._lock = threading.Lock()
        self._own: dict[GroupVersionResource, Informer] = {}
        self._shared: set[GroupVersionResource] = set()

    def share(self, informers: Informers, *resources: GroupVersionResource) -> None:
        """Listens to what is watched anyhow; call it while controllers are built."""
        for resource in resources:
            informers.of(resource).add_handler(self._handler(resource.group_resource))
            self._shared.add(resource)

    def watch(self, resource: GroupVersionResource) -> None:
        """From now on; Requeue where the first list does not come."""
        if resource in self._shared:
            return
        with self._lock:
            informer = self._own.get(resource)
            if informer is None:
                informer = self._own[resource] = self._informer(resource)
                informer.add_handler(self._handler(resource.group_resource))
                informer.start()
        if not informer.wait_synced(_SYNC_SECONDS):
            raise Requeue(1.0)

    def _informer(self, resource: GroupVersionResource) -> Informer:
        if resource.group_resource in _CHANGING:
            return Informer(self._client, resource)
        return Informer(self._client, resource, transform=bare, metadata_only=True)

    def keep(self, resources: Collection[GroupResource]) -> None:
        """Ends the watches of all others."""
        with self._lock:
            stale = [each for each in self._own if each.group_resource not in resources]
            ended = [self._own.pop(each) for each in stale]
        for informer in ended:
            informer.stop()

    def stop(self) -> None:
        self.keep(())

    def _handler(self, resource: GroupResource) -> Handler:
        evaluator = _CHANGING.get(resource)

        def gone(obj: Object) -> None:
            self._due(resource, namespace_of(obj), lambda _: True)

        def updated(old: Object, new: Object) -> None:
            assert evaluator is not None
            self._due(resource, namespace_of(new), lambda quota: counts_otherwise(evaluator, quota, old, new))

        return Handler(updated=updated if evaluator is not None else None, deleted=gone)


def counts_otherwise(evaluator: Evaluator, quota: Object, old: Object, new: Object) -> bool:
    """Whether a quota counts something else of the object than before."""
    scopes = scopes_of(quota)
    before, after = (all(evaluator.in_scope(scope, obj) for scope in scopes) for obj in (old, new))
    return before != after or (after and evaluator.usage(old) != evaluator.usage(new))
