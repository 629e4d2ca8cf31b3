"""Which pods go first when there are too many.  Upstream: `pkg/controller/controller_utils.go` (ActivePodsWithRanks)."""

from __future__ import annotations

import datetime
import functools
import math
from collections import Counter
from typing import Final

from cluster.api.names import Object
from cluster.client import times
from cluster.controllers.objects import Objects, annotations_of, created_at, pod_active, pod_phase, pod_ready, pod_ready_since, uid_of

_COST: Final = "controller.kubernetes.io/pod-deletion-cost"
_PHASES: Final = {"Pending": 0, "Unknown": 1, "Running": 2}


def choose(pods: Objects, related: Objects, count: int, now: datetime.datetime) -> Objects:
    """The `count` pods to delete.  `related` are those of all replica sets of the same owner: doubled up on a node goes first."""
    if count >= len(pods):
        return list(pods)
    on_node = Counter(pod["spec"].get("nodeName", "") for pod in related if pod_active(pod))

    def compare(one: Object, other: Object) -> int:
        return _compare(one, other, on_node, now)

    return sorted(pods, key=functools.cmp_to_key(compare))[:count]


def _compare(one: Object, other: Object, on_node: Counter[str], now: datetime.datetime) -> int:
    """Negative where `one` is to be deleted rather than `other`: the first difference counts."""
    return (
        _order(_assigned(one), _assigned(other))
        or _order(_PHASES.get(pod_phase(one), 0), _PHASES.get(pod_phase(other), 0))
        or _order(pod_ready(one), pod_ready(other))
        or _order(_cost(one), _cost(other))
        or _order(on_node[_node(other)], on_node[_node(one)])
        or _age(pod_ready_since(one), pod_ready_since(other), one, other, now)
        or _order(_restarts(other), _restarts(one))
        or _age(times.parse(created_at(one)), times.parse(created_at(other)), one, other, now)
    )


def _order(one: float | tuple[int, int], other: float | tuple[int, int]) -> int:
    return (one > other) - (one < other)  # type: ignore[operator]  # both are of one kind


def _node(pod: Object) -> str:
    return pod["spec"].get("nodeName") or ""


def _assigned(pod: Object) -> bool:
    return bool(_node(pod))


def _cost(pod: Object) -> int:
    try:
        return int(annotations_of(pod).get(_COST, "0"))
    except ValueError:
        return 0


def _restarts(pod: Object) -> tuple[int, int]:
    """Of its containers, then of its sidecars: the most that any was restarted."""
    status = pod.get("status") or {}
    sidecars = {each["name"] for each in pod["spec"].get("initContainers") or () if each.get("restartPolicy") == "Always"}
    regular = max((each.get("restartCount", 0) for each in status.get("containerStatuses") or ()), default=0)
    started = (each for each in status.get("initContainerStatuses") or () if each["name"] in sidecars)
    return regular, max((each.get("restartCount", 0) for each in started), default=0)


def _age(at: datetime.datetime | None, other_at: datetime.datetime | None, one: Object, other: Object, now: datetime.datetime) -> int:
    """The younger goes first; ages are compared as powers of two, and what is about as old is taken in the order of uids."""
    if at == other_at:
        return 0
    if at is None or other_at is None:
        return -1 if at is None else 1
    return _order(_rank(at, now), _rank(other_at, now)) or (-1 if uid_of(one) < uid_of(other) else 1)


def _rank(at: datetime.datetime, now: datetime.datetime) -> int:
    nanoseconds = (now - at).total_seconds() * 1e9
    return int(math.log2(nanoseconds)) if nanoseconds > 0 else -1
