"""Small objects for tables: what a test doesn't name has a plain default."""

from __future__ import annotations

import itertools
from typing import Any

from cluster.api.names import Object

_NUMBERS = itertools.count(1)


def deployment(name: str = "web", replicas: int = 2, *, image: str = "a:1", status: Object | None = None, **spec: Any) -> Object:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "dev", "uid": f"uid-{name}", "generation": 1},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": template(image, app=name),
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
            "progressDeadlineSeconds": 600,
            "revisionHistoryLimit": 10,
        }
        | spec,
        "status": status or {},
    }


def template(image: str, **labels: str) -> Object:
    return {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": image}]}}


def replica_set(
    name: str,
    replicas: int,
    *,
    available: int | None = None,
    image: str = "a:1",
    created: str = "2026-01-01T00:00:00Z",
    annotations: dict[str, str] | None = None,
) -> Object:
    """Owned by deployment `web`; `available` of its replicas are, all where it isn't said."""
    count = replicas if available is None else available
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "uid-web", "controller": True}
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": name,
            "namespace": "dev",
            "uid": f"uid-{name}",
            "generation": 1,
            "creationTimestamp": created,
            "annotations": annotations or {},
            "ownerReferences": [owner],
            "labels": {"app": "web"},
        },
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}}, "template": template(image, app="web")},
        "status": {"replicas": replicas, "readyReplicas": count, "availableReplicas": count, "observedGeneration": 1},
    }


def pod(name: str = "", *, node: str = "", phase: str = "Running", ready: bool = True, owner: str = "", **metadata: Any) -> Object:
    name = name or f"pod-{next(_NUMBERS)}"
    spec: Object = {"containers": [{"name": "c", "image": "a"}]} | ({"nodeName": node} if node else {})
    made: Object = {"name": name, "namespace": "dev", "uid": f"uid-{name}", "labels": {"app": "web"}}
    if owner:
        made["ownerReferences"] = [
            {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": owner, "uid": f"uid-{owner}", "controller": True}
        ]
    conditions = [{"type": "Ready", "status": "True" if ready else "False", "lastTransitionTime": "2026-01-01T00:00:00Z"}]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": made | metadata,
        "spec": spec,
        "status": {"phase": phase, "conditions": conditions},
    }
