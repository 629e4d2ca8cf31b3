"""The guard of roles and bindings stands in the way of every write of them."""

from __future__ import annotations

import pytest

from admission.attributes import Attributes
from admission.order import Dependencies, build_chain
from cluster.api.errors import Forbidden
from cluster.api.names import Object
from rbac.authz.build import build_authorization
from tests.unit.admission.writes import write
from tests.unit.rbac.world import World, binding, cluster_role, role, rule

GROUP = "rbac.authorization.k8s.io"
EVERYTHING = rule("*", "*", ["*"])


def admit(attributes: Attributes) -> None:
    world = World()
    world.put(attributes.resource.group_resource._replace(group="", resource="namespaces"), {"metadata": {"name": "dev"}})
    world.add(cluster_role("cluster-admin", EVERYTHING))
    given = build_authorization(world)
    build_chain(Dependencies(world, given.authorizer, resolver=given.resolver)).mutate(attributes, lambda obj: None)


@pytest.mark.parametrize(
    ("resource", "obj", "namespace"),
    [
        ("roles", role("dev", "r", EVERYTHING), "dev"),
        ("clusterroles", cluster_role("r", EVERYTHING), ""),
        ("rolebindings", binding("dev", "b", "ClusterRole/cluster-admin", "User:tina"), "dev"),
        ("clusterrolebindings", binding("", "b", "ClusterRole/cluster-admin", "User:tina"), ""),
    ],
)
@pytest.mark.parametrize("operation", ["CREATE", "UPDATE"])
def test_granting_what_one_does_not_hold_is_refused(operation: str, resource: str, obj: Object, namespace: str) -> None:
    old = {"metadata": obj["metadata"], **({"roleRef": obj["roleRef"]} if "roleRef" in obj else {})} if operation == "UPDATE" else None
    with pytest.raises(Forbidden, match="is attempting to grant RBAC permissions not currently held"):
        admit(write(operation, f"{resource}.{GROUP}", obj, old, namespace=namespace))


def test_a_role_that_grants_nothing_is_anyones() -> None:
    attributes = write("CREATE", f"roles.{GROUP}", role("dev", "r"), namespace="dev")
    admit(attributes)
    assert attributes.object == role("dev", "r")


def test_a_binding_of_an_unknown_kind_is_left_to_validation() -> None:
    attributes = write("CREATE", f"rolebindings.{GROUP}", binding("dev", "b", "Pod/x", "User:tina"), namespace="dev")
    admit(attributes)
    assert attributes.object is not None
