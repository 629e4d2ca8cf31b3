"""What golden files leave out, for it is another in every run."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.api.meta import now
from policies.lab.lasting import GENERATED, lasting


def of(**fields: Any) -> dict[str, Any]:
    return {"kind": "Thing", "metadata": {"name": "a"}, **fields}


@pytest.mark.parametrize(
    ("given", "left"),
    [
        (
            {"metadata": {"name": "a", "uid": "u", "resourceVersion": "1", "creationTimestamp": now(), "managedFields": []}},
            {"metadata": {"name": "a"}},
        ),
        ({"metadata": {"name": "a-x7f2c", "generateName": "a-"}}, {"metadata": {"name": f"a-{GENERATED}", "generateName": "a-"}}),
        (of(status={"since": now()}), of(status={"since": GENERATED})),
        (of(spec={"since": "2001-01-01T00:00:00Z"}), of(spec={"since": "2001-01-01T00:00:00Z"})),
        (of(spec=[{"name": "kube-api-access-x7f2c"}]), of(spec=[{"name": f"kube-api-access-{GENERATED}"}])),
        (
            of(kind="Service", spec={"clusterIP": "10.96.0.7", "clusterIPs": ["10.96.0.7"], "ports": [{"port": 1, "nodePort": 30001}]}),
            of(kind="Service", spec={"clusterIP": GENERATED, "clusterIPs": GENERATED, "ports": [{"port": 1, "nodePort": GENERATED}]}),
        ),
        (
            of(kind="Service", spec={"clusterIP": "None", "clusterIPs": ["None"], "ports": []}),
            of(kind="Service", spec={"clusterIP": "None", "clusterIPs": ["None"], "ports": []}),
        ),
        ("text", "text"),
        ({"kind": "Status"}, {"kind": "Status"}),
    ],
)
def test_what_lasts(given: Any, left: Any) -> None:
    assert lasting(given) == left
