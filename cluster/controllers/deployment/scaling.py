"""How many replicas each replica set should have.  Upstream: `pkg/controller/deployment/util/deployment_util.go`, `sync.go`."""

from __future__ import annotations

import math
from typing import Any, Final

from cluster.api.names import Object
from cluster.controllers.deployment import revisions
from cluster.controllers.objects import Objects, name_of

_NO_LIMIT: Final = 2**31 - 1


def wanted(obj: Object) -> int:
    """spec.replicas, of a deployment or replica set."""
    count = obj["spec"].get("replicas")
    return 1 if count is None else int(count)


def reported(replica_set: Object, field: str = "replicas") -> int:
    """A count in the status."""
    return int((replica_set.get("status") or {}).get(field) or 0)


def total(replica_sets: Objects) -> int:
    return sum(wanted(each) for each in replica_sets)


def available(replica_sets: Objects) -> int:
    return sum(reported(each, "availableReplicas") for each in replica_sets)


def active(replica_sets: Objects) -> Objects:
    return [each for each in replica_sets if wanted(each) > 0]


def is_rolling(deployment: Object) -> bool:
    return bool((deployment["spec"].get("strategy") or {}).get("type", "RollingUpdate") == "RollingUpdate")


def fenceposts(deployment: Object) -> tuple[int, int]:
    """(surge, unavailable) in pods; where rounding leaves neither, one may be unavailable, lest nothing ever moves."""
    rolling = (deployment["spec"].get("strategy") or {}).get("rollingUpdate") or {}
    surge = scaled(rolling.get("maxSurge"), wanted(deployment), up=True)
    unavailable = scaled(rolling.get("maxUnavailable"), wanted(deployment), up=False)
    return (surge, unavailable) if surge or unavailable else (0, 1)


def scaled(value: Any, of: int, *, up: bool) -> int:
    """An int-or-percent as a number of `of`."""
    if isinstance(value, str):
        part = int(value.removesuffix("%")) * of / 100
        return math.ceil(part) if up else math.floor(part)
    return int(value or 0)


def max_surge(deployment: Object) -> int:
    return fenceposts(deployment)[0] if is_rolling(deployment) else 0


def max_unavailable(deployment: Object) -> int:
    if not is_rolling(deployment) or wanted(deployment) == 0:
        return 0
    return min(fenceposts(deployment)[1], wanted(deployment))


def new_size(deployment: Object, everything: Objects, current: int) -> int:
    """Of the new replica set, now of `current` replicas, so that all together stay within the surge."""
    desired = wanted(deployment)
    if not is_rolling(deployment):
        return desired
    rolling = (deployment["spec"].get("strategy") or {}).get("rollingUpdate") or {}
    room = desired + scaled(rolling.get("maxSurge"), desired, up=True) - total(everything)
    return current + min(room, desired - current) if room > 0 else current


def saturated(deployment: Object, new: Object | None) -> bool:
    """Whether the new replica set holds all replicas, believes so, and all are available."""
    desired = wanted(deployment)
    return (
        new is not None
        and wanted(new) == desired
        and revisions.count_in(new, revisions.DESIRED) == desired
        and reported(new, "availableReplicas") == desired
    )


def active_or_latest(new: Object | None, old: Objects) -> Object | None:
    """The only replica set that has replicas, or the newest where none has; None where several have."""
    everything = ([new] if new is not None else []) + sorted(old, key=revisions.by_age, reverse=True)
    running = active(everything)
    if len(running) > 1 or not everything:
        return None
    return running[0] if running else everything[0]


def proportions(deployment: Object, replica_sets: Objects) -> list[tuple[Object, int]]:
    """New sizes of the replica sets in a scaled or paused rollout, each in proportion; the largest takes what is left over."""
    desired = wanted(deployment)
    allowed = desired + max_surge(deployment) if desired > 0 else 0
    to_add = allowed - total(replica_sets)
    ordered = list(replica_sets)
    if to_add:
        ordered.sort(key=revisions.by_age, reverse=to_add > 0)
        ordered.sort(key=wanted, reverse=True)
    sizes = {name_of(each): wanted(each) for each in ordered}
    added = 0
    for each in ordered:
        part = _proportion(each, deployment, to_add, added)
        sizes[name_of(each)] += part
        added += part
    if ordered and to_add:
        largest = name_of(ordered[0])
        sizes[largest] = max(0, sizes[largest] + to_add - added)
    return [(each, sizes[name_of(each)]) for each in ordered]


def _proportion(replica_set: Object, deployment: Object, to_add: int, added: int) -> int:
    size = wanted(replica_set)
    if size == 0 or to_add in (0, added):
        return 0
    allowed = to_add - added
    fraction = _fraction(replica_set, deployment)
    return min(fraction, allowed) if to_add > 0 else max(fraction, allowed)


def _fraction(replica_set: Object, deployment: Object) -> int:
    size = wanted(replica_set)
    if wanted(deployment) == 0:
        return -size
    before = revisions.count_in(replica_set, revisions.MAX) or reported(deployment)
    if not before:
        return 0
    exact = size * (wanted(deployment) + max_surge(deployment)) / before
    return math.floor(exact + 0.5) - size


def has_deadline(deployment: Object) -> bool:
    seconds = deployment["spec"].get("progressDeadlineSeconds")
    return seconds is not None and seconds != _NO_LIMIT


def history_limit(deployment: Object) -> int | None:
    """How many old replica sets are kept; None: all."""
    limit = deployment["spec"].get("revisionHistoryLimit")
    return None if limit is None or limit == _NO_LIMIT else int(limit)
