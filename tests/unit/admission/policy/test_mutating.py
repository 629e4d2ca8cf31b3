"""Mutating policies: the order of what they do, the second round, what is refused and let pass, and which writes they are for."""

from __future__ import annotations

from typing import Any

import pytest

from admission.attributes import Operation
from admission.policy.configuration import check_configuration
from admission.policy.mutating import SORT, MutatingAdmissionPolicy
from cluster.api.names import GroupVersionKind, GroupVersionResource, Object
from tests.unit.admission.hooks import rule
from tests.unit.admission.policy.mutations import (
    COUNT,
    MutatingWorld,
    applied,
    bound,
    config_map,
    label,
    mutate,
    mutating,
    of_config_map,
    patched,
)
from tests.unit.admission.policy.world import created
from tests.unit.admission.writes import write

FAILS = applied("Object{data: Object.data{v: object.nope}}")
NOPE = "expression 'Object{data: Object.data{v: object.nope}}' resulted in error: no such key: nope"


def setting(key: str, value: str = "1") -> Object:
    return patched(f"[JSONPatch{{op: 'add', path: '/data/{key}', value: '{value}'}}]")


def counting(key: str = "n") -> Object:
    return patched(COUNT.replace("/n", f"/{key}").replace(".n", f".{key}"))


def when(expression: str) -> Object:
    return {"name": "c", "expression": expression}


def data(world: MutatingWorld, **given: str) -> Object:
    """Of a ConfigMap after both rounds, without what it had."""
    attributes = of_config_map(**given)
    assert world.refused(attributes) is None
    assert attributes.object is not None
    return {key: value for key, value in attributes.object["data"].items() if key != "k"}


def test_mutations_are_made_in_order_each_seeing_what_those_before_it_have_made() -> None:
    variables = [{"name": "seen", "expression": "has(object.data.n) ? object.data.n : 'none'"}]
    world = MutatingWorld(
        mutating("p", applied("Object{data: Object.data{a: variables.seen}}"), counting(),
                 applied("Object{data: Object.data{b: variables.seen, c: has(oldObject.data) ? 'old' : 'new'}}"), variables=variables)
    )  # fmt: skip
    attributes = write("UPDATE", "configmaps", config_map(), config_map(), namespace="dev")
    assert world.refused(attributes) is None
    assert attributes.object == config_map(a="none", n="1", b="1", c="old")


def test_policies_come_in_the_order_of_their_names() -> None:
    world = MutatingWorld(mutating("b", applied("Object{data: Object.data{x: object.data.x + 'b'}}")), mutating("a", setting("x", "a")))
    assert data(world) == {"x": "ab"}


@pytest.mark.parametrize(
    ("policies", "made"),
    [
        pytest.param([mutating("a", counting())], {"n": "1"}, id="never"),
        pytest.param([mutating("a", counting(), reinvocationPolicy="IfNeeded")], {"n": "2"}, id="by its own change"),
        pytest.param(
            [mutating("a", counting(), reinvocationPolicy="IfNeeded"), mutating("b", setting("q"))],
            {"n": "2", "q": "1"},
            id="the first by a later one",
        ),
        pytest.param(
            [mutating("a", counting("a")), mutating("b", counting(), reinvocationPolicy="IfNeeded")],
            {"a": "1", "n": "2"},
            id="the last by its own change, the first not",
        ),
        pytest.param(
            [mutating("a", counting(), reinvocationPolicy="IfNeeded", matchConditions=[when("!has(object.data.n)")])],
            {"n": "1"},
            id="conditions are looked at again",
        ),
        pytest.param(
            [
                mutating("a", counting(), reinvocationPolicy="IfNeeded", matchConditions=[when("has(object.data.z)")]),
                mutating("b", setting("z")),
            ],
            {"z": "1"},
            id="nobody is invoked for the first time in the second round",
        ),
        pytest.param(
            [
                mutating(
                    "a",
                    patched("has(object.data.z) ? [JSONPatch{op: 'add', path: '/data/q', value: 'q'}] : []"),
                    reinvocationPolicy="IfNeeded",
                ),
                mutating("b", setting("z")),
            ],
            {"q": "q", "z": "1"},
            id="the second round sees what the first one made",
        ),
    ],
)
def test_rounds(policies: list[Object], made: Object) -> None:
    assert data(MutatingWorld(*policies)) == made


def test_a_change_by_another_plugin_has_those_invoked_again_that_ask_for_it() -> None:
    said = applied("Object{data: Object.data{v: object.metadata.annotations.said}}")
    world = MutatingWorld(mutating("a", said, reinvocationPolicy="IfNeeded", failurePolicy="Ignore"))
    attributes = of_config_map()
    world.mutating.admit(attributes)
    assert not attributes.reinvocation.wanted, "nothing was changed"
    assert attributes.object is not None
    attributes.object["metadata"]["annotations"] = {"said": "so"}  # by a plugin in between, which wanted the second round
    attributes.reinvocation.running = True
    world.mutating.admit(attributes)
    assert attributes.object["data"] == {"k": "v", "v": "so"}


def test_one_that_can_not_be_made_leaves_the_others_be() -> None:
    attributes = of_config_map()
    second = applied("Object{data: Object.data{v: object.none}}")
    world = MutatingWorld(mutating("p", counting(), FAILS, counting(), second))
    error = world.refused(attributes)
    assert error is not None
    said = f"policy 'p' with binding 'p' denied request: {NOPE}"
    assert (error.code, error.reason, error.message) == (403, "Invalid", said)
    also = said.replace("nope", "none")
    assert error.details == {"name": "c", "kind": "configmaps", "causes": [{"message": said}, {"message": also}]}
    assert data(MutatingWorld(mutating("p", counting(), FAILS, counting(), failurePolicy="Ignore"))) == {"n": "2"}


def test_what_is_misconfigured_is_told_first() -> None:
    params = {"params": "v1/ConfigMap"}
    world = MutatingWorld(
        mutating("a", FAILS), bound("a", "a"),
        mutating("b", counting(), **params), bound("b", "b", params={"name": "none"}),
        mutating("c", counting(), params="v1/None"), bound("c", "c"),
    )  # fmt: skip
    error = world.refused(of_config_map())
    assert error is not None
    assert (error.code, error.reason) == (403, "Forbidden")
    missing = "failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction"
    unknown = "failed to configure policy: failed to find resource referenced by paramKind: '/v1, Kind=None'"
    assert [each["message"] for each in (error.details or {})["causes"]] == [
        f"policy 'b' with binding 'b' denied request: {missing}",
        f'policy "c" denied request: {unknown}',
        f"policy 'a' with binding 'a' denied request: {NOPE}",
    ]
    assert error.message == f"policy 'b' with binding 'b' denied request: {missing}"


@pytest.mark.parametrize(
    ("conditions", "failure", "said", "made"),
    [
        (["object.data.k == 'v'"], "Fail", "", "1"),
        (["object.data.k == 'w'"], "Fail", "", None),
        (["object.nope == 'a'", "false"], "Fail", "", None),
        (["object.nope == 'a'"], "Ignore", "", None),
        (["variables.is_v"], "Fail", "", "1"),
        (["authorizer.path('/healthz').check('get').allowed()"], "Fail", "", None),
        (
            ["object.nope == 'a'", "object.none == 'a'"],
            "Fail",
            "[expression 'object.nope == 'a'' resulted in error: no such key: nope, expression 'object.none == 'a'' resulted in error: no "
            "such key: none]",
            None,
        ),
    ],
)
def test_match_conditions(conditions: list[str], failure: str, said: str, made: str | None) -> None:
    attributes = of_config_map()
    given: list[Any] = [{"name": f"c{number}", "expression": each} for number, each in enumerate(conditions)]
    variables = [{"name": "is_v", "expression": "object.data.k == 'v'"}]
    assert mutate(attributes, counting(), matchConditions=given, failurePolicy=failure, variables=variables) == said
    assert attributes.object is not None
    assert attributes.object["data"].get("n") == made


def test_a_policy_is_applied_once_a_binding_and_parameter() -> None:
    world = MutatingWorld()
    for name in ("one", "two"):
        world.config_map("dev", name, {"team": "a"}, v=name)
    said = patched("[JSONPatch{op: 'add', path: '/data/' + params.metadata.name, value: params.data.v}]")
    world.give_mutating(
        mutating("p", said, counting(), params="v1/ConfigMap"),
        bound("b", "p", params={"selector": {"matchLabels": {"team": "a"}}}),
        bound("c", "p", params={"name": "one"}),
    )
    assert data(world) == {"one": "one", "two": "two", "n": "3"}


def test_without_a_reference_parameters_are_null() -> None:
    said = patched("[JSONPatch{op: 'add', path: '/data/x', value: string(params == null)}]")
    world = MutatingWorld(mutating("p", said, params="v1/ConfigMap"))
    assert data(world) == {"x": "true"}


def test_each_parameter_is_invoked_again_by_itself() -> None:
    world = MutatingWorld()
    for name in ("one", "two"):
        world.config_map("dev", name, {"team": "a"})
    world.give_mutating(
        mutating("p", counting(), params="v1/ConfigMap", reinvocationPolicy="IfNeeded",
                 matchConditions=[when("params.metadata.name == 'one' || has(object.data.n)")]),
        bound("b", "p", params={"selector": {"matchLabels": {"team": "a"}}}),
    )  # fmt: skip
    assert data(world) == {"n": "4"}


BIG = "[1,2,3,4,5,6,7,8,9,0].all(a, " * 6 + "a > -1" + ")" * 6
MANY = "[1,2,3,4,5,6,7,8,9,0].all(a, " * 4 + "[1,2,3,4,5].all(a, a > -1)" + ")" * 4


@pytest.mark.parametrize(
    ("expression", "variables", "why"),
    [
        (BIG, 0, "operation cancelled: actual cost limit exceeded"),
        (" && ".join(f"variables.v{number}" for number in range(40)), 40,
         "validation failed due to running out of cost budget, no further validation rules will be run"),
    ],
)  # fmt: skip
def test_what_mutations_cost_is_bounded(expression: str, variables: int, why: str) -> None:
    given = [{"name": f"v{number}", "expression": MANY} for number in range(variables)]
    text = f"[JSONPatch{{op: 'add', path: '/data/x', value: string({expression})}}]"
    world = MutatingWorld(mutating("p", patched(text), counting(), variables=given))
    error = world.refused(of_config_map())
    assert error is not None
    assert error.message.endswith(why)
    kind = "out_of_budget" if variables else "invalid_error"
    assert world.counted.lines == [("p", "p", kind), ("p", "p", "no_error")], "each has a budget of its own"


def test_rights_are_those_of_whoever_writes() -> None:
    world = MutatingWorld(mutating("p", label("may", "string(authorizer.path('/healthz').check('get').allowed())")))
    world.rights.add("tina get /healthz")
    attributes = created()
    assert world.refused(attributes) is None
    assert attributes.object is not None
    assert attributes.object["metadata"]["labels"] == {"may": "true"}


# Which writes


def test_what_is_deleted_and_what_excludes_policies_are_left_alone() -> None:
    world = MutatingWorld(mutating("p", label("x", "'y'"), rules=[rule()]))
    assert [each.value for each in Operation if world.mutating.handles(each)] == ["CREATE", "UPDATE", "CONNECT"]
    review = {"metadata": {}, "spec": {}}
    attributes = write("CREATE", "localsubjectaccessreviews.authorization.k8s.io", review, namespace="dev")
    assert world.refused(attributes) is None
    assert attributes.object == {"metadata": {}, "spec": {}}


def test_a_write_in_a_namespace_that_is_missing_is_not_found() -> None:
    world = MutatingWorld(mutating("p", counting(), matchConditions=[when("false")]))
    error = world.refused(write("CREATE", "configmaps", config_map(), namespace="none"))
    assert error is not None
    assert (error.code, error.message) == (404, 'namespaces "none" not found')


def test_a_namespace_has_none_itself() -> None:
    attributes = write("CREATE", "namespaces", {"metadata": {"name": "new"}}, namespace="new", name="new")
    assert mutate(attributes, label("in", "string(namespaceObject == null)")) == ""
    assert attributes.object is not None
    assert attributes.object["metadata"]["labels"]["in"] == "true"


AUTOSCALER: Object = {
    "apiVersion": "autoscaling/v1",
    "kind": "HorizontalPodAutoscaler",
    "metadata": {"name": "web", "namespace": "dev"},
    "spec": {
        "maxReplicas": 9,
        "minReplicas": 1,
        "scaleTargetRef": {"kind": "Deployment", "name": "web"},
        "targetCPUUtilizationPercentage": 50,
    },
}
METRIC = "[JSONPatch{op: 'replace', path: '/spec/metrics/0/resource/target/averageUtilization', value: 77}]"


def test_an_object_is_changed_in_the_version_that_the_policy_is_for() -> None:
    """And has the changes of policies for several versions."""
    kind, resource = "HorizontalPodAutoscaler", "horizontalpodautoscalers"
    attributes = write("CREATE", "configmaps", {**AUTOSCALER}, namespace="dev", name="web")
    attributes.kind, attributes.resource = GroupVersionKind("autoscaling", "v1", kind), GroupVersionResource("autoscaling", "v1", resource)
    first, second = ([rule("CREATE", resource, "autoscaling", version)] for version in ("v1", "v2"))
    world = MutatingWorld(
        mutating("a", patched(METRIC), applied("Object{spec: Object.spec{minReplicas: 2}}"), rules=second),
        mutating("b", applied("Object{spec: Object.spec{maxReplicas: object.spec.targetCPUUtilizationPercentage}}"), rules=first),
        mutating("c", label("kind", "request.kind.version + request.requestKind.version"), rules=second),
    )
    assert world.refused(attributes) is None
    made = attributes.object
    assert made is not None
    assert made["apiVersion"] == "autoscaling/v1"
    assert made["spec"] == {**AUTOSCALER["spec"], "minReplicas": 2, "maxReplicas": 77, "targetCPUUtilizationPercentage": 77}
    assert made["metadata"]["labels"] == {"kind": "v2v1"}


@pytest.mark.parametrize(
    ("what", "kind", "obj", "expression", "said"),
    [
        ("deployments.apps/scale", GroupVersionKind("autoscaling", "v1", "Scale"), {"spec": {"replicas": 3}},
         "Object{spec: Object.spec{replicas: 4}}", "no corresponding type for autoscaling/v1, Kind=Scale"),
        ("pods/eviction", GroupVersionKind("policy", "v1", "Eviction"), {},
         "Object{deleteOptions: Object.deleteOptions{}}", "no corresponding type for policy/v1, Kind=Eviction"),
        ("pods/exec", GroupVersionKind("", "v1", "PodExecOptions"), {},
         "Object{stdin: true}", "no corresponding type for /v1, Kind=PodExecOptions"),
    ],
)  # fmt: skip
def test_apply_configurations_are_for_kinds_that_are_served_with_their_group(
    what: str, kind: GroupVersionKind, obj: Object, expression: str, said: str
) -> None:
    attributes = write("CONNECT" if what.endswith("exec") else "UPDATE", what, {"metadata": {"name": "web"}, **obj}, namespace="dev")
    attributes.kind = kind
    whole = rule("CREATE UPDATE CONNECT", "*/*")
    assert mutate(attributes, applied(expression), rules=[whole]) == (
        f"error applying patch: failed to convert patch object to typed object: {said}"
    )
    patch = patched("[JSONPatch{op: 'add', path: '/metadata', value: {'name': 'other'}}]")
    if kind.kind != "PodExecOptions":
        assert mutate(attributes, patch, rules=[whole]) == ""
        assert attributes.object is not None
        assert attributes.object["metadata"]["name"] == "other"


def test_what_has_no_object_is_let_pass() -> None:
    attributes = write("CONNECT", "pods/exec", namespace="dev", name="web")
    assert mutate(attributes, patched(COUNT), rules=[rule("CONNECT", "*/*")]) == ""


def test_a_policy_that_is_changed_or_unbound_counts_at_once() -> None:
    world = MutatingWorld(mutating("p", setting("x", "1")))
    assert data(world) == {"x": "1"}
    world.give_mutating(mutating("p", setting("x", "2")))
    assert data(world) == {"x": "2"}
    world.delete(SORT.bindings, "", "p")
    assert data(world) == {}


def test_its_configuration_names_nothing_that_is_behind_a_gate() -> None:
    name = MutatingAdmissionPolicy.name
    check_configuration(None, name)
    given: Object = {"apiVersion": "apiserver.config.k8s.io/v1", "kind": "MutatingAdmissionPolicyConfiguration"}
    check_configuration(given, name)
    with pytest.raises(ValueError, match="staticManifestsDir"):
        check_configuration(given | {"staticManifestsDir": "/etc/x"}, name)
