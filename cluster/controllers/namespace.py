"""Empties a namespace that is being deleted, pods first, and then lets it go.  Upstream: `pkg/controller/namespace/deletion`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final

from msgspec import Struct, field

from cluster.api.errors import Conflict, MethodNotAllowed, NotFound, StatusError
from cluster.api.names import GroupVersionResource, Object
from cluster.client import times
from cluster.client.cache import Key, key_of
from cluster.client.discovery import Discovery, ServedResource, discover
from cluster.client.http import ApiClient
from cluster.client.informer import Handler
from cluster.client.resources import NAMESPACES, PODS
from cluster.client.work_queue import WorkQueue
from cluster.controllers.framework import Context, Controller, Requeue
from cluster.controllers.objects import being_deleted, condition, copied, name_of

_FINALIZER: Final = "kubernetes"
_FINE: Final = {
    "NamespaceDeletionDiscoveryFailure": ("ResourcesDiscovered", "All resources successfully discovered"),
    "NamespaceDeletionGroupVersionParsingFailure": ("ParsedGroupVersions", "All legacy kube types successfully parsed"),
    "NamespaceDeletionContentFailure": ("ContentDeleted", "All content successfully deleted, may be waiting on finalization"),
    "NamespaceContentRemaining": ("ContentRemoved", "All content successfully removed"),
    "NamespaceFinalizersRemaining": ("ContentHasNoFinalizers", "All content-preserving finalizers finished"),
}


class Progress(Struct):
    """What one pass over the content found."""

    discovery_failures: tuple[str, ...] = ()
    errors: list[str] = field(default_factory=list)
    remaining: Counter[str] = field(default_factory=Counter)
    finalizers: Counter[str] = field(default_factory=Counter)

    @property
    def done(self) -> bool:
        return not (self.discovery_failures or self.errors or self.remaining)

    def conditions(self) -> dict[str, tuple[str, str]]:
        """Type to (reason, message) of what is not as it should be."""
        found: dict[str, tuple[str, str]] = {}
        if self.discovery_failures:
            count, told = len(self.discovery_failures), ", ".join(self.discovery_failures)
            message = f"Discovery failed for some groups, {count} failing: unable to retrieve the complete list of server APIs: {told}"
            found["NamespaceDeletionDiscoveryFailure"] = ("DiscoveryFailed", message)
        if self.errors:
            message = f"Failed to delete all resource types, {len(self.errors)} remaining: {', '.join(sorted(self.errors))}"
            found["NamespaceDeletionContentFailure"] = ("ContentDeletionFailed", message)
        if self.remaining:
            told = ", ".join(sorted(f"{resource} has {count} resource instances" for resource, count in self.remaining.items()))
            found["NamespaceContentRemaining"] = ("SomeResourcesRemain", f"Some resources are remaining: {told}")
        if self.finalizers:
            told = ", ".join(sorted(f"{name} in {count} resource instances" for name, count in self.finalizers.items()))
            message = f"Some content in the namespace has finalizers remaining: {told}"
            found["NamespaceFinalizersRemaining"] = ("SomeFinalizersRemain", message)
        return found


def updated_conditions(current: list[Object], found: dict[str, tuple[str, str]], now: str) -> list[Object]:
    """All five conditions; equal to `current` where nothing changed."""
    made = [dict(each) for each in current]
    for kind, fine in _FINE.items():
        value, (reason, message) = ("True", found[kind]) if kind in found else ("False", fine)
        old = condition(made, kind)
        if old is None:
            made.append({"type": kind, "status": value, "lastTransitionTime": now, "reason": reason, "message": message})
        else:
            if old["status"] != value:
                old["lastTransitionTime"] = now
            old |= {"status": value, "reason": reason, "message": message}
    return made


class NamespaceDeleter:
    """`sync` brings one namespace's deletion as far as it goes now."""

    def __init__(self, client: ApiClient, discovery: Callable[[], Discovery]) -> None:
        self._client = client
        self._discovery = discovery

    def sync(self, key: Key) -> None:
        try:
            namespace = self._client.get(NAMESPACES, "", key[1])
            if not being_deleted(namespace) or not (namespace.get("spec") or {}).get("finalizers"):
                return
            if (namespace.get("status") or {}).get("phase") != "Terminating":
                namespace["status"] = (namespace.get("status") or {}) | {"phase": "Terminating"}
                namespace = self._client.update(NAMESPACES, "", namespace, subresource="status")
            progress = self._empty(name_of(namespace))
            namespace = self._note(namespace, progress)
            if progress.done:
                self._finalize(namespace)
                return
        except NotFound:
            return
        raise Requeue(0.5 if progress.errors else 1.0)

    def _empty(self, namespace: str) -> Progress:
        found = self._discovery()
        progress = Progress(found.failures)
        self._empty_of(PODS, namespace, progress)
        if progress.remaining:
            return progress  # what pods use must outlive them
        for each in found.resources:
            if each.namespaced and "delete" in each.verbs and each.resource != PODS:
                self._empty_of(each.resource, namespace, progress, each)
        return progress

    def _empty_of(self, resource: GroupVersionResource, namespace: str, progress: Progress, served: ServedResource | None = None) -> None:
        try:
            if served is None or "deletecollection" in served.verbs:
                self._client.delete_collection(resource, namespace, options={"propagationPolicy": "Background"})
            else:
                self._delete_each(resource, namespace)
            if served is not None and "list" not in served.verbs:
                return
            left = self._client.list(resource, namespace, metadata_only=True)["items"]
        except (NotFound, MethodNotAllowed):
            return  # it went with its group, or has no such verb
        except StatusError as error:
            progress.errors.append(error.message)
            return
        if left:
            progress.remaining[f"{resource.resource}.{resource.group}"] += len(left)
            progress.finalizers.update(name for each in left for name in each["metadata"].get("finalizers") or ())

    def _delete_each(self, resource: GroupVersionResource, namespace: str) -> None:
        for each in self._client.list(resource, namespace, metadata_only=True)["items"]:
            try:
                self._client.delete(resource, namespace, name_of(each), options={"propagationPolicy": "Background"})
            except NotFound:
                continue

    def _note(self, namespace: Object, progress: Progress) -> Object:
        status = namespace.get("status") or {}
        made = updated_conditions(status.get("conditions") or [], progress.conditions(), times.time())
        if made == status.get("conditions"):
            return namespace
        changed = copied(namespace)
        changed["status"] = status | {"conditions": made}
        try:
            return self._client.update(NAMESPACES, "", changed, subresource="status")
        except Conflict:
            return self._client.get(NAMESPACES, "", name_of(namespace))

    def _finalize(self, namespace: Object) -> None:
        changed = copied(namespace)
        changed["spec"]["finalizers"] = [each for each in changed["spec"]["finalizers"] if each != _FINALIZER]
        self._client.update(NAMESPACES, "", changed, subresource="finalize")


def build(context: Context) -> Controller:
    namespaces = context.informers.of(NAMESPACES)
    queue: WorkQueue[Key] = WorkQueue(max_seconds=60.0)
    deleter = NamespaceDeleter(context.client, lambda: discover(context.client))

    def seen(namespace: Object) -> None:
        if being_deleted(namespace):
            queue.add(key_of(namespace))

    namespaces.add_handler(Handler(seen, lambda _, new: seen(new)))
    return Controller(queue, deleter.sync, workers=2)
