"""What a kube-apiserver and its kube-controller-manager said of policies and custom resources, this engine says, too.

`data/cel/apiserver.json` has what they were asked and answered: whether an expression is accepted, and what is wrong with it, what it may
cost, and how large an object may be before an evaluation is stopped.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import pytest

from cluster.api.names import GroupVersionKind, GroupVersionResource, Object
from cluster.cel.environment import PER_CALL_LIMIT, Program
from cluster.cel.types import BOOL
from cluster.cel.values import CostExceeded
from cluster.controllers.policy_status.type_checking import warnings_of
from cluster.kinds.admissionregistration import validatingadmissionpolicies
from cluster.schema.admission_expressions import Composition, minor_of
from cluster.schema.admission_variables import Uses
from tests.unit.cel.custom_resources import SCHEMAS, Judge

RECORDED: Final[dict[str, Any]] = json.loads((Path(__file__).parents[2] / "data" / "cel" / "apiserver.json").read_text())
NEW: Final = minor_of("1.36", stored=False)
STRATEGY: Final = validatingadmissionpolicies.STRATEGY("1.36")
DEPLOYMENTS: Final = {"apiGroups": ["apps"], "apiVersions": ["v1"], "resources": ["deployments"], "operations": ["*"]}
KINDS: Final = {
    "configmaps": "ConfigMap",
    "cronjobs": "CronJob",
    "daemonsets": "DaemonSet",
    "deployments": "Deployment",
    "ingresses": "Ingress",
    "jobs": "Job",
    "persistentvolumeclaims": "PersistentVolumeClaim",
    "pods": "Pod",
    "replicasets": "ReplicaSet",
    "rolebindings": "RoleBinding",
    "roles": "Role",
    "secrets": "Secret",
    "services": "Service",
    "statefulsets": "StatefulSet",
    "validatingwebhookconfigurations": "ValidatingWebhookConfiguration",
}
MESSAGES_OF_PROTOCOL_BUFFERS: Final = frozenset(
    {
        "google.protobuf.Timestamp{seconds: 1} == timestamp(1)",
        "google.protobuf.Duration{} == duration('0s')",
        "google.protobuf.Int32Value{value: 1} == 1",
        "google.protobuf.Struct{} == {}",
    }
)
"""What Kubernetes can make because its engine is built on them, and this engine refuses: known differences."""


class Kinds:
    def of(self, resource: GroupVersionResource, *, anew: bool = False) -> list[GroupVersionKind]:
        return [GroupVersionKind(resource.group, resource.version, KINDS[resource.resource])]


def errors_of(spec: Object) -> list[list[str]]:
    policy: Object = {"metadata": {"name": "p"}, "spec": {"matchConstraints": {"resourceRules": [DEPLOYMENTS]}, **spec}}
    STRATEGY.default(policy)
    return [[each.path, each.message] for each in STRATEGY.validate(policy)]


@pytest.mark.parametrize(("text", "message"), RECORDED["expressions"], ids=lambda text: text[:60])
def test_a_policys_expression_is_accepted_or_refused(text: str, message: str) -> None:
    found = [each for _, each in errors_of({"validations": [{"expression": text}]})]
    if text in MESSAGES_OF_PROTOCOL_BUFFERS:
        assert message == ""
        assert len(found) == 1
    else:
        assert found == ([message] if message else [])


@pytest.mark.parametrize("case", RECORDED["policies"], ids=lambda case: json.dumps(case["spec"])[:90])
def test_a_whole_policy_is_accepted_or_refused(case: dict[str, Any]) -> None:
    assert errors_of(case["spec"]) == case["errors"]


@pytest.mark.parametrize("case", RECORDED["warnings"], ids=lambda case: case["spec"]["validations"][0]["expression"][:60])
def test_types_of_kinds_that_are_known_are_checked(case: dict[str, Any]) -> None:
    found = warnings_of({"spec": case["spec"]}, SCHEMAS, Kinds())
    assert [[each["fieldRef"], each["warning"]] for each in found] == case["warnings"]


def label(case: dict[str, Any]) -> str:
    return f"{case.get('within', '')} {case['rules'][0]['rule'][:60] if 'rules' in case else json.dumps(case['schema'])[:60]}"


@pytest.mark.parametrize("case", RECORDED["customResources"], ids=label)
def test_a_schemas_rules_are_typed_and_may_cost_as_much(case: dict[str, Any]) -> None:
    schema = case["schema"] if isinstance(case["schema"], dict) else RECORDED["schemas"][case["schema"]]
    if "rules" in case:
        schema = {**schema, "x-kubernetes-validations": case["rules"]}
    if "within" in case:
        schema = {"type": "array", "maxItems": case["within"], "items": schema}

    assert Judge(NEW).judge(schema) == case["errors"]


@lru_cache
def compiled(text: str) -> Program:
    composition = Composition()
    composition.declare("x", "object.metadata.name + 'y'", Uses(False, True))
    return composition.compile(text, Uses(False, True), [BOOL])


def cost(text: str, form: str, size: int) -> int:
    """Of an evaluation about a ConfigMap of so many entries, or with a text of so many characters."""
    data = {f"k{number:05}": "v" * 10 for number in range(size)} if form == "map" else {"t": "v" * size}
    written = {"metadata": {"name": "x", "namespace": "costs", "labels": {"e": "r1"}}, "data": data}
    namespace = {"metadata": {"name": "costs"}}
    request = {"operation": "CREATE", "userInfo": {"username": "admin"}}
    values = {"object": written, "oldObject": None, "namespaceObject": namespace, "request": request, "variables": {"x": "xy"}}
    return compiled(text).evaluate(values, 10 * PER_CALL_LIMIT).cost


def total_cost(text: str, form: str, size: int) -> int:
    """Rounds are not done a hundred times, for each costs what the second one does."""
    rounds = re.match(r"lists\.range\(([0-9]+)\)", text)
    if rounds is None:
        return cost(text, form, size)
    one, two = (cost(f"lists.range({count}){text[rounds.end() :]}", form, size) for count in (1, 2))
    return one + (int(rounds[1]) - 1) * (two - one)


@pytest.mark.parametrize("case", RECORDED["costs"], ids=lambda case: case["expression"][:80])
def test_an_evaluation_is_stopped_at_the_same_size(case: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cluster.cel.environment.MAX_SECONDS", 60.0)
    text, form, most = case["expression"], case["form"], case["most"]
    assert total_cost(text, form, most) <= PER_CALL_LIMIT < total_cost(text, form, most + 1)


def test_an_evaluation_with_many_rounds_costs_as_much_as_they_do() -> None:
    case = next(each for each in RECORDED["costs"] if each["expression"].startswith("lists.range(100).all"))
    assert cost(case["expression"], "map", 100) == total_cost(case["expression"], "map", 100)
    with pytest.raises(CostExceeded):
        compiled("object.data.all(k, object.data.all(j, true))").evaluate({"object": {"data": dict.fromkeys(map(str, range(1000)), "")}})


def test_there_are_rules_enough() -> None:
    """Expressions about which something was asked, of policies and of custom resources, whether accepted or not."""
    policies = {text for text, _ in RECORDED["expressions"]} | {each["expression"] for each in RECORDED["costs"]}
    schemas = {rule["rule"] for case in RECORDED["customResources"] for rule in case.get("rules", ())}
    assert len(policies) > 350
    assert len(schemas) > 200
