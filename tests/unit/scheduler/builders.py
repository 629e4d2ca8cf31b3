"""Nodes, pods and cycles for tables."""

from __future__ import annotations

import itertools
from typing import Any

from cluster.api.names import Object
from cluster.scheduler.cache import NodeInfo, PodInfo
from cluster.scheduler.framework import Cycle, Listers
from cluster.scheduler.pod_resources import amounts

_NUMBERS = itertools.count(1)


def pod(name: str = "", *, cpu: str = "", memory: str = "", labels: dict[str, str] | None = None, **spec: Any) -> Object:
    name = name or f"pod-{next(_NUMBERS)}"
    requests = {key: value for key, value in (("cpu", cpu), ("memory", memory)) if value}
    container = {"name": "c", "image": "a", "resources": {"requests": requests}}
    metadata = {"name": name, "namespace": "dev", "uid": f"uid-{name}", "labels": labels or {}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [container]} | spec, "status": {}}


def node(name: str, *pods: Object, cpu: str = "4", memory: str = "8Gi", labels: dict[str, str] | None = None, **spec: Any) -> NodeInfo:
    allocatable = {"cpu": cpu, "memory": memory, "pods": "110"}
    own = {"kubernetes.io/hostname": name} | (labels or {})
    made: Object = {"metadata": {"name": name, "labels": own}, "spec": spec, "status": {"allocatable": allocatable}}
    info = NodeInfo(made, amounts(allocatable))
    for each in pods:
        info.place(PodInfo.of(each))
    return info


def cycle(subject: Object, *nodes: NodeInfo, listers: Listers | None = None) -> Cycle:
    return Cycle(PodInfo.of(subject), nodes, listers or Listers())
