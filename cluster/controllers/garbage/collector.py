"""What is done to one object: nothing, released, or deleted.  Upstream: `pkg/controller/garbagecollector/garbagecollector.go`."""

from __future__ import annotations

import enum
import time
from collections.abc import Callable, Mapping
from typing import Final

from cluster.api.errors import Conflict, NotFound
from cluster.api.names import Object, parse_api_version
from cluster.client.cache import Key
from cluster.client.discovery import ServedResource
from cluster.client.http import ApiClient
from cluster.controllers.framework import Requeue
from cluster.controllers.garbage.graph import FOREGROUND, ORPHAN, Graph, Node
from cluster.controllers.objects import being_deleted, uid_of

_KNOWN_SECONDS: Final = 30.0

Kinds = Callable[[], Mapping[tuple[str, str], ServedResource]]
"""What is served, by (group, kind)."""


class Owner(enum.Enum):
    """The state of one owner."""

    SOLID = enum.auto()
    GONE = enum.auto()
    AWAITS = enum.auto()
    """It is being deleted in the foreground."""
    UNKNOWN = enum.auto()
    """Its kind is not served, or it could not own this object: nothing is done on its account."""


class Collector:
    """`sync(("", uid))` looks at one object; `enqueue(uid)` asks to look at another."""

    def __init__(
        self, client: ApiClient, graph: Graph, kinds: Kinds, enqueue: Callable[[str], None], now: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._graph = graph
        self._kinds = kinds
        self._enqueue = enqueue
        self._now = now
        self._seen: dict[str, float] = {}

    def sync(self, key: Key) -> None:
        node = self._graph.get(key[1])
        if node is None:
            return
        try:
            if node.releases_dependents:
                self._release_dependents(node)
            elif node.awaits_dependents:
                self._await_dependents(node)
            elif not node.deleting and node.owners:
                self._judge(node)
        except NotFound:
            self.gone(node.uid)

    def gone(self, uid: str) -> None:
        """It no longer exists: its dependents may have to go, and an owner that waits for it may be done."""
        node = self._graph.remove(uid)
        self._seen.pop(uid, None)
        for dependent in self._graph.dependents(uid):
            self._enqueue(dependent.uid)
        for each in node.owners if node is not None else ():
            owner = self._graph.get(str(each["uid"]))
            if owner is not None and owner.awaits_dependents:
                self._enqueue(owner.uid)

    # Foreground and orphan deletion of an owner.

    def _await_dependents(self, node: Node) -> None:
        blocking = [each for each in self._graph.dependents(node.uid) if each.blocks(node.uid)]
        if not blocking:
            self._remove_finalizer(node, FOREGROUND)
            return
        for each in blocking:
            if not each.awaits_dependents:
                self._enqueue(each.uid)

    def _release_dependents(self, node: Node) -> None:
        for each in self._graph.dependents(node.uid):
            try:
                self._drop_owners(each, {node.uid})
            except NotFound:
                continue
        self._remove_finalizer(node, ORPHAN)

    def _remove_finalizer(self, node: Node, finalizer: str) -> None:
        latest = self._latest(node)
        finalizers = latest["metadata"].get("finalizers") or []
        if finalizer not in finalizers:
            return
        kept = [each for each in finalizers if each != finalizer]
        change = {"resourceVersion": latest["metadata"]["resourceVersion"], "finalizers": kept or None}
        try:
            self._client.patch(node.resource, node.namespace, node.name, {"metadata": change})
        except Conflict:
            raise Requeue(0.05) from None

    # An object with owners.

    def _judge(self, node: Node) -> None:
        latest = self._latest(node)
        owners = latest["metadata"].get("ownerReferences") or []
        if being_deleted(latest) or not owners:
            return
        states = {str(each["uid"]): self._state(each, node) for each in owners}
        found = set(states.values())
        if Owner.UNKNOWN in found and Owner.SOLID not in found:
            raise Requeue(_KNOWN_SECONDS)
        if Owner.SOLID in found:
            useless = {uid for uid, state in states.items() if state in (Owner.GONE, Owner.AWAITS)}
            if useless:
                self._drop_owners(node, useless)
            return
        if Owner.AWAITS in found and self._graph.dependents(node.uid):
            self._unblock(node)
            self._delete(node, latest, "Foreground")
            return
        finalizers = latest["metadata"].get("finalizers") or ()
        policy = "Orphan" if ORPHAN in finalizers else "Foreground" if FOREGROUND in finalizers else "Background"
        self._delete(node, latest, policy)

    def _state(self, reference: Object, dependent: Node) -> Owner:
        uid = str(reference["uid"])
        known = self._graph.get(uid)
        if known is not None:
            return Owner.AWAITS if known.awaits_dependents else Owner.SOLID
        if self._now() - self._seen.get(uid, -_KNOWN_SECONDS) < _KNOWN_SECONDS:
            return Owner.SOLID
        try:
            group = parse_api_version(reference.get("apiVersion", "")).group
        except ValueError:
            return Owner.UNKNOWN
        served = self._kinds().get((group, reference.get("kind", "")))
        if served is None or (served.namespaced and not dependent.namespace):
            return Owner.UNKNOWN
        namespace = dependent.namespace if served.namespaced else ""
        try:
            found = self._client.get(served.resource, namespace, reference["name"], metadata_only=True)
        except NotFound:
            return Owner.GONE
        if uid_of(found) != uid:
            return Owner.GONE
        if being_deleted(found) and FOREGROUND in (found["metadata"].get("finalizers") or ()):
            return Owner.AWAITS
        self._seen[uid] = self._now()
        return Owner.SOLID

    def _unblock(self, node: Node) -> None:
        """A circle of objects that wait for each other is cut open."""
        if any(each.awaits_dependents for each in self._graph.dependents(node.uid)):
            latest = self._latest(node)
            owners = [each | {"blockOwnerDeletion": False} for each in latest["metadata"].get("ownerReferences") or ()]
            self._patch_owners(node, latest, owners)

    def _drop_owners(self, node: Node, uids: set[str]) -> None:
        latest = self._latest(node)
        owners = latest["metadata"].get("ownerReferences") or []
        kept = [each for each in owners if each.get("uid") not in uids]
        if len(kept) != len(owners):
            self._patch_owners(node, latest, kept)

    def _patch_owners(self, node: Node, latest: Object, owners: list[Object]) -> None:
        change = {"resourceVersion": latest["metadata"]["resourceVersion"], "ownerReferences": owners or None}
        try:
            self._client.patch(node.resource, node.namespace, node.name, {"metadata": change})
        except Conflict:
            raise Requeue(0.05) from None

    def _delete(self, node: Node, latest: Object, policy: str) -> None:
        preconditions = {"uid": node.uid, "resourceVersion": latest["metadata"]["resourceVersion"]}
        options: Object = {"propagationPolicy": policy, "preconditions": preconditions}
        try:
            self._client.delete(node.resource, node.namespace, node.name, options=options)
        except Conflict:
            raise Requeue(0.05) from None

    def _latest(self, node: Node) -> Object:
        """From the API server, not from the graph; NotFound also where another of the same name is there."""
        latest = self._client.get(node.resource, node.namespace, node.name, metadata_only=True)
        if uid_of(latest) != node.uid:
            raise NotFound.of(node.resource.group_resource, node.name)
        return latest
