"""Which claims may grow."""

from __future__ import annotations

import pytest

from admission.plugins.default_storage_class import STORAGE_CLASSES
from admission.plugins.persistent_volume_claim_resize import PersistentVolumeClaimResize
from cluster.api.errors import Forbidden
from cluster.api.names import Object
from tests.unit.admission.writes import write
from tests.unit.rbac.world import World, metadata

UNBOUND = "Only bound persistent volume claims can be expanded"
FIXED = "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize"


def claim(size: str, name: str | None = "gold", phase: str = "Bound", annotated: str | None = None) -> Object:
    annotations = {} if annotated is None else {"volume.beta.kubernetes.io/storage-class": annotated}
    spec: Object = {"resources": {"requests": {"storage": size}}} | ({} if name is None else {"storageClassName": name})
    return {"metadata": {"name": "c", "annotations": annotations}, "spec": spec, "status": {"phase": phase}}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (claim("1Gi"), claim("2Gi"), ""),
        (claim("1Gi"), claim("1024Mi", phase="Pending"), ""),
        (claim("2Gi", "silver", "Pending"), claim("1Gi", "silver"), ""),
        (claim("1Gi", phase="Pending"), claim("2Gi"), UNBOUND),
        (claim("1Gi", None), claim("2Gi", None), FIXED),
        (claim("1Gi", ""), claim("2Gi", ""), FIXED),
        (claim("1Gi", "silver"), claim("2Gi", "silver"), FIXED),
        (claim("1Gi", "silent"), claim("2Gi", "silent"), FIXED),
        (claim("1Gi", "gone"), claim("2Gi", "gone"), FIXED),
        (claim("1Gi", "silver"), claim("2Gi", "gold"), FIXED),
        (claim("1Gi", None, annotated="gold"), claim("2Gi", None, annotated="gold"), ""),
        (claim("1Gi", annotated="silver"), claim("2Gi", annotated="silver"), FIXED),
    ],
)
def test_a_bound_claim_grows_where_its_class_lets_it(old: Object, new: Object, expected: str) -> None:
    assert refusal(old, new) == expected


def refusal(old: Object, new: Object, what: str = "persistentvolumeclaims") -> str:
    world = World()
    for name, expansion in (("gold", {"allowVolumeExpansion": True}), ("silver", {"allowVolumeExpansion": False}), ("silent", {})):
        world.put(STORAGE_CLASSES, {"metadata": metadata(name), **expansion})
    try:
        PersistentVolumeClaimResize(world).validate(write("UPDATE", what, new, old, namespace="dev"))
    except Forbidden as error:
        return error.message.removeprefix('persistentvolumeclaims "c" is forbidden: ')
    return ""


def test_its_status_is_none_of_this() -> None:
    assert refusal(claim("1Gi", None), claim("2Gi", None), "persistentvolumeclaims/status") == ""
