"""The queue of pods, and the cache of nodes."""

from __future__ import annotations

from cluster.scheduler.cache import Cache
from cluster.scheduler.queue import LONGEST_WAIT, SchedulingQueue
from tests.unit.scheduler.builders import node, pod


class World:
    def __init__(self) -> None:
        self.now = 0.0
        self.queue = SchedulingQueue(lambda: self.now)

    def next(self) -> str | None:
        found = self.queue.pop(timeout=0)
        if found is None:
            return None
        self.last = found
        return found.key[1]


def test_the_highest_priority_comes_first_and_then_the_oldest() -> None:
    world = World()
    for name, priority in (("a", 0), ("b", 5), ("c", 0)):
        world.queue.add(pod(name, priority=priority))
        world.now += 1
    assert [world.next(), world.next(), world.next(), world.next()] == ["b", "a", "c", None]


def test_a_pod_that_fits_nowhere_waits_for_a_change_and_its_back_off() -> None:
    world = World()
    world.queue.add(pod("a"))
    assert world.next() == "a"
    world.queue.fail(world.last, moves=world.queue.moves)
    world.now = 100
    assert world.next() is None
    world.queue.move()
    assert world.next() == "a"
    world.queue.fail(world.last, moves=world.queue.moves)
    world.queue.move()
    assert world.next() is None
    world.now += 2
    assert world.next() == "a"


def test_a_change_while_it_was_being_tried_counts() -> None:
    world = World()
    world.queue.add(pod("a"))
    world.next()
    moves = world.queue.moves
    world.queue.move()
    world.queue.fail(world.last, moves=moves)
    world.now = 1
    assert world.next() == "a"


def test_the_back_off_is_bounded() -> None:
    world = World()
    world.queue.add(pod("a"))
    for _ in range(8):
        assert world.next() == "a"
        world.queue.fail(world.last, moves=0, error=True)
        world.now += 10


def test_whoever_waits_too_long_is_tried_again() -> None:
    world = World()
    world.queue.add(pod("a"))
    world.next()
    world.queue.fail(world.last, moves=world.queue.moves)
    world.now = LONGEST_WAIT + 1
    assert world.next() == "a"


def test_a_gated_pod_waits_for_its_gates() -> None:
    world = World()
    world.queue.add(pod("a", schedulingGates=[{"name": "g"}]))
    assert world.next() is None
    world.queue.add(pod("a"))
    assert world.next() == "a"


def test_a_removed_pod_is_not_tried() -> None:
    world = World()
    world.queue.add(pod("a"))
    world.queue.remove(("dev", "a"))
    assert world.next() is None
    assert len(world.queue) == 0


def _requested(cache: Cache) -> int:
    (info,) = cache.nodes()
    return info.requested.get("cpu", 0)


def _cache() -> Cache:
    cache = Cache()
    found = node("n1").node
    assert found is not None
    cache.set_node(found)
    return cache


def test_an_assumed_pod_counts_until_it_is_forgotten() -> None:
    cache = _cache()
    cache.assume(pod("a", cpu="1"), "n1")
    assert _requested(cache) == 1000
    cache.forget(("dev", "a"))
    assert _requested(cache) == 0


def test_a_confirmed_pod_counts_once_and_is_not_forgotten() -> None:
    cache = _cache()
    cache.assume(pod("a", cpu="1"), "n1")
    cache.set_pod(pod("a", cpu="1", nodeName="n1"))
    cache.forget(("dev", "a"))
    assert _requested(cache) == 1000
    cache.remove_pod(("dev", "a"))
    assert _requested(cache) == 0


def test_pods_are_known_before_their_node() -> None:
    cache = Cache()
    cache.set_pod(pod("a", cpu="1", nodeName="n1"))
    assert cache.nodes() == []
    found = node("n1").node
    assert found is not None
    cache.set_node(found)
    assert _requested(cache) == 1000
    cache.remove_node("n1")
    cache.remove_pod(("dev", "a"))
    assert cache.nodes() == []
