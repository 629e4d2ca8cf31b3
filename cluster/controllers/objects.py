"""What controllers ask of plain objects: owners, conditions, the state of a pod."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from cluster.api.names import Object
from cluster.client import times

Objects = list[Object]


def copied(obj: Object) -> Object:
    """A deep copy: what a cache holds must never be changed."""
    made: Object = orjson.loads(orjson.dumps(obj))
    return made


def name_of(obj: Object) -> str:
    return str(obj["metadata"]["name"])


def namespace_of(obj: Object) -> str:
    return str(obj["metadata"].get("namespace", ""))


def uid_of(obj: Object) -> str:
    return str(obj["metadata"].get("uid", ""))


def being_deleted(obj: Object) -> bool:
    return bool(obj["metadata"].get("deletionTimestamp"))


def annotations_of(obj: Object) -> dict[str, str]:
    return obj["metadata"].get("annotations") or {}


def created_at(obj: Object) -> str:
    """RFC 3339 in UTC, so that text order is time order."""
    return str(obj["metadata"].get("creationTimestamp") or "")


def controller_of(obj: Object) -> Object | None:
    """The owner reference with `controller: true`."""
    for each in obj["metadata"].get("ownerReferences") or ():
        if each.get("controller"):
            found: Object = each
            return found
    return None


def controlled_by(obj: Object, owner: Object) -> bool:
    reference = controller_of(obj)
    return reference is not None and reference.get("uid") == uid_of(owner)


def controller_reference(owner: Object, api_version: str, kind: str) -> Object:
    return {
        "apiVersion": api_version,
        "kind": kind,
        "name": name_of(owner),
        "uid": uid_of(owner),
        "controller": True,
        "blockOwnerDeletion": True,
    }


def by_controller(obj: Object) -> Iterable[str]:
    """Indexer: the controller's uid, or `orphan/<namespace>`."""
    reference = controller_of(obj)
    return (str(reference["uid"]),) if reference is not None else (f"orphan/{namespace_of(obj)}",)


def by_node(pod: Object) -> Iterable[str]:
    """Indexer of pods: the node that they are bound to."""
    node = pod["spec"].get("nodeName")
    return (node,) if node else ()


def condition(conditions: Sequence[Object] | None, kind: str) -> Object | None:
    for each in conditions or ():
        if each.get("type") == kind:
            return each
    return None


def pod_phase(pod: Object) -> str:
    return str((pod.get("status") or {}).get("phase") or "")


def pod_active(pod: Object) -> bool:
    """Neither finished nor being deleted."""
    return pod_phase(pod) not in ("Succeeded", "Failed") and not being_deleted(pod)


def pod_terminating(pod: Object) -> bool:
    return pod_phase(pod) not in ("Succeeded", "Failed") and being_deleted(pod)


def pod_ready_since(pod: Object) -> datetime.datetime | None:
    """When it became ready; the epoch where it is ready and says no time; None where it isn't ready."""
    ready = condition((pod.get("status") or {}).get("conditions"), "Ready")
    if ready is None or ready.get("status") != "True":
        return None
    return times.parse(ready.get("lastTransitionTime")) or datetime.datetime.fromtimestamp(0, datetime.UTC)


def pod_ready(pod: Object) -> bool:
    return pod_ready_since(pod) is not None


def pod_available_in(pod: Object, min_ready_seconds: int, now: datetime.datetime) -> float | None:
    """Seconds until it is available: 0 where it is, None where it isn't even ready."""
    since = pod_ready_since(pod)
    if since is None:
        return None
    return max(0.0, min_ready_seconds - (now - since).total_seconds()) if min_ready_seconds > 0 else 0.0


def without_empty(value: Any) -> Any:
    """The value without nulls and empty containers, so that what the API holds equal compares equal."""
    if isinstance(value, dict):
        kept = {key: without_empty(each) for key, each in value.items()}
        return {key: each for key, each in kept.items() if each is not None and each != {} and each != []}
    if isinstance(value, list):
        return [without_empty(each) for each in value]
    return value
