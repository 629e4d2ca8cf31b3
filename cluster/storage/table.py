"""Entries that are kept by name, and listed in the order of their names."""

from __future__ import annotations

from bisect import bisect_left, insort

from cluster.storage.contract import Entry


class Table:
    """The entries of one resource and namespace, with their sorted names kept once they were asked for."""

    __slots__ = ("_names", "_sorted", "entries")

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self._names: list[str] | None = None
        self._sorted: list[Entry] | None = None

    def put(self, entry: Entry) -> None:
        name = entry.key.name
        if self._names is not None and name not in self.entries:
            insort(self._names, name)
        self.entries[name] = entry
        self._sorted = None

    def remove(self, name: str) -> None:
        if self.entries.pop(name, None) is not None:
            self._sorted = None
            if self._names is not None:
                del self._names[bisect_left(self._names, name)]

    def sorted(self) -> list[Entry]:
        if self._sorted is None:
            if self._names is None:
                self._names = sorted(self.entries)
            entries = self.entries
            self._sorted = [entries[name] for name in self._names]
        return self._sorted
