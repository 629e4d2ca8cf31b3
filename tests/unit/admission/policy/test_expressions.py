"""What expressions look at, and how they build on variables; as upstream's tests of conditions and of composition have it."""

from __future__ import annotations

from typing import Any

import pytest

from admission.attributes import Attributes
from cluster.api.names import Object
from tests.unit.admission.hooks import rule
from tests.unit.admission.policy.world import DEAR, PolicyWorld, created, judge, pod
from tests.unit.admission.writes import write

UPDATED = write("UPDATE", "pods", pod(labels={"v": "new"}), pod(labels={"v": "old"}), namespace="dev")
DELETED = write("DELETE", "pods", None, pod(), namespace="dev", name="web")
NAMESPACE: Object = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "dev", "labels": {"team": "new"}}}


@pytest.mark.parametrize(
    ("expression", "attributes"),
    [
        ("object.kind == 'Pod' && object.metadata.name == 'web' && has(object.spec.containers)", created()),
        ("oldObject == null && object != null", created()),
        ("object.metadata.labels.v == 'new' && oldObject.metadata.labels.v == 'old'", UPDATED),
        ("object == null && oldObject.metadata.name == 'web' && request.operation == 'DELETE'", DELETED),
        ("request.operation == 'CREATE' && request.name == 'web' && request.namespace == 'dev' && request.dryRun == false", created()),
        ("request.kind.kind == 'Pod' && request.kind.group == '' && request.requestKind.version == 'v1'", created()),
        ("request.resource.resource == 'pods' && request.requestResource == request.resource", created()),
        ("!has(request.subResource) && !has(request.requestSubResource)", created()),
        ("request.userInfo.username == 'tina' && !has(request.userInfo.groups)", created()),
        ("namespaceObject.metadata.name == 'dev' && namespaceObject.metadata.labels.team == 'shop'", created()),
        ("namespaceObject.status.phase == 'Active' && namespaceObject.spec.finalizers == ['kubernetes']", created()),
        ("!has(dyn(namespaceObject).metadata.managedFields) && !has(dyn(namespaceObject).kind)", created()),
        ("authorizer.path('/healthz').check('get').allowed()", created()),
        ("!authorizer.path('/metrics').check('get').allowed()", created()),
        ("authorizer.requestResource.check('create').allowed()", created()),
        ("authorizer.group('apps').resource('scales').subresource('x').namespace('n').name('x').check('get').allowed()", created()),
        ("authorizer.group('apps').resource('deployments').check('get').reason() == ''", created()),
        ("authorizer.serviceAccount('dev', 'robot').group('').resource('pods').check('list').allowed()", created()),
        ("quantity('1.5Gi').compareTo(quantity('1Gi')) == 1 && isURL('https://a') && ['a'].exists(x, x == 'a')", created()),
    ],
)
def test_what_expressions_look_at(expression: str, attributes: Attributes) -> None:
    world = PolicyWorld()
    world.rights = {
        "tina get /healthz",
        "tina create pods dev/web",
        "tina get scales.apps/x n/x",
        "system:serviceaccount:dev:robot list pods /",
    }
    assert judge(expression, attributes=attributes, world=world) == ""


def test_a_subresource_is_named() -> None:
    attributes = write("CREATE", "pods/eviction", {"metadata": {"name": "web"}}, namespace="dev")
    expression = "request.subResource == 'eviction' && request.requestSubResource == 'eviction'"
    world = PolicyWorld()
    world.rights = {"tina create pods/eviction dev/web"}
    rights = "authorizer.requestResource.check('create').allowed()"
    assert judge(expression, rights, attributes=attributes, world=world, rules=[rule("CREATE", "pods/eviction")]) == ""


def test_options_are_those_of_the_operation() -> None:
    attributes = created()
    attributes.options = {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1", "fieldManager": "kubectl"}
    assert judge("request.options.fieldManager == 'kubectl'", attributes=attributes) == ""


@pytest.mark.parametrize(
    ("what", "obj", "namespace"), [("namespaces", NAMESPACE, "dev"), ("nodes", {"metadata": {"name": "n"}}, "")], ids=["namespace", "node"]
)
def test_what_is_in_no_namespace_has_no_object_of_one(what: str, obj: Object, namespace: str) -> None:
    attributes = write("UPDATE", what, obj, obj, namespace=namespace)
    assert judge("namespaceObject == null", attributes=attributes, rules=[rule()]) == ""


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("params.data.x == 1", "undeclared reference to 'params'"),
        ("variables.x == 1", "undefined field 'x'"),
        ("namespaceObject.metadata.uid == 'u'", "undefined field 'uid'"),
        ("request.uid == 'u'", "undefined field 'uid'"),
        ("object.spec.x + 1 == 'a'", "found no matching overload for '_==_' applied to '(int, string)'"),
        ("request.name == 1", "found no matching overload for '_==_' applied to '(string, int)'"),
    ],
)
def test_what_there_is_not(expression: str, why: str) -> None:
    assert why in judge(expression)


def variables(*given: str) -> list[dict[str, str]]:
    return [{"name": name, "expression": text} for name, _, text in (each.partition("=") for each in given)]


@pytest.mark.parametrize(
    ("given", "expression", "said"),
    [
        (["name=object.metadata.name"], "variables.name == 'web'", ""),
        (["yes=true"], "variables.yes", ""),
        (["list=[1, 2, 3, 4]"], "variables.list.sum() == 10", ""),
        (['map={"foo": "bar"}'], "variables.map['foo'].contains('bar')", ""),
        (["a=1", "b=variables.a + 1"], "variables.b == 2", ""),
        (["a=1"], "has(variables.a)", ""),
        (["a=object.none"], "true || variables.a", ""),
        (["a=object.none"], "variables.a == 1 || true", ""),
        (
            ["a=1 == '1'"],
            "variables.a == 'x'",
            "expression 'variables.a == 'x'' resulted in error: composited variable \"a\" fails to compile: compilation failed: ERROR: "
            "<input>:1:3: found no matching overload for '_==_' applied to '(int, string)'\n | 1 == '1'\n | ..^",
        ),
        (
            ["n=object.subsets[7].size()"],
            "variables.n == 8",
            "expression 'variables.n == 8' resulted in error: composited variable \"n\" fails to evaluate: no such key: subsets",
        ),
        (
            ["a=object.none", "b=variables.a"],
            "variables.b == 8",
            "expression 'variables.b == 8' resulted in error: composited variable \"b\" fails to evaluate: "
            'composited variable "a" fails to evaluate: no such key: none',
        ),
    ],
)
def test_variables(given: list[str], expression: str, said: str) -> None:
    assert judge(expression, variables=variables(*given)) == said


@pytest.mark.parametrize(
    ("given", "expression", "why"),
    [
        (["l=[1, 2]"], "variables.l['x'] == 'x'", "found no matching overload for '_[_]' applied to '(list(int), string)'"),
        (["l=['1', '2']"], "variables.l[0] == 1", "found no matching overload for '_==_' applied to '(string, int)'"),
        (["b=variables.a", "a=1"], "variables.b == 1", "undefined field 'a'"),
        (["a=1"], "variables.b == 1", "undefined field 'b'"),
        (["r=request"], "variables.r.nothing == 1", "no such key: nothing"),
    ],
)
def test_variables_have_the_types_of_their_expressions(given: list[str], expression: str, why: str) -> None:
    """Of objects nothing is known but that they are there."""
    assert why in judge(expression, variables=variables(*given))


def test_a_variable_is_evaluated_once_for_all_validations_and_not_where_nobody_looks() -> None:
    world = PolicyWorld()
    given = variables("dear=" + DEAR, "never=authorizer.path('/never').check('get').allowed()")
    assert judge(*["variables.dear"] * 50, variables=given, world=world) == ""
    assert world.questions == ["tina get /a", "tina get /b"]


def test_what_variables_cost_counts() -> None:
    dear = variables(*(f"v{number}={DEAR}" for number in range(15)))
    validations = [f"variables.v{number}" for number in range(15)]
    assert judge(*validations[:14], variables=dear) == ""
    assert judge(*validations, variables=dear).startswith("validation failed due to running out of cost budget")


def test_a_variable_that_costs_too_much_fails() -> None:
    assert judge("variables.dear", variables=variables(f"dear={DEAR} && {DEAR}")).endswith(
        'composited variable "dear" fails to evaluate: operation cancelled: actual cost limit exceeded'
    )


def test_messages_and_annotations_have_variables_too() -> None:
    attributes = created()
    said = judge(
        {"expression": "false", "messageExpression": "'no ' + variables.name"},
        variables=variables("name=string(object.metadata.name)"),
        auditAnnotations=[{"key": "k", "valueExpression": "variables.name"}],
        attributes=attributes,
    )
    assert (said, attributes.annotations) == ("no web", {"p/k": "web"})


def conditions(*expressions: str) -> list[Object]:
    return [{"name": f"c{position}", "expression": each} for position, each in enumerate(expressions)]


FAILS = "object.none == 1"
ERROR = f"expression '{FAILS}' resulted in error: no such key: none"


@pytest.mark.parametrize(
    ("given", "said", "lenient"),
    [
        (["true"], "failed expression: 1 == 2", "failed expression: 1 == 2"),
        (["true", "false"], "", ""),
        ([FAILS, "false"], "", ""),
        ([FAILS], ERROR, ""),
        ([FAILS, "true", FAILS + " "], f"[{ERROR}, {ERROR.replace(FAILS, FAILS + ' ')}]", ""),
        (["1"], "compilation error: must evaluate to bool but got int", ""),
        (["variables.name == 'other'"], "", ""),
        (["variables.name == 'web'"], "failed expression: 1 == 2", "failed expression: 1 == 2"),
        (["namespaceObject == null"], "failed expression: 1 == 2", "failed expression: 1 == 2"),
        (["authorizer.requestResource.check('create').allowed()"], "", ""),
    ],
)
def test_conditions(given: list[str], said: str, lenient: str) -> None:
    more: Any = {"matchConditions": conditions(*given), "variables": variables("name=object.metadata.name")}
    assert judge("1 == 2", **more) == said
    assert judge("1 == 2", **more, failurePolicy="Ignore") == lenient


def test_conditions_that_do_not_hold_are_counted() -> None:
    world = PolicyWorld()
    assert judge("false", matchConditions=conditions(FAILS, "false"), world=world) == ""
    assert judge("true", matchConditions=conditions("true"), world=world) == ""
    assert world.counted.lines == [("policy", "p", "validate", "CREATE", 1)]
