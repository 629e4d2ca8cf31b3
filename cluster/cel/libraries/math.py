"""Numbers: extremes, rounding, signs, bits.  Upstream: cel-go `ext/math.go`.  Kubernetes has it in none of its environments."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Sequence
from typing import Any, Final

from cluster.cel import types
from cluster.cel.functions import Function, Library, Overload
from cluster.cel.libraries.declaring import plain
from cluster.cel.libraries.ordering import compare
from cluster.cel.syntax.ast import CreateList, CreateMap, CreateObject, Identifier, Literal, Node
from cluster.cel.syntax.errors import MacroError
from cluster.cel.syntax.macros import Expansion, Maker, receiver
from cluster.cel.types import Type, list_of
from cluster.cel.values import MAX_INT, MAX_UINT, MIN_INT, CelError, UInt

_NUMBERS: Final = (("double", types.DOUBLE), ("int", types.INT), ("uint", types.UINT))
_KINDS: Final = dict(_NUMBERS)
_MIXED: Final = (("int", "uint"), ("int", "double"), ("double", "int"), ("double", "uint"), ("uint", "int"), ("uint", "double"))
_BITS: Final = 64


def _identity(value: Any) -> Any:
    return value


def _of_pair(name: str, sign: int) -> Callable[[Any, Any], Any]:
    """The first of two numbers unless it compares with the other one by the sign."""

    def chosen(first: Any, second: Any) -> Any:
        try:
            return second if compare(first, second) == sign else first
        except CelError as failure:
            raise CelError(f"{failure}: {name}") from None

    return chosen


def _of_list(name: str, pair: Callable[[Any, Any], Any]) -> Callable[[Sequence[Any]], Any]:
    def chosen(values: Sequence[Any]) -> Any:
        if not len(values):
            raise CelError(f"{name}(list) argument must not be empty")
        try:
            found = functools.reduce(pair, values)
        except CelError:
            found = None
        if type(found) not in (int, float, UInt):
            raise CelError(f"no such overload: {name}")
        return found

    return chosen


def _extreme(name: str, sign: int) -> Function:
    pair = _of_pair(name, sign)
    of_list = _of_list(name, pair)
    id_ = name.replace(".", "_")
    overloads = [Overload(f"{id_}_{each}", (kind,), kind, _identity) for each, kind in _NUMBERS]
    overloads += [Overload(f"{id_}_{each}_{each}", (kind, kind), kind, pair) for each, kind in _NUMBERS]
    overloads += [Overload(f"{id_}_{left}_{right}", (_KINDS[left], _KINDS[right]), types.DYN, pair) for left, right in _MIXED]
    overloads += [Overload(f"{id_}_list_{each}", (list_of(kind),), kind, of_list) for each, kind in _NUMBERS]
    return Function(name, tuple(overloads))


def _choosing(title: str, function: str) -> Callable[[Maker, Node | None, Sequence[Node]], Node | None]:
    """`math.least` or `math.greatest` of one or two numbers, or of a list of more."""

    def expansion(make: Maker, target: Node | None, arguments: Sequence[Node]) -> Node | None:
        namespace = receiver(target)
        if not isinstance(namespace, Identifier) or namespace.name != "math":
            return None
        if not arguments:
            raise MacroError(namespace.id, f"{title} requires at least one argument")
        if len(arguments) == 1:
            (only,) = arguments
            if not (_may_be_number(only) or _is_list_of_numbers(only)):
                raise MacroError(only.id, f"{title} invalid single argument value")
            return make.call(function, only)
        for each in arguments:
            if not _may_be_number(each):
                raise MacroError(each.id, f"{title} simple literal arguments must be numeric")
        return make.call(function, *arguments) if len(arguments) == 2 else make.call(function, make.list_of(*arguments))

    return expansion


def _may_be_number(node: Node) -> bool:
    if isinstance(node, Literal):
        return type(node.value) in (int, float, UInt)
    return not isinstance(node, (CreateList, CreateMap, CreateObject))


def _is_list_of_numbers(node: Node) -> bool:
    return isinstance(node, CreateList) and bool(node.elements) and all(map(_may_be_number, node.elements))


def _rounded(rounding: Callable[[float], float]) -> Callable[[float], float]:
    """What is no finite number stays as it is, and so does the sign of zero."""
    return lambda value: math.copysign(float(rounding(value)), value) if math.isfinite(value) else value


def _nearest(value: float) -> float:
    """Halves are rounded away from zero."""
    whole = math.floor(abs(value))
    return whole + (abs(value) - whole >= 0.5)


def absolute(value: int) -> int:
    if value == MIN_INT:
        raise CelError("integer overflow")
    return abs(value)


def sign_of_double(value: float) -> float:
    if math.isnan(value):
        return value
    return float((value > 0) - (value < 0))


def sign_of_int(value: int) -> int:
    return (value > 0) - (value < 0)


def sign_of_uint(value: UInt) -> UInt:
    return UInt(value > 0)


def square_root(value: float) -> float:
    return math.sqrt(value) if not value < 0 else math.nan


def _signed(bits: int) -> int:
    return (bits & MAX_INT) - (bits & -MIN_INT)


def _shifted(name: str, shift: Callable[[int, int], int], made: Callable[[int], int]) -> Callable[[int, int], int]:
    """By so many bits that none is left, too; those of an int are moved as those of a uint."""

    def shifted(value: int, bits: int) -> int:
        if bits < 0:
            raise CelError(f"{name}() negative offset: {bits}")
        return made(shift(int(value) & MAX_UINT, bits) & MAX_UINT if bits < _BITS else 0)

    return shifted


def _overload(name: str, suffix: str, parameters: tuple[Type, ...], result: Type, call: Callable[..., Any]) -> Overload:
    return Overload(f"math_{name}_{suffix}", parameters, result, call)


def _on_double(name: str, result: Type, call: Callable[[float], Any]) -> Function:
    return plain(f"math.{name}", f"math_{name}_double", (types.DOUBLE,), result, call)


def _on_numbers(name: str, calls: Sequence[Callable[[Any], Any]], result: Type | None = None) -> Function:
    """One call for each type of numbers: double, int, uint."""
    overloads = [_overload(name, each, (kind,), result or kind, call) for (each, kind), call in zip(_NUMBERS, calls, strict=True)]
    return Function(f"math.{name}", tuple(overloads))


def _on_bits(name: str, operation: Callable[[int, int], int]) -> Function:
    return Function(
        f"math.{name}",
        (
            _overload(name, "int_int", (types.INT, types.INT), types.INT, operation),
            _overload(name, "uint_uint", (types.UINT, types.UINT), types.UINT, lambda left, right: UInt(operation(left, right))),
        ),
    )


def _shifting(name: str, shift: Callable[[int, int], int]) -> Function:
    title = f"math.{name}"
    return Function(
        title,
        (
            _overload(name, "int_int", (types.INT, types.INT), types.INT, _shifted(title, shift, _signed)),
            _overload(name, "uint_int", (types.UINT, types.INT), types.UINT, _shifted(title, shift, UInt)),
        ),
    )


MATH: Final = Library(
    "cel.lib.ext.math",
    functions=(
        _extreme("math.@min", 1),
        _extreme("math.@max", -1),
        _on_double("ceil", types.DOUBLE, _rounded(math.ceil)),
        _on_double("floor", types.DOUBLE, _rounded(math.floor)),
        _on_double("round", types.DOUBLE, _rounded(_nearest)),
        _on_double("trunc", types.DOUBLE, _rounded(math.trunc)),
        _on_double("isInf", types.BOOL, math.isinf),
        _on_double("isNaN", types.BOOL, math.isnan),
        _on_double("isFinite", types.BOOL, math.isfinite),
        _on_numbers("abs", (abs, absolute, _identity)),
        _on_numbers("sign", (sign_of_double, sign_of_int, sign_of_uint)),
        _on_bits("bitAnd", operator.and_),
        _on_bits("bitOr", operator.or_),
        _on_bits("bitXor", operator.xor),
        Function(
            "math.bitNot",
            (
                _overload("bitNot", "int_int", (types.INT,), types.INT, operator.invert),
                _overload("bitNot", "uint_uint", (types.UINT,), types.UINT, lambda value: UInt(int(value) ^ MAX_UINT)),
            ),
        ),
        _shifting("bitShiftLeft", operator.lshift),
        _shifting("bitShiftRight", operator.rshift),
        _on_numbers("sqrt", (square_root,) * 3, types.DOUBLE),
    ),
    macros=(
        Expansion("least", True, -1, _choosing("math.least()", "math.@min")),
        Expansion("greatest", True, -1, _choosing("math.greatest()", "math.@max")),
    ),
)
