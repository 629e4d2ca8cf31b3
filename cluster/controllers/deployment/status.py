"""A Deployment's status and conditions.  Upstream: `pkg/controller/deployment/progress.go`, `sync.go`."""

from __future__ import annotations

import datetime
from typing import Final

from cluster.api.names import Object
from cluster.client import times
from cluster.controllers.deployment import scaling
from cluster.controllers.objects import Objects, condition, name_of

PROGRESSING: Final = "Progressing"
AVAILABLE: Final = "Available"
FAILURE: Final = "ReplicaFailure"
NEW_AVAILABLE: Final = "NewReplicaSetAvailable"
TIMED_OUT: Final = "ProgressDeadlineExceeded"
PAUSED: Final = "DeploymentPaused"


def status_of(deployment: Object) -> Object:
    status: Object = deployment.get("status") or {}
    return status


def set_condition(status: Object, kind: str, value: str, reason: str, message: str, now: datetime.datetime) -> None:
    """Unless one of the same status and reason is there; the transition time moves only with the status."""
    conditions: Objects = status.get("conditions") or []
    old = condition(conditions, kind)
    if old is not None and old.get("status") == value and old.get("reason") == reason:
        return
    stamp = times.time(now)
    made: Object = {"type": kind, "status": value, "lastUpdateTime": stamp, "lastTransitionTime": stamp}
    made |= {"reason": reason, "message": message}
    if old is not None and old.get("status") == value:
        made["lastTransitionTime"] = old.get("lastTransitionTime")
    status["conditions"] = [each for each in conditions if each.get("type") != kind] + [made]


def drop_condition(status: Object, kind: str) -> None:
    conditions = [each for each in status.get("conditions") or () if each.get("type") != kind]
    if conditions:
        status["conditions"] = conditions
    else:
        status.pop("conditions", None)


def calculate(deployment: Object, everything: Objects, new: Object | None, now: datetime.datetime) -> Object:
    """Counts and the Available condition; other conditions as they were."""
    old = status_of(deployment)
    available = scaling.available(everything)
    counts = {
        "observedGeneration": deployment["metadata"].get("generation") or 0,
        "replicas": sum(scaling.reported(each) for each in everything),
        "updatedReplicas": scaling.reported(new) if new is not None else 0,
        "readyReplicas": sum(scaling.reported(each, "readyReplicas") for each in everything),
        "availableReplicas": available,
        "unavailableReplicas": max(0, scaling.total(everything) - available),
    }
    status: Object = {name: count for name, count in counts.items() if count}
    if old.get("collisionCount") is not None:
        status["collisionCount"] = old["collisionCount"]
    terminating = _terminating(everything)
    if terminating is not None:
        status["terminatingReplicas"] = terminating
    if old.get("conditions"):
        status["conditions"] = list(old["conditions"])
    if available >= scaling.wanted(deployment) - scaling.max_unavailable(deployment):
        set_condition(status, AVAILABLE, "True", "MinimumReplicasAvailable", "Deployment has minimum availability.", now)
    else:
        set_condition(status, AVAILABLE, "False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.", now)
    return status


def _terminating(everything: Objects) -> int | None:
    """None where a replica set was seen by its controller and doesn't say."""
    count = 0
    for each in everything:
        status = each.get("status") or {}
        if status.get("terminatingReplicas") is not None:
            count += status["terminatingReplicas"]
        elif status.get("observedGeneration"):
            return None
    return count


def of_rollout(deployment: Object, everything: Objects, new: Object | None, now: datetime.datetime) -> Object:
    """The whole status in a rollout, the progress that it makes among it."""
    status = calculate(deployment, everything, new, now)
    if not scaling.has_deadline(deployment):
        drop_condition(status, PROGRESSING)
    else:
        current = condition(status_of(deployment).get("conditions"), PROGRESSING)
        finished = current is not None and current.get("reason") == NEW_AVAILABLE
        if not finished or status.get("replicas", 0) != status.get("updatedReplicas", 0):
            _estimate(deployment, status, current, new, now)
    failure = _failure(everything, new)
    if failure is not None:
        at = times.parse(failure.get("lastTransitionTime")) or now
        set_condition(status, FAILURE, failure["status"], failure.get("reason", ""), failure.get("message", ""), at)
    else:
        drop_condition(status, FAILURE)
    return status


def _estimate(deployment: Object, status: Object, current: Object | None, new: Object | None, now: datetime.datetime) -> None:
    subject = f'ReplicaSet "{name_of(new)}"' if new is not None else f'Deployment "{name_of(deployment)}"'
    if complete(deployment, status):
        set_condition(status, PROGRESSING, "True", NEW_AVAILABLE, f"{subject} has successfully progressed.", now)
    elif _advanced(status_of(deployment), status):
        # Each step forward renews lastUpdateTime, from which the deadline counts.
        drop_condition(status, PROGRESSING)
        set_condition(status, PROGRESSING, "True", "ReplicaSetUpdated", f"{subject} is progressing.", now)
        if current is not None and current.get("status") == "True":
            status["conditions"][-1]["lastTransitionTime"] = current.get("lastTransitionTime")
    elif timed_out(deployment, status, now):
        set_condition(status, PROGRESSING, "False", TIMED_OUT, f"{subject} has timed out progressing.", now)


def complete(deployment: Object, status: Object) -> bool:
    """All replicas are new and available, and no old one runs."""
    desired = scaling.wanted(deployment)
    counts = (status.get("updatedReplicas", 0), status.get("replicas", 0), status.get("availableReplicas", 0))
    return counts == (desired,) * 3 and status.get("observedGeneration", 0) >= (deployment["metadata"].get("generation") or 0)


def _advanced(old: Object, new: Object) -> bool:
    def outdated(status: Object) -> int:
        return int(status.get("replicas", 0)) - int(status.get("updatedReplicas", 0))

    grown = any(new.get(field, 0) > old.get(field, 0) for field in ("updatedReplicas", "readyReplicas", "availableReplicas"))
    return grown or outdated(new) < outdated(old)


def timed_out(deployment: Object, status: Object, now: datetime.datetime) -> bool:
    current = condition(status.get("conditions"), PROGRESSING)
    if current is None or not scaling.has_deadline(deployment) or current.get("reason") == NEW_AVAILABLE:
        return False
    if current.get("reason") == TIMED_OUT:
        return True
    return seconds_left(deployment, current, now) < 0


def seconds_left(deployment: Object, progressing: Object, now: datetime.datetime) -> float:
    """Until the deadline for progress."""
    since = times.parse(progressing.get("lastUpdateTime")) or now
    return float(deployment["spec"]["progressDeadlineSeconds"]) - (now - since).total_seconds()


def check_again_in(deployment: Object, status: Object, now: datetime.datetime) -> float | None:
    """Seconds until a rollout that stands still may have timed out; None where nothing is awaited."""
    current = condition(status_of(deployment).get("conditions"), PROGRESSING)
    if current is None or not scaling.has_deadline(deployment):
        return None
    if complete(deployment, status) or current.get("reason") == TIMED_OUT:
        return None
    return max(0.0, seconds_left(deployment, current, now)) + 1


def _failure(everything: Objects, new: Object | None) -> Object | None:
    """A replica set's failure, the new one's first."""
    for each in ([new] if new is not None else []) + everything:
        found = condition((each.get("status") or {}).get("conditions"), FAILURE)
        if found is not None:
            return found
    return None
