"""Storage objects stay while they are in use: claims, volumes and volume attributes classes."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.api.errors import Forbidden, InternalError
from cluster.api.names import GroupVersionResource, Object
from cluster.client.resources import PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES, PODS, VOLUME_ATTRIBUTES_CLASSES
from cluster.controllers import pv_protection, pvc_protection, vac_protection
from cluster.controllers.table import CONTROLLERS
from tests.unit.controllers.builders import pod
from tests.unit.controllers.server import Server

PVC, PV, VAC = pvc_protection.FINALIZER, pv_protection.FINALIZER, vac_protection.FINALIZER
DELETED: Object = {"deletionTimestamp": "2026-01-01T00:00:00Z"}
SHUT_DOWN: Object = DELETED | {"deletionGracePeriodSeconds": 0}


class Listing(Server):
    """Pods of a namespace as the API server has them, which the caches may not have yet."""

    def __init__(self) -> None:
        super().__init__()
        self.lists = 0
        self.broken = False

    def list(self, resource: GroupVersionResource, namespace: str) -> Object:
        assert resource == PODS
        self.lists += 1
        if self.broken:
            raise InternalError("no list")
        return {"items": [each for key, each in self.objects.get(PODS, {}).items() if key[0] == namespace]}


def claim(name: str = "c", *finalizers: str, spec: Object | None = None, status: Object | None = None, **metadata: Any) -> Object:
    made: Object = {"name": name, "namespace": "dev", "uid": f"uid-{name}", "finalizers": [*finalizers]} | metadata
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": made, "spec": spec or {}, "status": status or {}}


def user(node: str = "n1", claim_name: str = "c", **more: Any) -> Object:
    made = pod("user", node=node, **more)
    made["spec"]["volumes"] = [{"name": "x", "emptyDir": {}}, {"name": "v", "persistentVolumeClaim": {"claimName": claim_name}}]
    return made


def maker(node: str = "n1", **more: Any) -> Object:
    """A pod with a volume that claim `user-v` is made for."""
    made = pod("user", node=node, **more)
    made["spec"]["volumes"] = [{"name": "v", "ephemeral": {"volumeClaimTemplate": {}}}]
    return made


MADE: Object = {"ownerReferences": [{"uid": "uid-user", "controller": True}]}


def settled(server: Listing, *, cached: bool = True) -> list[str] | None:
    """The claim's finalizers afterwards; None where it was left alone."""
    claims, pods = server.cache(PERSISTENT_VOLUME_CLAIMS), server.cache(PODS if cached else PERSISTENT_VOLUMES)
    claims.add_indexer(pvc_protection.WAITING, pvc_protection.waiting)
    pods.add_indexer(pvc_protection.BY_CLAIM, pvc_protection.claims_of)
    pvc_protection.ClaimProtection(server, claims, pods).sync(("dev", ""))  # type: ignore[arg-type]
    if not server.writes:
        return None
    assert len(server.writes) == 1
    found = server.find(PERSISTENT_VOLUME_CLAIMS, "dev", server.writes[0][2])
    assert found is not None
    finalizers: list[str] = found["metadata"]["finalizers"]
    return finalizers


@pytest.mark.parametrize(
    ("obj", "pods", "expected"),
    [
        (claim("c"), (), [PVC]),
        (claim("c", "x/y"), (), ["x/y", PVC]),
        (claim("c", PVC), (), None),
        (claim("c", "x/y", **DELETED), (), None),
        (claim("c", PVC, **DELETED), (), []),
        (claim("c", "x/y", PVC, **DELETED), (), ["x/y"]),
        (claim("c", PVC, **DELETED), (user(),), None),
        (claim("c", PVC, **DELETED), (user(phase="Succeeded"),), None),
        (claim("c", PVC, **DELETED), (user(**SHUT_DOWN),), None),
        (claim("c", PVC, **DELETED), (user(node=""),), []),
        (claim("c", PVC, **DELETED), (user(claim_name="other"),), []),
        (claim("c", PVC, **DELETED), (user(namespace="other"),), []),
        (claim("user-v", PVC, **DELETED, **MADE), (maker(),), None),
        (claim("user-v", PVC, **DELETED, **MADE), (maker(**DELETED),), None),
        (claim("user-v", PVC, **DELETED, **MADE), (maker(**SHUT_DOWN),), []),
        (claim("user-v", PVC, **DELETED), (maker(),), []),
        (claim("user-v", PVC, **DELETED, **MADE), (maker(node=""),), []),
    ],
)
@pytest.mark.parametrize("cached", [True, False], ids=["cached", "not yet cached"])
def test_a_claim_goes_when_no_pod_on_a_node_uses_it(
    obj: Object, pods: tuple[Object, ...], expected: list[str] | None, cached: bool
) -> None:
    server = Listing()
    server.put(PERSISTENT_VOLUME_CLAIMS, obj)
    server.put(PODS, *pods)
    assert settled(server, cached=cached) == expected


def test_pods_are_listed_once_for_all_claims_of_a_namespace() -> None:
    server = Listing()
    server.put(PERSISTENT_VOLUME_CLAIMS, *(claim(name, PVC, **DELETED) for name in "abc"), claim("new"))
    server.refused = {"a"}
    with pytest.raises(Forbidden):
        settled(server)
    assert [name for _, _, name in server.writes] == ["a", "b", "c", "new"]
    assert server.lists == 1


def test_a_pod_in_the_cache_saves_the_list() -> None:
    server = Listing()
    server.put(PERSISTENT_VOLUME_CLAIMS, claim("c", PVC, **DELETED))
    server.put(PODS, user())
    assert settled(server) is None
    assert server.lists == 0


def test_a_claim_stays_where_the_pods_can_not_be_listed() -> None:
    server = Listing()
    server.broken = True
    server.put(PERSISTENT_VOLUME_CLAIMS, claim("c", PVC, **DELETED))
    with pytest.raises(InternalError):
        settled(server)
    assert server.writes == []


def test_a_claim_that_is_gone_meanwhile_is_no_failure() -> None:
    server = Listing()
    server.put(PERSISTENT_VOLUME_CLAIMS, claim("c", PVC, **DELETED))
    claims, pods = server.cache(PERSISTENT_VOLUME_CLAIMS), server.cache(PODS)
    claims.add_indexer(pvc_protection.WAITING, pvc_protection.waiting)
    pods.add_indexer(pvc_protection.BY_CLAIM, pvc_protection.claims_of)
    server.objects.clear()
    pvc_protection.ClaimProtection(server, claims, pods).sync(("dev", ""))  # type: ignore[arg-type]
    assert server.writes == [("update", "persistentvolumeclaims", "c")]


def volume(*finalizers: str, phase: str = "Available", spec: Object | None = None, **metadata: Any) -> Object:
    made: Object = {"name": "v", "finalizers": [*finalizers]} | metadata
    return {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": made, "spec": spec or {}, "status": {"phase": phase}}


@pytest.mark.parametrize(
    ("obj", "expected"),
    [
        (volume(), [PV]),
        (volume(phase="Bound"), [PV]),
        (volume(PV), None),
        (volume(PV, **DELETED), []),
        (volume("x/y", PV, phase="Released", **DELETED), ["x/y"]),
        (volume(PV, phase="Bound", **DELETED), None),
        (volume("x/y", **DELETED), None),
    ],
)
def test_a_volume_goes_when_it_is_not_bound(obj: Object, expected: list[str] | None) -> None:
    server = Server()
    server.put(PERSISTENT_VOLUMES, obj)
    pv_protection.VolumeProtection(server, server.cache(PERSISTENT_VOLUMES)).sync(("", "v"))  # type: ignore[arg-type]
    found = server.find(PERSISTENT_VOLUMES, "", "v")
    assert found is not None
    assert (found["metadata"]["finalizers"] if server.writes else None) == expected


def attributes_class(*finalizers: str, **metadata: Any) -> Object:
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "VolumeAttributesClass",
        "metadata": {"name": "a", "finalizers": [*finalizers]} | metadata,
    }


NAMED = {"volumeAttributesClassName": "a"}


@pytest.mark.parametrize(
    ("obj", "claims", "volumes", "expected"),
    [
        (attributes_class(), (), (), [VAC]),
        (attributes_class(VAC), (), (), None),
        (attributes_class(VAC, **DELETED), (), (), []),
        (attributes_class(VAC, **DELETED), (claim(spec={"volumeAttributesClassName": "b"}),), (volume(),), []),
        (attributes_class(VAC, **DELETED), (claim(spec=NAMED),), (), None),
        (attributes_class(VAC, **DELETED), (claim(status={"currentVolumeAttributesClassName": "a"}),), (), None),
        (attributes_class(VAC, **DELETED), (claim(status={"modifyVolumeStatus": {"targetVolumeAttributesClassName": "a"}}),), (), None),
        (attributes_class(VAC, **DELETED), (), (volume(spec=NAMED),), None),
    ],
)
def test_a_class_goes_when_nothing_names_it(
    obj: Object, claims: tuple[Object, ...], volumes: tuple[Object, ...], expected: list[str] | None
) -> None:
    server = Server()
    server.put(VOLUME_ATTRIBUTES_CLASSES, obj)
    server.put(PERSISTENT_VOLUME_CLAIMS, *claims)
    server.put(PERSISTENT_VOLUMES, *volumes)
    claim_cache, volume_cache = server.cache(PERSISTENT_VOLUME_CLAIMS), server.cache(PERSISTENT_VOLUMES)
    claim_cache.add_indexer(vac_protection.BY_CLASS, vac_protection.classes_of_claim)
    volume_cache.add_indexer(vac_protection.BY_CLASS, vac_protection.classes_of_volume)
    classes = server.cache(VOLUME_ATTRIBUTES_CLASSES)
    vac_protection.ClassProtection(server, classes, claim_cache, volume_cache).sync(("", "a"))  # type: ignore[arg-type]
    found = server.find(VOLUME_ATTRIBUTES_CLASSES, "", "a")
    assert found is not None
    assert (found["metadata"]["finalizers"] if server.writes else None) == expected


def test_controllers_run_where_what_they_look_after_is_served() -> None:
    late = {each.name: each.since for each in CONTROLLERS if each.since != 25}
    assert late == {"volumeattributesclass-protection": 34, "validatingadmissionpolicy-status": 30}
