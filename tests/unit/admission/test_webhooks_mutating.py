"""Webhooks that change what is written: patches, order, versions, defaults, a second round, and what the audit event is told."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from admission.attributes import Attributes, Operation
from admission.chain import Chain
from admission.webhooks.mutating import MutatingAdmissionWebhook
from cluster.api.errors import InternalError, StatusError
from cluster.api.names import GroupVersionKind, GroupVersionResource, Object
from tests.unit.admission.hooks import HookWorld, Watching, add, allow, configuration, deny, hook, objects, patch, rule
from tests.unit.admission.writes import write

A, B, C = (f"{letter}.example.com" for letter in "abc")


def config_map(**data: str) -> Attributes:
    obj: Object = {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "m", "namespace": "dev"}}
    if data:
        obj["data"] = data
    return write("CREATE", "configmaps", obj, namespace="dev")


def serving(**answers: Any) -> HookWorld:
    """`serving(a=..., b=...)`: what each webhook answers, or how it makes its answer of the object."""
    return HookWorld(
        **{
            f"{letter}_example_com": (lambda request, answer=answer: answer(request["object"]) if callable(answer) else answer)
            for letter, answer in answers.items()
        }
    )


def mutated(answer: Any, attributes: Attributes | None = None, **settings: Any) -> Attributes:
    """What one webhook makes of a write."""
    attributes = attributes or config_map(x="y")
    serving(a=answer).mutating(configuration("c", hook(A, **settings))).admit(attributes)
    return attributes


def object_of(attributes: Attributes) -> Object:
    assert attributes.object is not None
    return attributes.object


@pytest.mark.parametrize(
    ("operations", "data"),
    [
        ([{"op": "add", "path": "/data/z", "value": "1"}], {"x": "y", "z": "1"}),
        ([{"op": "replace", "path": "/data", "value": {"z": "1"}}], {"z": "1"}),
        ([{"op": "remove", "path": "/data"}], None),
        ([{"op": "test", "path": "/data/x", "value": "y"}, {"op": "move", "from": "/data/x", "path": "/data/z"}], {"z": "y"}),
        ([{"op": "add", "path": "/unknown", "value": 1}], {"x": "y"}),
    ],
)
def test_a_patch_is_applied(operations: list[Object], data: Object | None) -> None:
    attributes = config_map(x="y")
    held = object_of(attributes)
    assert mutated(patch(*operations), attributes).object is held
    assert held.get("data") == data
    assert "unknown" not in held


def test_every_operation_may_concern_a_webhook() -> None:
    plugin: MutatingAdmissionWebhook = HookWorld().mutating()
    assert (plugin.name, all(plugin.handles(operation) for operation in Operation)) == ("MutatingAdmissionWebhook", True)


def test_what_a_patch_leaves_out_is_defaulted_at_once() -> None:
    container = {"name": "added", "image": "nginx"}
    pod: Object = {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "nginx"}]}}
    attributes = write("CREATE", "pods", pod, namespace="dev")
    world = serving(a=add("/spec/initContainers", [container]), b=allow())
    world.mutating(configuration("c", hook(A), hook(B))).admit(attributes)
    seen = world.asked[1][1]["request"]["object"]["spec"]["initContainers"][0]
    assert (seen["terminationMessagePolicy"], seen["imagePullPolicy"], seen["resources"]) == ("File", "Always", {})
    assert object_of(attributes)["spec"]["initContainers"][0] == seen


def test_each_webhook_sees_what_the_one_before_has_left() -> None:
    world = serving(
        a=add("/data/one", "1"),
        b=lambda obj: add("/data/two", "2") if "one" in obj["data"] else allow(),
        c=lambda obj: add("/data/three", "3") if "two" in obj["data"] else allow(),
    )
    attributes = config_map(x="y")
    world.mutating(configuration("z", hook(C)), configuration("a", hook(A), hook(B))).admit(attributes)
    assert object_of(attributes)["data"] == {"x": "y", "one": "1", "two": "2", "three": "3"}


def test_a_webhook_is_selected_by_the_labels_that_the_object_has_by_then() -> None:
    selector = {"matchLabels": {"added": "yes"}}
    world = serving(a=add("/metadata/labels", {"added": "yes"}), b=allow())
    world.mutating(configuration("c", hook(B, objectSelector=selector), hook(A), hook(B, objectSelector=selector))).admit(config_map())
    assert world.hosts() == [A, B]


def test_a_denial_stops_all_and_changes_nothing() -> None:
    world = serving(a=add("/data/one", "1"), b=deny(message="no"), c=allow())
    attributes = config_map(x="y")
    with pytest.raises(StatusError, match="denied the request: no"):
        world.mutating(configuration("c", hook(A), hook(B), hook(C))).admit(attributes)
    assert world.hosts() == [A, B]
    assert object_of(attributes)["data"] == {"x": "y"}


def test_a_webhook_that_fails_and_may_is_passed_over() -> None:
    world = serving(a=add("/data/one", "1"), b={"allowed": True, "uid": "wrong"}, c=add("/data/three", "3"))
    attributes = config_map(x="y")
    world.mutating(configuration("c", hook(A), hook(B, failurePolicy="Ignore"), hook(C))).admit(attributes)
    assert object_of(attributes)["data"] == {"x": "y", "one": "1", "three": "3"}
    failed = {key: value for key, value in attributes.annotations.items() if key.startswith("failed-open.")}
    assert failed == {"failed-open.mutation.webhook.admission.k8s.io/round_0_index_1": B}


def undecodable(text: bytes) -> Object:
    return {"allowed": True, "patchType": "JSONPatch", "patch": base64.b64encode(text).decode()}


FAILED = f'Internal error occurred: failed calling webhook "{A}": '


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (undecodable(b"{"), FAILED + "received undecodable patch in webhook response: unexpected end of JSON input"),
        (
            undecodable(b"{}"),
            FAILED + "received undecodable patch in webhook response: json: cannot unmarshal object into Go value of type jsonpatch.Patch",
        ),
        (
            undecodable(b"[1]"),
            FAILED
            + "received undecodable patch in webhook response: json: cannot unmarshal number into Go value of type jsonpatch.Operation",
        ),
        ({**undecodable(b"[{}]"), "patchType": "Merge"}, FAILED + 'unsupported patch type "Merge"'),
    ],
)
def test_a_patch_that_is_none_is_the_webhooks_failure(answer: Object, message: str) -> None:
    with pytest.raises(InternalError) as raised:
        mutated(answer)
    assert raised.value.message == message
    assert object_of(mutated(answer, failurePolicy="Ignore"))["data"] == {"x": "y"}


INTERNAL = "Internal error occurred: "


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        ({"op": "remove", "path": "/data/none"}, "Unable to remove nonexistent key: none: missing value"),
        ({"op": "add", "path": "/a/b", "value": 1}, 'add operation does not apply: doc is missing path: "/a/b": missing value'),
        ({"op": "test", "path": "/data/x", "value": "n"}, "testing value /data/x failed: test failed"),
        ({"op": "explode", "path": "/data"}, "Unexpected kind: explode"),
        ({"op": "replace", "path": "", "value": None}, "replace operation value must be object or array"),
        ({"op": "replace", "path": "", "value": []}, "the server rejected our request due to an error in our request"),
        ({"op": "replace", "path": "/data", "value": 3}, "json: cannot unmarshal number into Go struct field ConfigMap.data of type"),
        ({"op": "replace", "path": "/kind", "value": "Secret"}, "unknown conversion"),
        ({"op": "replace", "path": "/apiVersion", "value": "v9"}, "v9"),
    ],
)
@pytest.mark.parametrize("policy", ["Fail", "Ignore"])
def test_a_patch_that_does_not_apply_stops_the_write_whatever_the_policy(operation: Object, message: str, policy: str) -> None:
    attributes = config_map(x="y")
    with pytest.raises(InternalError) as raised:
        mutated(patch(operation), attributes, failurePolicy=policy)
    assert raised.value.code == 500
    assert raised.value.message.startswith(INTERNAL)
    assert message in raised.value.message
    assert object_of(attributes)["data"] == {"x": "y"}


def test_a_patch_may_not_be_longer_than_any_other() -> None:
    many = [{"op": "test", "path": "/data/x", "value": "y"}] * 10_001
    with pytest.raises(InternalError, match="The allowed maximum operations in a JSON patch is 10000, got 10001"):
        mutated(patch(*many))


def test_what_is_deleted_can_not_be_changed() -> None:
    attributes = write("DELETE", "configmaps", None, {"metadata": {"name": "m"}}, namespace="dev", name="m")
    with pytest.raises(InternalError) as raised:
        mutated(add("/data", {}), attributes)
    why = f'admission webhook "{A}" attempted to modify the object, which is not supported for this operation'
    assert raised.value.message == INTERNAL + why
    for answer in (allow(), undecodable(b"[]"), undecodable(b"null")):
        mutated(answer, attributes)


def test_metadata_can_be_patched_away_and_leaves_an_object() -> None:
    attributes = mutated(patch({"op": "remove", "path": "/metadata"}))
    assert object_of(attributes)["metadata"] == {}
    attributes = mutated(patch({"op": "remove", "path": "/kind"}, {"op": "remove", "path": "/apiVersion"}))
    assert (object_of(attributes)["kind"], object_of(attributes)["apiVersion"]) == ("ConfigMap", "v1")


def autoscaler() -> Attributes:
    obj = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web", "namespace": "dev"},
        "spec": {"maxReplicas": 3, "scaleTargetRef": {"kind": "Deployment", "name": "web"}, "metrics": []},
    }
    attributes = write("UPDATE", "pods", obj, json.loads(json.dumps(obj)), namespace="dev")
    attributes.kind = GroupVersionKind("autoscaling", "v2", "HorizontalPodAutoscaler")
    attributes.resource = GroupVersionResource("autoscaling", "v2", "horizontalpodautoscalers")
    return attributes


def test_webhooks_of_different_versions_change_one_object() -> None:
    world = serving(
        a=add("/spec/targetCPUUtilizationPercentage", 50),
        b=lambda obj: add("/spec/maxReplicas", obj["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"]),
        c=allow(),
    )
    attributes = autoscaler()
    v1, v2 = (rule("*", "horizontalpodautoscalers", "autoscaling", version) for version in ("v1", "v2"))
    world.mutating(configuration("c", hook(A, v1), hook(B, v2), hook(C, v1))).admit(attributes)
    obj = object_of(attributes)
    assert (obj["apiVersion"], obj["spec"]["maxReplicas"]) == ("autoscaling/v2", 50)
    assert obj["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"] == 50
    seen = [review["request"]["object"]["apiVersion"] for _, review in world.asked]
    assert seen == ["autoscaling/v1", "autoscaling/v2", "autoscaling/v1"]
    assert {review["request"]["oldObject"]["apiVersion"] for _, review in world.asked} == {"autoscaling/v1", "autoscaling/v2"}


def test_what_a_connection_is_made_with_can_be_changed() -> None:
    options: Object = {"kind": "PodExecOptions", "apiVersion": "v1", "command": ["sh"], "stdin": True}
    attributes = write("CONNECT", "pods/exec", options, namespace="dev", name="p")
    attributes.kind = GroupVersionKind("", "v1", "PodExecOptions")
    mutated(patch({"op": "replace", "path": "/command/0", "value": "id"}), attributes, rules=[rule(resources="*/*")])
    assert options == {"kind": "PodExecOptions", "apiVersion": "v1", "command": ["id"], "stdin": True}
    with pytest.raises(InternalError, match="cannot unmarshal"):
        mutated(patch({"op": "replace", "path": "/command", "value": "id"}), attributes, rules=[rule(resources="*/*")])


def test_the_audit_event_learns_who_changed_what() -> None:
    attributes = config_map(x="y")
    world = serving(a=add("/data/one", "<1>"), b=allow())
    world.mutating(configuration("c", hook(C, rule("DELETE")), hook(A), hook(B))).admit(attributes)
    prefix = "mutation.webhook.admission.k8s.io/round_0_index_"
    assert attributes.annotations == {
        f"{prefix}1": f'{{"configuration":"c","webhook":"{A}","mutated":true}}',
        f"{prefix}2": f'{{"configuration":"c","webhook":"{B}","mutated":false}}',
    }
    operations = '[{"op":"add","path":"/data/one","value":"\\u003c1\\u003e"}]'
    assert attributes.request_annotations == {
        "patch.webhook.admission.k8s.io/round_0_index_1": (
            f'{{"configuration":"c","webhook":"{A}","patch":{operations},"patchType":"JSONPatch"}}'
        )
    }


def test_a_denial_is_no_mutation_and_is_told_as_that() -> None:
    attributes = config_map()
    with pytest.raises(StatusError):
        mutated(deny(), attributes)
    mutation = f'{{"configuration":"c","webhook":"{A}","mutated":false}}'
    assert attributes.annotations == {"mutation.webhook.admission.k8s.io/round_0_index_0": mutation}


class Labels:
    """A plugin of the server's own that sets a label; `first` in the first round alone, else in each."""

    name = "Labels"

    def __init__(self, first: bool) -> None:
        self._first = first

    def handles(self, operation: Any) -> bool:
        return True

    def admit(self, attributes: Attributes) -> None:
        round_ = "second" if attributes.reinvocation.running else "first"
        if self._first:
            round_ = "first"
        object_of(attributes)["metadata"].setdefault("labels", {})["round"] = round_


def rounds(world: HookWorld, *hooks: Object, plugin: Labels | None = None) -> list[str]:
    """Who is asked, in a chain with plugins of the server's own before the webhooks."""
    chain = Chain([*([plugin] if plugin else []), world.mutating(configuration("c", *hooks))])
    chain.mutate(config_map(x="y"), lambda obj: objects().default(GroupVersionKind("", "v1", "ConfigMap"), obj))
    return world.hosts()


IF_NEEDED: Any = {"reinvocationPolicy": "IfNeeded"}


@pytest.mark.parametrize(
    ("answers", "hooks", "asked"),
    [
        ({"a": allow(), "b": allow()}, [hook(A, **IF_NEEDED), hook(B, **IF_NEEDED)], [A, B]),
        ({"a": allow(), "b": add("/data/b", "1")}, [hook(A, **IF_NEEDED), hook(B)], [A, B, A]),
        ({"a": allow(), "b": add("/data/b", "1")}, [hook(A), hook(B)], [A, B]),
        ({"a": allow(), "b": add("/data/b", "1")}, [hook(A, **IF_NEEDED), hook(B, **IF_NEEDED)], [A, B, A]),
        ({"a": add("/data/a", "1"), "b": allow()}, [hook(A, **IF_NEEDED), hook(B, **IF_NEEDED)], [A, B]),
        ({"a": add("/data/a", "1"), "b": add("/data/b", "1")}, [hook(A, **IF_NEEDED), hook(B, **IF_NEEDED)], [A, B, A]),
        ({"a": allow(), "b": add("/data/x", "y")}, [hook(A, **IF_NEEDED), hook(B)], [A, B]),
        ({"a": allow(), "b": add("/data/b", "1")}, [hook(A, rule("DELETE"), **IF_NEEDED), hook(B)], [B]),
    ],
)
def test_a_webhook_is_asked_again_if_something_changed_since(answers: dict[str, Any], hooks: list[Object], asked: list[str]) -> None:
    assert rounds(serving(**answers), *hooks) == asked


def test_a_change_of_the_second_round_calls_who_was_asked_before_in_that_round() -> None:
    """The second round is the last: what it changes is seen by those that come after, as upstream has it."""
    count = {"a": 0}

    def a(obj: Object) -> Object:
        count["a"] += 1
        return add(f"/data/a{count['a']}", "1")

    world = serving(a=a, b=add("/data/b", "1"), c=allow())
    hooks = (hook(C, **IF_NEEDED), hook(A, **IF_NEEDED), hook(B, **IF_NEEDED))
    assert rounds(world, *hooks) == [C, A, B, C, A, B]


@pytest.mark.parametrize(("first", "asked"), [(True, [A, B, A]), (False, [A, B, A, B])])
def test_what_the_servers_own_plugins_change_in_the_second_round_counts_too(first: bool, asked: list[str]) -> None:
    world = serving(a=allow(), b=lambda obj: add("/data/b", "1"))
    hooks = (hook(A, **IF_NEEDED), hook(B, **IF_NEEDED))
    assert rounds(world, *hooks, plugin=Labels(first)) == asked


def test_nobody_is_asked_for_the_first_time_in_the_second_round() -> None:
    selector = {"matchLabels": {"b": "yes"}}
    world = serving(a=allow(), b=add("/metadata/labels", {"b": "yes"}), c=allow())
    hooks = (hook(C, objectSelector=selector, **IF_NEEDED), hook(A, **IF_NEEDED), hook(B))
    assert rounds(world, *hooks) == [A, B, A]


def test_the_rounds_are_told_apart_for_the_audit_event() -> None:
    attributes = config_map(x="y")
    world = serving(a=lambda obj: allow() if "b" in obj["data"] else add("/data/a", "1"), b=add("/data/b", "1"))
    Chain([world.mutating(configuration("c", hook(A, **IF_NEEDED), hook(B)))]).mutate(attributes, lambda obj: None)
    keys = [key.rpartition("/")[2] for key in attributes.annotations if key.startswith("mutation.")]
    assert keys == ["round_0_index_0", "round_0_index_1", "round_1_index_0"]


def test_an_observer_is_told_what_became_of_each() -> None:
    attributes = config_map(x="y")
    attributes.observer = watching = Watching()
    world = serving(a=add("/data/a", "1"), b=allow(), c={"allowed": True, "uid": "x"})
    selector = {"matchLabels": {"b": "yes"}}
    hooks = (hook(A), hook(B, objectSelector=selector), hook(B), hook(C, failurePolicy="Ignore"))
    world.mutating(configuration("c", *hooks)).admit(attributes)
    told = [(each.plugin, each.policy, each.part, each.outcome) for each in watching.judgements]
    plugin = "MutatingAdmissionWebhook"
    assert told == [
        (plugin, "c", "webhooks[0]", "mutated"),
        (plugin, "c", "webhooks[1].objectSelector", "skipped"),
        (plugin, "c", "webhooks[2]", "unchanged"),
        (plugin, "c", "webhooks[3]", "error"),
    ]
    assert "expected response.uid" in watching.judgements[3].message
