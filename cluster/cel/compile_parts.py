"""What nodes are compiled to: closures over a frame, and how they account for what they cost.

A frame is a list: what is left of the budget, what is left of the memory for texts, when loops end, the values of the variables, and slots
for those of comprehensions.  An evaluator takes a frame, returns a value or raises CelError, and has taken from the budget what upstream
counts for it either way.  Upstream observes every step (cel-go `interpreter/runtimecost.go`); here a cost that is certain is handed down to
the first part that is evaluated anyway, so that it is taken once with that part's own.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any, Final

from cluster.cel.types import Type, TypeKind
from cluster.cel.values import CelError, CostExceeded

Frame = list[Any]
Evaluator = Callable[[Frame], Any]
Builder = Callable[[int], Evaluator]
"""Makes an evaluator that takes so much more than it costs itself."""

BUDGET: Final = 0
MEMORY: Final = 1
DEADLINE: Final = 2
VARIABLES: Final = 3
"""Where in a frame they are."""
MAX_MEMORY: Final = 1 << 28
"""How many characters may be written in large texts by calls whose costs don't count them."""
SMALL_TEXT: Final = 4096
MAX_SECONDS: Final = 3.0
"""How long loops may go on with what takes long and costs little, such as comparing whole objects."""

MISSING: Final = object()


class Part:
    """A compiled node; upstream treats constants, and chains of selections from a variable, in ways of their own."""

    __slots__ = ()

    def build(self, charge: int = 0) -> Evaluator:
        raise NotImplementedError

    def resolved(self) -> Evaluator:
        """As the branch of a conditional, or as an index: there a chain's variable costs nothing."""
        return self.build()

    def variable(self, charge: int) -> tuple[int, int] | None:  # noqa: ARG002 - for those that are
        """Where in a frame its value is, and what a look at it takes with the charge; None for what is no variable."""
        return None


class Constant(Part):
    """A value that is known before the expression runs."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def build(self, charge: int = 0) -> Evaluator:
        value = self.value
        if not charge:
            return lambda _frame: value

        def charged(frame: Frame) -> Any:
            frame[0] -= charge
            return value

        return charged


class Computed(Part):
    """Anything else."""

    __slots__ = ("_builder",)

    def __init__(self, builder: Builder) -> None:
        self._builder = builder

    def build(self, charge: int = 0) -> Evaluator:
        return self._builder(charge)


def charged(run: Evaluator, charge: int) -> Evaluator:
    """An evaluator that takes something before it does anything."""
    if not charge:
        return run

    def first_charged(frame: Frame) -> Any:
        frame[0] -= charge
        return run(frame)

    return first_charged


def absorb(run: Evaluator, frame: Frame) -> None:
    """Evaluates for the cost alone, as upstream does with what comes after a part that failed."""
    try:
        run(frame)
    except CelError:
        return


def boolean(run: Evaluator, kind: Type) -> Evaluator:
    """An evaluator of bools only; what is none is an error."""
    if kind.kind is TypeKind.BOOL:
        return run

    def checked(frame: Frame) -> bool:
        value = run(frame)
        if value is True or value is False:
            return bool(value)
        raise CelError("no such overload")

    return checked


def watched(run: Evaluator) -> Evaluator:
    """An evaluator that is not begun any more after the deadline."""

    def evaluate(frame: Frame) -> Any:
        if perf_counter() > frame[DEADLINE]:
            raise CostExceeded
        return run(frame)

    return evaluate


def take(frame: Frame, cost: int) -> None:
    """Takes a cost; CostExceeded where the budget is not enough for it."""
    left = frame[0] - cost
    if left < 0:
        raise CostExceeded
    frame[0] = left
