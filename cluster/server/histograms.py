"""Durations in buckets, counted by all workers of a server together.

Each bucket is a counter of its own, made when something first falls into it; only whoever tells them adds up those below.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from cluster.server.counters import Counter, Counters, Family, series_of

HISTOGRAM: Final = "histogram"
_NANOSECONDS: Final = 1_000_000_000
_SUM: Final = "sum"


class Buckets(Struct, frozen=True):
    """A metric of durations, and the seconds up to which its buckets reach."""

    family: Family
    bounds: tuple[float, ...]


class Histogram:
    """One series of such a metric."""

    __slots__ = ("_bounds", "_buckets", "_counters", "_labels", "_name", "_sum")

    def __init__(self, counters: Counters, buckets: Buckets, **labels: str) -> None:
        self._counters = counters
        self._name = buckets.family.name
        self._labels = labels
        self._bounds = tuple(int(bound * _NANOSECONDS) for bound in buckets.bounds)
        self._buckets: list[Counter | None] = [None] * (len(self._bounds) + 1)
        self._sum = counters.counter(series_of(f"{self._name}:{_SUM}", **labels))

    def observe(self, nanoseconds: int) -> None:
        place = bisect_left(self._bounds, nanoseconds)
        counter = self._buckets[place]
        if counter is None:
            series = series_of(f"{self._name}:{place}", **self._labels)
            counter = self._buckets[place] = self._counters.counter(series)
        counter.add()
        self._sum.add(nanoseconds)


def told(buckets: Buckets, totals: Mapping[str, int]) -> dict[str, float]:
    """What Prometheus is told of a metric, in its order: for each series the buckets, the greatest last, the sum and the count."""
    name, bounds = buckets.family.name, buckets.bounds
    found: dict[str, dict[str, int]] = {}
    for series, value in totals.items():
        metric, _, labels = series.partition("{")
        own, _, place = metric.partition(":")
        if own == name and place:
            found.setdefault(labels.removesuffix("}"), {})[place] = value
    lines: dict[str, float] = {}
    for labels, values in sorted(found.items()):
        count = 0
        for number, bound in enumerate([*map(_shown, bounds), "+Inf"]):
            count += values.get(str(number), 0)
            lines[f'{name}_bucket{{{labels}{"," if labels else ""}le="{bound}"}}'] = count
        braces = f"{{{labels}}}" if labels else ""
        lines[f"{name}_sum{braces}"] = values.get(_SUM, 0) / _NANOSECONDS
        lines[f"{name}_count{braces}"] = count
    return lines


def _shown(bound: float) -> str:
    return str(int(bound)) if bound == int(bound) else str(bound)
