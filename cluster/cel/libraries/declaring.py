"""How libraries declare: types of their own, and functions of one overload."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cluster.cel.functions import Function, Overload, RuntimeCost, StaticCost
from cluster.cel.types import Type, TypeKind


def own_type(name: str) -> Type:
    """A type that has functions and no fields, e.g. `kubernetes.Quantity`; no expression can name it."""
    return Type(TypeKind.OBJECT, name)


def member(
    name: str,
    id_: str,
    parameters: tuple[Type, ...],
    result: Type,
    call: Callable[..., Any],
    cost: RuntimeCost | None = None,
    estimate: StaticCost | None = None,
) -> Function:
    """A function with a receiver; without costs a call of it costs 1."""
    return Function(name, (Overload(id_, parameters, result, call, member=True, estimate=estimate),), cost)


def plain(
    name: str,
    id_: str,
    parameters: tuple[Type, ...],
    result: Type,
    call: Callable[..., Any],
    cost: RuntimeCost | None = None,
    estimate: StaticCost | None = None,
) -> Function:
    """A function without one."""
    return Function(name, (Overload(id_, parameters, result, call, estimate=estimate),), cost)
