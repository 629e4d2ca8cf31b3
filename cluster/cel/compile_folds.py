"""Comprehensions: any fold, step by step, and those of the standard macros as loops of their own.

Upstream: cel-go `interpreter/interpretable.go` (evalFold).  The loops count what upstream counts for the parts of the expanded macro:
2 for asking whether `all` goes on, 1 for each look at the accumulator, and so on.  A step that fails leaves an error in the accumulator;
the fold goes on with it, and a later step may still decide the result.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from msgspec import Struct

from cluster.cel.compile_parts import Builder, Constant, Evaluator, Frame, Part
from cluster.cel.costs import LIST_COST
from cluster.cel.runtime_types import go_type
from cluster.cel.values import CelError, CostExceeded, Growing, GrowingMap, Joined, key_value

_LISTS: Final = (list, tuple, Joined)
_TEXTS: Final = frozenset({str})
_END: Final = object()
_UNSET: Final = object()

ADDITION_COST: Final = LIST_COST + 2
CONSTANT_ADDITION_COST: Final = 2
"""Of `accumulator + [x]` beside x: the accumulator, the sum, and the list unless x is constant."""


class _Failed:
    """An accumulator that is an error."""

    __slots__ = ("error",)

    def __init__(self, error: CelError) -> None:
        self.error = error


def elements(value: Any) -> Iterable[Any]:
    """What one variable goes through: a list's elements, a map's keys."""
    if isinstance(value, _LISTS):
        return value
    if isinstance(value, dict):
        return value if _TEXTS.issuperset(map(type, value)) else (key_value(key) for key in value)
    raise CelError(f"got '{go_type(value)}', expected iterable type")


def pairs(value: Any) -> Iterable[tuple[Any, Any]]:
    """What two variables go through: positions and elements, or keys and values."""
    if isinstance(value, _LISTS):
        return enumerate(value)
    if isinstance(value, dict):
        return ((key_value(key), item) for key, item in value.items())
    raise CelError(f"unsupported comprehension range type: {go_type(value)}")


def quantifier(range_: Part, slot: int, predicate: Evaluator, decisive: bool) -> Builder:
    """`all`, for which False is decisive, or `exists`, for which True is."""
    step_cost = 4 if decisive else 3
    asking = 3 if decisive else 2

    def build(charge: int) -> Evaluator:
        run = range_.build(charge)

        def evaluate(frame: Frame) -> object:
            value = run(frame)
            pending = iter(value if type(value) is list else elements(value))
            failure: CelError | None = None
            for frame[slot] in pending:
                left = frame[0] - step_cost
                if left < 0:
                    raise CostExceeded
                frame[0] = left
                try:
                    if predicate(frame) is decisive:
                        break
                except CelError as error:
                    failure = failure or error
            else:
                frame[0] -= 1
                if failure is not None:
                    raise failure
                return not decisive
            frame[0] -= 1 if next(pending, _END) is _END else 1 + asking
            return decisive

        return evaluate

    return build


def exactly_one(range_: Part, slot: int, predicate: Evaluator) -> Builder:
    """`exists_one`; of several errors the last one is told."""

    def build(charge: int) -> Evaluator:
        run = range_.build(charge)

        def evaluate(frame: Frame) -> bool:
            count = 0
            failure: CelError | None = None
            values = elements(run(frame))
            for frame[slot] in values:
                try:
                    if predicate(frame):
                        count += 1
                        frame[0] -= 2
                except CelError as error:
                    failure = error
                if frame[0] < 0:
                    raise CostExceeded
            frame[0] -= 2
            if failure is not None:
                raise failure
            return count == 1

        return evaluate

    return build


def mapped(range_: Part, slot: int, transformed: Part) -> Builder:
    """`map` of all elements."""
    transform, cost = _addition(transformed)

    def build(charge: int) -> Evaluator:
        run = range_.build(charge)

        def evaluate(frame: Frame) -> list[Any]:
            made = []
            failure: CelError | None = None
            values = elements(run(frame))
            for frame[slot] in values:
                left = frame[0] - cost
                if left < 0:
                    raise CostExceeded
                frame[0] = left
                try:
                    made.append(transform(frame))
                except CelError as error:
                    failure = failure or error
            frame[0] -= 1
            if failure is not None:
                raise failure
            return made

        return evaluate

    return build


def _addition(element: Part) -> tuple[Evaluator, int]:
    return element.build(), CONSTANT_ADDITION_COST if isinstance(element, Constant) else ADDITION_COST


def filtered(range_: Part, slot: int, predicate: Evaluator, transformed: Part) -> Builder:
    """`filter`, and `map` of the elements that are chosen.  The last failed choice is told, else the first failed transformation."""
    transform, cost = _addition(transformed)

    def build(charge: int) -> Evaluator:
        run = range_.build(charge)

        def evaluate(frame: Frame) -> list[Any]:
            made = []
            failure: CelError | None = None
            values = elements(run(frame))
            for frame[slot] in values:
                try:
                    chosen = predicate(frame)
                except CelError as error:
                    failure = error
                    chosen = False
                if chosen:
                    frame[0] -= cost
                    try:
                        made.append(transform(frame))
                    except CelError as error:
                        failure = failure or error
                if frame[0] < 0:
                    raise CostExceeded
            frame[0] -= 1
            if failure is not None:
                raise failure
            return made

        return evaluate

    return build


class Fold(Struct, frozen=True):
    """Any comprehension.  `initial` is evaluated when the accumulator is first looked at, as the fold's variable is there for."""

    range: Part
    slot: int
    second: int | None
    accumulator: int
    condition: Evaluator
    step: Evaluator
    result: Evaluator

    def build(self, charge: int) -> Evaluator:
        run, accumulator, condition, step, result = self.range.build(charge), self.accumulator, self.condition, self.step, self.result
        bind = self._bind

        def evaluate(frame: Frame) -> Any:
            value = run(frame)
            frame[accumulator] = _UNSET
            for item in self._items(value):
                bind(frame, item)
                if not _goes_on(condition, frame):
                    break
                try:
                    frame[accumulator] = step(frame)
                except CelError as error:
                    frame[accumulator] = _Failed(error)
                if frame[0] < 0:
                    raise CostExceeded
            return _finished(result(frame))

        return evaluate

    def _items(self, value: Any) -> Iterable[Any]:
        return elements(value) if self.second is None else pairs(value)

    def _bind(self, frame: Frame, item: Any) -> None:
        if self.second is None:
            frame[self.slot] = item
        else:
            frame[self.slot], frame[self.second] = item


def _goes_on(condition: Evaluator, frame: Frame) -> bool:
    try:
        return condition(frame) is not False
    except CelError:
        return True


def _finished(value: Any) -> Any:
    if type(value) is Growing:
        return list(value)
    if type(value) is GrowingMap:
        return dict(value)
    return value


def accumulator_root(slot: int, initial: Part) -> Builder:
    """A look at an accumulator.  Empty lists and maps that it always begins with grow with it."""
    grows = isinstance(initial, Constant)
    begin = initial.build()

    def build(charge: int) -> Evaluator:
        def evaluate(frame: Frame) -> Any:
            frame[0] -= charge
            value = frame[slot]
            if value is _UNSET:
                try:
                    value = frame[slot] = _growing(begin(frame)) if grows else begin(frame)
                except CelError as error:
                    frame[slot] = _Failed(error)
                    raise
            if type(value) is _Failed:
                raise value.error
            return value

        return evaluate

    return build


def _growing(value: Any) -> Any:
    if type(value) is list and not value:
        return Growing()
    if type(value) is dict and not value:
        return GrowingMap()
    return value
