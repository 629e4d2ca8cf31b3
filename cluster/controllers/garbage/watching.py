"""Feeds the graph.  What other controllers watch is shared, kinds that usually own or are owned are watched, and the rest is looked
through now and then: a kind is watched from when one of its objects has an owner, is one, or is being deleted.

A watch costs memory on both sides, and most of a cluster's kinds hold nothing that the collector cares for.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Final

from cluster.api.errors import StatusError
from cluster.api.names import GroupResource, GroupVersionResource, Object
from cluster.client import resources
from cluster.client.discovery import ServedResource, discover
from cluster.client.http import ApiClient
from cluster.client.informer import Handler, Informer
from cluster.controllers.framework import Informers

_LOG: Final = logging.getLogger(__name__)
ALWAYS: Final = (
    resources.REPLICATION_CONTROLLERS,
    resources.STATEFUL_SETS,
    resources.DAEMON_SETS,
    resources.JOBS,
    resources.CRON_JOBS,
    resources.CONTROLLER_REVISIONS,
    resources.CONFIG_MAPS,
    resources.SECRETS,
)
IGNORED: Final = frozenset({GroupResource("", "events"), GroupResource("events.k8s.io", "events")})
SWEEP_SECONDS: Final = 30.0
CUSTOM_SECONDS: Final = 5.0
_BUILT_IN: Final = frozenset({"", "apps", "batch", "autoscaling", "policy", "extensions"})

Seen = Callable[[GroupVersionResource, Object], None]


def bare(obj: Object) -> Object:
    """Of an object's metadata what the graph needs."""
    kept = ("name", "namespace", "uid", "resourceVersion", "ownerReferences", "finalizers", "deletionTimestamp")
    metadata = {name: obj["metadata"][name] for name in kept if obj["metadata"].get(name)}
    return {"kind": obj["kind"], "apiVersion": obj["apiVersion"], "metadata": metadata}


def matters(obj: Object) -> bool:
    metadata = obj["metadata"]
    return bool(metadata.get("ownerReferences") or metadata.get("deletionTimestamp"))


class Watching:
    """`round` is the loop; `kinds` is what is served, by group and kind."""

    def __init__(self, client: ApiClient, seen: Seen, gone: Callable[[str], None]) -> None:
        self._client = client
        self._seen = seen
        self._gone = gone
        self._lock = threading.Lock()
        self._watched: dict[GroupResource, Informer | None] = {}
        self._served: dict[tuple[str, str], ServedResource] = {}
        self._swept: dict[GroupResource, float] = {}

    def share(self, informers: Informers) -> None:
        """Listens to what is watched anyhow; call it after all other controllers are built."""
        for resource, informer in informers.shared.items():
            informer.add_handler(self._handler(resource))
            self._watched[resource.group_resource] = None

    def kinds(self) -> Mapping[tuple[str, str], ServedResource]:
        return self._served

    def watch(self, resource: GroupVersionResource) -> None:
        """From now on; more calls do nothing."""
        with self._lock:
            if resource.group_resource in self._watched:
                return
            informer = Informer(self._client, resource, transform=bare, metadata_only=True)
            self._watched[resource.group_resource] = informer
        informer.add_handler(self._handler(resource))
        informer.start()

    def watch_kind(self, group: str, kind: str) -> None:
        """As an owner of this kind was seen."""
        served = self._served.get((group, kind))
        if served is not None and {"list", "watch"} <= served.verbs:
            self.watch(served.resource)

    def round(self, stop: threading.Event) -> None:
        """Discovers, drops watches of what is no longer served, and looks through what isn't watched and is due."""
        found = discover(self._client)
        collectable = [
            each for each in found.resources if {"delete", "list", "watch"} <= each.verbs and each.resource.group_resource not in IGNORED
        ]
        self._served = {(each.kind.group, each.kind.kind): each for each in found.resources}
        if not found.failures:
            self._drop({each.resource.group_resource for each in collectable})
        for each in collectable:
            if stop.is_set():
                return
            if each.resource in ALWAYS:
                self.watch(each.resource)
            elif self._due(each.resource):
                self._sweep(each.resource)

    def _due(self, resource: GroupVersionResource) -> bool:
        if resource.group_resource in self._watched:
            return False
        built_in = resource.group in _BUILT_IN or resource.group.endswith(".k8s.io")
        last = self._swept.get(resource.group_resource, 0.0)
        return time.monotonic() - last >= (SWEEP_SECONDS if built_in else CUSTOM_SECONDS)

    def _sweep(self, resource: GroupVersionResource) -> None:
        self._swept[resource.group_resource] = time.monotonic()
        try:
            items = self._client.list(resource, metadata_only=True, limit=500, resource_version="0")["items"]
        except StatusError as error:
            _LOG.info("%s is not looked through: %s", resource, error.message)
            return
        if any(matters(each) for each in items):
            self.watch(resource)

    def _drop(self, served: set[GroupResource]) -> None:
        with self._lock:
            stale = [name for name, informer in self._watched.items() if informer is not None and name not in served]
            dropped = [self._watched.pop(name) for name in stale]
        for informer in dropped:
            if informer is not None:
                informer.stop()
                for obj in informer.list():
                    self._gone(obj["metadata"]["uid"])

    def stop(self) -> None:
        with self._lock:
            informers = [informer for informer in self._watched.values() if informer is not None]
        for informer in informers:
            informer.stop()

    def _handler(self, resource: GroupVersionResource) -> Handler:
        def seen(obj: Object) -> None:
            self._seen(resource, obj)

        return Handler(seen, lambda _, new: seen(new), lambda obj: self._gone(obj["metadata"]["uid"]))
