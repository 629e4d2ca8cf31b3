"""The garbage collector over a cluster in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cluster.api.errors import NotFound
from cluster.api.names import GroupVersionKind, GroupVersionResource, Object
from cluster.client.discovery import ServedResource
from cluster.client.resources import CONFIG_MAPS, NODES
from cluster.controllers.framework import Requeue
from cluster.controllers.garbage.collector import Collector
from cluster.controllers.garbage.graph import Graph
from cluster.controllers.objects import copied

VERBS = frozenset({"get", "list", "watch", "delete"})
KINDS = {
    ("", "ConfigMap"): ServedResource(CONFIG_MAPS, GroupVersionKind("", "v1", "ConfigMap"), True, VERBS),
    ("", "Node"): ServedResource(NODES, GroupVersionKind("", "v1", "Node"), False, VERBS),
}


def thing(name: str, *owners: str, finalizers: tuple[str, ...] = (), deleting: bool = False, blocks: bool = False) -> Object:
    metadata: Object = {"name": name, "namespace": "dev", "uid": f"uid-{name}", "resourceVersion": "1"}
    if owners:
        metadata["ownerReferences"] = [
            {"apiVersion": "v1", "kind": "ConfigMap", "name": owner, "uid": f"uid-{owner}", "blockOwnerDeletion": blocks}
            for owner in owners
        ]
    if finalizers:
        metadata["finalizers"] = list(finalizers)
    if deleting:
        metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}


class World:
    """Objects, the collector's graph of them, and its client: what is deleted is gone at once unless a finalizer holds it."""

    def __init__(self, *objects: Object, unwatched: tuple[Object, ...] = ()) -> None:
        self.objects = {each["metadata"]["name"]: each for each in (*objects, *unwatched)}
        self.graph = Graph()
        self.queue: list[str] = []
        self.deleted: list[tuple[str, str]] = []
        self.collector = Collector(self, self.graph, lambda: KINDS, self.queue.append)  # type: ignore[arg-type]
        for each in objects:
            self.graph.put(CONFIG_MAPS, each)

    def look(self, name: str) -> None:
        self.queue.append(f"uid-{name}")
        for _ in range(50):
            if not self.queue:
                return
            self.collector.sync(("", self.queue.pop(0)))
        raise AssertionError("it does not settle")

    def get(self, resource: GroupVersionResource, namespace: str, name: str, **_: Any) -> Object:
        if name not in self.objects:
            raise NotFound(name)
        return copied(self.objects[name])

    def patch(self, resource: GroupVersionResource, namespace: str, name: str, patch: Object) -> Object:
        metadata = self.get(resource, namespace, name)["metadata"] | patch["metadata"]
        changed = {**self.objects[name], "metadata": {key: value for key, value in metadata.items() if value is not None}}
        self.objects[name] = changed
        if metadata.get("deletionTimestamp") and not metadata.get("finalizers"):
            self._gone(name)
        else:
            self.graph.put(CONFIG_MAPS, changed)
        return changed

    def delete(self, resource: GroupVersionResource, namespace: str, name: str, *, options: Object) -> Object:
        assert options["preconditions"]["uid"] == f"uid-{name}"
        self.deleted.append((name, options["propagationPolicy"]))
        if options["propagationPolicy"] == "Foreground":
            metadata = self.objects[name]["metadata"] | {"deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["foregroundDeletion"]}
            self.objects[name] = {**self.objects[name], "metadata": metadata}
            self.graph.put(CONFIG_MAPS, self.objects[name])
            self.queue.append(f"uid-{name}")
        else:
            self._gone(name)
        return {}

    def _gone(self, name: str) -> None:
        del self.objects[name]
        self.collector.gone(f"uid-{name}")


def test_an_object_whose_owner_is_gone_is_deleted() -> None:
    world = World(thing("child", "owner"))
    world.look("child")
    assert world.deleted == [("child", "Background")]


def test_an_object_whose_owner_lives_stays() -> None:
    world = World(thing("owner"), thing("child", "owner"))
    world.look("child")
    assert world.deleted == []


def test_an_owner_that_is_not_watched_is_asked_for() -> None:
    world = World(thing("child", "owner"), unwatched=(thing("owner"),))
    world.look("child")
    assert world.deleted == []


def test_an_owner_made_anew_under_its_name_is_another() -> None:
    anew = thing("owner")
    anew["metadata"]["uid"] = "another"
    world = World(thing("child", "owner"), unwatched=(anew,))
    world.look("child")
    assert world.deleted == [("child", "Background")]


def test_one_living_owner_keeps_an_object_and_the_others_are_struck_out() -> None:
    world = World(thing("owner"), thing("child", "owner", "lost"))
    world.look("child")
    assert [each["name"] for each in world.objects["child"]["metadata"]["ownerReferences"]] == ["owner"]


def test_deletion_cascades() -> None:
    world = World(thing("child", "owner"), thing("grandchild", "child"))
    world.look("child")
    assert world.deleted == [("child", "Background"), ("grandchild", "Background")]


def test_an_owner_of_an_unknown_kind_is_not_held_against_anyone() -> None:
    child = thing("child", "owner")
    child["metadata"]["ownerReferences"][0]["kind"] = "Unknown"
    world = World(child)
    with pytest.raises(Requeue):
        world.look("child")
    assert world.deleted == []


def test_a_foreground_deletion_waits_for_dependents_that_block() -> None:
    owner = thing("owner", finalizers=("foregroundDeletion",), deleting=True)
    world = World(owner, thing("child", "owner", blocks=True, finalizers=("mine",)))
    hold: Callable[[str], None] = lambda name: None  # noqa: E731
    world._gone, gone = hold, world._gone  # type: ignore[method-assign]
    world.look("owner")
    assert "owner" in world.objects
    assert world.deleted == [("child", "Background")]
    world._gone = gone  # type: ignore[method-assign]
    world._gone("child")
    world.look("owner")
    assert world.objects == {}


def test_a_foreground_deletion_does_not_wait_for_others() -> None:
    world = World(thing("owner", finalizers=("foregroundDeletion",), deleting=True), thing("child", "owner"))
    world.look("owner")
    assert "owner" not in world.objects


def test_an_orphaning_deletion_lets_the_dependents_live() -> None:
    world = World(thing("owner", finalizers=("orphan",), deleting=True), thing("child", "owner"))
    world.look("owner")
    assert list(world.objects) == ["child"]
    assert "ownerReferences" not in world.objects["child"]["metadata"]


def test_the_graph_knows_dependents_before_their_owner() -> None:
    graph = Graph()
    graph.put(CONFIG_MAPS, thing("child", "owner"))
    graph.put(CONFIG_MAPS, thing("owner"))
    assert [each.name for each in graph.dependents("uid-owner")] == ["child"]
    graph.put(CONFIG_MAPS, thing("child"))
    assert graph.dependents("uid-owner") == []
