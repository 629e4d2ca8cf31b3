"""Which webhooks a write concerns: rules, versions, selectors, exemptions, as upstream's tests of predicates and dispatch have it."""

from __future__ import annotations

from typing import Any

import pytest

from admission.attributes import Attributes
from admission.matching.rules import Rule, asked_of
from cluster.api.errors import InternalError, NotFound
from cluster.api.names import GroupVersionKind, GroupVersionResource, Object
from tests.unit.admission.hooks import HookWorld, allow, configuration, hook, objects, rule
from tests.unit.admission.writes import write

NAME = "hook.example.com"


def shown(resource: str, subresource: str = "", operation: str = "CREATE", namespace: str = "dev", **parts: Any) -> Attributes:
    """A write of `deployments.apps/v1`: `resource.group/version`."""
    name, _, rest = resource.partition(".")
    group, _, version = rest.rpartition("/") if rest else ("", "", "v1")
    attributes = write(operation, "pods", {"metadata": {"name": "x"}}, namespace=namespace)
    attributes.resource = GroupVersionResource(group, version, name)
    attributes.subresource = subresource
    attributes.kind = GroupVersionKind(group, version, parts.pop("kind", "Any"))
    for part, value in parts.items():
        setattr(attributes, part, value)
    return attributes


@pytest.mark.parametrize(
    ("given", "attributes", "matches"),
    [
        (rule(group="*"), shown("things.g/v"), True),
        (rule(group="g"), shown("things.g/v"), True),
        (rule(group="other"), shown("things.g/v"), False),
        (rule(group=""), shown("pods"), True),
        (rule(group=""), shown("things.g/v"), False),
        (rule(version="v"), shown("things.g/v"), True),
        (rule(version="v1"), shown("things.g/v"), False),
        (rule(operations="CREATE"), shown("pods"), True),
        (rule(operations="CREATE"), shown("pods", operation="UPDATE"), False),
        (rule(operations="CREATE DELETE"), shown("pods", operation="DELETE"), True),
        (rule(operations="CONNECT"), shown("pods", "attach", operation="CONNECT"), False),
        (rule(operations="CONNECT", resources="pods/attach"), shown("pods", "attach", operation="CONNECT"), True),
        (rule(resources="*"), shown("pods"), True),
        (rule(resources="*"), shown("pods", "status"), False),
        (rule(resources="pods"), shown("pods"), True),
        (rule(resources="pods"), shown("pods", "status"), False),
        (rule(resources="pods"), shown("podtemplates"), False),
        (rule(resources="pods/status"), shown("pods", "status"), True),
        (rule(resources="pods/status"), shown("pods"), False),
        (rule(resources="pods/*"), shown("pods", "status"), True),
        (rule(resources="pods/*"), shown("pods"), True),
        (rule(resources="pods/*"), shown("services"), False),
        (rule(resources="*/status"), shown("services", "status"), True),
        (rule(resources="*/status"), shown("services"), False),
        (rule(resources="*/*"), shown("services", "status"), True),
        (rule(resources="*/*"), shown("services"), True),
        (rule(scope="*"), shown("nodes", namespace=""), True),
        (rule(scope="Cluster"), shown("nodes", namespace=""), True),
        (rule(scope="Cluster"), shown("pods"), False),
        (rule(scope="Namespaced"), shown("nodes", namespace=""), False),
        (rule(scope="Namespaced"), shown("pods"), True),
        (rule(scope="Cluster"), shown("namespaces", namespace="dev"), True),
        (rule(scope="Namespaced"), shown("namespaces", namespace="dev"), False),
        (rule(scope="Cluster", resources="namespaces/*"), shown("namespaces", "finalize"), True),
        (rule(scope="Somewhere"), shown("pods"), False),
    ],
)
def test_a_rule_matches(given: Object, attributes: Attributes, matches: bool) -> None:
    assert Rule.of(given).matches(asked_of(attributes), attributes.resource) is matches


def asked(attributes: Attributes, *hooks: Object, world: HookWorld | None = None) -> list[Object]:
    """The requests that a validating webhook is sent."""
    world = world or HookWorld()
    world.serve[NAME] = lambda request: allow()
    world.validating(configuration("c", *hooks)).validate(attributes)
    return [review["request"] for _, review in world.asked]


def autoscaler(version: str) -> Attributes:
    spec: Object = {"maxReplicas": 3, "scaleTargetRef": {"kind": "Deployment", "name": "web"}}
    if version == "v1":
        spec["targetCPUUtilizationPercentage"] = 50
    else:
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}]
    obj = {
        "apiVersion": f"autoscaling/{version}",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web", "namespace": "dev"},
        "spec": spec,
    }
    kind = "HorizontalPodAutoscaler"
    return shown(f"horizontalpodautoscalers.autoscaling/{version}", kind=kind, object=obj, old_object=obj, operation="UPDATE")


V1, V2 = (rule("*", "horizontalpodautoscalers", "autoscaling", version) for version in ("v1", "v2"))


@pytest.mark.parametrize(
    ("policy", "rules", "written", "told"),
    [
        ("Exact", [V1], "v1", "v1"),
        ("Exact", [V1], "v2", None),
        ("Equivalent", [V1], "v2", "v1"),
        ("Equivalent", [V2], "v1", "v2"),
        ("Equivalent", [V1, V2], "v2", "v2"),
        ("Equivalent", [rule("CREATE", "*", "*", "v2"), V1], "v2", "v1"),
        ("Exact", [rule()], "v2", "v2"),
    ],
)
def test_a_webhook_is_told_of_the_version_that_its_rules_name(policy: str, rules: list[Object], written: str, told: str | None) -> None:
    requests = asked(autoscaler(written), hook(NAME, *rules, matchPolicy=policy))
    assert len(requests) == (told is not None)
    for request in requests:
        assert (request["kind"]["version"], request["resource"]["version"]) == (told, told)
        assert (request["requestKind"]["version"], request["requestResource"]["version"]) == (written, written)
        for obj in (request["object"], request["oldObject"]):
            assert obj["apiVersion"] == f"autoscaling/{told}"
            assert ("metrics" in obj["spec"], "targetCPUUtilizationPercentage" in obj["spec"]) == (told == "v2", told == "v1")


def test_a_subresource_has_equivalents_too() -> None:
    attributes = autoscaler("v2")
    attributes.subresource = "status"
    requests = asked(attributes, hook(NAME, rule("*", "horizontalpodautoscalers/status", "autoscaling", "v1")))
    assert [(each["resource"]["version"], each["subResource"]) for each in requests] == [("v1", "status")]


LABELLED = {"matchLabels": {"team": "shop"}}


@pytest.mark.parametrize(
    ("attributes", "concerned"),
    [
        (shown("pods", namespace="shop"), True),
        (shown("pods", namespace="other"), False),
        (shown("nodes", namespace=""), True),
        (shown("namespaces", namespace="new", object={"metadata": {"name": "new", "labels": {"team": "shop"}}}), True),
        (shown("namespaces", namespace="new", object={"metadata": {"name": "new"}}), False),
        (shown("namespaces", namespace="other", object={"metadata": {"labels": {"team": "shop"}}}, operation="UPDATE"), True),
        (shown("namespaces", namespace="shop", object={"metadata": {}}, operation="UPDATE"), False),
        (shown("namespaces", namespace="shop", object=None, operation="DELETE"), True),
        (shown("namespaces", namespace="other", object=None, operation="DELETE"), False),
        (shown("namespaces", "finalize", namespace="shop", object={"metadata": {}}, operation="UPDATE"), True),
    ],
)
def test_a_webhook_may_be_meant_for_some_namespaces(attributes: Attributes, concerned: bool) -> None:
    world = HookWorld()
    world.namespace("shop", team="shop")
    world.namespace("other")
    requests = asked(attributes, hook(NAME, rule(resources="*/*"), namespaceSelector=LABELLED), world=world)
    assert bool(requests) is concerned


def test_a_namespace_that_is_missing_is_told_of_where_it_matters() -> None:
    with pytest.raises(NotFound, match='namespaces "gone" not found'):
        asked(shown("pods", namespace="gone"), hook(NAME, namespaceSelector=LABELLED))
    assert asked(shown("pods", namespace="gone"), hook(NAME, rule(resources="services"), namespaceSelector=LABELLED)) == []
    assert len(asked(shown("pods", namespace="gone"), hook(NAME))) == 1


@pytest.mark.parametrize(
    ("new", "old", "concerned"),
    [
        ({"metadata": {"labels": {"team": "shop"}}}, None, True),
        ({"metadata": {"labels": {"team": "other"}}}, None, False),
        ({"metadata": {}}, {"metadata": {"labels": {"team": "shop"}}}, True),
        ({"metadata": {}}, {"metadata": {}}, False),
        (None, {"metadata": {"labels": {"team": "shop"}}}, True),
        (None, {"metadata": {}}, False),
        ({"kind": "PodExecOptions", "apiVersion": "v1"}, None, False),
        (None, None, False),
    ],
)
def test_a_webhook_may_be_meant_for_some_objects(new: Object | None, old: Object | None, concerned: bool) -> None:
    attributes = shown("pods", object=new, old_object=old)
    assert bool(asked(attributes, hook(NAME, objectSelector=LABELLED))) is concerned


def test_what_is_no_object_is_not_selected_even_by_what_a_label_is_not() -> None:
    unless = {"matchExpressions": [{"key": "team", "operator": "DoesNotExist"}]}
    options = {"kind": "PodExecOptions", "apiVersion": "v1"}
    assert asked(shown("pods", object=options), hook(NAME, objectSelector=unless)) == []
    assert len(asked(shown("pods", object=options), hook(NAME))) == 1


@pytest.mark.parametrize("selector", ["namespaceSelector", "objectSelector"])
def test_a_selector_that_is_none_is_told_of_where_it_matters(selector: str) -> None:
    world = HookWorld()
    world.namespace("dev")
    bad = {"matchExpressions": [{"key": "team", "operator": "In", "values": ["not a value"]}]}
    with pytest.raises(InternalError):
        asked(shown("pods"), hook(NAME, **{selector: bad}), world=world)
    assert asked(shown("pods"), hook(NAME, rule(resources="services"), **{selector: bad}), world=world) == []


@pytest.mark.parametrize(
    ("resource", "kind", "exempt"),
    [
        ("mutatingwebhookconfigurations", "MutatingWebhookConfiguration", True),
        ("validatingwebhookconfigurations", "ValidatingWebhookConfiguration", True),
        ("validatingadmissionpolicies", "ValidatingAdmissionPolicy", True),
        ("validatingadmissionpolicybindings", "ValidatingAdmissionPolicyBinding", True),
        ("mutatingadmissionpolicies", "MutatingAdmissionPolicy", True),
        ("mutatingadmissionpolicybindings", "MutatingAdmissionPolicyBinding", True),
        ("others", "Other", False),
    ],
)
def test_nobody_is_asked_about_what_configures_admission(resource: str, kind: str, exempt: bool) -> None:
    attributes = shown(f"{resource}.admissionregistration.k8s.io/v1", kind=kind, namespace="")
    assert bool(asked(attributes, hook(NAME))) is not exempt
    world = HookWorld(**{NAME.replace(".", "_"): lambda request: allow()})
    world.mutating(configuration("c", hook(NAME))).admit(attributes)
    assert bool(world.asked) is not exempt


def test_webhooks_are_asked_in_the_order_of_their_configurations_names() -> None:
    names = [f"{letter}.example.com" for letter in "abcd"]
    world = HookWorld(**{each.replace(".", "_"): lambda request: allow() for each in names})
    configurations = [
        configuration("z", hook(names[0])),
        configuration("a", hook(names[3]), hook(names[1])),
        configuration("m", hook(names[2])),
    ]
    world.mutating(*configurations).admit(shown("pods"))
    assert world.hosts() == [names[3], names[1], names[2], names[0]]


def test_a_change_of_a_configuration_counts_from_the_next_write_on() -> None:
    world = HookWorld(**{NAME.replace(".", "_"): lambda request: allow()})
    plugin = world.mutating()
    resource = plugin._hooked.kind.resource

    def count() -> int:
        world.asked.clear()
        plugin.admit(shown("pods"))
        return len(world.asked)

    counts = [count()]
    world.world.put(resource, configuration("c", hook(NAME)))
    counts.append(count())
    world.world.put(resource, configuration("c", hook(NAME, rule("DELETE"))))
    counts.append(count())
    world.world.put(resource, configuration("c", hook(NAME), hook(NAME)))
    counts.append(count())
    world.world.delete(resource, "", "c")
    counts.append(count())
    assert counts == [0, 1, 0, 2, 0]


def test_only_what_changed_is_compiled_again() -> None:
    world = HookWorld()
    index = world.mutating(configuration("a", hook(NAME)), configuration("b", hook(NAME)))._hooked._index
    before = index.candidates(shown("pods"))
    world.world.put(GROUP, configuration("b", hook(NAME)))
    after = index.candidates(shown("pods"))
    assert (after[0].hook is before[0].hook, after[1].hook is before[1].hook) == (True, False)
    assert index.candidates(shown("pods")) is after


GROUP = HookWorld().mutating()._hooked.kind.resource


def test_equivalents_are_those_of_the_catalog() -> None:
    resource = GroupVersionResource("autoscaling", "v1", "horizontalpodautoscalers")
    assert {each.version for each, _ in objects().equivalents(resource)} == {"v1", "v2"}
