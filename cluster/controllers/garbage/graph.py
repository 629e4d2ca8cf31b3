"""Who owns whom, by uid.  Upstream: `pkg/controller/garbagecollector/graph_builder.go`."""

from __future__ import annotations

import threading
from typing import Final

from msgspec import Struct, field

from cluster.api.names import GroupVersionResource, Object
from cluster.controllers.objects import being_deleted, name_of, namespace_of, uid_of

FOREGROUND: Final = "foregroundDeletion"
ORPHAN: Final = "orphan"


class Node(Struct):
    """What is kept of an object."""

    uid: str
    resource: GroupVersionResource
    namespace: str
    name: str
    owners: tuple[Object, ...]
    finalizers: tuple[str, ...]
    deleting: bool
    dependents: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, resource: GroupVersionResource, obj: Object) -> Node:
        metadata = obj["metadata"]
        return cls(
            uid_of(obj),
            resource,
            namespace_of(obj),
            name_of(obj),
            tuple(metadata.get("ownerReferences") or ()),
            tuple(metadata.get("finalizers") or ()),
            being_deleted(obj),
        )

    @property
    def awaits_dependents(self) -> bool:
        """Being deleted in the foreground."""
        return self.deleting and FOREGROUND in self.finalizers

    @property
    def releases_dependents(self) -> bool:
        """Being deleted with its dependents to be left alone."""
        return self.deleting and ORPHAN in self.finalizers

    def blocks(self, owner: str) -> bool:
        return any(each.get("uid") == owner and each.get("blockOwnerDeletion") for each in self.owners)


class Graph:
    """Safe for threads.  Dependents are known even of owners that aren't (yet)."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._nodes: dict[str, Node] = {}
        self._waiting: dict[str, set[str]] = {}
        """Dependents by the uid of an owner that isn't known."""

    def get(self, uid: str) -> Node | None:
        with self._lock:
            return self._nodes.get(uid)

    def put(self, resource: GroupVersionResource, obj: Object) -> tuple[Node | None, Node]:
        """(as it was, as it is)."""
        new = Node.of(resource, obj)
        with self._lock:
            old = self._nodes.get(new.uid)
            new.dependents = old.dependents if old is not None else self._waiting.pop(new.uid, set())
            self._nodes[new.uid] = new
            before = {str(each["uid"]) for each in old.owners} if old is not None else set()
            after = {str(each["uid"]) for each in new.owners}
            for uid in before - after:
                self._disown(uid, new.uid)
            for uid in after - before:
                owner = self._nodes.get(uid)
                (owner.dependents if owner is not None else self._waiting.setdefault(uid, set())).add(new.uid)
        return old, new

    def remove(self, uid: str) -> Node | None:
        """It is gone; its dependents stay known as those of an owner that isn't."""
        with self._lock:
            node = self._nodes.pop(uid, None)
            if node is None:
                return None
            if node.dependents:
                self._waiting[uid] = set(node.dependents)
            for each in node.owners:
                self._disown(str(each["uid"]), uid)
            return node

    def dependents(self, uid: str) -> list[Node]:
        with self._lock:
            node = self._nodes.get(uid)
            uids = node.dependents if node is not None else self._waiting.get(uid, set())
            return [self._nodes[each] for each in uids if each in self._nodes]

    def _disown(self, owner: str, dependent: str) -> None:
        node = self._nodes.get(owner)
        if node is not None:
            node.dependents.discard(dependent)
        elif owner in self._waiting:
            self._waiting[owner].discard(dependent)
            if not self._waiting[owner]:
                del self._waiting[owner]
