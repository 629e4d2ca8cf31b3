"""A volume attributes class that is being deleted is gone only when no volume and no claim names it.

Upstream: `pkg/controller/volume/vacprotection`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from cluster.api.names import Object
from cluster.client.cache import Cache, Key, key_of
from cluster.client.http import ApiClient
from cluster.client.informer import Handler
from cluster.client.resources import PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES, VOLUME_ATTRIBUTES_CLASSES
from cluster.client.work_queue import WorkQueue
from cluster.controllers.framework import Context, Controller
from cluster.controllers.objects import name_of
from cluster.controllers.protection import Protection, waits

FINALIZER: Final = "kubernetes.io/vac-protection"
BY_CLASS: Final = "volume attributes classes"


def classes_of_claim(claim: Object) -> Iterable[str]:
    """Indexer of claims: the classes that one wants, has, and is being changed to."""
    status = claim.get("status") or {}
    names = {
        (claim.get("spec") or {}).get("volumeAttributesClassName"),
        status.get("currentVolumeAttributesClassName"),
        (status.get("modifyVolumeStatus") or {}).get("targetVolumeAttributesClassName"),
    }
    return [name for name in names if name]


def classes_of_volume(volume: Object) -> Iterable[str]:
    """Indexer of volumes: the class that one names."""
    name = (volume.get("spec") or {}).get("volumeAttributesClassName")
    return (name,) if name else ()


class ClassProtection:
    def __init__(self, client: ApiClient, classes: Cache, claims: Cache, volumes: Cache) -> None:
        self._protection = Protection(client, VOLUME_ATTRIBUTES_CLASSES, FINALIZER)
        self._classes = classes
        self._users = (volumes, claims)

    def sync(self, key: Key) -> None:
        found = self._classes.get(*key)
        if found is not None:
            self._protection.settle(found, lambda: any(users.by_index(BY_CLASS, name_of(found)) for users in self._users))


def build(context: Context) -> Controller:
    classes = context.informers.of(VOLUME_ATTRIBUTES_CLASSES)
    claims = context.informers.of(PERSISTENT_VOLUME_CLAIMS, indexers={BY_CLASS: classes_of_claim})
    volumes = context.informers.of(PERSISTENT_VOLUMES, indexers={BY_CLASS: classes_of_volume})
    queue: WorkQueue[Key] = WorkQueue(max_seconds=60.0)

    def seen(obj: Object) -> None:
        if waits(obj, FINALIZER):
            queue.add(key_of(obj))

    def released(names: Iterable[str]) -> None:
        for name in names:
            queue.add(("", name))

    def follow(named: Callable[[Object], Iterable[str]]) -> Handler:
        return Handler(
            updated=lambda old, new: released({*named(old)} - {*named(new)}),
            deleted=lambda old: released(named(old)),
        )

    classes.add_handler(Handler(seen, lambda _, new: seen(new)))
    claims.add_handler(follow(classes_of_claim))
    volumes.add_handler(follow(classes_of_volume))
    return Controller(queue, ClassProtection(context.client, classes.cache, claims.cache, volumes.cache).sync)
