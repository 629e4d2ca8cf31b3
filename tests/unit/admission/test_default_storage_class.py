"""Which storage class a claim gets that names none."""

from __future__ import annotations

import pytest

from admission.plugins.default_storage_class import STORAGE_CLASSES, DefaultStorageClass
from cluster.api.names import Object
from tests.unit.admission.writes import write
from tests.unit.rbac.world import World, metadata

MARK, BETA_MARK = "storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class"


def storage_class(name: str, mark: str | None = None, created: str = "2026-01-01T00:00:00Z", key: str = MARK) -> Object:
    annotations = {} if mark is None else {key: mark}
    return {"metadata": metadata(name, annotations=annotations, creationTimestamp=created)}


OTHERS = (storage_class("said-no", "false"), storage_class("silent"), storage_class("empty", ""))


def admitted(classes: tuple[Object, ...], claim: Object, operation: str = "CREATE", what: str = "persistentvolumeclaims") -> Object:
    world = World()
    for each in (*classes, *OTHERS):
        world.put(STORAGE_CLASSES, each)
    DefaultStorageClass(world).admit(write(operation, what, claim, namespace="dev"))
    return claim


@pytest.mark.parametrize(
    ("classes", "spec", "expected"),
    [
        ((), {}, {}),
        ((storage_class("a", "true"),), {}, {"storageClassName": "a"}),
        ((storage_class("a", "true", key=BETA_MARK),), {}, {"storageClassName": "a"}),
        ((storage_class("a", "true"),), {"storageClassName": ""}, {"storageClassName": ""}),
        ((storage_class("a", "true"),), {"storageClassName": "own"}, {"storageClassName": "own"}),
        ((storage_class("b", "true"), storage_class("a", "true")), {}, {"storageClassName": "a"}),
        ((storage_class("a", "true"), storage_class("b", "true", "2026-01-01T00:00:01Z")), {}, {"storageClassName": "b"}),
    ],
    ids=["no default", "one", "marked of old", "named empty", "named", "two of one time", "two"],
)
def test_a_claim_gets_the_newest_default_class(classes: tuple[Object, ...], spec: Object, expected: Object) -> None:
    assert admitted(classes, {"metadata": {"name": "c"}, "spec": spec})["spec"] == expected


def test_the_annotation_of_old_names_a_class_too() -> None:
    claim = {"metadata": {"name": "c", "annotations": {"volume.beta.kubernetes.io/storage-class": ""}}, "spec": {}}
    assert admitted((storage_class("a", "true"),), claim)["spec"] == {}


@pytest.mark.parametrize("what", ["persistentvolumes", "persistentvolumeclaims/status"])
def test_nothing_else_gets_a_class(what: str) -> None:
    assert admitted((storage_class("a", "true"),), {"metadata": {"name": "c"}, "spec": {}}, what=what)["spec"] == {}
