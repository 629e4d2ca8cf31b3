"""Parameters: objects of any kind, by name or labels, in which namespace, and what where there are none."""

from __future__ import annotations

from typing import Any

import pytest

from admission.policy.configuration import check_configuration
from admission.policy.validating import ValidatingAdmissionPolicy
from cluster.api.names import GroupResource, Object
from tests.unit.admission.hooks import NAMESPACES, rule
from tests.unit.admission.policy.world import PolicyWorld, binding, created, policy
from tests.unit.admission.writes import write

SAYS = {"expression": "params == null", "messageExpression": "string(params.metadata.name) + ' ' + string(params.data.v)"}
NONE = "failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction"
NODE = write("CREATE", "nodes", {"metadata": {"name": "n"}})


def world_of(reference: Object | None, kind: str = "v1/ConfigMap", **spec: Any) -> PolicyWorld:
    world = PolicyWorld(policy("p", SAYS, params=kind, rules=[rule()], **spec), binding("b", "p", params=reference))
    for namespace, name, team in (("dev", "one", "a"), ("dev", "two", "b"), ("other", "three", "a")):
        world.config_map(namespace, name, {"team": team}, v=f"{namespace} {name}")
    return world


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        (None, ""),
        ({"name": "one"}, "one dev one"),
        ({"name": "three"}, NONE),
        ({"name": "three", "parameterNotFoundAction": "Allow"}, ""),
        ({"name": "three", "namespace": "other"}, "three other three"),
        ({"name": "one", "namespace": "other"}, NONE),
        ({"selector": {"matchLabels": {"team": "b"}}}, "two dev two"),
        ({"selector": {"matchLabels": {"team": "a"}}}, "one dev one"),
        ({"selector": {"matchLabels": {"team": "a"}}, "namespace": "other"}, "three other three"),
        ({"selector": {"matchLabels": {"team": "c"}}}, NONE),
        ({"selector": {"matchLabels": {"team": "c"}}, "parameterNotFoundAction": "Allow"}, ""),
        ({"selector": {}}, "one dev one"),
        ({}, "failed to configure binding: one of name or selector must be provided"),
        ({"name": "one", "selector": {}}, "failed to configure binding: paramRef.name and paramRef.selector are mutually exclusive"),
    ],
)
def test_references(reference: Object | None, said: str) -> None:
    assert world_of(reference).says() == said


def test_parameters_are_in_the_namespace_of_what_is_written_unless_the_binding_names_one() -> None:
    world = world_of({"selector": {}})
    assert world.says(created(namespace="other")) == "three other three"
    why = "failed to configure binding: cannot use namespaced paramRef in policy binding that matches cluster-scoped resources"
    assert world.says(NODE) == why
    assert world_of({"name": "one", "namespace": "dev"}).says(NODE) == "one dev one"


def test_a_write_is_judged_by_each_parameter() -> None:
    world = PolicyWorld(
        policy("p", {"expression": "object.metadata.name != params.data.v", "messageExpression": "'not ' + params.data.v"},
               params="v1/ConfigMap"),
        binding("b", "p", "Warn", params={"selector": {}}),
    )  # fmt: skip
    for name, value in (("a", "web"), ("b", "api"), ("c", "web")):
        world.config_map("dev", name, v=value)
    attributes = created()
    world.plugin.validate(attributes)
    told = "Validation failed for ValidatingAdmissionPolicy 'p' with binding 'b': not web"
    assert attributes.warnings == [told, told]


def test_a_parameter_that_changes_counts_at_once() -> None:
    world = world_of({"name": "one"})
    world.config_map("dev", "one", v="changed")
    assert world.says() == "one changed"


@pytest.mark.parametrize(
    ("kind", "shown"),
    [
        ("v1/Nothing", "/v1, Kind=Nothing"),
        ("example.com/v1/Thing", "example.com/v1, Kind=Thing"),
        ("v2/ConfigMap", "/v2, Kind=ConfigMap"),
    ],
)
def test_a_kind_that_is_not_served(kind: str, shown: str) -> None:
    """Whether or not a binding refers to parameters, and whatever it is for."""
    why = f"failed to configure policy: failed to find resource referenced by paramKind: '{shown}'"
    assert world_of({"name": "one"}, kind).says() == why
    assert world_of(None, kind).says() == why
    assert world_of({"name": "one"}, kind, failurePolicy="Ignore").says() == ""
    elsewhere = PolicyWorld(policy("p", "true", params=kind, rules=[rule(resources="services")]), binding("b", "p"))
    assert elsewhere.says() == ""


def test_a_kind_of_which_no_objects_are_kept() -> None:
    said = world_of({"name": "one"}, "authentication.k8s.io/v1/TokenReview").says()
    kind = "&ParamKind{APIVersion:authentication.k8s.io/v1,Kind:TokenReview,}"
    assert said == f"failed to configure binding: paramKind kind `{kind}` not yet synced to use for admission"


def test_parameters_without_a_namespace() -> None:
    says = {"expression": "false", "messageExpression": "string(params.metadata.name)"}
    world = PolicyWorld(policy("p", says, params="v1/Namespace"), binding("b", "p", params={"name": "other"}))
    found = world.get(NAMESPACES, "", "other")
    assert found is not None
    world.put(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", **found})
    assert world.says() == "other"
    world.give(binding("b", "p", params={"name": "other", "namespace": "dev"}))
    assert world.says() == "failed to configure binding: paramRef.namespace must not be provided for a cluster-scoped `paramKind`"


def test_parameters_are_shown_in_the_version_of_the_paramkind() -> None:
    says = {"expression": "false", "messageExpression": "params.apiVersion + ' ' + params.kind + ' ' + params.note"}
    world = PolicyWorld(policy("p", says, params="events.k8s.io/v1/Event"), binding("b", "p", params={"name": "e"}))
    event = {"apiVersion": "v1", "kind": "Event", "metadata": {"name": "e", "namespace": "dev"}, "message": "started"}
    world.put(GroupResource("", "events"), event)
    assert world.says() == "events.k8s.io/v1 Event started"


def test_a_policy_without_a_kind_of_parameters_ignores_references() -> None:
    world = PolicyWorld(policy("p", "object.metadata.name != 'web'"), binding("b", "p", params={"name": "none"}))
    assert world.says() == "failed expression: object.metadata.name != 'web'"


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ({"staticManifestsDir": ""}, ""),
        ({}, ""),
        (
            {"staticManifestsDir": "/manifests"},
            "staticManifestsDir: Forbidden: staticManifestsDir requires the ManifestBasedAdmissionControlConfig feature gate to be enabled",
        ),
        ({"directory": "/manifests"}, 'unknown field "directory"'),
    ],
)
def test_the_plugin_has_nothing_to_be_configured_with(document: Object, why: str) -> None:
    whole = {"apiVersion": "apiserver.config.k8s.io/v1", "kind": "ValidatingAdmissionPolicyConfiguration", **document}
    if not why:
        check_configuration(whole, ValidatingAdmissionPolicy.name)
        check_configuration(None, ValidatingAdmissionPolicy.name)
        return
    with pytest.raises(ValueError, match=why):
        check_configuration(whole, ValidatingAdmissionPolicy.name)
