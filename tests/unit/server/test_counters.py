"""Numbers that processes count together without losing any."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from cluster.server import counters as module
from cluster.server.counters import Counters, series_of


def in_a_child(work: Callable[[], None], *, ends: bool = True) -> int:
    """Forks; the child works, and ends at once or when it is killed."""
    ready, told = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            work()
            os.write(told, b"1")
            if not ends:
                os.read(os.pipe()[0], 1)
        finally:
            os._exit(0)
    os.close(told)
    assert os.read(ready, 1) == b"1"
    os.close(ready)
    if ends:
        os.waitpid(child, 0)
    return child


def counting(counters: Counters, series: str, amount: int) -> Callable[[], None]:
    def work() -> None:
        counters.join()
        counter = counters.counter(series)
        for _ in range(amount):
            counter.add()

    return work


def test_all_workers_are_summed_up() -> None:
    counters = Counters(2)
    children = [in_a_child(counting(counters, "a", 1000), ends=False) for _ in range(3)]
    assert counters.totals() == {"a": 3000}
    for child in children:
        os.kill(child, 9)
        os.waitpid(child, 0)


def test_who_replaces_a_worker_goes_on_where_it_ended() -> None:
    counters = Counters(1)
    for _ in range(5):
        in_a_child(counting(counters, "a", 10))
    assert counters.totals() == {"a": 50}


def test_more_workers_than_there_are_slots_are_refused() -> None:
    counters = Counters(1)
    children = [in_a_child(counters.join, ends=False) for _ in range(2)]
    with pytest.raises(RuntimeError, match="more workers than"):
        counters.join()
    for child in children:
        os.kill(child, 9)
        os.waitpid(child, 0)


def test_series_beyond_the_bound_are_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SERIES", 2)
    counters = Counters(1)
    counters.join()
    for each in ("a", "b", "c", "x" * 400, "a"):
        counters.counter(each).add()
    assert counters.totals() == {"a": 2, "b": 1}


def test_labels_are_in_order_and_escaped() -> None:
    assert series_of("n", b="1", a='x"\\\n') == 'n{a="x\\"\\\\\\n",b="1"}'
    assert series_of("n") == "n"
