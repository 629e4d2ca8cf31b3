"""The tolerations of a namespace's pods: what they get, and what they may have."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from admission.attributes import Operation
from admission.plugins.namespace_lifecycle import NAMESPACES
from admission.plugins.pod_toleration_restriction import DEFAULTS, WHITELIST, PodTolerationRestriction
from cluster.api.errors import NotFound, StatusError
from cluster.api.names import Object
from cluster.schema.model import SchemaSet
from tests.unit.admission.writes import write
from tests.unit.rbac.world import World, metadata

SCHEMAS = SchemaSet.for_version()
PRESSURE = {"key": "node.kubernetes.io/memory-pressure", "operator": "Exists", "effect": "NoSchedule"}
CONFLICT = "pod tolerations (possibly merged with namespace default tolerations) conflict with its {} whitelist"


def toleration(key: str, value: str = "", operator: str = "Equal", effect: str = "NoSchedule", **more: object) -> Object:
    made = {"key": key, "operator": operator, "value": value, "effect": effect}
    return {name: each for name, each in made.items() if each} | more


A, B, ANY_A = toleration("a", "1"), toleration("b", "1"), toleration("a", operator="Exists")


def configuration(**lists: object) -> Object:
    return {"apiVersion": "podtolerationrestriction.admission.k8s.io/v1alpha1", "kind": "Configuration", **lists}


def plugin(defaults: Any = None, whitelist: Any = None, cluster: Object | None = None) -> PodTolerationRestriction:
    """For a namespace `dev` that says this, in a cluster that says that; a string is the annotation itself."""
    said = {DEFAULTS: defaults, WHITELIST: whitelist}
    annotations = {key: each if isinstance(each, str) else json.dumps(each) for key, each in said.items() if each is not None}
    world = World()
    world.put(NAMESPACES, {"metadata": metadata("dev", annotations=annotations)})
    return PodTolerationRestriction(world, SCHEMAS, None if cluster is None else configuration(**cluster))


def pod(*tolerations: Object, memory: bool = False, **status: str) -> Object:
    requests = {"resources": {"requests": {"memory": "1Gi"}}} if memory else {}
    spec: Object = {"containers": [{"name": "c", **requests}]} | ({"tolerations": list(tolerations)} if tolerations else {})
    return {"metadata": {"name": "web"}, "spec": spec} | ({"status": status} if status else {})


def admitted(made: PodTolerationRestriction, obj: Object, operation: str = "CREATE") -> list[Object]:
    attributes = write(operation, "pods", obj, namespace="dev")
    made.admit(attributes)
    made.validate(attributes)
    found: list[Object] = obj["spec"].get("tolerations") or []
    return found


@pytest.mark.parametrize(
    ("made", "given", "expected"),
    [
        (plugin(), [], []),
        (plugin(), [A], [A]),
        (plugin([A]), [], [A]),
        (plugin([A]), [B], [B, A]),
        (plugin([A]), [ANY_A], [ANY_A]),
        (plugin([ANY_A]), [A], [ANY_A]),
        (plugin([A]), [A, A], [A]),
        (plugin(cluster={"default": [A]}), [], [A]),
        (plugin([B], cluster={"default": [A]}), [], [B]),
        (plugin([], cluster={"default": [A]}), [], []),
        (plugin("", cluster={"default": [A]}), [], []),
        (plugin("null", cluster={"default": [A]}), [], []),
    ],
)
def test_whose_tolerations_a_new_pod_gets(made: PodTolerationRestriction, given: list[Object], expected: list[Object]) -> None:
    assert admitted(made, pod(*given)) == expected


@pytest.mark.parametrize(
    ("obj", "expected"),
    [
        (pod(memory=True), [PRESSURE]),
        (pod(memory=True, qosClass="BestEffort"), []),
        (pod(qosClass="Burstable"), [PRESSURE]),
        (pod(PRESSURE, memory=True), [PRESSURE]),
        (pod({"operator": "Exists"}, memory=True), [{"operator": "Exists"}]),
    ],
)
@pytest.mark.parametrize("operation", ["CREATE", "UPDATE"])
def test_a_pod_that_asks_for_memory_stays_where_it_is_short(operation: str, obj: Object, expected: list[Object]) -> None:
    assert admitted(plugin(), json.loads(json.dumps(obj)), operation) == expected


def test_an_update_gets_no_defaults() -> None:
    assert admitted(plugin([A]), pod(B), "UPDATE") == [B]


def test_what_a_pod_gets_is_its_own() -> None:
    made = plugin(cluster={"default": [A]})
    first = admitted(made, pod(memory=True))
    for each in first:
        each["key"] = "changed"
    assert admitted(made, pod(memory=True)) == [A, PRESSURE]


SECONDS_5, SECONDS_9 = (toleration("a", operator="Exists", effect="NoExecute", tolerationSeconds=each) for each in (5, 9))


@pytest.mark.parametrize(
    ("made", "given", "scope"),
    [
        (plugin(whitelist=[A]), [A], ""),
        (plugin(whitelist=[ANY_A]), [A], ""),
        (plugin(whitelist=[A]), [ANY_A], "namespace"),
        (plugin(whitelist=[A]), [B], "namespace"),
        (plugin(whitelist=[A]), [A, B], "namespace"),
        (plugin(whitelist=[A], defaults=[B]), [], "namespace"),
        (plugin(whitelist=[{"operator": "Exists"}]), [A, B, SECONDS_9], ""),
        (plugin(whitelist=[SECONDS_9]), [SECONDS_5], ""),
        (plugin(whitelist=[SECONDS_5]), [SECONDS_9], "namespace"),
        (plugin(whitelist=[A]), [{"key": "a", "value": "1", "effect": "NoSchedule"}], "namespace"),
        (plugin(whitelist=[]), [B], ""),
        (plugin(whitelist=""), [B], ""),
        (plugin(cluster={"whitelist": [A]}), [A], ""),
        (plugin(cluster={"whitelist": [A]}), [B], "cluster"),
        (plugin(whitelist=[B], cluster={"whitelist": [A]}), [B], ""),
        (plugin(whitelist="", cluster={"whitelist": [A]}), [B], ""),
    ],
)
def test_what_a_pod_may_tolerate(made: PodTolerationRestriction, given: list[Object], scope: str) -> None:
    if not scope:
        assert admitted(made, pod(*given))
        return
    with pytest.raises(StatusError) as refusal:
        admitted(made, pod(*given))
    assert (refusal.value.message, refusal.value.code, refusal.value.reason) == (CONFLICT.format(scope), 500, "")


@pytest.mark.parametrize(
    ("annotation", "message"),
    [
        ("bad", "invalid character 'b' looking for beginning of value"),
        ('{"key": "a"}', "json: cannot unmarshal object into Go value of type []v1.Toleration"),
        ('["a"]', "json: cannot unmarshal string into Go value of type v1.Toleration"),
        ('[{"key": 1}]', "json: cannot unmarshal number into Go struct field Toleration.key of type string"),
    ],
)
def test_an_annotation_that_is_no_list_of_tolerations_is_an_error_without_a_reason(annotation: str, message: str) -> None:
    for made, obj in ((plugin(annotation), pod()), (plugin(whitelist=annotation), pod(A))):
        with pytest.raises(StatusError) as refusal:
            admitted(made, obj)
        assert (refusal.value.message, refusal.value.code, refusal.value.reason) == (message, 500, "")


def test_a_namespace_that_is_missing_is_not_found() -> None:
    with pytest.raises(NotFound, match='namespaces "gone" not found'):
        plugin().admit(write("CREATE", "pods", pod(), namespace="gone"))


@pytest.mark.parametrize("what", ["pods/status", "configmaps"])
def test_only_pods_are_looked_at(what: str) -> None:
    obj = pod(B, memory=True)
    made, attributes = plugin([A], [A]), write("UPDATE", what, obj, namespace="dev")
    made.admit(attributes)
    made.validate(attributes)
    assert obj == pod(B, memory=True)
    assert [each for each in Operation if made.handles(each)] == [Operation.CREATE, Operation.UPDATE]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            configuration(default=[{"key": "a", "operator": "Exists", "value": "x"}], whitelist=[{"operator": "Equal"}]),
            'invalid config: [podtolerationrestriction.default[0].operator: Invalid value: "x": value must be empty when `operator` is '
            "'Exists' podtolerationrestriction.whitelist[0].operator: Invalid value: \"Equal\": operator must be Exists when `key` is "
            'empty, which means "match all values and all keys"]',
        ),
        (configuration(defaults=[]), 'strict decoding error: unknown field "defaults"'),
        ({"default": []}, "Object 'Kind' is missing in '{\"default\":[]}'"),
        (
            configuration(default=1),
            "json: cannot unmarshal number into Go struct field Configuration.default of type []v1alpha1.Toleration",
        ),
    ],
)
def test_a_bad_configuration_is_told_of(given: Object, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        PodTolerationRestriction(World(), SCHEMAS, given)
