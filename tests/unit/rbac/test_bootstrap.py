"""The default roles: as recorded, lawful among themselves, and brought up to date without taking anything away."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import yaml

from cluster.api.aggregation import aggregated
from cluster.api.names import Object
from rbac.bootstrap import berth_objects, default_objects, reconcile
from rbac.bootstrap.defaults import KUBERNETES, SOURCES
from rbac.bootstrap.generate import generate
from rbac.bootstrap.reconcile import AUTOUPDATE
from rbac.rules import uncovered
from tests.unit.rbac.world import binding, cluster_role, rule, subject

DEFAULTS = default_objects()
OWN = berth_objects()
CLUSTER_ROLES = {each["metadata"]["name"]: each for each in DEFAULTS if each["kind"] == "ClusterRole"}


def test_what_is_loaded_is_what_is_recorded() -> None:
    assert list(yaml.safe_load_all(KUBERNETES.read_bytes())) == DEFAULTS


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_the_generated_file_is_current(source: Path) -> None:
    assert generate(source) == source.with_suffix(".json").read_bytes()


def test_own_roles_are_named_and_labelled_as_such() -> None:
    for each in OWN:
        assert each["metadata"]["name"].startswith("berth:")
        assert each["metadata"]["labels"]["berth.io/bootstrapping"] == "defaults"


def test_own_roles_leave_those_of_kubernetes_alone() -> None:
    """Nothing of Berth's is aggregated into admin, edit or view."""
    labels = {label for each in OWN for label in each["metadata"]["labels"]}
    assert not [label for label in labels if label.startswith("rbac.authorization.k8s.io/")]


def test_own_bindings_are_to_roles_that_exist() -> None:
    roles = {each["metadata"]["name"] for each in OWN if each["kind"] == "ClusterRole"}
    assert {each["roleRef"]["name"] for each in OWN if each["kind"] == "ClusterRoleBinding"} <= roles


def test_own_aggregated_roles_are_at_rest() -> None:
    roles = [each for each in OWN if each["kind"] == "ClusterRole"]
    summed = [each for each in roles if "aggregationRule" in each]
    assert [each["metadata"]["name"] for each in summed] == ["berth:tenant-grants"]
    assert [aggregated(each, roles) for each in summed] == [each["rules"] for each in summed]


def test_each_call_gives_new_copies() -> None:
    default_objects()[0]["metadata"]["name"] = "changed"
    assert default_objects()[0]["metadata"]["name"] == "admin"


@pytest.mark.parametrize(("wider", "narrower"), [("admin", "edit"), ("edit", "view"), ("cluster-admin", "admin")])
def test_a_wider_role_covers_a_narrower_one(wider: str, narrower: str) -> None:
    assert uncovered(CLUSTER_ROLES[wider]["rules"], CLUSTER_ROLES[narrower]["rules"]) == []


@pytest.mark.parametrize(("narrower", "wider"), [("view", "edit"), ("edit", "admin")])
def test_a_narrower_role_does_not_cover_a_wider_one(narrower: str, wider: str) -> None:
    assert uncovered(CLUSTER_ROLES[narrower]["rules"], CLUSTER_ROLES[wider]["rules"])


def test_viewing_shows_no_secrets_and_changes_nothing() -> None:
    view = CLUSTER_ROLES["view"]["rules"]
    assert {verb for each in view for verb in each["verbs"]} == {"get", "list", "watch"}
    assert not any("secrets" in each["resources"] for each in view)


@pytest.mark.parametrize("name", ["admin", "edit", "view"])
def test_aggregated_roles_are_at_rest(name: str) -> None:
    """The controller that fills them finds nothing to do in a new cluster."""
    assert aggregated(CLUSTER_ROLES[name], CLUSTER_ROLES.values()) == CLUSTER_ROLES[name]["rules"]


def test_what_is_missing_is_created() -> None:
    assert reconcile(None, DEFAULTS[0]) == DEFAULTS[0]


def test_defaults_are_at_rest() -> None:
    assert [reconcile(each, each) for each in DEFAULTS] == [None] * len(DEFAULTS)


def test_a_role_gets_missing_rules_and_keeps_its_own() -> None:
    existing = cluster_role("r", rule("get", "pods"), rule("get", "nodes"))
    wanted = reconcile(existing, cluster_role("r", rule("get list", "pods")))
    assert wanted == {**existing, "rules": [*existing["rules"], rule("list", "pods")]}


def test_labels_and_annotations_are_added_and_never_overwritten() -> None:
    existing, expected = cluster_role("r"), cluster_role("r")
    existing["metadata"]["labels"] = {"a": "mine"}
    expected["metadata"] |= {"labels": {"a": "default", "b": "default"}, "annotations": {AUTOUPDATE: "true"}}
    wanted = reconcile(existing, expected)
    assert wanted is not None
    assert wanted["metadata"] == {"name": "r", "labels": {"a": "mine", "b": "default"}, "annotations": {AUTOUPDATE: "true"}}


def test_an_object_that_opted_out_is_left_alone() -> None:
    existing: Object = cluster_role("r")
    existing["metadata"]["annotations"] = {AUTOUPDATE: "false"}
    assert reconcile(existing, cluster_role("r", rule("get", "pods"))) is None


def test_a_binding_gets_missing_subjects_and_keeps_its_own() -> None:
    existing = binding("", "b", "ClusterRole/r", "User:tina")
    wanted = reconcile(existing, binding("", "b", "ClusterRole/r", "Group:ops"))
    assert wanted is not None
    assert wanted["subjects"] == [subject("User:tina"), subject("Group:ops")]


def test_a_binding_of_another_role_is_made_anew() -> None:
    existing = binding("", "b", "ClusterRole/other", "User:tina")
    existing["metadata"]["uid"] = "1"
    expected = binding("", "b", "ClusterRole/r", "Group:ops")
    assert reconcile(existing, expected) == expected


def test_reconciling_twice_changes_nothing_and_the_input_never() -> None:
    existing = cluster_role("r", rule("get", "pods"))
    pristine = copy.deepcopy(existing)
    expected = cluster_role("r", rule("list", "pods"), aggregationRule={"clusterRoleSelectors": [{"matchLabels": {"x": "y"}}]})
    wanted = reconcile(existing, expected)
    assert wanted is not None
    assert (reconcile(wanted, expected), existing) == (None, pristine)


@pytest.mark.parametrize(
    ("subject_name", "role"),
    [("system:kube-scheduler", "system:kube-scheduler"), ("system:kube-controller-manager", "system:kube-controller-manager")],
)
def test_components_are_bound_to_their_roles(subject_name: str, role: str) -> None:
    bound = [
        each["roleRef"]["name"]
        for each in DEFAULTS
        if each["kind"] == "ClusterRoleBinding" and any(one["name"] == subject_name for one in each.get("subjects") or ())
    ]
    assert role in bound
