"""Where the values of an expression come from, and what is known of local variables, as the cost estimate follows it."""

from __future__ import annotations

from msgspec import Struct

from cluster.cel.functions import Bounds


class Path:
    """Names from a variable on.

    Upstream appends to slices that share their memory: with `x.a` and `x.b` of one variable, the second may overwrite the first's last
    name.  Where a size is looked up after that, it is that of the wrong field; estimates have to be wrong in the same way.
    """

    __slots__ = ("_length", "_memory")

    def __init__(self, memory: list[str], length: int) -> None:
        self._memory = memory
        self._length = length

    @classmethod
    def none(cls) -> Path:
        return cls([], 0)

    @classmethod
    def of(cls, name: str) -> Path:
        return cls([name], 1)

    def then(self, name: str) -> Path:
        if self._length < len(self._memory):
            self._memory[self._length] = name
            return Path(self._memory, self._length + 1)
        room = [""] * (max(1, 2 * self._length) - self._length - 1)
        return Path([*self._memory, name, *room], self._length + 1)

    def names(self) -> tuple[str, ...]:
        return tuple(self._memory[: self._length])

    def starts_with(self, *names: str) -> bool:
        return self._length > 0 and self._memory[0] in names

    def __bool__(self) -> bool:
        return self._length > 0


class Entries(Struct, frozen=True):
    """How large the keys and values of a list or map are."""

    is_list: bool
    key: Bounds
    value: Bounds

    def union(self, other: Entries) -> Entries:
        return Entries(self.is_list, self.key.union(other.key), self.value.union(other.value))


class Local(Struct, frozen=True):
    """A variable of a fold."""

    path: Path
    size: Bounds | None
    entries: Entries | None


class Locals:
    """The variables of folds by name, the innermost last."""

    def __init__(self) -> None:
        self._known: dict[str, list[Local]] = {}

    def push(self, name: str, path: Path, size: Bounds | None, entries: Entries | None = None) -> None:
        self._known.setdefault(name, []).append(Local(path, size, entries))

    def pop(self, name: str) -> None:
        self._known[name].pop()

    def latest(self, name: str) -> Local | None:
        known = self._known.get(name)
        return known[-1] if known else None
