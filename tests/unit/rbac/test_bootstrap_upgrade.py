"""Default roles and bindings that came out of others take over what had become of their origins."""

from __future__ import annotations

import pytest

from cluster.api.names import Object
from rbac.bootstrap import default_objects, with_origins
from rbac.bootstrap.reconcile import AUTOUPDATE
from rbac.rules import uncovered
from tests.unit.rbac.world import World, cluster_role, rule, subject

AUTHENTICATED = subject("Group:system:authenticated")
VIEWER, DISCOVERY = "system:public-info-viewer", "system:discovery"


def default(kind: str, name: str) -> Object:
    return next(each for each in default_objects() if (each["kind"], each["metadata"]["name"]) == (kind, name))


def expected(world: World, kind: str, name: str) -> Object:
    (found,) = with_origins([default(kind, name)], world.get)
    return found


def discovery(autoupdate: str) -> Object:
    made = default("ClusterRoleBinding", DISCOVERY)
    made["metadata"]["annotations"] = {AUTOUPDATE: autoupdate, "kept": "yes"}
    made["subjects"] = [AUTHENTICATED]
    return made


def test_a_new_cluster_gets_the_defaults() -> None:
    assert with_origins(default_objects(), World().get) == default_objects()


def test_public_information_is_for_whom_discovery_was_for() -> None:
    world = World()
    world.add(discovery("false"))
    made = expected(world, "ClusterRoleBinding", VIEWER)
    assert made["roleRef"]["name"] == VIEWER
    assert made["subjects"] == [AUTHENTICATED]
    assert made["metadata"] == {**discovery("false")["metadata"], "name": VIEWER}


def test_a_binding_that_is_kept_up_gets_what_is_missing_too() -> None:
    world = World()
    world.add(discovery("true"))
    made = expected(world, "ClusterRoleBinding", VIEWER)
    assert made["subjects"] == [AUTHENTICATED, subject("Group:system:unauthenticated")]
    assert made["metadata"]["annotations"]["kept"] == "yes"


def test_a_binding_that_is_there_is_its_own() -> None:
    world = World()
    world.add(discovery("false"), default("ClusterRoleBinding", VIEWER))
    assert expected(world, "ClusterRoleBinding", VIEWER) == default("ClusterRoleBinding", VIEWER)


@pytest.mark.parametrize("name", ["admin", "edit", "view"])
def test_rules_of_a_role_that_did_not_aggregate_yet_move(name: str) -> None:
    world = World()
    world.add(cluster_role(name, rule("get", "widgets", ["example.com"])))
    target = f"system:aggregate-to-{name}"
    made = expected(world, "ClusterRole", target)
    assert uncovered(made["rules"], [rule("get", "widgets", ["example.com"]), *default("ClusterRole", target)["rules"]]) == []
    assert made["metadata"]["labels"] == default("ClusterRole", target)["metadata"]["labels"]


def test_rules_of_a_role_that_aggregates_stay() -> None:
    world = World()
    world.add(default("ClusterRole", "admin"))
    target = "system:aggregate-to-admin"
    assert expected(world, "ClusterRole", target) == default("ClusterRole", target)
