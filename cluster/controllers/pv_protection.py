"""A volume that is being deleted is gone only when no claim is bound to it.  Upstream: `pkg/controller/volume/pvprotection`."""

from __future__ import annotations

from typing import Final

from cluster.api.names import Object
from cluster.client.cache import Cache, Key, key_of
from cluster.client.http import ApiClient
from cluster.client.informer import Handler
from cluster.client.resources import PERSISTENT_VOLUMES
from cluster.client.work_queue import WorkQueue
from cluster.controllers.framework import Context, Controller
from cluster.controllers.protection import Protection, waits

FINALIZER: Final = "kubernetes.io/pv-protection"


class VolumeProtection:
    def __init__(self, client: ApiClient, volumes: Cache) -> None:
        self._protection = Protection(client, PERSISTENT_VOLUMES, FINALIZER)
        self._volumes = volumes

    def sync(self, key: Key) -> None:
        """The volume's phase says whether it is in use."""
        volume = self._volumes.get(*key)
        if volume is not None:
            self._protection.settle(volume, lambda: (volume.get("status") or {}).get("phase") == "Bound")


def build(context: Context) -> Controller:
    volumes = context.informers.of(PERSISTENT_VOLUMES)
    queue: WorkQueue[Key] = WorkQueue(max_seconds=60.0)

    def seen(volume: Object) -> None:
        if waits(volume, FINALIZER):
            queue.add(key_of(volume))

    volumes.add_handler(Handler(seen, lambda _, new: seen(new)))
    return Controller(queue, VolumeProtection(context.client, volumes.cache).sync)
