"""Calls of functions: which one is meant, what is known of its arguments beforehand, and what it costs.

Upstream: cel-go `interpreter/planner.go` (planCall), `interpreter/interpretable.go` (evalUnary, evalBinary, evalVarArgs),
`common/decls/decls.go` (dispatch by types), `interpreter/runtimecost.go` (costCall).  Of one and two arguments all are evaluated, even
where the first fails, and the call is charged; of more, or where a function wants them in turn, those after one that failed are left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from msgspec import Struct

from cluster.cel.compile_parts import (
    MEMORY,
    SMALL_TEXT,
    Builder,
    Constant,
    Evaluator,
    Frame,
    Part,
    absorb,
    charged,
    take,
)
from cluster.cel.costs import of_matching
from cluster.cel.functions import Function, Overload, RuntimeCost
from cluster.cel.runtime_types import FAILED, accepts, type_name
from cluster.cel.types import Type, TypeKind
from cluster.cel.values import CelError, CostExceeded

_NESTED: Final = frozenset({TypeKind.LIST, TypeKind.MAP, TypeKind.OPAQUE})


class Meaning(Struct, frozen=True):
    """What a call calls.  `cost` is None for 1; `large`: whether texts that it makes are accounted for as memory."""

    call: Callable[..., Any]
    cost: RuntimeCost | None
    in_turn: bool
    large: bool


def meant(function: Function, overloads: Sequence[Overload], kinds: Sequence[Type]) -> Meaning:
    """Of the overloads that the checker left, with the types that it found for the arguments."""
    several = len(overloads) != 1
    overload = overloads[0]
    in_turn = len(kinds) > 2 or (len(kinds) == 2 and (function.dynamic is None if several else overload.in_turn))
    cost = function.cost if several else overload.cost or function.cost
    large = several or overload.cost is None
    if not several and all(map(_sure, overload.parameters, kinds)):
        return Meaning(overload.call, cost, in_turn, large)
    if function.dynamic is not None:
        return Meaning(function.dynamic, cost, in_turn, large)
    if several:
        return Meaning(_dispatched(function, len(kinds)), cost, in_turn, large)
    return Meaning(_guarded(function.name, overload) if overload.guarded else overload.call, cost, in_turn, large)


def _sure(parameter: Type, argument: Type) -> bool:
    """Whether a value of the one type is certainly one of the other."""
    if parameter.kind in (TypeKind.DYN, TypeKind.PARAMETER):
        return True
    if parameter.kind is not argument.kind or argument.kind is TypeKind.WRAPPER:
        return False
    return parameter.kind not in _NESTED or all(map(_sure, parameter.parameters, argument.parameters))


def _guarded(name: str, overload: Overload) -> Callable[..., Any]:
    parameters, call = overload.parameters, overload.call

    def guarded(*arguments: Any) -> Any:
        if all(map(accepts, parameters, arguments)):
            return call(*arguments)
        raise _no_overload(name, arguments)

    return guarded


def _dispatched(function: Function, count: int) -> Callable[..., Any]:
    candidates = [each for each in function.overloads if len(each.parameters) == count]

    def dispatched(*arguments: Any) -> Any:
        for each in candidates:
            if all(map(accepts, each.parameters, arguments)):
                return each.call(*arguments)
        raise _no_overload(function.name, arguments)

    return dispatched


def _no_overload(name: str, arguments: Sequence[Any]) -> CelError:
    return CelError(f"no such overload: {name}({', '.join(map(type_name, arguments))})")


def calling(meaning: Meaning, arguments: Sequence[Part], result: Type) -> Builder:
    """The call of what is meant with arguments."""
    if result.kind in (TypeKind.STRING, TypeKind.BYTES, TypeKind.DYN, TypeKind.ANY) and meaning.large:
        return lambda charge: _accounted(_build(meaning, arguments, charge))
    return lambda charge: _build(meaning, arguments, charge)


def _build(meaning: Meaning, arguments: Sequence[Part], charge: int) -> Evaluator:
    call = meaning.call
    if meaning.cost is not None:
        return charged(_with_cost(meaning, [each.build() for each in arguments], meaning.cost), charge)
    if not arguments:
        return _without_arguments(call, charge + 1)
    if meaning.in_turn:
        return _in_turn(call, [each.build(charge if not at else 0) for at, each in enumerate(arguments)])
    if len(arguments) == 1:
        return _unary(call, arguments[0].build(charge + 1))
    left, right = arguments
    if isinstance(left, Constant):
        return _with_first(call, left.value, right.build(charge + 1))
    if isinstance(right, Constant):
        return _with_second(call, left.build(charge + 1), right.value)
    return _binary(call, left.build(charge + 1), right.build())


def _accounted(run: Evaluator) -> Evaluator:
    def evaluate(frame: Frame) -> Any:
        value = run(frame)
        kind = type(value)
        if (kind is str or kind is bytes) and len(value) > SMALL_TEXT:
            frame[MEMORY] -= len(value)
            if frame[MEMORY] < 0:
                raise CostExceeded
        return value

    return evaluate


_MISTYPED: Final = (TypeError, AttributeError)
"""What a function raises on a value that is not of the type it was declared with, e.g. null in place of a string."""


def _without_arguments(call: Callable[..., Any], cost: int) -> Evaluator:
    def evaluate(frame: Frame) -> Any:
        frame[0] -= cost
        return call()

    return evaluate


def _unary(call: Callable[..., Any], run: Evaluator) -> Evaluator:
    def evaluate(frame: Frame) -> Any:
        value = run(frame)
        try:
            return call(value)
        except _MISTYPED as failure:
            raise CelError("no such overload") from failure

    return evaluate


def _with_first(call: Callable[..., Any], value: Any, run: Evaluator) -> Evaluator:
    def evaluate(frame: Frame) -> Any:
        other = run(frame)
        try:
            return call(value, other)
        except _MISTYPED as failure:
            raise CelError("no such overload") from failure

    return evaluate


def _with_second(call: Callable[..., Any], run: Evaluator, other: Any) -> Evaluator:
    def evaluate(frame: Frame) -> Any:
        value = run(frame)
        try:
            return call(value, other)
        except _MISTYPED as failure:
            raise CelError("no such overload") from failure

    return evaluate


def _binary(call: Callable[..., Any], left: Evaluator, right: Evaluator) -> Evaluator:
    def evaluate(frame: Frame) -> Any:
        try:
            value = left(frame)
        except CelError:
            absorb(right, frame)
            raise
        other = right(frame)
        try:
            return call(value, other)
        except _MISTYPED as failure:
            raise CelError("no such overload") from failure

    return evaluate


def _called(call: Callable[..., Any], values: Sequence[Any]) -> Any:
    try:
        return call(*values)
    except _MISTYPED as failure:
        raise CelError("no such overload") from failure


def _in_turn(call: Callable[..., Any], runs: Sequence[Evaluator]) -> Evaluator:
    before, last = runs[:-1], runs[-1]

    def evaluate(frame: Frame) -> Any:
        values = [run(frame) for run in before]
        frame[0] -= 1
        values.append(last(frame))
        return _called(call, values)

    return evaluate


def _with_cost(meaning: Meaning, runs: Sequence[Evaluator], cost: RuntimeCost) -> Evaluator:
    call, in_turn = meaning.call, meaning.in_turn
    beforehand = cost is of_matching  # no pattern is looked for longer than is paid for

    def evaluate(frame: Frame) -> Any:
        values: list[Any] = []
        failure: CelError | None = None
        for run in runs:
            try:
                values.append(run(frame))
            except CelError as error:
                failure = failure or error
                values.append(FAILED)
                if in_turn:
                    break
        if failure is not None:
            if len(values) == len(runs):
                take(frame, _cost_of_failed(cost, values))
            raise failure
        if beforehand:
            take(frame, _cost_of_failed(cost, values))
            return _called(call, values)
        try:
            result = _called(call, values)
        except CelError:
            take(frame, _cost_of_failed(cost, values))
            raise
        take(frame, cost(values, result))
        return result

    return evaluate


def _cost_of_failed(cost: RuntimeCost, values: Sequence[Any]) -> int:
    """Of a call with no result; what it was called with may be of types that it doesn't take."""
    try:
        return cost(values, FAILED)
    except _MISTYPED:
        return 1
