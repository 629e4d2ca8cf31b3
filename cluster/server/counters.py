"""Numbers that all workers of a server count together, in memory that they share.

Each worker adds to a slot of its own, so that no lock is taken and nothing is lost, and whoever is asked sums up all slots.  A
worker that ends leaves its slot, with what it counted, to the one that replaces it.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import mmap
import operator
import os
import struct
import weakref
from collections.abc import Callable
from typing import Final

from msgspec import Struct

log = logging.getLogger(__name__)
_ENTRY: Final = 384
"""Bytes of one series: its value (8), the length of its text (2), the text."""
_HEAD: Final = 10
_SERIES: Final = 4096
"""So many a worker counts at most; what comes after them is not counted."""
_SLOT: Final = _ENTRY * _SERIES
_LENGTH: Final = struct.Struct("<H")


class Family(Struct, frozen=True):
    """A metric as its HELP and TYPE lines tell it."""

    name: str
    type: str
    stability: str
    help: str


class Counter:
    """A number of this worker's."""

    __slots__ = ("_index", "_words")

    def __init__(self, words: memoryview, index: int) -> None:
        self._words = words
        self._index = index

    def add(self, amount: int = 1) -> None:
        self._words[self._index] += amount

    def set(self, value: int) -> None:
        """For what is no sum: see `Counters.peaks`."""
        self._words[self._index] = value


class Counters:
    """Made before the workers are forked; each of them joins.  The memory is reserved, and used as far as there are series."""

    def __init__(self, workers: int) -> None:
        """Twice as many as `workers` may be there at a time: those of a master that is reloaded, and those that replace them."""
        self._slots = 2 * workers
        self._file = os.memfd_create("berth-counters")
        self._closed = weakref.finalize(self, os.close, self._file)
        os.ftruncate(self._file, self._slots * _SLOT)
        self._memory = mmap.mmap(self._file, self._slots * _SLOT)
        self._words = memoryview(self._memory).cast("Q")
        self._counters: dict[str, Counter] = {}
        self._start = -1

    def join(self) -> None:
        """This process takes the first slot that no living one holds; RuntimeError where there is none."""
        for slot in range(self._slots):
            with contextlib.suppress(BlockingIOError, PermissionError):
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, slot)
                self._start = slot * _SLOT
                self._counters = {text: Counter(self._words, at // 8) for text, at in self._entries(self._start)}
                return
        raise RuntimeError("more workers than there are slots for their counters")

    def counter(self, series: str) -> Counter:
        """What counts a series, a text as `series_of` makes it.  Where there are too many, it counts for nobody."""
        found = self._counters.get(series)
        if found is None:
            found = self._add(series)
        return found

    def own(self) -> list[tuple[str, Counter]]:
        """What this worker counts, and what those counted whom it replaces."""
        return list(self._counters.items())

    def totals(self) -> dict[str, int]:
        """All series, summed up over the workers."""
        return self._united(operator.add)

    def peaks(self) -> dict[str, int]:
        """All series, each as the worker has it where it is greatest: such as when something happened last."""
        return self._united(max)

    def _united(self, unite: Callable[[int, int], int]) -> dict[str, int]:
        found: dict[str, int] = {}
        for slot in range(self._slots):
            for series, at in self._entries(slot * _SLOT):
                found[series] = unite(found.get(series, 0), self._words[at // 8])
        return found

    def _add(self, series: str) -> Counter:
        assert self._start >= 0, "a process counts once it has joined"
        text = series.encode()
        count = len(self._counters)
        if count == _SERIES or len(text) > _ENTRY - _HEAD:
            log.warning("%s is not counted: there are too many series", series)
            return Counter(memoryview(bytearray(8)).cast("Q"), 0)
        at = self._start + count * _ENTRY
        self._memory[at + _HEAD : at + _HEAD + len(text)] = text
        self._memory[at + 8 : at + _HEAD] = _LENGTH.pack(len(text))  # last, for it is what makes the entry one
        made = self._counters[series] = Counter(self._words, at // 8)
        return made

    def _entries(self, start: int) -> list[tuple[str, int]]:
        """(series, where its entry is) of a slot."""
        found = []
        for at in range(start, start + _SLOT, _ENTRY):
            (length,) = _LENGTH.unpack_from(self._memory, at + 8)
            if not length:
                break
            found.append((self._memory[at + _HEAD : at + _HEAD + length].decode(), at))
        return found


def series_of(name: str, /, **labels: str) -> str:
    """A series in Prometheus' text format, labels in order: `name{a="1",b="2"}`."""
    if not labels:
        return name
    shown = ",".join(f'{label}="{_escaped(labels[label])}"' for label in sorted(labels))
    return f"{name}{{{shown}}}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
