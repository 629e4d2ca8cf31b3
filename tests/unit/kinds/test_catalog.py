"""The catalog: every recorded resource is a Kind with the recorded facts, and older versions differ as they did."""

from __future__ import annotations

import json
from importlib import import_module
from importlib.resources import files
from pathlib import Path

import pytest

import cluster.kinds
from cluster.api.names import GroupResource, GroupVersion, GroupVersionKind, Object
from cluster.kinds import STRATEGIES
from cluster.kinds.catalog import OWN_GROUP, catalog, is_stored, storage_version_hash
from cluster.kinds.conversion import convert, is_identity
from cluster.kinds.model import Kind, Strategy

from .conftest import KINDS

RECORDED: list[Object] = json.loads((files("cluster.kinds") / "data" / "discovery.json").read_bytes())
ROOM = Path(cluster.kinds.__file__).parent


def _found(group: str, version: str, resource: str) -> Kind:
    kind = KINDS.find(group, version, resource)
    assert kind is not None
    return kind


def _facts(kind: Kind) -> Object:
    """A kind in the form of the record."""
    facts: Object = {
        "group": kind.gvk.group,
        "version": kind.gvk.version,
        "freshness": "Current",
        "resource": kind.resource.resource,
        "responseKind": {"group": "", "version": "", "kind": kind.gvk.kind},
        "scope": "Namespaced" if kind.namespaced else "Cluster",
        "singularResource": kind.singular,
        "verbs": list(kind.verbs),
    }
    if kind.short_names:
        facts["shortNames"] = list(kind.short_names)
    if kind.categories:
        facts["categories"] = list(kind.categories)
    own = kind.gvk.group_version
    subresources = [
        {
            "subresource": each.name,
            "responseKind": (
                {"group": "", "version": "", "kind": each.kind.kind}
                if each.kind.group_version == own
                else {"group": each.kind.group, "version": each.kind.version, "kind": each.kind.kind}
            ),
            "verbs": list(each.verbs),
        }
        for each in kind.subresources.values()
    ]
    return facts | ({"subresources": subresources} if subresources else {})


def test_every_recorded_resource_is_a_kind_with_its_facts_in_order() -> None:
    assert [_facts(kind) for kind in KINDS.all() if kind.gvk.group != OWN_GROUP] == RECORDED


@pytest.mark.parametrize("kind", KINDS.all(), ids=lambda kind: f"{kind.gvk.group_version}/{kind.resource.resource}")
def test_every_strategy_loads(kind: Kind) -> None:
    assert isinstance(kind.strategy, Strategy)


@pytest.mark.parametrize("kind", [kind for kind in KINDS.all() if kind.columns], ids=lambda kind: str(kind.resource))
def test_every_table_has_a_strategy_of_its_own(kind: Kind) -> None:
    assert (kind.gvk.group, kind.resource.resource) in STRATEGIES


def test_every_file_with_a_strategy_is_listed() -> None:
    modules = {str(path.relative_to(ROOM).with_suffix("")).replace("/", ".") for path in ROOM.glob("*/*.py")}
    with_strategy = {each for each in modules if hasattr(import_module(f"cluster.kinds.{each}"), "STRATEGY")}
    assert with_strategy == set(STRATEGIES.values())


def test_a_status_subresource_has_its_strategy() -> None:
    lacking = [str(kind.resource) for kind in KINDS.all() if "status" in kind.subresources and "status" not in kind.strategy.subresources]
    assert lacking == []


def test_groups_are_in_discovery_order_and_prefer_the_first_version() -> None:
    groups = KINDS.groups()
    assert (groups[0].name, groups[1].name) == ("", "apiregistration.k8s.io")
    assert {group.name: group.preferred.version for group in groups}["autoscaling"] == "v2"


def test_versions_of_a_kind_share_their_storage() -> None:
    assert _found("events.k8s.io", "v1", "events").storage == GroupResource("", "events")
    assert (
        _found("autoscaling", "v1", "horizontalpodautoscalers").storage == _found("autoscaling", "v2", "horizontalpodautoscalers").storage
    )


@pytest.mark.parametrize(
    ("group", "version", "resource", "stored"),
    [("autoscaling", "v1", "horizontalpodautoscalers", "autoscaling/v2"), ("events.k8s.io", "v1", "events", "v1")],
)
def test_stored_version(group: str, version: str, resource: str, stored: str) -> None:
    kind = KINDS.stored(_found(group, version, resource))
    assert kind is not None
    assert str(kind.gvk.group_version) == stored


@pytest.mark.parametrize(
    ("group", "version", "resource"),
    [("", "v1", "bindings"), ("", "v1", "componentstatuses"), ("authentication.k8s.io", "v1", "tokenreviews")],
)
def test_what_exists_in_a_request_only_is_not_stored(group: str, version: str, resource: str) -> None:
    assert not is_stored(_found(group, version, resource))


def test_storage_version_hash() -> None:
    assert storage_version_hash(_found("", "v1", "pods")) == "xPOwRZ+Yhw8="


def _old(version: str, *extra: GroupVersionKind) -> set[str]:
    known = {kind.gvk for kind in KINDS.all()} | set(extra)
    return {f"{kind.gvk.group_version}/{kind.resource.resource}" for kind in catalog(version, known).all()}


FLOW = "flowcontrol.apiserver.k8s.io"


@pytest.mark.parametrize(
    ("version", "gvk", "served"),
    [
        ("1.25", GroupVersionKind("autoscaling", "v2beta2", "HorizontalPodAutoscaler"), True),
        ("1.26", GroupVersionKind("autoscaling", "v2beta2", "HorizontalPodAutoscaler"), False),
        ("1.28", GroupVersionKind(FLOW, "v1beta2", "FlowSchema"), True),
        ("1.31", GroupVersionKind(FLOW, "v1beta3", "FlowSchema"), True),
        ("1.32", GroupVersionKind(FLOW, "v1beta3", "FlowSchema"), False),
        ("1.26", GroupVersionKind("storage.k8s.io", "v1beta1", "CSIStorageCapacity"), True),
    ],
)
def test_versions_that_are_gone(version: str, gvk: GroupVersionKind, served: bool) -> None:
    known = {kind.gvk for kind in KINDS.all()} | {gvk}
    assert (catalog(version, known).by_kind(gvk) is not None) is served


def test_an_old_version_lacks_what_its_schemas_lack() -> None:
    known = {kind.gvk for kind in KINDS.all() if kind.gvk.group != "resource.k8s.io"}
    assert catalog("1.30", known).resources(GroupVersion("resource.k8s.io", "v1")) == ()


@pytest.mark.parametrize(("version", "served"), [("1.32", False), ("1.33", True)])
def test_pods_resize_came_in_1_33(version: str, served: bool) -> None:
    pods = catalog(version, {kind.gvk for kind in KINDS.all()}).find("", "v1", "pods")
    assert pods is not None
    assert ("resize" in pods.subresources) is served


EVENT = {
    "apiVersion": "events.k8s.io/v1",
    "kind": "Event",
    "metadata": {"name": "a"},
    "regarding": {"name": "web"},
    "note": "n",
    "reportingController": "c",
    "deprecatedCount": 2,
}
METRICS = [
    {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}},
    {"type": "Pods", "pods": {"metric": {"name": "rps"}, "target": {"type": "AverageValue", "averageValue": "10"}}},
    {
        "type": "Object",
        "object": {
            "describedObject": {"kind": "Service", "name": "web"},
            "metric": {"name": "rps"},
            "target": {"type": "Value", "value": "100"},
        },
    },
    {"type": "External", "external": {"metric": {"name": "queue"}, "target": {"type": "AverageValue", "averageValue": "3"}}},
]
AUTOSCALER = {
    "apiVersion": "autoscaling/v2",
    "kind": "HorizontalPodAutoscaler",
    "metadata": {"name": "a", "annotations": {"kept": "yes"}},
    "spec": {
        "maxReplicas": 3,
        "metrics": [*METRICS[1:], METRICS[0]],
        "behavior": {"scaleUp": {"selectPolicy": "Max", "policies": [{"type": "Pods", "value": 4, "periodSeconds": 15}]}},
    },
    "status": {"desiredReplicas": 2, "conditions": [{"type": "AbleToScale", "status": "True"}]},
}


@pytest.mark.parametrize(
    ("obj", "source", "target"),
    [
        (EVENT, ("events.k8s.io", "v1", "events"), ("", "v1", "events")),
        (AUTOSCALER, ("autoscaling", "v2", "horizontalpodautoscalers"), ("autoscaling", "v1", "horizontalpodautoscalers")),
    ],
)
def test_there_and_back_changes_nothing(obj: Object, source: tuple[str, str, str], target: tuple[str, str, str]) -> None:
    one, other = _found(*source), _found(*target)
    assert convert(convert(obj, one, other), other, one) == obj


def test_conversion_leaves_the_given_object_alone() -> None:
    before = json.dumps(AUTOSCALER)
    convert(AUTOSCALER, _found("autoscaling", "v2", "horizontalpodautoscalers"), _found("autoscaling", "v1", "horizontalpodautoscalers"))
    assert json.dumps(AUTOSCALER) == before


def test_cpu_utilization_has_a_field_in_v1() -> None:
    v2, v1 = (_found("autoscaling", version, "horizontalpodautoscalers") for version in ("v2", "v1"))
    assert convert(AUTOSCALER, v2, v1)["spec"]["targetCPUUtilizationPercentage"] == 70


PREFIX = "autoscaling.alpha.kubernetes.io/"


@pytest.mark.parametrize("name", ["metrics", "current-metrics", "conditions", "behavior"])
@pytest.mark.parametrize(
    "text",
    ["", "{", "5", "[5]", '["a"]', '{"ScaleUp":5}', '{"scaleUp":{"Policies":[5]}}', '[{"type":"Pods","pods":{"targetAverageValue":"x"}}]'],
)
def test_an_annotation_that_makes_no_sense_carries_nothing(name: str, text: str) -> None:
    v2, v1 = (_found("autoscaling", version, "horizontalpodautoscalers") for version in ("v2", "v1"))
    obj: Object = {"apiVersion": "autoscaling/v1", "metadata": {"annotations": {PREFIX + name: text}}, "spec": {}, "status": {}}
    converted = convert(obj, v1, v2)
    assert v2.strategy.validate(converted) == v2.strategy.validate(convert(obj | {"metadata": {}}, v1, v2))


def test_one_shape_needs_no_conversion() -> None:
    pods = _found("", "v1", "pods")
    assert is_identity(pods, pods)
