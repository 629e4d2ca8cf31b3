"""What admission is shown of writes that are parts of objects, of many, or actions on them: the part, and what is done to it counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from msgspec.structs import replace

from admission.attributes import Attributes, Operation
from admission.chain import Chain
from admission.plugins.pod_topology_labels import PodTopologyLabels
from cluster.api.errors import BadRequest, Conflict, Invalid, TooManyRequests
from cluster.api.meta import deep_copy
from cluster.api.names import GroupResource, Object
from cluster.api.user import UserInfo
from cluster.kinds.catalog import catalog
from cluster.kinds.model import Kind
from cluster.registry import binding, create, eviction, guaranteed, scale
from cluster.registry.delete import DeleteOptions, delete, delete_collection
from cluster.registry.reader import StoreReader
from cluster.registry.registry import Call, Registry
from cluster.registry.selection import Selection
from cluster.schema.model import SchemaSet
from cluster.storage.local import LocalStore

Change = Callable[[Object], None]


class Watching:
    """Remembers what it is shown in each phase, and changes it in the first."""

    name = "watching"

    def __init__(self) -> None:
        self.seen: list[Attributes] = []
        self.shown: list[tuple[str, Object | None, Object | None]] = []
        self.change: Change = lambda obj: None

    def handles(self, operation: Operation) -> bool:
        return True

    def admit(self, attributes: Attributes) -> None:
        self._look("admit", attributes)
        if attributes.object is not None:
            self.change(attributes.object)

    def validate(self, attributes: Attributes) -> None:
        self._look("validate", attributes)

    def _look(self, phase: str, attributes: Attributes) -> None:
        self.seen.append(attributes)
        self.shown.append((phase, deep_copy(attributes.object), deep_copy(attributes.old_object)))


class World:
    """A registry whose admission is watched, with pod `web` and deployment `web` in namespace `dev`."""

    def __init__(self, store: LocalStore) -> None:
        schemas = SchemaSet.for_version()
        self.catalog = catalog("1.36", schemas.gvks())
        self.watching = Watching()
        chain = Chain((PodTopologyLabels(StoreReader(store, self.catalog)), self.watching))
        self.registry = Registry(store, self.catalog, schemas, chain, {})
        self.call = Call(UserInfo("tina"))
        container = {"name": "c", "image": "i"}
        self.add(self.kind("", "nodes"), {"metadata": {"name": "n", "labels": {"topology.kubernetes.io/zone": "z"}}})
        self.add(self.kind("", "pods"), {"metadata": {"name": "web"}, "spec": {"containers": [container]}})
        template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [container]}}
        spec = {"replicas": 2, "selector": {"matchLabels": {"a": "b"}}, "template": template}
        self.add(self.kind("apps", "deployments"), {"metadata": {"name": "web"}, "spec": spec})
        self.watching.seen.clear()
        self.watching.shown.clear()

    def kind(self, group: str, resource: str) -> Kind:
        found = self.catalog.by_group_resource(GroupResource(group, resource))
        assert found is not None
        return found

    def add(self, kind: Kind, obj: Object) -> None:
        body = {"apiVersion": str(kind.gvk.group_version), "kind": kind.gvk.kind} | obj
        decoded = self.registry.decode(self.call, kind.gvk, body)
        create.create(self.registry, self.call, kind, "dev" if kind.namespaced else "", decoded)

    def get(self, group: str, resource: str, name: str = "web") -> Object:
        codec = self.registry.codec(self.kind(group, resource))
        entry = self.registry.store.get(codec.key("dev", name))
        assert entry is not None
        return codec.load(entry)

    def bind(self, resource: str, change: Change = lambda obj: None) -> None:
        self.watching.change = change
        body: Object = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "web"}, "target": {"kind": "Node", "name": "n"}}
        binding.bind(self.registry, self.call, self.kind("", resource), "dev", "web", body)

    def scale(self, replicas: int, change: Change = lambda obj: None) -> Object:
        self.watching.change = change

        def make(existing: Object | None) -> Object:
            return {**(existing or {}), "spec": {"replicas": replicas}}

        return scale.replace(self.registry, self.call, self.kind("apps", "deployments"), "dev", "web", make)

    def evict(self, uid: str | None = None, resource_version: str | None = None) -> None:
        body: Object = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "web"}}
        eviction.evict(self.registry, self.call, self.kind("", "pods"), "dev", "web", body, DeleteOptions(0, uid, resource_version))

    def guard(self, **status: int) -> None:
        """By a disruption budget."""
        budgets = self.kind("policy", "poddisruptionbudgets")
        pod = self.kind("", "pods")
        guaranteed.change(self.registry, pod, "dev", "web", lambda obj: obj | {"status": {"phase": "Running"}})
        self.add(budgets, {"metadata": {"name": "b"}, "spec": {"minAvailable": 1, "selector": {}}})
        known = {"observedGeneration": 1, "disruptionsAllowed": 0, "currentHealthy": 0, "desiredHealthy": 1, "expectedPods": 1, **status}
        guaranteed.change(self.registry, budgets, "dev", "b", lambda obj: obj | {"status": known})
        self.watching.seen.clear()


@pytest.fixture
def world() -> Iterator[World]:
    store = LocalStore.temporary()
    yield World(store)
    store.close()


def test_what_is_deleted_is_named_unless_it_is_one_of_a_collection(world: World) -> None:
    pods = world.kind("", "pods")
    delete(world.registry, replace(world.call, dry_run=True), pods, "dev", "web", DeleteOptions(0))
    delete_collection(world.registry, world.call, pods, "dev", Selection(), DeleteOptions(0))
    assert [(each.operation, each.namespace, each.name) for each in world.watching.seen[::2]] == [
        ("DELETE", "dev", "web"),
        ("DELETE", "dev", ""),
    ]
    assert [old["metadata"]["name"] for _, _, old in world.watching.shown if old is not None] == ["web"] * 4


@pytest.mark.parametrize(("resource", "subresource"), [("pods", "binding"), ("bindings", "")])
def test_a_binding_is_shown_as_what_was_posted(world: World, resource: str, subresource: str) -> None:
    world.bind(resource)
    for seen in world.watching.seen:
        shown = (seen.operation, str(seen.kind), seen.resource.resource, seen.subresource, seen.namespace, seen.name)
        assert shown == ("CREATE", "v1, Kind=Binding", resource, subresource, "dev", "web")
    assert [phase for phase, _, _ in world.watching.shown] == ["admit", "validate"]


def test_a_pod_gets_the_labels_that_admission_gives_its_binding(world: World) -> None:
    world.bind("pods", lambda obj: obj["metadata"]["labels"].update(more="x"))
    assert world.get("", "pods")["metadata"]["labels"] == {"topology.kubernetes.io/zone": "z", "more": "x"}
    _, shown, _ = world.watching.shown[-1]
    assert {*(shown or {})} == {"apiVersion", "kind", "metadata", "target"}


@pytest.mark.parametrize(
    ("change", "error"), [(lambda obj: obj.pop("target"), Invalid), (lambda obj: obj["metadata"].update(name="other"), BadRequest)]
)
def test_a_binding_that_admission_breaks_is_refused(world: World, change: Change, error: type[Exception]) -> None:
    with pytest.raises(error):
        world.bind("pods", change)
    assert "nodeName" not in world.get("", "pods")["spec"]


def test_a_scale_is_shown_as_one(world: World) -> None:
    world.scale(5)
    for seen in world.watching.seen:
        shown = (seen.operation, str(seen.kind), seen.resource.resource, seen.subresource, seen.name)
        assert shown == ("UPDATE", "autoscaling/v1, Kind=Scale", "deployments", "scale", "web")
    sizes = [(phase, (new or {})["kind"], (new or {})["spec"], (old or {})["spec"]) for phase, new, old in world.watching.shown]
    assert sizes == [(phase, "Scale", {"replicas": 5}, {"replicas": 2}) for phase in ("admit", "validate")]


def test_what_admission_makes_of_a_scale_counts(world: World) -> None:
    assert world.scale(5, lambda obj: obj["spec"].update(replicas=3))["spec"] == {"replicas": 3}
    assert world.get("apps", "deployments")["spec"]["replicas"] == 3


def is_there(world: World) -> bool:
    codec = world.registry.codec(world.kind("", "pods"))
    return world.registry.store.get(codec.key("dev", "web")) is not None


def test_an_eviction_is_judged_as_one_and_not_as_a_delete(world: World) -> None:
    world.evict()
    assert [(each.operation, str(each.kind), each.subresource) for each in world.watching.seen] == (
        [("CREATE", "policy/v1, Kind=Eviction", "eviction")] * 2
    )
    assert not is_there(world)


def test_what_an_eviction_says_of_the_pod_must_hold(world: World) -> None:
    found = world.get("", "pods")["metadata"]
    for uid, version in (("other", None), (None, "1")):
        with pytest.raises(Conflict, match="in the precondition"):
            world.evict(uid, version)
    assert world.get("", "pods")["metadata"] == found
    world.evict(uid=found["uid"], resource_version=found["resourceVersion"])
    assert not is_there(world)


@pytest.mark.parametrize(("healthy", "evicted"), [(0, False), (1, True)])
def test_a_pod_that_is_unhealthy_goes_where_enough_others_are_not(world: World, healthy: int, evicted: bool) -> None:
    world.guard(currentHealthy=healthy)
    if evicted:
        world.evict()
    else:
        with pytest.raises(TooManyRequests, match="would violate the pod's disruption budget"):
            world.evict()
    assert is_there(world) is not evicted
    assert world.get("policy", "poddisruptionbudgets", "b")["status"]["disruptionsAllowed"] == 0
