"""The quota controller: what it counts, when, and what it writes while others charge."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.api.errors import Conflict, NotFound
from cluster.api.meta import parse_time
from cluster.api.names import GroupResource, GroupVersionResource, Object
from cluster.api.quota.pods import PodEvaluator
from cluster.api.quota.services import ServiceEvaluator
from cluster.api.resource_lists import texts_of
from cluster.client.resources import CONFIG_MAPS, PERSISTENT_VOLUME_CLAIMS, PODS, RESOURCE_QUOTAS, SECRETS, SERVICES
from cluster.client.work_queue import WorkQueue
from cluster.controllers.framework import Informers, Requeue
from cluster.controllers.objects import copied
from cluster.controllers.resource_quota.controller import QuotaReconciler
from cluster.controllers.resource_quota.counting import Counter
from cluster.controllers.resource_quota.watching import Watching, counts_otherwise
from tests.unit.controllers.server import Server

NOON = parse_time("2026-01-01T12:00:00Z").timestamp()
CLAIMS = GroupVersionResource("resource.k8s.io", "v1", "resourceclaims")
CLASSES = GroupVersionResource("resource.k8s.io", "v1", "deviceclasses")
WIDGETS = GroupVersionResource("example.com", "v1", "widgets")
KEY = ("dev", "q")


class Cluster(Server):
    """A server that is discovered and lists; `before` is called ahead of each write, `listed` after each list."""

    def __init__(self) -> None:
        super().__init__()
        self.served = [PODS, SERVICES, PERSISTENT_VOLUME_CLAIMS, CONFIG_MAPS, SECRETS, CLAIMS, CLASSES]
        self.lists: list[str] = []
        self.tells = True
        """Whether a list says how much remains."""
        self.before: Callable[[], None] | None = None
        self.listed: Callable[[], None] | None = None

    def request(self, method: str, path: str, *, query: Any = None, accept: str = "") -> bytes:
        if path in ("/api", "/apis"):
            return self._discovery(path)
        *_, namespace, resource = path.split("/")
        served = next(each for each in self.served if each.resource == resource)
        found = self._items(served, namespace)
        self.lists.append(f"{resource}?limit={query['limit']}")
        metadata = {"continue": "x", **({"remainingItemCount": len(found) - 1} if self.tells else {})} if len(found) > 1 else {}
        return orjson.dumps({"metadata": metadata, "items": found[:1]})

    def _discovery(self, path: str) -> bytes:
        def resource(each: GroupVersionResource) -> Object:
            scope = "Cluster" if each == CLASSES else "Namespaced"
            return {"resource": each.resource, "scope": scope, "verbs": ["create", "list", "watch", "delete"]}

        groups = [
            {"metadata": {"name": each.group}, "versions": [{"version": each.version, "resources": [resource(each)]}]}
            for each in self.served
            if bool(each.group) == (path == "/apis")
        ]
        return orjson.dumps({"kind": "APIGroupDiscoveryList", "items": groups})

    def _items(self, resource: GroupVersionResource, namespace: str | None) -> list[Object]:
        found = self.objects.get(resource, {})
        return [copied(obj) for key, obj in found.items() if namespace in (None, "", key[0])]

    def list(
        self, resource: GroupVersionResource, namespace: str, *, field_selector: str = "", limit: int = 0, metadata_only: bool = False
    ) -> Object:
        if resource not in (RESOURCE_QUOTAS, *self.served):
            raise NotFound(resource.resource)
        self.lists.append(resource.resource)
        name = field_selector.removeprefix("metadata.name=")
        answer = {"items": [each for each in self._items(resource, namespace) if name in ("", each["metadata"]["name"])]}
        if self.listed is not None:
            self.listed()
        return answer

    def update(self, resource: GroupVersionResource, namespace: str, obj: Object, *, subresource: str = "", once: bool = False) -> Object:
        assert once, "a conflict must not be with an earlier attempt of the same write"
        if self.before is not None:
            self.before()
        return super().update(resource, namespace, obj, subresource=subresource)


def quota(hard: dict[str, str], used: dict[str, str] | None = None, *, counted: bool = True, **spec: Any) -> Object:
    status = {"hard": hard, "used": used if used is not None else dict.fromkeys(hard, "0")} if counted else {}
    return {"metadata": {"name": "q", "namespace": "dev", "uid": "u"}, "spec": {"hard": hard, **spec}, "status": status}


def pod(name: str, cpu: str = "1", *, phase: str = "Running", **spec: Any) -> Object:
    containers = [{"name": "c", "resources": {"requests": {"cpu": cpu}}}]
    return {
        "metadata": {"name": name, "namespace": "dev", "uid": name},
        "spec": {"containers": containers, **spec},
        "status": {"phase": phase},
    }


def thing(name: str) -> Object:
    return {"metadata": {"name": name, "namespace": "dev", "uid": name}}


class World:
    """The reconciler over a server in memory; its informers are never started, so that tests tell it what happens."""

    def __init__(self, *quotas: Object) -> None:
        self.server = Cluster()
        self.server.put(RESOURCE_QUOTAS, *quotas)
        self.queue: WorkQueue[tuple[str, str]] = WorkQueue()
        self.informers = Informers(self.server)  # type: ignore[arg-type]
        context: Any = SimpleNamespace(client=self.server, informers=self.informers)
        self.reconciler = QuotaReconciler(context, self.queue, lambda: NOON)

    def stored(self) -> Object:
        found = self.server.find(RESOURCE_QUOTAS, *KEY)
        assert found is not None
        return found

    @property
    def status(self) -> Object:
        found: Object = self.stored()["status"]
        return found

    def charge(self, **amounts: str) -> None:
        """As admission would."""
        changed = copied(self.stored())
        changed["status"]["used"] |= amounts
        changed["metadata"]["resourceVersion"] = str(int(changed["metadata"]["resourceVersion"]) + 1)
        self.server.put(RESOURCE_QUOTAS, changed)

    def tell(self, resource: GroupVersionResource, old: Object | None, new: Object | None) -> None:
        """What an informer would."""
        informer = self.informers.of(resource)
        for handler in informer._handlers:
            if old is None and new is not None and handler.added is not None:
                handler.added(new)
            elif old is not None and new is not None and handler.updated is not None:
                handler.updated(old, new)
            elif new is None and old is not None and handler.deleted is not None:
                handler.deleted(old)

    def due(self, timeout: float = 0.2) -> list[tuple[str, str]]:
        found = []
        while (key := self.queue.get(timeout)) is not None:
            found.append(key)
            self.queue.done(key)
            timeout = 0.01
        return found


HARD = {"pods": "5", "cpu": "10"}


# what is counted


def counted(server: Cluster, limits: Object) -> tuple[dict[str, str], list[str]]:
    watched: list[str] = []
    counter = Counter(server, lambda each: watched.append(each.resource), lambda: NOON)  # type: ignore[arg-type]
    return texts_of(counter.count(limits, counter.plan(limits)).used), watched


def test_pods_are_measured_and_the_rest_is_counted_by_a_list_of_one() -> None:
    server = Cluster()
    server.put(PODS, pod("a"), pod("b", "500m"), pod("done", phase="Succeeded"))
    server.put(CONFIG_MAPS, thing("x"), thing("y"), thing("z"))
    used, watched = counted(
        server, quota({"pods": "9", "cpu": "9", "count/pods": "9", "configmaps": "9", "count/configmaps": "9", "secrets": "9"})
    )
    assert used == {"pods": "2", "cpu": "1500m", "count/pods": "3", "configmaps": "3", "count/configmaps": "3", "secrets": "0"}
    assert server.lists == ["pods", "configmaps?limit=1", "secrets?limit=1"]
    assert watched == ["pods", "configmaps", "secrets"]


def test_a_server_that_does_not_say_what_remains_is_asked_for_all() -> None:
    server = Cluster()
    server.tells = False
    server.put(CONFIG_MAPS, thing("x"), thing("y"))
    assert counted(server, quota({"configmaps": "9"}))[0] == {"configmaps": "2"}
    assert server.lists == ["configmaps?limit=1", "configmaps"]


def test_a_scope_leaves_out_what_is_not_in_it_and_all_that_has_none() -> None:
    server = Cluster()
    server.put(PODS, pod("a"), pod("b", activeDeadlineSeconds=5))
    server.put(CONFIG_MAPS, thing("x"))
    assert counted(server, quota({"pods": "9", "configmaps": "9"}, scopes=["Terminating"]))[0] == {"pods": "1", "configmaps": "0"}


def test_what_nobody_serves_is_left_out() -> None:
    server = Cluster()
    counter = Counter(server, lambda each: None, lambda: NOON)  # type: ignore[arg-type]
    limits = quota({"count/widgets.example.com": "1", "count/events": "1", "pods": "1"})
    plan = counter.plan(limits)
    assert (plan.unknown, plan.resources) == (True, {GroupResource("", "pods")})
    assert texts_of(counter.count(limits, plan).used) == {"pods": "0"}
    server.served.append(WIDGETS)
    assert counter.quotable.refresh()
    assert WIDGETS.group_resource in counter.plan(limits).resources
    assert not counter.quotable.refresh()


def test_an_extended_resource_is_what_pods_ask_for_and_what_claims_of_its_class_do() -> None:
    server = Cluster()
    server.put(CLASSES, {"metadata": {"name": "gpu", "uid": "g"}, "spec": {"extendedResourceName": "example.com/gpu"}})
    asking = pod("a")
    asking["spec"]["containers"][0]["resources"]["requests"] = {"example.com/gpu": "2"}
    server.put(PODS, asking)
    request = {"name": "r", "exactly": {"deviceClassName": "gpu", "allocationMode": "ExactCount", "count": 3}}
    server.put(CLAIMS, thing("c") | {"spec": {"devices": {"requests": [request]}}})
    used, _ = counted(server, quota({"requests.example.com/gpu": "9", "gpu.deviceclass.resource.k8s.io/devices": "9"}))
    assert used == {"requests.example.com/gpu": "5", "gpu.deviceclass.resource.k8s.io/devices": "3"}


def test_a_count_says_when_a_pod_that_is_deleted_will_count_no_more() -> None:
    server = Cluster()
    for name, seconds in (("late", 60), ("soon", 30)):
        deleted = pod(name)
        deleted["metadata"] |= {"deletionTimestamp": "2026-01-01T12:00:00Z", "deletionGracePeriodSeconds": seconds}
        server.put(PODS, deleted)
    counter = Counter(server, lambda each: None, lambda: NOON)  # type: ignore[arg-type]
    count = counter.count(quota(HARD), counter.plan(quota(HARD)))
    assert (count.until, texts_of(count.used)) == (NOON + 30, {"pods": "2", "cpu": "2"})


# what is written


def test_a_new_quota_gets_its_limits_and_what_is_used() -> None:
    world = World(quota(HARD, counted=False))
    world.server.put(PODS, pod("a"))
    world.reconciler.sync(KEY)
    assert world.status == {"hard": HARD, "used": {"pods": "1", "cpu": "1"}}
    assert world.server.writes == [("update", "resourcequotas/status", "q")]


def test_a_status_that_is_right_is_left_alone() -> None:
    world = World(quota(HARD, {"pods": "1", "cpu": "1000m"}))
    world.server.put(PODS, pod("a"))
    world.reconciler.sync(KEY)
    assert world.server.writes == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"hard": {"pods": "9"}, "used": {"pods": "0"}}, {"pods": "1", "cpu": "1"}),
        ({"hard": HARD, "used": {"pods": "3", "cpu": "3"}}, {"pods": "1", "cpu": "1"}),
        ({"hard": HARD, "used": {"pods": "0", "cpu": "0"}}, {"pods": "1", "cpu": "1"}),
        ({"hard": HARD, "used": {"pods": "1", "cpu": "1", "services": "1"}}, {"pods": "1", "cpu": "1"}),
        ({"hard": HARD}, {"pods": "1", "cpu": "1"}),
    ],
)
def test_a_status_that_is_wrong_is_put_right(before: Object, after: dict[str, str]) -> None:
    world = World(quota(HARD) | {"status": before})
    world.server.put(PODS, pod("a"))
    world.reconciler.sync(KEY)
    assert world.status == {"hard": HARD, "used": after}


def test_what_can_not_be_counted_stays_as_it_was() -> None:
    hard = {"pods": "5", "count/widgets.example.com": "5"}
    world = World(quota(hard, {"pods": "3", "count/widgets.example.com": "2"}))
    world.reconciler.sync(KEY)
    assert world.status["used"] == {"pods": "0", "count/widgets.example.com": "2"}


def test_a_quota_that_is_gone_is_forgotten() -> None:
    world = World(quota(HARD))
    world.reconciler.sync(KEY)
    world.server.objects[RESOURCE_QUOTAS].clear()
    world.reconciler.sync(KEY)
    assert world.reconciler._counted == {}


def test_what_is_charged_while_it_is_counted_is_left_in() -> None:
    """Two of five pods are gone.  While that is counted, one is made and charged: four are left, however the count came out."""
    world = World(quota(HARD, {"pods": "5", "cpu": "5"}))
    world.server.put(PODS, pod("a"), pod("b"), pod("c"))

    def meanwhile() -> None:
        world.server.before = None
        world.charge(pods="6", cpu="6")

    world.server.before = meanwhile
    with pytest.raises(Requeue):
        world.reconciler.sync(KEY)
    assert world.status["used"] == {"pods": "4", "cpu": "4"}
    world.server.put(PODS, pod("d"))
    world.reconciler.sync(KEY)
    assert world.status["used"] == {"pods": "4", "cpu": "4"}


def test_what_is_both_counted_and_charged_is_not_charged_twice() -> None:
    """Nothing is used; while that is counted, three are made and charged, and counted too."""
    world = World(quota(HARD))

    def meanwhile() -> None:
        world.server.before = None
        world.charge(pods="3", cpu="3")

    world.server.put(PODS, pod("a"), pod("b"), pod("c"))
    world.server.before = meanwhile
    with pytest.raises(Requeue):
        world.reconciler.sync(KEY)
    assert world.status["used"] == {"pods": "3", "cpu": "3"}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.booleans(), max_size=4), max_size=6), st.integers(0, 3))
def test_whatever_is_made_and_deleted_meanwhile_no_less_is_ever_charged_than_is_there(meanwhile: list[list[bool]], at_first: int) -> None:
    """Between any two steps of a count some are made, each charged as it is made, and some deleted; in the end all is counted right."""
    world = World(quota({"pods": "99"}, {"pods": str(at_first)}))
    names, present, steps = iter(range(1000)), [], iter(meanwhile)

    def make() -> None:
        present.append(f"p{next(names)}")
        world.server.put(PODS, pod(present[-1]))

    def happen() -> None:
        for made in next(steps, []):
            if made:
                world.charge(pods=str(int(world.status["used"]["pods"]) + 1))
                make()
            elif present:
                world.server.objects[PODS].pop(("dev", present.pop()))

    def right() -> bool:
        return int(world.status["used"]["pods"]) >= len(present)

    for _ in range(at_first):
        make()
    world.server.before = world.server.listed = happen
    for _ in meanwhile:
        with contextlib.suppress(Requeue, Conflict):
            world.reconciler.sync(KEY)
        assert right()
    world.server.before = world.server.listed = None
    world.reconciler.sync(KEY)
    assert world.status["used"] == {"pods": str(len(present))}


def test_a_count_is_not_applied_to_what_somebody_else_has_released() -> None:
    world = World(quota(HARD, {"pods": "5", "cpu": "5"}))
    world.server.put(PODS, pod("a"))

    def meanwhile() -> None:
        world.server.before = None
        world.charge(pods="3", cpu="3")

    world.server.before = meanwhile
    with pytest.raises(Requeue):
        world.reconciler.sync(KEY)
    assert world.status["used"] == {"pods": "3", "cpu": "3"}


def test_limits_that_change_while_they_are_counted_are_counted_anew() -> None:
    world = World(quota(HARD, counted=False))
    world.server.conflicts = 1
    with pytest.raises(Conflict):
        world.reconciler.sync(KEY)
    assert world.status == {}
    world.reconciler.sync(KEY)
    assert world.status["used"] == {"pods": "0", "cpu": "0"}


# when


def test_what_counts_and_goes_makes_a_count_due() -> None:
    world = World(limits := quota(HARD))
    world.informers.of(RESOURCE_QUOTAS).cache.put(limits)
    world.tell(PODS, pod("early"), None)
    assert world.due() == []
    world.reconciler.sync(KEY)
    world.tell(PODS, None, pod("a"))
    world.tell(SERVICES, thing("s"), None)
    world.tell(PODS, pod("a"), pod("a"))
    assert world.due() == []
    world.tell(PODS, pod("a"), None)
    assert world.due() == [KEY]
    world.tell(PODS, pod("a"), pod("a", phase="Failed"))
    assert world.due() == [KEY]


@pytest.mark.parametrize(
    ("old", "new", "due"),
    [
        (quota(HARD), quota(HARD, {"pods": "1", "cpu": "1"}), False),
        (quota(HARD), quota({"pods": "9"}), True),
        (quota(HARD), quota(HARD, scopes=["Terminating"]), True),
        (quota(HARD), quota(HARD) | {"status": {"hard": {"pods": "9"}, "used": {"pods": "0", "cpu": "0"}}}, True),
        (quota(HARD), quota(HARD, {"pods": "0"}), True),
    ],
)
def test_which_changes_of_a_quota_make_a_count_due(old: Object, new: Object, due: bool) -> None:
    world = World()
    world.tell(RESOURCE_QUOTAS, old, new)
    assert bool(world.due()) is due


def test_all_are_counted_anew_now_and_then() -> None:
    world = World(limits := quota(HARD))
    world.informers.of(RESOURCE_QUOTAS).cache.put(limits)
    world.reconciler.resync(SimpleNamespace())  # type: ignore[arg-type]
    assert world.due() == [KEY]


def test_a_quota_of_what_nobody_served_is_counted_once_somebody_does() -> None:
    world = World(quota({"count/widgets.example.com": "1"}, counted=False))
    world.reconciler.sync(KEY)
    world.reconciler.tidy(SimpleNamespace())  # type: ignore[arg-type]
    assert world.due() == []
    world.server.served.append(WIDGETS)
    world.reconciler.tidy(SimpleNamespace())  # type: ignore[arg-type]
    assert world.due() == [KEY]


def service(kind: str, ports: int = 1) -> Object:
    return {"metadata": {"name": "s", "namespace": "dev"}, "spec": {"type": kind, "ports": [{"port": each + 1} for each in range(ports)]}}


TERMINATING = quota(HARD, scopes=["Terminating"])


@pytest.mark.parametrize(
    ("evaluator", "limits", "old", "new", "wanted"),
    [
        (PodEvaluator(), quota(HARD), pod("a"), pod("a", "2"), True),
        (PodEvaluator(), quota(HARD), pod("a"), pod("a"), False),
        (PodEvaluator(), quota(HARD), pod("a"), pod("a", activeDeadlineSeconds=5), False),
        (PodEvaluator(), TERMINATING, pod("a"), pod("a", activeDeadlineSeconds=5), True),
        (PodEvaluator(), TERMINATING, pod("a"), pod("a", "2"), False),
        (ServiceEvaluator(), quota({"services": "1"}), service("ClusterIP"), service("NodePort"), True),
        (ServiceEvaluator(), quota({"services": "1"}), service("NodePort", 2), service("NodePort", 1), True),
        (ServiceEvaluator(), quota({"services": "1"}), service("ClusterIP", 2), service("ClusterIP", 1), False),
    ],
)
def test_which_changes_of_an_object_a_quota_counts_otherwise(
    evaluator: Any, limits: Object, old: Object, new: Object, wanted: bool
) -> None:
    assert counts_otherwise(evaluator, limits, old, new) is wanted


def test_what_no_quota_limits_any_more_is_watched_no_longer() -> None:
    class Quiet(Cluster):
        def list(self, resource: GroupVersionResource, namespace: Any, **_: Any) -> Object:
            return {"metadata": {"resourceVersion": "1"}, "items": []}

        def watch(self, *_: Any, **__: Any) -> Any:
            raise NotFound("no stream")

    watching = Watching(Quiet(), lambda *_: None)  # type: ignore[arg-type]
    watching.watch(CONFIG_MAPS)
    watching.watch(SECRETS)
    first = watching._own[CONFIG_MAPS]
    watching.keep({CONFIG_MAPS.group_resource})
    assert list(watching._own) == [CONFIG_MAPS]
    watching.watch(CONFIG_MAPS)
    assert watching._own[CONFIG_MAPS] is first
    watching.stop()
    assert watching._own == {}
