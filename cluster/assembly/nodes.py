"""Which nodes a home has, and which of them are to run: `<home>/nodes.json`, written atomically."""

from __future__ import annotations

from typing import Self

import orjson
from msgspec import Struct, field

from cluster.api.private_file import write_private
from cluster.assembly.config import Home


class NodeSet(Struct):
    """Node names in the order they were added; True for those that are to run.  Every change is saved."""

    home: Home
    wanted: dict[str, bool] = field(default_factory=dict)

    @classmethod
    def load(cls, home: Home) -> Self:
        """The set on disk; empty where there is none."""
        try:
            return cls(home, orjson.loads((home.root / "nodes.json").read_bytes()))
        except FileNotFoundError:
            return cls(home)

    def save(self) -> None:
        write_private(self.home.root / "nodes.json", orjson.dumps(self.wanted))

    def has(self, name: str) -> bool:
        return name in self.wanted

    def running(self) -> list[str]:
        return [name for name, runs in self.wanted.items() if runs]

    def add(self, name: str) -> None:
        self.wanted[name] = True
        self.save()

    def remove(self, name: str) -> None:
        self.wanted.pop(name, None)
        self.save()

    def set_running(self, name: str, runs: bool) -> None:
        """KeyError where there is no such node."""
        if name not in self.wanted:
            raise KeyError(name)
        self.wanted[name] = runs
        self.save()

    def grow(self, count: int) -> list[str]:
        """Adds `node-N` until there are `count` nodes; the names added."""
        added = []
        number = 1
        while len(self.wanted) < count:
            if (name := f"node-{number}") not in self.wanted:
                self.wanted[name] = True
                added.append(name)
            number += 1
        if added:
            self.save()
        return added
