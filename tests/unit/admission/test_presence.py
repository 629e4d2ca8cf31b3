"""Where objects are at all."""

from __future__ import annotations

from admission.presence import Presence
from cluster.api.names import GroupResource, Object
from tests.unit.rbac.world import World

QUOTAS = GroupResource("", "resourcequotas")


def quota(name: str, namespace: str) -> Object:
    return {"metadata": {"name": name, "namespace": namespace}}


def test_a_namespace_is_known_from_its_first_object_to_its_last() -> None:
    world = World()
    world.put(QUOTAS, quota("old", "before"))
    present = Presence(world, QUOTAS)
    for name in ("a", "b", "a"):
        world.put(QUOTAS, quota(name, "dev"))
    assert [each in present for each in ("before", "dev", "other")] == [True, True, False]
    world.delete(QUOTAS, "dev", "a")
    assert "dev" in present
    world.delete(QUOTAS, "dev", "b")
    assert "dev" not in present
