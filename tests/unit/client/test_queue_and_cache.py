"""The work queue's promises, the cache's indexes, and times."""

from __future__ import annotations

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.api.names import Object
from cluster.client import times
from cluster.client.cache import Cache
from cluster.client.labels import selects
from cluster.client.work_queue import WorkQueue


def test_an_item_waits_once() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add("a")
    queue.add("a")
    assert (queue.get(), queue.get(timeout=0)) == ("a", None)


def test_what_is_added_while_it_is_worked_on_comes_again_after() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add("a")
    queue.get()
    queue.add("a")
    assert queue.get(timeout=0) is None
    queue.done("a")
    assert queue.get(timeout=0) == "a"


def test_a_delayed_item_comes_when_it_is_due_the_earliest_counting() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add_after("a", 60)
    queue.add_after("a", 0.02)
    started = time.monotonic()
    assert queue.get(timeout=5) == "a"
    assert time.monotonic() - started >= 0.02
    queue.done("a")
    assert queue.get(timeout=0) is None


def test_failures_back_off_each_on_its_own_until_forgotten() -> None:
    queue: WorkQueue[str] = WorkQueue(base_seconds=100)
    queue.add_rate_limited("a")
    queue.add_rate_limited("a")
    queue.add_rate_limited("b")
    assert (queue.requeues("a"), queue.requeues("b")) == (2, 1)
    queue.forget("a")
    assert queue.requeues("a") == 0


def test_shutting_down_wakes_who_waits() -> None:
    queue: WorkQueue[str] = WorkQueue()
    got: list[str | None] = []
    waiter = threading.Thread(target=lambda: got.append(queue.get()))
    waiter.start()
    queue.shut_down()
    waiter.join(5)
    assert got == [None]


@given(st.lists(st.tuples(st.sampled_from(["put", "remove"]), st.sampled_from("abc"), st.sampled_from(["x", "y"]))))
def test_an_index_always_agrees_with_the_objects(steps: list[tuple[str, str, str]]) -> None:
    cache = Cache({"value": lambda obj: (obj["value"],)})
    model: dict[str, str] = {}
    for action, name, value in steps:
        if action == "put":
            cache.put({"metadata": {"name": name}, "value": value})
            model[name] = value
        else:
            cache.remove(("", name))
            model.pop(name, None)
    for value in ("x", "y"):
        assert {each["metadata"]["name"] for each in cache.by_index("value", value)} == {
            name for name, held in model.items() if held == value
        }


def test_an_index_that_comes_late_covers_what_is_there() -> None:
    cache = Cache()
    obj: Object = {"metadata": {"name": "a", "namespace": "dev"}}
    cache.put(obj)
    cache.add_indexer("namespace", lambda each: (each["metadata"]["namespace"],))
    assert cache.by_index("namespace", "dev") == [obj]


@pytest.mark.parametrize(
    ("selector", "matches"),
    [
        (None, False),
        ({}, True),
        ({"matchLabels": {"a": "1"}}, True),
        ({"matchLabels": {"a": "2"}}, False),
        ({"matchExpressions": [{"key": "a", "operator": "In", "values": ["1", "2"]}]}, True),
        ({"matchExpressions": [{"key": "b", "operator": "NotIn", "values": ["1"]}]}, True),
        ({"matchExpressions": [{"key": "a", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "a", "operator": "DoesNotExist"}]}, False),
    ],
)
def test_label_selectors(selector: Object | None, matches: bool) -> None:
    assert selects(selector, {"a": "1"}) is matches


def test_times_are_read_back() -> None:
    at = times.parse("2026-11-22T10:00:00.123456Z")
    assert at is not None
    assert (times.time(at), times.micro_time(at)) == ("2026-11-22T10:00:00Z", "2026-11-22T10:00:00.123456Z")
    assert times.parse("soon") is None
