"""Type checking of policies: which kinds are looked at, what is found, and what is written of it; as upstream's tests have it."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.api.names import GroupVersionKind, GroupVersionResource, Object
from cluster.client.discovery import Discovery, ServedResource
from cluster.controllers.policy_status import kinds as served_kinds
from cluster.controllers.policy_status.controller import is_outdated
from cluster.controllers.policy_status.kinds import ServedKinds
from cluster.controllers.policy_status.type_checking import MAX_TYPES, types_to_check, warnings_of
from cluster.schema.model import SchemaSet

SERVED = {
    "v1/pods": "Pod",
    "v1/configmaps": "ConfigMap",
    "v1/events": "Event",
    "events.k8s.io/v1/events": "Event",
    "apps/v1/deployments": "Deployment",
    "apps/v1/replicasets": "ReplicaSet",
    "autoscaling/v1/horizontalpodautoscalers": "HorizontalPodAutoscaler",
    "autoscaling/v2/horizontalpodautoscalers": "HorizontalPodAutoscaler",
}


def names_of(text: str) -> tuple[str, str, str]:
    group, _, rest = text.rpartition("/")[0].rpartition("/")
    return group, rest, text.rpartition("/")[2]


class Kinds:
    """Of the resources above, and of as many as are asked for of the group `many`; counts when it is asked anew."""

    def __init__(self) -> None:
        self.anew = 0

    def of(self, resource: GroupVersionResource, *, anew: bool = False) -> list[GroupVersionKind]:
        self.anew += anew
        if resource.group == "many":
            return [GroupVersionKind("many", resource.version, resource.resource)]
        return [each.kind for each in map(served, SERVED) if served_kinds._is_meant(resource, each)]


def served(text: str) -> ServedResource:
    return ServedResource(GroupVersionResource(*names_of(text)), gvk(text), True, frozenset())


def gvk(text: str) -> GroupVersionKind:
    group, version, _ = names_of(text)
    return GroupVersionKind(group, version, SERVED[text])


def rule(resources: str, groups: str = "apps", versions: str = "v1") -> Object:
    """Lists are separated by commas."""
    return {"apiGroups": groups.split(","), "apiVersions": versions.split(","), "resources": resources.split(","), "operations": ["*"]}


DEPLOYMENTS = rule("deployments")


def policy(*validations: str | Object, rules: Any = (DEPLOYMENTS,), **spec: Any) -> Object:
    given = [{"expression": each} if isinstance(each, str) else each for each in validations]
    whole = {"matchConstraints": {"resourceRules": list(rules)}, "validations": given, **spec}
    return {"metadata": {"name": "p", "generation": 1}, "spec": whole}


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ([], []),
        ([DEPLOYMENTS], ["apps/v1/deployments"]),
        ([DEPLOYMENTS, rule("pods", "")], ["v1/pods", "apps/v1/deployments"]),
        ([rule("replicasets,deployments,deployments")], ["apps/v1/deployments", "apps/v1/replicasets"]),
        ([rule("*")], []),
        ([rule("pods/*", "")], []),
        ([rule("deployments/status,deployments")], ["apps/v1/deployments"]),
        ([DEPLOYMENTS, rule("deployments", versions="*")], ["apps/v1/deployments"]),
        ([rule("deployments", groups="apps,*")], []),
        ([rule("horizontalpodautoscalers", "autoscaling", "v2,v1")], [f"autoscaling/v{each}/horizontalpodautoscalers" for each in "12"]),
        ([rule("events", "")], ["v1/events", "events.k8s.io/v1/events"]),
        ([rule("Deployments")], ["apps/v1/deployments"]),
        ([rule("nothing"), DEPLOYMENTS, rule("nothing")], ["apps/v1/deployments"]),
    ],
)
def test_kinds_that_are_looked_at(rules: list[Object], expected: list[str]) -> None:
    kinds = Kinds()
    assert types_to_check(policy(rules=rules)["spec"], kinds) == [gvk(each) for each in expected]
    assert kinds.anew == int(any("nothing" in each["resources"] for each in rules))
    assert types_to_check({}, kinds) == []


def test_kinds_are_not_too_many() -> None:
    many = rule(",".join("abcdefghijklmno"), "many")
    found = types_to_check(policy(rules=[DEPLOYMENTS, many, rule("pods", "")])["spec"], Kinds())
    assert [each.kind for each in found] == ["Deployment", *"abcdefghij"]
    assert len(found) == MAX_TYPES + 1


def found_of(*validations: str | Object, **spec: Any) -> list[tuple[str, str]]:
    made = warnings_of(policy(*validations, **spec), SchemaSet.for_version("1.36"), Kinds())
    return [(each["fieldRef"], each["warning"]) for each in made]


UNDEFINED = "apps/v1, Kind=Deployment: ERROR: <input>:1:7: undefined field 'foo'\n | object.foo == 'bar'\n | ......^\n"


@pytest.mark.parametrize(
    "expression",
    [
        "object.spec.replicas > 1",
        "oldObject == null || oldObject.spec.replicas <= object.spec.replicas",
        "object.metadata.labels['a'] == 'b' && object.metadata.creationTimestamp < timestamp('2030-01-01T00:00:00Z')",
        "object.spec.template.spec.containers.all(c, c.image.startsWith('a') && quantity('1').isGreaterThan(quantity('0')))",
        "authorizer.group('').resource('endpoints').check('create').allowed()",
        "request.operation == 'CREATE' && namespaceObject.metadata.name == 'x'",
        "object.spec.strategy.rollingUpdate.maxSurge == 1 || object.spec.strategy.rollingUpdate.maxSurge == '25%'",
        "int('x') == 1",
        "'not a bool'",
    ],
)
def test_expressions_that_fit(expression: str) -> None:
    assert found_of(expression) == []


def test_what_does_not_fit() -> None:
    assert found_of("object.foo == 'bar'") == [("spec.validations[0].expression", UNDEFINED)]
    where = "apps/v1, Kind=Deployment: ERROR: <input>:1:22: "
    assert found_of("true", "object.spec.replicas > 'a'") == [
        (
            "spec.validations[1].expression",
            f"{where}found no matching overload for '_>_' applied to '(int, string)'\n | object.spec.replicas > 'a'\n"
            " | .....................^\n",
        )
    ]
    ((_, warning),) = found_of("authorizer.allowed()")
    assert "found no matching overload for 'allowed' applied to 'kubernetes.authorization.Authorizer.()'" in warning
    ((_, warning),) = found_of("authorizer.requestResource.check('get').allowed()")
    assert "unexpected failed resolution of 'kubernetes.authorization.Authorizer'" in warning


def test_message_expressions_are_looked_at_too() -> None:
    validation = {"expression": "object.foo == 'bar'", "messageExpression": "object.spec.replicas + 'x'"}
    references = [f"spec.validations[0].{name}" for name in ("expression", "messageExpression")]
    assert [reference for reference, _ in found_of(validation)] == references


def test_each_kind_that_does_not_fit_is_told_of() -> None:
    rules = [rule("deployments,replicasets"), rule("pods", "")]
    ((_, warning),) = found_of("object.spec.replicas > 1 && object.spec.paused", rules=rules)
    assert [each.partition(": ")[0] for each in warning.split("\n") if ", Kind=" in each] == ["/v1, Kind=Pod", "apps/v1, Kind=ReplicaSet"]
    assert "Kind=Pod: ERROR: <input>:1:12: undefined field 'replicas'" in warning
    assert "\n\napps/v1" in warning


def test_what_has_no_schema_is_not_looked_at() -> None:
    assert found_of("object.foo == 'bar'", rules=[rule("things", "many")]) == []


@pytest.mark.parametrize(
    ("kind", "expression", "why"),
    [
        ({"apiVersion": "v1", "kind": "ConfigMap"}, "params.data['x'] == 'y'", ""),
        ({"apiVersion": "v1", "kind": "ConfigMap"}, "params.bar == 1", "undefined field 'bar'"),
        ({"apiVersion": "v1", "kind": "Nothing"}, "params.bar == 1", ""),
        ({"apiVersion": "a/b/c", "kind": "Nothing"}, "params.bar == 1", ""),
        (None, "params.bar == 1", "undeclared reference to 'params'"),
    ],
)
def test_parameters(kind: Object | None, expression: str, why: str) -> None:
    found = found_of(expression, **({} if kind is None else {"paramKind": kind}))
    assert bool(found) is bool(why)
    assert all(why in warning for _, warning in found)


@pytest.mark.parametrize(
    ("variables", "expression", "why"),
    [
        (["works=true"], "variables.works", ""),
        (["name=object.metadata.name"], "variables.name == 'x'", ""),
        (["n=object.spec.replicas"], "variables.n == 'x'", "found no matching overload for '_==_' applied to '(int, string)'"),
        (["spec=object.spec"], "variables.spec.nothing == 1", ""),
        (["broken=object.foo"], "variables.broken == 1", ""),
        (["a=1", "b=variables.a"], "variables.b == 'x'", "applied to '(int, string)'"),
        ([], "variables.a == 1", "undefined field 'a'"),
    ],
)
def test_variables(variables: list[str], expression: str, why: str) -> None:
    given = [{"name": name, "expression": text} for name, _, text in (each.partition("=") for each in variables)]
    found = found_of(expression, variables=given)
    assert bool(found) is bool(why)
    assert all(why in warning for _, warning in found)


@pytest.mark.parametrize(
    ("generation", "status", "outdated"),
    [(1, None, True), (1, {}, True), (2, {"observedGeneration": 1}, True), (2, {"observedGeneration": 2}, False)],
)
def test_a_policy_is_looked_at_once_for_each_generation(generation: int, status: Object | None, outdated: bool) -> None:
    assert is_outdated({"metadata": {"generation": generation}, "status": status}) is outdated


def test_the_server_is_asked_once_what_it_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [["apps/v1/deployments"], ["apps/v1/deployments", "v1/pods"]]

    def discover(client: object, *, every_version: bool) -> Discovery:
        assert every_version
        return Discovery(tuple(served(each) for each in answers.pop(0)))

    monkeypatch.setattr(served_kinds, "discover", discover)
    kinds = ServedKinds(None)  # type: ignore[arg-type]
    assert [kinds.of(GroupVersionResource("apps", "v1", "deployments")) for _ in range(2)] == [[gvk("apps/v1/deployments")]] * 2
    assert kinds.of(GroupVersionResource("", "v1", "pods")) == []
    assert kinds.of(GroupVersionResource("", "v1", "pods"), anew=True) == [gvk("v1/pods")]
    assert answers == []
