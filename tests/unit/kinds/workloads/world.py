"""What the tests of workloads share: the data beside them, and the strategies in the order of the registry.

The data were recorded from Kubernetes 1.36: what it stored, what it refused and in which words, and the rows that it printed.
"""

from __future__ import annotations

import copy
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml

from cluster.api.names import Object
from cluster.kinds.model import Strategy

DATA = Path(__file__).parent / "data"
UID = "00000000-0000-0000-0000-000000000000"
MODULES = {
    "Pod": "core.pods",
    "PodTemplate": "core.pod_templates",
    "Deployment": "apps.deployments",
    "ReplicaSet": "apps.replica_sets",
    "DaemonSet": "apps.daemon_sets",
    "StatefulSet": "apps.stateful_sets",
    "ControllerRevision": "apps.controller_revisions",
    "Job": "batch.jobs",
    "CronJob": "batch.cron_jobs",
}


def strategy(kind: str) -> Strategy:
    found: Strategy = import_module(f"cluster.kinds.{MODULES[kind]}").STRATEGY
    return found


def load(name: str) -> Any:
    return yaml.safe_load((DATA / name).read_text())


def created(source: Object) -> Object:
    """A copy as it is when validation sees it on creation."""
    obj, kind = copy.deepcopy(source), strategy(source["kind"])
    kind.default(obj)
    obj["metadata"] |= {"namespace": "default", "uid": UID}
    if kind.has_generation:
        obj["metadata"]["generation"] = 1
    kind.prepare_for_create(obj)
    kind.default(obj)
    return obj


def pod(**spec: Any) -> Object:
    """A small pod that is in order."""
    containers = [{"name": "c", "image": "nginx"}]
    return {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "p"}, "spec": {"containers": containers} | spec}
