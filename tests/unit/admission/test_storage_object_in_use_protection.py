"""What is protected from going while it is in use."""

from __future__ import annotations

import pytest

from admission.plugins.pod_group_protection import PodGroupProtection
from admission.plugins.storage_object_in_use_protection import StorageObjectInUseProtection
from cluster.api.names import Object
from tests.unit.admission.writes import write

PVC, PV, VAC = (f"kubernetes.io/{kind}-protection" for kind in ("pvc", "pv", "vac"))
POD_GROUP = "scheduling.k8s.io/podgroup-protection"


@pytest.mark.parametrize(
    ("what", "before", "after"),
    [
        ("persistentvolumeclaims", [], [PVC]),
        ("persistentvolumeclaims", [PVC, "mine/x"], [PVC, "mine/x"]),
        ("persistentvolumeclaims", ["mine/x"], ["mine/x", PVC]),
        ("persistentvolumes", [], [PV]),
        ("persistentvolumes", [PV], [PV]),
        ("volumeattributesclasses.storage.k8s.io", [], [VAC]),
        ("volumeattributesclasses.storage.k8s.io", [VAC], [VAC]),
        ("persistentvolumeclaims/status", [], []),
        ("configmaps", [], []),
        ("podgroups.scheduling.k8s.io", [], [POD_GROUP]),
        ("podgroups.scheduling.k8s.io", [POD_GROUP], [POD_GROUP]),
        ("podgroups.scheduling.k8s.io/status", [], []),
    ],
)
def test_a_new_object_has_the_finalizer_once(what: str, before: list[str], after: list[str]) -> None:
    obj: Object = {"metadata": {"name": "x"} | ({"finalizers": before} if before else {})}
    for plugin in (StorageObjectInUseProtection(), PodGroupProtection()):
        for _ in range(2):
            plugin.admit(write("CREATE", what, obj))
    assert obj["metadata"].get("finalizers", []) == after
