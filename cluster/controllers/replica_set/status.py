"""The status of a ReplicaSet from its pods.  Upstream: `pkg/controller/replicaset/replica_set_utils.go`."""

from __future__ import annotations

import datetime
from typing import Final

from cluster.api.names import Object
from cluster.client import times
from cluster.client.labels import labels_of
from cluster.controllers.objects import Objects, condition, pod_available_in, pod_ready

_FAILURE: Final = "ReplicaFailure"


def calculate(replica_set: Object, active: Objects, terminating: Objects, failure: str | None, now: datetime.datetime) -> Object:
    """`failure` is the message of a creation or deletion that was refused."""
    spec = replica_set["spec"]
    wanted = ((spec.get("template") or {}).get("metadata") or {}).get("labels") or {}
    seconds = spec.get("minReadySeconds") or 0
    counts = {
        "fullyLabeledReplicas": sum(wanted.items() <= dict(labels_of(pod)).items() for pod in active),
        "readyReplicas": sum(pod_ready(pod) for pod in active),
        "availableReplicas": sum(pod_available_in(pod, seconds, now) == 0 for pod in active),
    }
    status: Object = {"replicas": len(active)} | {name: count for name, count in counts.items() if count}
    status["terminatingReplicas"] = len(terminating)
    generation = replica_set["metadata"].get("generation")
    if generation:
        status["observedGeneration"] = generation
    conditions = _conditions(replica_set, len(active) - (spec.get("replicas") or 0), failure, now)
    if conditions:
        status["conditions"] = conditions
    return status


def _conditions(replica_set: Object, surplus: int, failure: str | None, now: datetime.datetime) -> Objects:
    conditions: Objects = (replica_set.get("status") or {}).get("conditions") or []
    others = [each for each in conditions if each.get("type") != _FAILURE]
    if failure is None:
        return others
    if condition(conditions, _FAILURE) is not None:
        return list(conditions)
    made = {
        "type": _FAILURE,
        "status": "True",
        "lastTransitionTime": times.time(now),
        "reason": "FailedCreate" if surplus < 0 else "FailedDelete",
        "message": failure,
    }
    return [*others, made]
