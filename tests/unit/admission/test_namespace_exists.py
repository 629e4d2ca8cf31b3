"""Writes in namespaces that there are not."""

from __future__ import annotations

import pytest

from admission.attributes import Operation
from admission.plugins.namespace_exists import NamespaceExists
from admission.plugins.namespace_lifecycle import NAMESPACES
from cluster.api.errors import NotFound
from cluster.api.names import Object
from tests.unit.admission.writes import write
from tests.unit.rbac.world import World, metadata

POD: Object = {"metadata": {"name": "web"}}


@pytest.fixture
def plugin() -> NamespaceExists:
    world = World()
    world.put(NAMESPACES, {"metadata": metadata("dev")})
    return NamespaceExists(world)


@pytest.mark.parametrize("operation", ["CREATE", "UPDATE", "DELETE"])
def test_nothing_is_written_in_a_missing_namespace(plugin: NamespaceExists, operation: str) -> None:
    with pytest.raises(NotFound) as refusal:
        plugin.validate(write(operation, "pods", POD, namespace="gone"))
    assert refusal.value.message == 'namespaces "gone" not found'


@pytest.mark.parametrize(
    ("what", "namespace"), [("pods", "dev"), ("nodes", ""), ("namespaces", "gone")], ids=["there", "cluster scope", "a namespace itself"]
)
def test_what_goes_through(plugin: NamespaceExists, what: str, namespace: str) -> None:
    attributes = write("CREATE", what, POD, namespace=namespace)
    plugin.validate(attributes)
    assert attributes.object == POD


def test_connections_are_not_its_business(plugin: NamespaceExists) -> None:
    assert [each for each in Operation if not plugin.handles(each)] == [Operation.CONNECT]
