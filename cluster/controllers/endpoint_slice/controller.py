"""The controller of EndpointSlices: for each Service with a selector, the slices that list its pods."""

from __future__ import annotations

import functools
import time
from collections.abc import Iterable
from typing import Final

from cluster.api.errors import NotFound
from cluster.api.names import Object
from cluster.client.cache import Cache, Key, key_of
from cluster.client.http import ApiClient
from cluster.client.informer import Handler
from cluster.client.labels import labels_of
from cluster.client.resources import ENDPOINT_SLICES, NODES, PODS, SERVICES
from cluster.client.work_queue import WorkQueue
from cluster.controllers.endpoint_slice import desired
from cluster.controllers.framework import Context, Controller, Requeue, enqueue_by
from cluster.controllers.objects import Objects, being_deleted, name_of, namespace_of

_BEHIND_SECONDS: Final = 0.05
_LONGEST_BEHIND: Final = 5.0


def by_service(endpoint_slice: Object) -> Iterable[str]:
    """Indexer: `namespace/service` of the slices that are ours."""
    labels = labels_of(endpoint_slice)
    if labels.get(desired.MANAGED_BY) != desired.MANAGER or not labels.get(desired.SERVICE_NAME):
        return ()
    return (f"{namespace_of(endpoint_slice)}/{labels[desired.SERVICE_NAME]}",)


def by_namespace(obj: Object) -> Iterable[str]:
    return (namespace_of(obj),)


class EndpointSliceController:
    """`sync` reconciles one Service's slices."""

    def __init__(self, client: ApiClient, services: Cache, pods: Cache, nodes: Cache, slices: Cache) -> None:
        self._client = client
        self._services = services
        self._pods = pods
        self._nodes = nodes
        self._slices = slices
        self._written: dict[Key, tuple[float, dict[str, int]]] = {}
        """When and what revisions we wrote: until the cache shows them, it would have us write them again."""

    def sync(self, key: Key) -> None:
        if self._is_behind(key):
            raise Requeue(_BEHIND_SECONDS)
        service = self._services.get(*key)
        held = self._slices.by_index("service", f"{key[0]}/{key[1]}")
        if service is None:
            self._delete(held)
            return
        selector = service["spec"].get("selector")
        if not selector or service["spec"].get("type") == "ExternalName" or being_deleted(service):
            return  # whoever made a service without selector makes its slices
        pods = [pod for pod in self._pods.by_index("namespace", key[0]) if selector.items() <= labels_of(pod).items()]
        names = {pod["spec"].get("nodeName") or "" for pod in pods}
        nodes = {name: node for name in names if (node := self._nodes.get("", name)) is not None}
        create, update, delete = desired.plan(service, desired.endpoints(service, pods, nodes), held)
        written = [self._client.create(ENDPOINT_SLICES, key[0], each) for each in create]
        written += [self._client.update(ENDPOINT_SLICES, key[0], each) for each in update]
        if written:
            revisions = {name_of(each): int(each["metadata"]["resourceVersion"]) for each in written}
            self._written[key] = (time.monotonic(), revisions)
        self._delete(delete)

    def _is_behind(self, key: Key) -> bool:
        since, revisions = self._written.get(key, (0.0, {}))
        for name, revision in revisions.items():
            held = self._slices.get(key[0], name)
            if held is None or int(held["metadata"]["resourceVersion"]) < revision:
                if time.monotonic() - since < _LONGEST_BEHIND:
                    return True
                break  # somebody deleted it before we saw it
        self._written.pop(key, None)
        return False

    def _delete(self, slices: Objects) -> None:
        for each in slices:
            try:
                self._client.delete(ENDPOINT_SLICES, namespace_of(each), name_of(each))
            except NotFound:
                continue


def build(context: Context) -> Controller:
    services, nodes = context.informers.of(SERVICES, indexers={"namespace": by_namespace}), context.informers.of(NODES)
    pods = context.informers.of(PODS, indexers={"namespace": by_namespace})
    slices = context.informers.of(ENDPOINT_SLICES, indexers={"service": by_service})
    queue: WorkQueue[Key] = WorkQueue(max_seconds=60.0)
    made = EndpointSliceController(context.client, services.cache, pods.cache, nodes.cache, slices.cache)

    def of_pod(pod: Object) -> list[Key]:
        labels = labels_of(pod)
        found = services.by_index("namespace", namespace_of(pod))
        return [key_of(each) for each in found if (selector := each["spec"].get("selector")) and selector.items() <= labels.items()]

    def of_slice(endpoint_slice: Object) -> list[Key]:
        return [(namespace_of(endpoint_slice), labels_of(endpoint_slice)[desired.SERVICE_NAME]) for _ in by_service(endpoint_slice)]

    add = functools.partial(enqueue_by, queue)
    services.add_handler(add())
    pods.add_handler(add(of_pod))
    touched = add(of_slice)
    slices.add_handler(Handler(updated=touched.updated, deleted=touched.deleted))
    return Controller(queue, made.sync)
