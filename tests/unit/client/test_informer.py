"""Informers, events and leader election against a server in memory that speaks the client's verbs."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import Any

from cluster.api.errors import AlreadyExists, Conflict, Expired, NotFound, StatusError
from cluster.api.names import GroupVersionResource, Object
from cluster.client.events import NORMAL, EventRecorder
from cluster.client.informer import Handler, Informer
from cluster.client.leader import Election, LeaderElector
from cluster.client.resources import PODS
from cluster.client.status import Unreachable
from tests.support import eventually


class Stream:
    """A watch whose events the test puts; None ends it."""

    def __init__(self, last: str) -> None:
        self.events: queue.Queue[tuple[str, Object] | None] = queue.Queue()
        self.last = last

    def __iter__(self) -> Iterator[tuple[str, Object]]:
        while (event := self.events.get()) is not None:
            if event[0] != "ERROR":
                self.last = event[1]["metadata"]["resourceVersion"]
            yield event

    def close(self) -> None:
        self.events.put(None)


class Server:
    """Answers lists in turn and hands out a stream for each watch."""

    def __init__(self, *lists: tuple[str, list[Object]] | StatusError) -> None:
        self.lists = list(lists)
        self.streams: queue.Queue[Stream] = queue.Queue()
        self.resumed: list[str] = []
        self.refuse: list[StatusError] = []

    def list(self, resource: GroupVersionResource, *_: Any, **__: Any) -> Object:
        found = self.lists.pop(0) if len(self.lists) > 1 else self.lists[0]
        if isinstance(found, StatusError):
            raise found
        version, items = found
        return {"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": version}, "items": items}

    def watch(self, resource: GroupVersionResource, *_: Any, resource_version: str, **__: Any) -> Stream:
        self.resumed.append(resource_version)
        if self.refuse:
            raise self.refuse.pop(0)
        stream = Stream(resource_version)
        self.streams.put(stream)
        return stream


def _pod(name: str, version: str, uid: str = "") -> Object:
    return {"metadata": {"name": name, "namespace": "dev", "resourceVersion": version, "uid": uid or name, "managedFields": []}}


class World:
    def __init__(self, server: Server) -> None:
        self.seen: list[tuple[str, str]] = []
        self.server = server
        self.informer = Informer(server, PODS)  # type: ignore[arg-type]
        self.informer.add_handler(
            Handler(lambda obj: self._note("add", obj), lambda _, new: self._note("update", new), lambda obj: self._note("delete", obj))
        )
        self.informer.start()

    def _note(self, what: str, obj: Object) -> None:
        self.seen.append((what, obj["metadata"]["name"]))

    def stream(self) -> Stream:
        return self.server.streams.get(timeout=10)


def test_a_list_and_a_watch_keep_the_cache() -> None:
    world = World(Server(("5", [_pod("a", "1")])))
    stream = world.stream()
    assert world.informer.wait_synced(5)
    stream.events.put(("ADDED", _pod("b", "6")))
    stream.events.put(("MODIFIED", _pod("a", "7")))
    stream.events.put(("DELETED", _pod("b", "8")))
    eventually(lambda: len(world.seen) == 4, "all events are seen")
    world.informer.stop()
    assert world.seen == [("add", "a"), ("add", "b"), ("update", "a"), ("delete", "b")]
    assert [each["metadata"]["resourceVersion"] for each in world.informer.list("dev")] == ["7"]
    held = world.informer.get("dev", "a")
    assert held is not None
    assert "managedFields" not in held["metadata"]


def test_a_watch_that_ends_is_resumed_from_the_last_event_bookmarks_included() -> None:
    world = World(Server(("5", [])))
    stream = world.stream()
    stream.events.put(("BOOKMARK", _pod("", "9")))
    stream.events.put(None)
    world.stream()
    world.informer.stop()
    assert world.server.resumed == ["5", "9"]


def test_when_the_revision_is_too_old_it_lists_anew_and_tells_what_is_missing() -> None:
    world = World(Server(("5", [_pod("a", "1"), _pod("b", "2")]), ("20", [_pod("b", "15")])))
    world.stream().events.put(("ERROR", {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}))
    world.stream()
    eventually(lambda: len(world.seen) == 4, "all events are seen")
    world.informer.stop()
    assert world.seen[2:] == [("update", "b"), ("delete", "a")]
    assert world.server.resumed == ["5", "20"]


def test_an_object_made_anew_under_its_name_is_deleted_and_added() -> None:
    server = Server(("5", [_pod("a", "1", "one")]), ("20", [_pod("a", "15", "two")]))
    server.refuse.append(Expired("too old"))
    world = World(server)
    world.stream()
    eventually(lambda: len(world.seen) == 3, "all events are seen")
    world.informer.stop()
    assert world.seen == [("add", "a"), ("delete", "a"), ("add", "a")]


def test_a_server_that_is_away_is_asked_again() -> None:
    world = World(Server(Unreachable("away"), ("5", [_pod("a", "1")])))
    assert world.informer.wait_synced(10)
    world.stream()
    world.informer.stop()
    assert world.seen == [("add", "a")]


class Store:
    """Objects by name, with conflicts; enough for leases and events."""

    def __init__(self) -> None:
        self.objects: dict[str, Object] = {}
        self.patches: list[Object] = []
        self.lock = threading.Lock()

    def get(self, resource: object, namespace: str, name: str) -> Object:
        with self.lock:
            if name not in self.objects:
                raise NotFound(name)
            return dict(self.objects[name])

    def create(self, resource: object, namespace: str, obj: Object) -> Object:
        with self.lock:
            name = obj["metadata"]["name"]
            if name in self.objects:
                raise AlreadyExists(name)
            self.objects[name] = {**obj, "metadata": {**obj["metadata"], "resourceVersion": 1}}
            return self.objects[name]

    def update(self, resource: object, namespace: str, obj: Object) -> Object:
        with self.lock:
            name, version = obj["metadata"]["name"], obj["metadata"]["resourceVersion"]
            if self.objects[name]["metadata"]["resourceVersion"] != version:
                raise Conflict(name)
            self.objects[name] = {**obj, "metadata": {**obj["metadata"], "resourceVersion": version + 1}}
            return self.objects[name]

    def patch(self, resource: object, namespace: str, name: str, patch: Object, **_: Any) -> Object:
        self.patches.append(patch)
        return patch


def test_one_of_two_leads_and_the_other_takes_over_when_it_gives_up() -> None:
    store = Store()
    stops = [threading.Event(), threading.Event()]
    led: list[str] = []

    def stand(name: str, stop: threading.Event) -> threading.Thread:
        election = Election("kube-system", "x", name, lease_seconds=15, retry_seconds=0.02)

        def lead(lost: threading.Event) -> None:
            led.append(name)
            lost.wait()

        thread = threading.Thread(target=LeaderElector(store, election).run, args=(lead, stop))  # type: ignore[arg-type]
        thread.start()
        return thread

    first = stand("one", stops[0])
    eventually(lambda: led == ["one"], "the first leads")
    second = stand("two", stops[1])
    stops[0].set()
    eventually(lambda: led == ["one", "two"], "the second leads")
    assert store.objects["x"]["spec"]["leaseTransitions"] == 1
    stops[1].set()
    first.join(5)
    second.join(5)


def test_an_event_that_repeats_is_counted() -> None:
    store = Store()
    recorder = EventRecorder(store, "test")  # type: ignore[arg-type]
    subject = {"apiVersion": "v1", "kind": "Pod"} | _pod("a", "1")
    for _ in range(3):
        recorder.event(subject, NORMAL, "Reason", "message")
    recorder.close(5)
    (made,) = store.objects.values()
    assert (made["involvedObject"]["name"], made["reason"], made["count"]) == ("a", "Reason", 1)
    assert [patch["count"] for patch in store.patches] == [2, 3]


def test_many_different_messages_are_told_as_one() -> None:
    store = Store()
    recorder = EventRecorder(store, "test")  # type: ignore[arg-type]
    subject = {"apiVersion": "v1", "kind": "Pod"} | _pod("a", "1")
    for number in range(15):
        recorder.event(subject, NORMAL, "Reason", f"message {number}")
    recorder.close(5)
    assert len(store.objects) == 10
    assert store.patches[-1]["message"] == "(combined from similar events): message 14"


def test_a_flood_about_one_object_is_dropped() -> None:
    store = Store()
    recorder = EventRecorder(store, "test")  # type: ignore[arg-type]
    subject = {"apiVersion": "v1", "kind": "Pod"} | _pod("a", "1")
    for number in range(60):
        recorder.event(subject, NORMAL, f"Reason{number}", "message")
    recorder.close(5)
    assert len(store.objects) == 25
