"""Is a recorded history of reads and compare-and-swaps one that a single copy could have given?

The algorithm of Wing and Gong with Lowe's memory of states seen, for each register apart, as linearizability is local.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Operation(NamedTuple):
    """`read` returned `result`; `swapped` went from `expected` to `result`; `refused` met `result` and not `expected`.

    Values are revisions, 0 where there is no object.  `began` and `ended` are of one clock.
    """

    register: str
    began: int
    ended: int
    kind: str
    expected: int
    result: int


def step(operation: Operation, state: int) -> int | None:
    """The state after an operation that gave its result in `state`; None where it can't have."""
    if operation.kind == "swapped":
        return operation.result if state == operation.expected else None
    if operation.result != state or (operation.kind == "refused" and operation.expected == state):
        return None
    return state


def violations(history: Iterable[Operation]) -> list[str]:
    """The registers whose operations have no legal order."""
    registers: defaultdict[str, list[Operation]] = defaultdict(list)
    for operation in history:
        registers[operation.register].append(operation)
    return sorted(name for name, operations in registers.items() if not linearizable(operations))


def linearizable(operations: Sequence[Operation]) -> bool:
    """Whether one register's operations have an order that respects time and gives every result."""
    ordered = sorted(operations, key=lambda operation: operation.began)
    count = len(ordered)
    done = 0  # a bit for each operation that has its place
    first = state = 0  # every operation before `first` is done
    seen: set[tuple[int, int]] = set()
    stack: list[tuple[int, int, int]] = []  # what was before each choice: the bits, the state, the operation chosen
    candidate = 0
    while first < count:
        chosen = _next(ordered, done, first, candidate, state, seen)
        if chosen is None:
            if not stack:
                return False
            done, state, last = stack.pop()
            candidate = last + 1
            first = _first(done)
            continue
        stack.append((done, state, chosen))
        following = step(ordered[chosen], state)
        assert following is not None
        done, state = done | 1 << chosen, following
        first = candidate = _first(done)
    return True


def _first(done: int) -> int:
    """The lowest operation that is not done."""
    return (~done & (done + 1)).bit_length() - 1


def _next(ordered: Sequence[Operation], done: int, first: int, start: int, state: int, seen: set[tuple[int, int]]) -> int | None:
    """The next operation, from `start`, that may come now: none that is waiting ended before it began."""
    earliest_end: int | None = None
    for index in range(first, len(ordered)):
        if done >> index & 1:
            continue
        operation = ordered[index]
        if earliest_end is not None and operation.began > earliest_end:
            return None
        earliest_end = operation.ended if earliest_end is None else min(earliest_end, operation.ended)
        if index >= start:
            following = step(operation, state)
            if following is not None and (done | 1 << index, following) not in seen:
                seen.add((done | 1 << index, following))
                return index
    return None
