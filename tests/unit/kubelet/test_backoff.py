from __future__ import annotations

from cluster.kubelet.backoff import Backoff


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_it_doubles_up_to_the_longest() -> None:
    clock = Clock()
    backoff = Backoff(clock=clock)
    assert [backoff.next("k", clock.now) for _ in range(7)] == [10, 20, 40, 80, 160, 300, 300]


def test_what_never_failed_needs_no_wait() -> None:
    assert Backoff().remaining("k", 0.0) == 0


def test_the_wait_counts_from_the_failure() -> None:
    clock = Clock()
    backoff = Backoff(clock=clock)
    backoff.next("k", clock.now)
    clock.now += 4
    assert backoff.remaining("k", 1000.0) == 6


def test_it_starts_anew_after_twice_the_longest_without_failure() -> None:
    clock = Clock()
    backoff = Backoff(clock=clock)
    for _ in range(4):
        backoff.next("k", clock.now)
    clock.now += 601
    assert backoff.next("k", clock.now) == 10


def test_a_count_of_another_kubelet_is_taken_up() -> None:
    clock = Clock()
    backoff = Backoff(clock=clock)
    backoff.restore("k", 3, clock.now)
    assert (backoff.seconds("k"), backoff.remaining("k", clock.now - 1)) == (40, 39)


def test_a_known_count_stays_as_it_is() -> None:
    backoff = Backoff()
    backoff.next("k", 1.0)
    backoff.restore("k", 3, 1.0)
    assert backoff.seconds("k") == 10


def test_forgotten_keys_start_anew() -> None:
    backoff = Backoff()
    backoff.next("pod_a", 1.0)
    backoff.forget("pod_")
    assert backoff.seconds("pod_a") == 0
