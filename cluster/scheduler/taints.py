"""Whether tolerations tolerate taints, as the scheduler asks it of a node."""

from __future__ import annotations

from collections.abc import Iterable

from cluster.api.names import Object
from cluster.api.tolerations import tolerates


def tolerated(taint: Object, tolerations: Iterable[Object] | None) -> bool:
    return any(tolerates(each, taint) for each in tolerations or ())


def untolerated(taints: Iterable[Object] | None, tolerations: Iterable[Object] | None, effects: frozenset[str]) -> Object | None:
    """The first taint of these effects that isn't tolerated."""
    for taint in taints or ():
        if taint.get("effect") in effects and not tolerated(taint, tolerations):
            return taint
    return None
