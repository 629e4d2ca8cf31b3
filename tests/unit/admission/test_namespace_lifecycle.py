"""Namespaces that are missing, terminating, or immortal."""

from __future__ import annotations

import pytest

from admission.plugins.namespace_lifecycle import NAMESPACES, NamespaceLifecycle
from cluster.api.errors import Forbidden, StatusError
from cluster.api.names import Object
from tests.unit.admission.writes import write
from tests.unit.rbac.world import World, metadata

POD = {"metadata": {"name": "web"}}
NEW = {"metadata": {"generateName": "web-"}}
REVIEWS = "localsubjectaccessreviews.authorization.k8s.io"


@pytest.fixture
def plugin() -> NamespaceLifecycle:
    world = World()
    world.put(NAMESPACES, {"metadata": metadata("dev"), "status": {"phase": "Active"}})
    world.put(NAMESPACES, {"metadata": metadata("old"), "status": {"phase": "Terminating"}})
    return NamespaceLifecycle(world)


@pytest.mark.parametrize(
    ("operation", "what", "obj", "namespace", "name"),
    [
        ("CREATE", "pods", POD, "dev", ""),
        ("UPDATE", "pods", POD, "old", ""),
        ("DELETE", "pods", None, "old", "web"),
        ("DELETE", "pods", None, "gone", "web"),
        ("CREATE", REVIEWS, POD, "gone", ""),
        ("CREATE", "nodes", POD, "", ""),
        ("CREATE", "namespaces", {"metadata": {"name": "new"}}, "new", ""),
        ("UPDATE", "namespaces", {"metadata": {"name": "old"}}, "old", ""),
        ("DELETE", "namespaces", None, "dev", "dev"),
    ],
)
def test_what_goes_through(plugin: NamespaceLifecycle, operation: str, what: str, obj: Object | None, namespace: str, name: str) -> None:
    attributes = write(operation, what, obj, namespace=namespace, name=name)
    assert plugin.handles(attributes.operation)
    plugin.admit(attributes)


@pytest.mark.parametrize(
    ("operation", "what", "obj", "namespace", "name", "code", "message"),
    [
        ("CREATE", "pods", POD, "gone", "", 404, 'namespaces "gone" not found'),
        ("UPDATE", "pods", POD, "gone", "", 404, 'namespaces "gone" not found'),
        (
            "CREATE",
            "pods",
            POD,
            "old",
            "",
            403,
            'pods "web" is forbidden: unable to create new content in namespace old because it is being terminated',
        ),
        (
            "CREATE",
            "pods",
            NEW,
            "old",
            "",
            403,
            'pods "web-" is forbidden: unable to create new content in namespace old because it is being terminated',
        ),
        *[
            ("DELETE", "namespaces", None, name, name, 403, f'namespaces "{name}" is forbidden: this namespace may not be deleted')
            for name in ("default", "kube-system", "kube-public")
        ],
    ],
)
def test_what_is_refused(
    plugin: NamespaceLifecycle, operation: str, what: str, obj: Object | None, namespace: str, name: str, code: int, message: str
) -> None:
    with pytest.raises(StatusError) as refusal:
        plugin.admit(write(operation, what, obj, namespace=namespace, name=name))
    assert (refusal.value.code, refusal.value.message) == (code, message)


def test_a_terminating_namespace_is_named_as_the_cause(plugin: NamespaceLifecycle) -> None:
    with pytest.raises(Forbidden) as refusal:
        plugin.admit(write("CREATE", "pods", POD, namespace="old"))
    cause = {"reason": "NamespaceTerminating", "message": "namespace old is being terminated", "field": "metadata.namespace"}
    assert refusal.value.details == {"name": "web", "kind": "pods", "causes": [cause]}
