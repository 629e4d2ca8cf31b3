"""Lists, maps and objects that expressions make.  Upstream: cel-go `interpreter/interpretable.go` (evalList, evalMap, evalObj).

What is made costs the same whether or not an element fails; those after one that failed are left alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cluster.cel.compile_parts import Builder, Evaluator, Frame, Part
from cluster.cel.costs import LIST_COST, MAP_COST, OBJECT_COST
from cluster.cel.text import shown
from cluster.cel.types import Making, Type
from cluster.cel.values import CelError, Instance, Optional_, new_key


def list_literal(elements: Sequence[Part], optional: frozenset[int]) -> Builder:
    def build(charge: int) -> Evaluator:
        runs = [each.build() for each in elements]
        cost = charge + LIST_COST
        if optional:
            return _list_with_optionals(runs, optional, cost)

        def evaluate(frame: Frame) -> list[Any]:
            frame[0] -= cost
            return [run(frame) for run in runs]

        return evaluate

    return build


def _list_with_optionals(runs: Sequence[Evaluator], optional: frozenset[int], cost: int) -> Evaluator:
    def evaluate(frame: Frame) -> list[Any]:
        frame[0] -= cost
        made = []
        for at, run in enumerate(runs):
            value = run(frame)
            if at in optional:
                if not isinstance(value, Optional_):
                    raise CelError(f"cannot initialize optional list element from non-optional value {shown(value)}")
                if not value.present:
                    continue
                value = value.value
            made.append(value)
        return made

    return evaluate


Entries = Sequence[tuple[Part, Part, bool]]
"""Keys, values, and whether an entry is there only if its value is."""


def map_literal(entries: Entries) -> Builder:
    def build(charge: int) -> Evaluator:
        runs = [(key.build(), value.build(), optional) for key, value, optional in entries]
        cost = charge + MAP_COST

        def evaluate(frame: Frame) -> dict[Any, Any]:
            frame[0] -= cost
            made: dict[Any, Any] = {}
            for key, value, optional in runs:
                _enter(made, new_key(key(frame)), value(frame), optional)
            return made

        return evaluate

    return build


def object_literal(kind: Type, entries: Sequence[tuple[str, Part, bool]]) -> Builder:
    name, make = kind.name, kind.facts.make if isinstance(kind.facts, Making) else Instance

    def build(charge: int) -> Evaluator:
        runs = [(key, value.build(), optional) for key, value, optional in entries]
        cost = charge + OBJECT_COST

        def evaluate(frame: Frame) -> Any:
            frame[0] -= cost
            made: dict[Any, Any] = {}
            for key, value, optional in runs:
                _enter(made, key, value(frame), optional)
            return make(name, made)

        return evaluate

    return build


def _enter(made: dict[Any, Any], key: Any, value: Any, optional: bool) -> None:
    if optional:
        if not isinstance(value, Optional_):
            raise CelError(f"cannot initialize optional entry '{shown(key)}' from non-optional value {shown(value)}")
        if not value.present:
            made.pop(key, None)
            return
        value = value.value
    made[key] = value
