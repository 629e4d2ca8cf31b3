"""What the scheduler keeps of objects: a cluster's pods are many, and it reads a part of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from cluster.api.names import Object

_METADATA: Final = ("name", "namespace", "uid", "resourceVersion", "labels", "ownerReferences", "creationTimestamp", "deletionTimestamp")
_POD: Final = (
    "nodeName",
    "schedulerName",
    "schedulingGates",
    "priority",
    "preemptionPolicy",
    "nodeSelector",
    "affinity",
    "tolerations",
    "topologySpreadConstraints",
    "overhead",
    "resources",
)
_CONTAINER: Final = ("name", "image", "resources", "ports", "restartPolicy")


def _only(obj: Mapping[str, Any], names: Iterable[str]) -> Object:
    return {name: obj[name] for name in names if obj.get(name)}


def _trimmed(obj: Object) -> Object:
    return {"apiVersion": obj["apiVersion"], "kind": obj["kind"], "metadata": _only(obj["metadata"], _METADATA)}


def pod(obj: Object) -> Object:
    spec, status = obj["spec"], obj.get("status") or {}
    kept = _only(spec, _POD)
    for field in ("containers", "initContainers"):
        if spec.get(field):
            kept[field] = [_only(each, _CONTAINER) for each in spec[field]]
    scheduled = [each for each in status.get("conditions") or () if each.get("type") == "PodScheduled"]
    return _trimmed(obj) | {"spec": kept, "status": _only(status, ("phase", "nominatedNodeName")) | {"conditions": scheduled}}


def node(obj: Object) -> Object:
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    return _trimmed(obj) | {"spec": _only(spec, ("unschedulable", "taints")), "status": _only(status, ("allocatable",))}


def selector(obj: Object) -> Object:
    """Of a service or a controller of pods."""
    return _trimmed(obj) | {"spec": _only(obj.get("spec") or {}, ("selector",))}


def metadata(obj: Object) -> Object:
    return _trimmed(obj)
