"""Table rows: those of the golden objects as Kubernetes 1.36 answers them, and states that those objects don't have."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.api.names import Object
from cluster.kinds.model import Kind
from cluster.server import tables

from .conftest import KINDS, created, kind_of

HERE = Path(__file__).parent
ROWS: dict[str, list[Any]] = yaml.safe_load((HERE / "rows.yaml").read_text())
WITH_TABLES = [kind for kind in KINDS.all() if kind.columns]


def _cells(obj: Object) -> list[Any]:
    cells = kind_of(obj).strategy.cells
    assert cells is not None
    return cells(obj)


@pytest.mark.parametrize("name", ROWS)
def test_row_of_a_new_object(name: str) -> None:
    obj = created(yaml.safe_load((HERE / "golden" / f"{name}.input.yaml").read_text()))
    obj["metadata"]["creationTimestamp"] = "2026-11-22T23:54:46Z"
    assert _cells(obj) == ROWS[name][: len(kind_of(obj).columns)]


@pytest.mark.parametrize("kind", WITH_TABLES, ids=lambda kind: f"{kind.gvk.group_version}/{kind.resource.resource}")
def test_a_minimal_object_fills_every_column(kind: Kind) -> None:
    obj = {"apiVersion": str(kind.gvk.group_version), "kind": kind.gvk.kind, "metadata": {"name": "x"}}
    assert len(_cells(obj)) == len(kind.columns)


NODE = {"apiVersion": "v1", "kind": "Node"}
READY = [{"type": "Ready", "status": "True"}]
SERVICE = {"apiVersion": "v1", "kind": "Service"}
REQUEST = {"apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest"}
BALANCED = {"ingress": [{"ip": "1.2.3.4"}]}


@pytest.mark.parametrize(
    ("obj", "column", "cell"),
    [
        (NODE | {"status": {"conditions": READY}}, "Status", "Ready"),
        (NODE | {"status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}}, "Status", "NotReady"),
        (NODE | {"status": {"conditions": READY}, "spec": {"unschedulable": True}}, "Status", "Ready,SchedulingDisabled"),
        (NODE, "Status", "Unknown"),
        (NODE | {"metadata": {"labels": {"kubernetes.io/role": "b", "node-role.kubernetes.io/a": ""}}}, "Roles", "a,b"),
        (NODE, "Roles", "<none>"),
        (NODE | {"status": {"addresses": [{"type": "InternalIP", "address": "10.0.0.1"}]}}, "Internal-IP", "10.0.0.1"),
        (NODE | {"status": {"nodeInfo": {"kernelVersion": "6.1", "architecture": "amd64"}}}, "Kernel-Version", "6.1 (amd64)"),
        (SERVICE | {"spec": {"type": "LoadBalancer"}}, "External-IP", "<pending>"),
        (SERVICE | {"spec": {"type": "LoadBalancer"}, "status": {"loadBalancer": BALANCED}}, "External-IP", "1.2.3.4"),
        (SERVICE | {"spec": {"ports": [{"port": 80, "nodePort": 30080, "protocol": "TCP"}]}}, "Port(s)", "80:30080/TCP"),
        (REQUEST | {"status": {"conditions": [{"type": "Approved"}], "certificate": "eA=="}}, "Condition", "Approved,Issued"),
        (REQUEST | {"status": {"conditions": [{"type": "Denied"}, {"type": "Failed"}]}}, "Condition", "Denied,Failed"),
        (REQUEST | {"spec": {"expirationSeconds": 86400}}, "RequestedDuration", "24h"),
    ],
)
def test_cell(obj: Object, column: str, cell: Any) -> None:
    names = [each.name for each in kind_of(obj).columns]
    assert _cells(obj)[names.index(column)] == cell


@pytest.mark.parametrize(
    ("phase", "message"), [("Succeeded", "The pod has completed successfully."), ("Failed", "The pod failed."), ("Running", None)]
)
def test_the_row_of_a_pod_that_is_done_says_so(phase: str, message: str | None) -> None:
    pod: Object = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "status": {"phase": phase}}
    (row,) = json.loads(tables.table(kind_of(pod), "v1", [pod], {}, "None"))["rows"]
    done = [{"type": "Completed", "status": "True", "reason": phase, "message": message}]
    assert row.get("conditions") == (done if message else None)
