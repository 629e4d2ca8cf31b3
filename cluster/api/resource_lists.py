"""Amounts by resource name, and how they are added, compared and shown.

Upstream: apiserver `pkg/quota/v1/resources.go`.  Every function answers a new list and leaves those that it is given as they are.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, TypeVar

from cluster.api.quantity import ZERO, Quantity, parse

ResourceList = dict[str, Quantity]
T = TypeVar("T")


def parsed(texts: Mapping[str, Any] | None) -> ResourceList:
    """A list as objects have it; ValueError for what is no quantity."""
    return {name: parse(text) for name, text in (texts or {}).items()}


def texts_of(amounts: Mapping[str, Quantity]) -> dict[str, str]:
    return {name: str(amount) for name, amount in amounts.items()}


def added(left: Mapping[str, Quantity], right: Mapping[str, Quantity]) -> ResourceList:
    total = dict(left)
    for name, amount in right.items():
        total[name] = total[name] + amount if name in total else amount
    return total


def largest(*lists: Mapping[str, Quantity]) -> ResourceList:
    """Of each resource the greatest amount; of equal ones the first."""
    found: ResourceList = {}
    for each in lists:
        for name, amount in each.items():
            if name not in found or amount > found[name]:
                found[name] = amount
    return found


def increase(new: Mapping[str, Quantity], old: Mapping[str, Quantity]) -> ResourceList:
    """By how much each resource grows; zero for what shrinks or is gone."""
    found: ResourceList = {}
    for name, amount in new.items():
        more = amount - old[name] if name in old else amount
        found[name] = more if more > ZERO else ZERO
    return found | {name: ZERO for name in old if name not in new}


def masked(amounts: Mapping[str, T], names: Collection[str]) -> dict[str, T]:
    """What of a list, parsed or not, has these names."""
    return {name: amount for name, amount in amounts.items() if name in names}


def exceeding(amounts: Mapping[str, Quantity], bounds: Mapping[str, Quantity]) -> list[str]:
    """The resources of which there is more than their bound."""
    return [name for name, bound in bounds.items() if name in amounts and amounts[name] > bound]


def without_zeros(amounts: Mapping[str, Quantity]) -> ResourceList:
    return {name: amount for name, amount in amounts.items() if amount}


def negative(amounts: Mapping[str, Quantity]) -> list[str]:
    return [name for name, amount in amounts.items() if amount < ZERO]


def shown(amounts: Mapping[str, Quantity]) -> str:
    """As messages have it: `cpu=1,memory=2Gi`, sorted."""
    return ",".join(f"{name}={amounts[name]}" for name in sorted(amounts))
