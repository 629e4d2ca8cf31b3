"""Whole values of a schema as values of expressions: for comparing them, and for forgetting their types by `dyn()`.

A field that is selected is converted as it is (`Field.convert`); what is taken as a whole is converted through and through.
Upstream: apiserver `pkg/cel/common/valuesunstructured.go`, whose values carry their schema with them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cluster.cel.types import Type, TypeKind
from cluster.cel.values import OwnList

Conversion = Callable[[Any], Any]


def conversion(kind: Type) -> Conversion | None:
    """What converts values of a type; None where there is nothing to convert in them."""
    return _found(kind, frozenset())


def _found(kind: Type, above: frozenset[str]) -> Conversion | None:
    """`above`: the objects that it is part of; one in itself is left as it is."""
    if kind.kind is TypeKind.LIST:
        of_element = _found(kind.element, above)
        return None if of_element is None else lambda values: _each(of_element, values)
    if kind.kind is TypeKind.MAP:
        of_value = _found(kind.parameters[1], above)
        return None if of_value is None else lambda values: {key: of_value(each) for key, each in values.items()}
    if kind.kind is TypeKind.OBJECT and kind.fields is not None and kind.name not in above:
        return _of_object(kind, above | {kind.name})
    return None


def _each(convert: Conversion, values: Any) -> Any:
    made = map(convert, values)
    return values.replaced(made) if isinstance(values, OwnList) else list(made)


def _both(first: Conversion | None, second: Conversion | None) -> Conversion:
    if first is not None and second is not None:
        return lambda value: second(first(value))
    only = first or second
    assert only is not None
    return only


def _of_object(kind: Type, above: frozenset[str]) -> Conversion | None:
    assert kind.fields is not None
    found = {}
    for field in kind.fields().values():
        own, deeper = field.convert, _found(field.type, above)
        if own is not None or deeper is not None:
            found[field.key] = _both(own, deeper)
    if not found:
        return None

    def convert(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {key: found[key](each) if key in found and each is not None else each for key, each in value.items()}

    return convert
