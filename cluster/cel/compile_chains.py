"""Chains of selections and indexes: `object.spec.containers[0].image`, `a.?b[c]`, `has(a.b)`.

Upstream: cel-go `interpreter/attributes.go`.  A chain costs 1 for its root and 1 for each step; as a conditional's branch or as an index
the root is free, and a presence test is 1 cheaper.  A step that fails is charged, one that is not reached isn't, nor is an optional one
that finds nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from msgspec import Struct

from cluster.cel.compile_parts import MISSING, Builder, Evaluator, Frame, Part
from cluster.cel.floats import general
from cluster.cel.runtime_types import go_type, type_name
from cluster.cel.text import shown
from cluster.cel.types import Field
from cluster.cel.values import MAX_INT, MIN_INT, NONE, CelError, Joined, Optional_, UInt, map_key

_LISTS: Final = (list, tuple, Joined)
_KEYS: Final = frozenset({str, int, UInt, bool, float})


def _native_type(key: Any) -> str:
    """The type that a value of JSON has in Go."""
    if key is None:
        return "<nil>"
    if isinstance(key, _LISTS):
        return "[]interface {}"
    if type(key) is bytes:
        return "[]uint8"
    return "map[string]interface {}" if isinstance(key, dict) else go_type(key)


def position(key: Any) -> int:
    """A key as the index of a list."""
    kind = type(key)
    if kind is int or (kind is UInt and key <= MAX_INT):
        return int(key)
    if kind is float and MIN_INT < key < MAX_INT and key == int(key):
        return int(key)
    if kind is float or kind is UInt:
        raise CelError(f"unsupported index value {general(key) if kind is float else int(key)} in list")
    raise CelError(f"unsupported index type '{type_name(key)}' in list")


def find(operand: Any, key: Any) -> Any:
    """What an operand has at a key; MISSING where it has nothing."""
    if isinstance(operand, dict):
        known = map_key(key)
        return operand[known] if known in operand else MISSING  # noqa: SIM401 - a map may compute its values
    if isinstance(operand, _LISTS):
        index = position(key)
        return operand[index] if 0 <= index < len(operand) else MISSING
    return MISSING


def get(operand: Any, key: Any) -> Any:
    """What an operand has at a key; CelError where it has nothing."""
    if isinstance(operand, dict):
        try:
            return operand[map_key(key)]
        except KeyError:
            raise CelError(f"no such key: {shown(key)}") from None
    found = find(operand, key)
    if found is MISSING:
        what = "index out of bounds" if isinstance(operand, _LISTS) else "no such key"
        raise CelError(f"{what}: {shown(key)}")
    return found


class Key(Struct, frozen=True):
    """A step by a key that is known, or to the field of an object whose type is."""

    value: Any
    optional: bool = False
    field: Field | None = None

    @property
    def plain(self) -> bool:
        """Whether it is what a dict has at a string."""
        if self.field is not None and (self.field.convert is not None or self.field.null_is_absent):
            return False
        return type(self.value) is str and not self.optional

    def find(self, _: Frame, operand: Any) -> Any:
        found = find(operand, self.value)
        field = self.field
        if field is None or found is MISSING:
            return found
        if found is None and field.null_is_absent:
            return MISSING
        return found if field.convert is None else field.convert(found)

    def get(self, frame: Frame, operand: Any) -> Any:
        if self.plain or self.field is None:
            return get(operand, self.value)
        found = self.find(frame, operand)
        if found is MISSING:
            raise CelError(f"no such key: {self.value}")
        return found


class Index(Struct, frozen=True):
    """A step by a key that is computed."""

    run: Evaluator
    optional: bool
    selected: bool
    """Whether the key is selected from a variable, by which upstream calls its type differently."""

    def find(self, frame: Frame, operand: Any) -> Any:
        return find(operand, self._key(frame))

    def get(self, frame: Frame, operand: Any) -> Any:
        return get(operand, self._key(frame))

    def _key(self, frame: Frame) -> Any:
        key = self.run(frame)
        if type(key) not in _KEYS:
            raise CelError(f"invalid qualifier type: {_native_type(key) if self.selected else go_type(key)}")
        return key


Step = Key | Index
Walk = Callable[[Frame, Any], Any]
"""From a root's value through steps, each charged as it is taken."""


def constant_key(value: Any, optional: bool) -> Key:
    """CelError for what is the key of nothing."""
    if type(value) not in _KEYS:
        raise CelError(f"invalid qualifier type: {go_type(value)}")
    return Key(value, optional)


def computed_key(part: Part, optional: bool) -> Index:
    return Index(part.resolved(), optional, isinstance(part, Chain) and part.native)


def variable(slot: int) -> Chain:
    """The value in a slot of the frame."""
    return Chain(slot, None, 1, True)


def computed(root: Builder) -> Chain:
    """A value that is computed, to select from."""
    return Chain(None, root, 1, False)


class Chain(Part):
    """A root and the steps from it.

    The root is a slot of the frame, or what is built; `base` is what it costs beyond itself.  `native`: whether it is a variable's value.
    """

    __slots__ = ("base", "native", "root", "slot", "steps", "test")

    def __init__(self, slot: int | None, root: Builder | None, base: int, native: bool) -> None:
        self.slot = slot
        self.root = root
        self.base = base
        self.native = native
        self.steps: tuple[Step, ...] = ()
        self.test = False

    def extended(self, step: Step, test: bool = False) -> Chain:
        longer = Chain(self.slot, self.root, self.base, self.native)
        longer.steps = (*self.steps, step)
        longer.test = test
        return longer

    def build(self, charge: int = 0) -> Evaluator:
        return self._built(charge + self.base - self.test)

    def resolved(self) -> Evaluator:
        return self._built(0)

    def variable(self, charge: int) -> tuple[int, int] | None:
        return None if self.slot is None or self.steps else (self.slot, charge + self.base)

    def _built(self, charge: int) -> Evaluator:
        """Steps by plain keys are taken at once; where that fails, and after them, one by one."""
        steps = self.steps
        keys: list[str] = []
        for step in steps[:-1] if self.test else steps:
            if not (isinstance(step, Key) and step.plain):
                break
            keys.append(step.value)
        last = steps[-1] if self.test else None
        if isinstance(last, Key) and last.plain and len(keys) == len(steps) - 1:
            return self._presence(keys, last.value, charge)
        front = self._front(keys, charge)
        if len(keys) == len(steps):
            return front
        walk = walker(steps[len(keys) :], self.test)
        return lambda frame: walk(frame, front(frame))

    def _front(self, keys: Sequence[str], charge: int) -> Evaluator:
        if not keys:
            return self._rooted(charge)
        walk = walker(self.steps[: len(keys)], False)
        if self.slot is not None:
            return _selection(self.slot, keys, charge, walk)
        assert self.root is not None
        return _relative_selection(self.root(charge), keys, walk)

    def _rooted(self, charge: int) -> Evaluator:
        slot = self.slot
        if slot is None:
            assert self.root is not None
            return self.root(charge)
        if not charge:
            return lambda frame: frame[slot]

        def variable(frame: Frame) -> Any:
            frame[0] -= charge
            return frame[slot]

        return variable

    def _presence(self, keys: Sequence[str], key: str, charge: int) -> Evaluator:
        walk = walker(self.steps, True)
        if self.slot is not None and len(keys) < 2:
            return _presence(self.slot, keys, key, charge, walk)
        root = self._rooted(charge)
        total = len(keys) + 1

        def present(frame: Frame) -> Any:
            whole = operand = root(frame)
            try:
                for each in keys:
                    operand = operand[each]
            except _FAILURES:
                return walk(frame, whole)
            if type(operand) is dict:
                frame[0] -= total
                return key in operand
            return walk(frame, whole)

        return present


def walker(steps: Sequence[Step], test: bool) -> Walk:
    """Takes steps one by one.  Behind an optional value or step all are optional, and so is what they come to."""
    last = steps[-1]
    before = steps[:-1] if test else steps

    def walk(frame: Frame, operand: Any) -> Any:
        optional = type(operand) is Optional_
        if optional:
            if not operand.present:
                return False if test else operand
            operand = operand.value
        for step in before:
            if optional or step.optional:
                optional = True
                operand = step.find(frame, operand)
                if operand is MISSING:
                    return False if test else NONE
                frame[0] -= 1
            else:
                frame[0] -= 1
                operand = step.get(frame, operand)
        if not test:
            return Optional_(operand) if optional else operand
        if not optional:
            frame[0] -= 1
        present = last.find(frame, operand) is not MISSING
        if optional and present:
            frame[0] -= 1
        return present

    return walk


_FAILURES: Final = (KeyError, TypeError, CelError)
"""What a look into a value of another sort, or without the key, raises; a map that computes its values may raise CelError."""


def _selection(slot: int, keys: Sequence[str], charge: int, walk: Walk) -> Evaluator:
    total = charge + len(keys)
    if len(keys) == 1:
        (key,) = keys

        def one(frame: Frame) -> Any:
            try:
                value = frame[slot][key]
            except _FAILURES:
                frame[0] -= charge
                return walk(frame, frame[slot])
            frame[0] -= total
            return value

        return one
    first, second, *rest = keys
    if not rest:

        def two(frame: Frame) -> Any:
            try:
                value = frame[slot][first][second]
            except _FAILURES:
                frame[0] -= charge
                return walk(frame, frame[slot])
            frame[0] -= total
            return value

        return two

    def several(frame: Frame) -> Any:
        try:
            value = frame[slot][first][second]
            for key in rest:
                value = value[key]
        except _FAILURES:
            frame[0] -= charge
            return walk(frame, frame[slot])
        frame[0] -= total
        return value

    return several


def _relative_selection(root: Evaluator, keys: Sequence[str], walk: Walk) -> Evaluator:
    total = len(keys)

    def selected(frame: Frame) -> Any:
        operand = value = root(frame)
        try:
            for key in keys:
                value = value[key]
        except _FAILURES:
            return walk(frame, operand)
        frame[0] -= total
        return value

    return selected


def _presence(slot: int, keys: Sequence[str], key: str, charge: int, walk: Walk) -> Evaluator:
    """`has(a.b)` and `has(a.b.c)` of a variable."""
    total = charge + len(keys) + 1
    if not keys:

        def of_variable(frame: Frame) -> Any:
            operand = frame[slot]
            if type(operand) is dict:
                frame[0] -= total
                return key in operand
            frame[0] -= charge
            return walk(frame, operand)

        return of_variable
    (first,) = keys

    def of_field(frame: Frame) -> Any:
        try:
            operand = frame[slot][first]
        except _FAILURES:
            operand = None
        if type(operand) is dict:
            frame[0] -= total
            return key in operand
        frame[0] -= charge
        return walk(frame, frame[slot])

    return of_field
