"""Which writes a policy and its bindings are for, as upstream's tests of matching have it."""

from __future__ import annotations

from typing import Any

import pytest

from admission.attributes import Attributes
from cluster.api.names import GroupVersionKind, GroupVersionResource, Object
from tests.unit.admission.hooks import rule
from tests.unit.admission.policy.world import PolicyWorld, binding, created, pod, policy
from tests.unit.admission.writes import write

NO = "failed expression: false"
BAD = {"matchExpressions": [{"key": "key", "operator": "In", "values": ["bad value"]}]}
SHOP = {"matchLabels": {"team": "shop"}}


def autoscaler(version: str, subresource: str = "", name: str = "web") -> Attributes:
    obj = {"apiVersion": f"autoscaling/{version}", "kind": "HorizontalPodAutoscaler", "metadata": {"name": name}, "spec": {}}
    attributes = write("UPDATE", "pods", obj, obj, namespace="dev", name=name)
    attributes.resource = GroupVersionResource("autoscaling", version, "horizontalpodautoscalers")
    attributes.kind = GroupVersionKind("autoscaling", version, "HorizontalPodAutoscaler")
    attributes.subresource = subresource
    return attributes


def scalers(version: str, part: str = "", *names: str) -> Object:
    made = rule("*", f"horizontalpodautoscalers{part}", "autoscaling", version)
    return {**made, "resourceNames": list(names)} if names else made


ALL = rule()


@pytest.mark.parametrize(
    ("constraints", "attributes", "judged_as"),
    [
        ({"resourceRules": [ALL]}, autoscaler("v1"), "v1"),
        ({"resourceRules": [scalers("v2"), scalers("v1")], "matchPolicy": "Exact"}, autoscaler("v1"), "v1"),
        ({"resourceRules": [scalers("v2")], "matchPolicy": "Exact"}, autoscaler("v1"), None),
        ({"resourceRules": [scalers("v2")]}, autoscaler("v1"), "v2"),
        ({"resourceRules": [scalers("v1")]}, autoscaler("v2"), "v1"),
        ({"resourceRules": [scalers("v1"), scalers("v2")]}, autoscaler("v2"), "v2"),
        ({"resourceRules": [scalers("v1", "/status")]}, autoscaler("v2", "status"), "v1"),
        ({"resourceRules": [scalers("v1", "/status")], "matchPolicy": "Exact"}, autoscaler("v2", "status"), None),
        ({"resourceRules": [scalers("v1")]}, autoscaler("v2", "status"), None),
        ({"resourceRules": [scalers("v1", "", "web")]}, autoscaler("v1"), "v1"),
        ({"resourceRules": [scalers("v1", "", "other")]}, autoscaler("v1"), None),
        ({"resourceRules": [scalers("v1", "", "other"), scalers("v1", "", "web")]}, autoscaler("v1"), "v1"),
        ({"resourceRules": [scalers("v1", "", "other"), scalers("v2")]}, autoscaler("v1"), "v2"),
        ({"resourceRules": [scalers("v1", "", "web")]}, autoscaler("v2"), "v1"),
        ({"resourceRules": [scalers("v1", "", "other")]}, autoscaler("v2"), None),
        ({"resourceRules": [ALL], "excludeResourceRules": [scalers("v2")], "matchPolicy": "Exact"}, autoscaler("v1"), "v1"),
        ({"resourceRules": [ALL], "excludeResourceRules": [scalers("v2")], "matchPolicy": "Exact"}, autoscaler("v2"), None),
        ({"resourceRules": [ALL], "excludeResourceRules": [scalers("v2")]}, autoscaler("v1"), None),
        ({"resourceRules": [ALL], "excludeResourceRules": [scalers("v2", "", "other")]}, autoscaler("v2"), "v2"),
        ({"resourceRules": [ALL], "excludeResourceRules": [scalers("v2", "", "web")]}, autoscaler("v2"), None),
        ({"resourceRules": [], "excludeResourceRules": [scalers("v2", "/status")]}, autoscaler("v1"), "v1"),
        ({"resourceRules": [{}]}, autoscaler("v1"), None),
    ],
)
@pytest.mark.parametrize("narrowing", [False, True])
def test_rules_of_policies_and_of_bindings(constraints: Object, attributes: Attributes, judged_as: str | None, narrowing: bool) -> None:
    """A policy looks at the version that it matches; a binding narrows it, and does not change that."""
    shown = {"expression": "false", "messageExpression": "request.kind.version + ' ' + request.resource.version + ' ' + object.apiVersion"}
    if narrowing:
        world = PolicyWorld(policy("p", shown, rules=[rule(resources="*/*")]), binding("b", "p", resources=constraints))
        judged_as = judged_as and attributes.kind.version
    else:
        world = PolicyWorld(policy("p", shown, constraints=constraints), binding("b", "p"))
    assert world.says(attributes) == (f"{judged_as} {judged_as} autoscaling/{judged_as}" if judged_as else "")


@pytest.mark.parametrize(
    ("constraints", "attributes", "concerned"),
    [
        ({"namespaceSelector": SHOP}, created(), True),
        ({"namespaceSelector": SHOP}, created(namespace="other"), False),
        ({"objectSelector": SHOP}, created(), False),
        ({"objectSelector": SHOP}, created(pod(labels={"team": "shop"})), True),
        ({"objectSelector": SHOP}, write("UPDATE", "pods", pod(), pod(labels={"team": "shop"}), namespace="dev"), True),
        ({"objectSelector": SHOP}, write("DELETE", "pods", None, pod(labels={"team": "shop"}), namespace="dev", name="web"), True),
        ({"namespaceSelector": SHOP, "objectSelector": SHOP}, created(), False),
    ],
)
@pytest.mark.parametrize("narrowing", [False, True])
def test_selectors(constraints: Object, attributes: Attributes, concerned: bool, narrowing: bool) -> None:
    if narrowing:
        world = PolicyWorld(policy("p", "false"), binding("b", "p", resources=constraints))
    else:
        world = PolicyWorld(policy("p", "false", constraints=constraints), binding("b", "p"))
    assert world.says(attributes) == (NO if concerned else "")


@pytest.mark.parametrize("selector", ["namespaceSelector", "objectSelector"])
@pytest.mark.parametrize(("narrowing", "what"), [(False, "policy"), (True, "binding")])
def test_a_selector_that_is_none_matters_only_where_the_rules_match(selector: str, narrowing: bool, what: str) -> None:
    constraints: Any = {selector: BAD}
    for rules, problem in (([rule(resources="services")], ""), ([rule(resources="pods")], f"failed to configure {what}: ")):
        given = {**constraints, "resourceRules": rules}
        if narrowing:
            world = PolicyWorld(policy("p", "false"), binding("b", "p", resources=given))
        else:
            world = PolicyWorld(policy("p", "false", constraints=given), binding("b", "p"))
        said = world.says()
        assert said.startswith(problem)
        assert ('"bad value"' in said) is bool(problem)


def test_what_can_not_be_told_is_let_pass_where_failures_are_to_be_ignored() -> None:
    world = PolicyWorld(policy("p", "false", constraints={"namespaceSelector": BAD}, failurePolicy="Ignore"), binding("b", "p"))
    assert world.says() == ""


@pytest.mark.parametrize("namespace_matters", [False, True])
def test_a_namespace_that_is_missing(namespace_matters: bool) -> None:
    selector = SHOP if namespace_matters else {}
    world = PolicyWorld(policy("p", "false", constraints={"namespaceSelector": selector}), binding("b", "p"))
    error = world.denial(created(namespace="gone"))
    assert error is not None
    if namespace_matters:
        assert error.message.endswith("""'p' denied request: failed to configure policy: namespaces "gone" not found""")
    else:
        assert (error.code, error.message) == (404, 'namespaces "gone" not found')


@pytest.mark.parametrize(
    "resource",
    [
        "admissionregistration.k8s.io validatingadmissionpolicies",
        "admissionregistration.k8s.io validatingadmissionpolicybindings",
        "admissionregistration.k8s.io mutatingadmissionpolicies",
        "admissionregistration.k8s.io mutatingadmissionpolicybindings",
        "authentication.k8s.io selfsubjectreviews",
        "authentication.k8s.io tokenreviews",
        "authorization.k8s.io localsubjectaccessreviews",
        "authorization.k8s.io selfsubjectaccessreviews",
        "authorization.k8s.io selfsubjectrulesreviews",
        "authorization.k8s.io subjectaccessreviews",
    ],
)
def test_no_policy_is_asked_about_policies_and_reviews(resource: str) -> None:
    world = PolicyWorld(policy("p", "false", rules=[ALL]), binding("b", "p"))
    attributes = created(namespace="")
    group, _, plural = resource.partition(" ")
    attributes.resource = GroupVersionResource(group, "v1", plural)
    assert world.says(attributes) == ""
    attributes.resource = GroupVersionResource(group, "v1", "others")
    assert world.says(attributes) == NO


@pytest.mark.parametrize(
    ("operation", "subresource", "rules", "concerned"),
    [
        ("DELETE", "", rule("DELETE", "pods"), True),
        ("DELETE", "", rule("CREATE", "pods"), False),
        ("CONNECT", "exec", rule("CONNECT", "pods/exec"), True),
        ("CONNECT", "exec", rule("CONNECT", "pods/attach"), False),
        ("CREATE", "eviction", rule("CREATE", "pods/*"), True),
        ("UPDATE", "status", rule("UPDATE", "*"), False),
        ("UPDATE", "status", rule("UPDATE", "*/*"), True),
    ],
)
def test_operations_and_subresources(operation: str, subresource: str, rules: Object, concerned: bool) -> None:
    obj = None if operation == "DELETE" else pod()
    attributes = write(operation, f"pods/{subresource}" if subresource else "pods", obj, pod(), namespace="dev", name="web")
    world = PolicyWorld(policy("p", "false", rules=[rules]), binding("b", "p"))
    assert world.says(attributes) == (NO if concerned else "")
