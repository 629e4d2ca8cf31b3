"""Operators and functions whose calls are closures of their own: equality, `in`, and what looks into strings.

Upstream: cel-go `interpreter/interpretable.go` (evalEq, evalSetMembership), `interpreter/decorators.go`, `interpreter/optimizations.go`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any, Final

from cluster.cel import patterns
from cluster.cel.compile_parts import Builder, Constant, Evaluator, Frame, Part, absorb, take
from cluster.cel.costs import matching, traversal
from cluster.cel.equality import equal, surely_equal
from cluster.cel.libraries.standard_collections import contained
from cluster.cel.runtime_types import size_of
from cluster.cel.types import Type, TypeKind
from cluster.cel.values import CelError, Opaque, UInt, map_key

_SIMPLE: Final = frozenset({TypeKind.BOOL, TypeKind.INT, TypeKind.UINT, TypeKind.DOUBLE, TypeKind.DURATION, TypeKind.TIMESTAMP})
"""Types whose values have the size 1, and are compared by Python's `==` with others of the same type."""
_MEMBERS: Final = frozenset({str, bool, int, UInt, float})


def equality(parts: Sequence[Part], kinds: Sequence[Type], negated: bool) -> Builder:
    """`==`, or `!=`: a tenth of the smaller side's size, of all but strings and collections 1."""
    (left, right), (kind, other) = parts, kinds
    if kind.kind is other.kind and kind.kind in _SIMPLE:
        return _simple_equality(left, right, operator.ne if negated else operator.eq)
    if isinstance(left, Constant) and not isinstance(right, Constant):
        return _equality_with(right, left.value, negated, swapped=True)
    if isinstance(right, Constant):
        return _equality_with(left, right.value, negated)
    return lambda charge: _equality(left.build(charge), right.build(), negated)


def _simple_equality(left: Part, right: Part, compare: Callable[[Any, Any], bool]) -> Builder:
    def build(charge: int) -> Evaluator:
        first, second = left.build(charge + 1), right.build()

        def evaluate(frame: Frame) -> bool:
            try:
                value = first(frame)
            except CelError:
                absorb(second, frame)
                raise
            return compare(value, second(frame))

        return evaluate

    return build


def _equality_with(part: Part, constant: Any, negated: bool, swapped: bool = False) -> Builder:
    """With a constant, of which the cost is at most that of its size; `swapped`: the constant comes first.

    A library's value that is asked whether it is a value of another type fails; only `==` asks it, and only the first side.
    """
    most = size_of(constant)
    failed = traversal(min(1, most))
    strict = not (negated or swapped)
    same: Callable[[Any, Any], bool] = operator.eq if type(constant) is str else _comparison(negated, swapped)

    def build(charge: int) -> Evaluator:
        run = part.build(charge)

        def evaluate(frame: Frame) -> bool:
            try:
                value = run(frame)
            except CelError:
                frame[0] -= failed
                raise
            size = len(value) if type(value) is str else size_of(value)
            if strict and isinstance(value, Opaque):
                frame[0] -= 1
            else:
                frame[0] -= ((size if size < most else most) + 9) // 10
            try:
                return same(value, constant) is not negated
            except CelError:
                if strict:
                    raise
                return negated

        return evaluate

    def build_short(charge: int) -> Evaluator:
        variable = part.variable(charge)
        if variable is not None and type(constant) is str and strict:
            return _variable_is(*variable, constant, same)
        run = part.build(charge)

        def evaluate(frame: Frame) -> bool:
            try:
                value = run(frame)
            except CelError:
                frame[0] -= 1
                raise
            if value or type(value) not in _EMPTY:
                frame[0] -= 1
            try:
                return same(value, constant) is not negated
            except CelError:
                if strict:
                    raise
                return negated

        return evaluate

    return build_short if 1 <= most <= 10 and not isinstance(constant, Opaque) else build


def _variable_is(slot: int, charge: int, constant: str, same: Callable[[Any, Any], bool]) -> Evaluator:
    """`==` of a variable and a short text."""
    more = charge + 1

    def evaluate(frame: Frame) -> bool:
        value = frame[slot]
        frame[0] -= more if value or type(value) not in _EMPTY else charge
        return value == constant if type(value) is str else same(value, constant)

    return evaluate


_EMPTY: Final = frozenset({str, bytes, list, dict, tuple})
"""What may be of size 0 where it is false to Python."""


def _equality(left: Evaluator, right: Evaluator, negated: bool) -> Evaluator:
    same = _comparison(negated)

    def evaluate(frame: Frame) -> bool:
        try:
            value = left(frame)
        except CelError:
            take(frame, _cost_of_failed(right, frame))
            raise
        try:
            other = right(frame)
        except CelError:
            take(frame, traversal(min(size_of(value), 1)))
            raise
        if not negated and isinstance(value, Opaque):
            take(frame, 1)
        else:
            take(frame, traversal(min(size_of(value), size_of(other))))
        return same(value, other) is not negated

    return evaluate


def _comparison(negated: bool, swapped: bool = False) -> Callable[[Any, Any], bool]:
    """What cannot be compared with is different; asking whether it is the same fails.  Which side is asked counts."""
    same = surely_equal if negated else equal
    return (lambda value, other: same(other, value)) if swapped else same


def _cost_of_failed(other: Evaluator, frame: Frame) -> int:
    """Of a comparison whose first side failed: what failed has the size 1."""
    try:
        return traversal(min(1, size_of(other(frame))))
    except CelError:
        return 1


def membership(part: Part, members: Sequence[Any]) -> Builder | None:
    """`in` a list of constants, which costs nothing; None where they are not simple ones."""
    if any(type(each) not in _MEMBERS for each in members):
        return None
    known = frozenset(map_key(each) for each in members)

    def build(charge: int) -> Evaluator:
        run = part.build(charge)

        def evaluate(frame: Frame) -> bool:
            value = run(frame)
            if type(value) is str:
                return value in known
            try:
                return map_key(value) in known
            except TypeError:
                return False

        return evaluate

    return build


def constant_within(key: str, collection: Part) -> Builder:
    """A string that is constant `in` a map, or in what is not known sooner; it costs 1."""

    def build(charge: int) -> Evaluator:
        run = collection.build(charge + 1)

        def evaluate(frame: Frame) -> bool:
            value = run(frame)
            return key in value if type(value) is dict else contained(key, value)

        return evaluate

    return build


def prefix_or_suffix(name: str, text: Part, part: str) -> Builder:
    """`startsWith` and `endsWith` of what is constant: a tenth of the string's length."""
    starts = name == "startsWith"

    def build(charge: int) -> Evaluator:
        variable = text.variable(charge)
        if variable is not None and starts:
            return _variable_starts(*variable, part)
        run = text.build(charge)

        def evaluate(frame: Frame) -> bool:
            try:
                value = run(frame)
            except CelError:
                frame[0] -= 1
                raise
            if type(value) is not str:
                frame[0] -= traversal(size_of(value))
                raise CelError("no such overload")
            frame[0] -= (len(value) + 9) // 10
            return value.startswith(part) if starts else value.endswith(part)

        return evaluate

    return build


def _variable_starts(slot: int, charge: int, part: str) -> Evaluator:
    """`startsWith` of a variable, which folds over names are full of."""

    def evaluate(frame: Frame) -> bool:
        value = frame[slot]
        if type(value) is not str:
            frame[0] -= charge + traversal(size_of(value))
            raise CelError("no such overload")
        frame[0] -= charge + (len(value) + 9) // 10
        return value.startswith(part)

    return evaluate


def matching_constant(text: Part, pattern: str, by_text: bool) -> Builder:
    """`matches` with a pattern that is compiled now.  Nothing is charged where there is no string to look into.

    `by_text`: whether it costs by length, as a member's call does; another costs 1.  Raises CelError for what is no pattern.
    """
    found = patterns.matcher(pattern)

    def build(charge: int) -> Evaluator:
        run = text.build(charge)

        def evaluate(frame: Frame) -> bool:
            value = run(frame)
            take(frame, matching(size_of(value), len(pattern)) if by_text else 1)
            if type(value) is not str:
                raise CelError("no such overload")
            return found(value)

        return evaluate

    return build


def searching(call: Callable[..., Any]) -> Callable[..., Any]:
    """`find` or `findAll` with a pattern that is known, which look at types themselves."""

    def searched(text: Any, pattern: str, *limit: Any) -> Any:
        if type(text) is not str or any(type(each) is not int for each in limit):
            raise CelError("no such overload")
        return call(text, pattern, *limit)

    return searched


def not_strictly_false(part: Part) -> Builder:
    """True of what failed or is no bool; what a fold goes on by."""

    def build(charge: int) -> Evaluator:
        run = part.build(charge + 1)

        def evaluate(frame: Frame) -> bool:
            try:
                return run(frame) is not False
            except CelError:
                return True

        return evaluate

    return build
