"""Admission webhooks as Kubernetes' conformance tests use them, each test the twin of one there.

Upstream: `test/e2e/apimachinery/webhook.go`.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.integration.server.webhooks import KINDS, REGISTRATION, SCOPE, Hooked
from tests.support_webhooks import FORBIDDEN, LABEL, add, denied, patched

UNWANTED = "the configmap contains unwanted key and value"
BAD_DATA = {LABEL: FORBIDDEN}
START = {"mutation-start": "yes"}


def pod(name: str, container: str = "example", **labels: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": labels}, "spec": {"containers": [{"name": container, "image": "pause"}]}}


def test_webhook_resources_are_in_the_discovery_documents(hooked: Hooked) -> None:
    groups = {each["name"]: each for each in hooked.server.request("GET", "/apis").body["groups"]}
    group = groups["admissionregistration.k8s.io"]
    assert "v1" in [each["version"] for each in group["versions"]]
    assert hooked.server.request("GET", "/apis/admissionregistration.k8s.io").body["versions"] == group["versions"]
    names = {each["name"] for each in hooked.server.request("GET", REGISTRATION).body["resources"]}
    assert set(KINDS.values()) <= names


def test_pods_and_config_maps_can_be_denied(hooked: Hooked) -> None:
    namespace = hooked.namespace()
    skipped = {"matchLabels": {SCOPE: hooked.scope}, "matchExpressions": [{"key": "skip", "operator": "NotIn", "values": ["yes"]}]}
    unreachable = hooked.hook("/configmaps", failurePolicy="Ignore")
    unreachable["clientConfig"]["caBundle"] = None
    hooked.configure(
        "validating",
        hooked.hook("/pods", "pods", timeoutSeconds=1),
        hooked.hook("/configmaps", operations="CREATE UPDATE DELETE", namespaceSelector=skipped),
        unreachable,
    )
    pods, maps = (f"/api/v1/namespaces/{namespace}/{each}" for each in ("pods", "configmaps"))
    answer = hooked.server.request("POST", pods, pod("disallowed", FORBIDDEN, **{LABEL: FORBIDDEN}))
    assert answer.code == 400
    assert "denied the request: the pod contains unwanted container name; the pod contains unwanted label;" in answer.body["message"]
    answer = hooked.server.request("POST", pods, pod("hanging", **{LABEL: "wait-forever"}))
    assert (answer.code, answer.body["reason"]) == (500, "InternalError")
    assert "failed calling webhook" in answer.body["message"]
    assert "context deadline exceeded" in answer.body["message"]
    assert hooked.server.request("GET", f"{pods}/hanging").code == 404
    answer = hooked.config_map(namespace, **BAD_DATA)
    assert (answer.code, UNWANTED in answer.body["message"]) == (400, True)
    assert hooked.config_map(namespace, "allowed", admit="this").code == 201
    current = hooked.server.request("GET", f"{maps}/allowed").body
    answer = hooked.server.request("PUT", f"{maps}/allowed", {**current, "data": {**current["data"], **BAD_DATA}})
    assert (answer.code, UNWANTED in answer.body["message"]) == (400, True)
    patch = {"data": BAD_DATA}
    answer = hooked.server.request("PATCH", f"{maps}/allowed", patch, content_type="application/strategic-merge-patch+json")
    assert (answer.code, UNWANTED in answer.body["message"]) == (400, True)
    assert hooked.config_map(hooked.namespace(skip="yes"), **BAD_DATA).code == 201


def test_attaching_to_a_pod_can_be_denied(hooked: Hooked) -> None:
    namespace = hooked.namespace()
    hooked.configure("validating", hooked.hook("/pods/attach", "pods/attach", "CONNECT"))
    assert hooked.server.request("POST", f"/api/v1/namespaces/{namespace}/pods", pod("to-be-attached-pod")).code == 201
    path = f"/api/v1/namespaces/{namespace}/pods/to-be-attached-pod"
    answer = hooked.server.request("GET", f"{path}/attach?container=container1&stdin=true&stdout=true")
    assert answer.code == 400
    assert "denied the request: attaching to pod 'to-be-attached-pod' is not allowed" in answer.body["message"]
    request = hooked.webhooks.reviews["/pods/attach"][0]["request"]
    assert (request["kind"]["kind"], request["subResource"], request["operation"]) == ("PodAttachOptions", "attach", "CONNECT")
    assert request["object"] == {"kind": "PodAttachOptions", "apiVersion": "v1", "container": "container1", "stdin": True, "stdout": True}
    assert "not allowed" not in str(hooked.server.request("GET", f"{path}/exec?command=id&stdout=true").body)


@pytest.mark.parametrize("operation", ["CREATE", "UPDATE", "DELETE"])
def test_objects_of_other_groups_can_be_denied(hooked: Hooked, operation: str) -> None:
    """Their creation, update and deletion; where there are custom resources, theirs are denied in the same way."""
    namespace = hooked.namespace()
    path = f"/apis/policy/v1/namespaces/{namespace}/poddisruptionbudgets"
    made = hooked.server.request("POST", path, {"metadata": {"name": "first"}, "spec": {"minAvailable": 1}}).body
    rule = {"operations": [operation], "apiGroups": ["policy"], "apiVersions": ["v1"], "resources": ["poddisruptionbudgets"]}
    hooked.configure("validating", hooked.hook("/always-deny", rules=[rule]))
    answers = {
        "CREATE": lambda: hooked.server.request("POST", path, {"metadata": {"name": "second"}, "spec": {"minAvailable": 1}}),
        "UPDATE": lambda: hooked.server.request("PUT", f"{path}/first", {**made, "spec": {"minAvailable": 2}}),
        "DELETE": lambda: hooked.server.request("DELETE", f"{path}/first"),
    }
    codes = {each: answers[each]().code for each in ("CREATE", "UPDATE", "DELETE")}
    assert codes == {each: 400 if each == operation else 201 if each == "CREATE" else 200 for each in codes}


def test_a_custom_resource_definition_can_be_denied(hooked: Hooked) -> None:
    rule = {
        "operations": ["CREATE"],
        "apiGroups": ["apiextensions.k8s.io"],
        "apiVersions": ["*"],
        "resources": ["customresourcedefinitions"],
    }
    hooked.configure("validating", hooked.hook("/crd", rules=[rule]))
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    definition: dict[str, Any] = {
        "metadata": {"name": "denied.example.com", "labels": {LABEL: FORBIDDEN}},
        "spec": {
            "group": "example.com",
            "scope": "Cluster",
            "names": {"plural": "denied", "singular": "denied", "kind": "Denied", "listKind": "DeniedList"},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
        },
    }
    answer = hooked.server.request("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition)
    assert answer.code == 400
    assert "the custom resource definition contains unwanted label" in answer.body["message"]


def test_a_webhook_that_can_not_be_called_and_must_be_rejects_everything(hooked: Hooked) -> None:
    hook = hooked.hook("/always-allow")
    hook["clientConfig"]["caBundle"] = None
    hooked.configure("validating", hook)
    answer = hooked.config_map(hooked.namespace())
    assert (answer.code, answer.body["reason"]) == (500, "InternalError")
    called = f'failed calling webhook "{hook["name"]}": failed to call webhook: Post "{hooked.service.url}/always-allow?timeout=10s": '
    why = "tls: failed to verify certificate: x509: certificate signed by unknown authority"
    assert answer.body["message"] == f"Internal error occurred: {called}{why}"
    assert answer.body["details"] == {"causes": [{"message": called + why}]}


def test_config_maps_are_mutated_in_order(hooked: Hooked) -> None:
    hooked.configure("mutating", hooked.hook("/mutating-configmaps"), hooked.hook("/mutating-configmaps"))
    namespace = hooked.namespace()
    answer = hooked.config_map(namespace, "to-be-mutated", **START)
    assert answer.body["data"] == {"mutation-start": "yes", "mutation-stage-1": "yes", "mutation-stage-2": "yes"}
    assert hooked.server.request("GET", f"/api/v1/namespaces/{namespace}/configmaps/to-be-mutated").body == answer.body


def test_pods_are_mutated_and_defaulted_after_that(hooked: Hooked) -> None:
    hooked.configure("mutating", hooked.hook("/mutating-pods", "pods"))
    answer = hooked.server.request("POST", f"/api/v1/namespaces/{hooked.namespace()}/pods", pod("webhook-to-be-mutated"))
    (container,) = answer.body["spec"]["initContainers"]
    assert (container["name"], container["terminationMessagePolicy"]) == ("webhook-added-init-container", "File")


@pytest.mark.parametrize("kind", ["mutating", "validating"])
def test_webhooks_are_not_asked_about_configurations_of_webhooks(hooked: Hooked, kind: str) -> None:
    rule = {"operations": ["*"], "apiGroups": ["admissionregistration.k8s.io"], "apiVersions": ["*"], "resources": ["*"]}
    hooked.configure("validating", hooked.hook("/always-deny", rules=[rule], namespaceSelector={}))
    hooked.configure("mutating", hooked.hook("/add-label", rules=[rule], namespaceSelector={}))
    name = hooked.configure(kind, hooked.hook("", "invalid", failurePolicy="Ignore"))
    path = f"{REGISTRATION}/{KINDS[kind]}/{name}"
    assert "labels" not in hooked.server.request("GET", path).body["metadata"]
    assert hooked.server.request("DELETE", path).code == 200
    assert hooked.webhooks.reviews == {}


def slow(hooked: Hooked, **settings: Any) -> tuple[int, str]:
    """(code, message) of a create that a webhook is asked about which takes longer than it may; it is released when that is known."""
    hooked.configure("validating", hooked.hook("/hang", **settings))
    answer = hooked.config_map(hooked.namespace())
    return answer.code, answer.body.get("message", "")


def test_a_webhook_is_waited_for_as_long_as_it_says(hooked: Hooked) -> None:
    code, message = slow(hooked, timeoutSeconds=1)
    assert (code, "/hang?timeout=1s" in message, "context deadline exceeded" in message) == (500, True, True)


def test_a_webhook_that_is_too_slow_may_be_passed_over(hooked: Hooked) -> None:
    assert slow(hooked, timeoutSeconds=1, failurePolicy="Ignore")[0] == 201


@pytest.mark.parametrize("settings", [{"timeoutSeconds": 30}, {}])
def test_a_webhook_that_is_quick_enough_is_heard(hooked: Hooked, settings: dict[str, Any]) -> None:
    hooked.webhooks.released.set()
    assert slow(hooked, **settings)[0] == 201
    shown = settings.get("timeoutSeconds", 10)
    assert hooked.webhooks.requests["/hang"][0].path == f"/hang?timeout={shown}s"


@pytest.mark.parametrize("kind", ["mutating", "validating"])
def test_a_configuration_can_be_patched_and_updated(hooked: Hooked, kind: str) -> None:
    hook = hooked.hook("/mutating-configmaps" if kind == "mutating" else "/configmaps")
    name, namespace = hooked.configure(kind, hook), hooked.namespace()
    path = f"{REGISTRATION}/{KINDS[kind]}/{name}"

    def concerned() -> bool:
        answer = hooked.config_map(namespace, **START, **BAD_DATA)
        return answer.code == 400 if kind == "validating" else "mutation-stage-1" in answer.body["data"]

    found = [concerned()]
    current = hooked.server.request("GET", path).body
    current["webhooks"][0]["rules"][0]["operations"] = ["UPDATE"]
    updated = hooked.server.request("PUT", path, current)
    assert (updated.code, updated.body["metadata"]["generation"]) == (200, 2)
    found.append(concerned())
    patch = [{"op": "replace", "path": "/webhooks/0/rules/0/operations", "value": ["CREATE"]}]
    again = hooked.server.request("PATCH", path, patch, content_type="application/json-patch+json")
    assert int(again.body["metadata"]["resourceVersion"]) > int(updated.body["metadata"]["resourceVersion"])
    found.append(concerned())
    assert found == [True, False, True]


@pytest.mark.parametrize("kind", ["mutating", "validating"])
def test_configurations_are_listed_and_deleted_together(hooked: Hooked, kind: str) -> None:
    hook = hooked.hook("/mutating-configmaps" if kind == "mutating" else "/configmaps")
    namespace = hooked.namespace()
    for _ in range(10):
        hooked.configure(kind, hook, labels={"list": hooked.scope})
    path = f"{REGISTRATION}/{KINDS[kind]}?labelSelector=list%3D{hooked.scope}"
    assert len(hooked.server.request("GET", path).body["items"]) == 10
    answer = hooked.config_map(namespace, **START, **BAD_DATA)
    assert answer.code == 400 if kind == "validating" else "mutation-stage-1" in answer.body["data"]
    assert hooked.server.request("DELETE", path).code == 200
    assert hooked.server.request("GET", path).body["items"] == []
    answer = hooked.config_map(namespace, **START, **BAD_DATA)
    assert (answer.code, answer.body["data"]) == (201, {**START, **BAD_DATA})


@pytest.mark.parametrize("kind", ["mutating", "validating"])
def test_a_configuration_has_match_conditions(hooked: Hooked, kind: str) -> None:
    first = [{"name": "expression-1", "expression": "object.metadata.namespace == 'production'"}]
    name = hooked.configure(kind, hooked.hook("/always-allow", matchConditions=first))
    path = f"{REGISTRATION}/{KINDS[kind]}/{name}"
    current = hooked.server.request("GET", path).body
    assert current["webhooks"][0]["matchConditions"] == first
    second = [*first, {"name": "expression-2", "expression": "object.metadata.namespace == 'staging'"}]
    current["webhooks"][0]["matchConditions"] = second
    assert hooked.server.request("PUT", path, current).code == 200
    assert hooked.server.request("GET", path).body["webhooks"][0]["matchConditions"] == second


@pytest.mark.parametrize("kind", ["mutating", "validating"])
def test_a_configuration_with_match_conditions_that_are_none_is_rejected(hooked: Hooked, kind: str) -> None:
    bad = {"name": "invalid-expression-1", "expression": "... [] bad expression"}
    hook = hooked.hook("/always-deny", matchConditions=[bad])
    answer = hooked.server.request("POST", f"{REGISTRATION}/{KINDS[kind]}", {"metadata": {"name": hooked.scope}, "webhooks": [hook]})
    assert (answer.code, answer.body["reason"]) == (422, "Invalid")
    (cause,) = answer.body["details"]["causes"]
    assert (cause["field"], "compilation failed" in cause["message"]) == ("webhooks[0].matchConditions[0].expression", True)
    assert hooked.server.request("GET", f"{REGISTRATION}/{KINDS[kind]}/{hooked.scope}").code == 404


def test_everything_is_mutated_but_what_conditions_leave_out(hooked: Hooked) -> None:
    conditions = [{"name": "skip-me", "expression": "object.metadata.name != 'skip-me'"}]
    hooked.configure("mutating", hooked.hook("/mutating-configmaps", matchConditions=conditions))
    namespace = hooked.namespace()
    assert hooked.config_map(namespace, **START).body["data"] == {**START, "mutation-stage-1": "yes"}
    assert hooked.config_map(namespace, "skip-me", **START).body["data"] == START


def test_objects_of_other_groups_are_mutated_in_order(hooked: Hooked) -> None:
    """Whose data have no schema; where there are custom resources, theirs are mutated in the same way."""
    rule = {"operations": ["CREATE", "UPDATE"], "apiGroups": ["apps"], "apiVersions": ["v1"], "resources": ["controllerrevisions"]}
    hook = hooked.hook("/mutating-configmaps", rules=[rule])
    hooked.configure("mutating", hook, hook | {"name": "second.example.com"})
    path = f"/apis/apps/v1/namespaces/{hooked.namespace()}/controllerrevisions"
    answer = hooked.server.request("POST", path, {"metadata": {"name": "first"}, "revision": 1, "data": START})
    assert answer.code == 201, answer.body
    assert answer.body["data"] == {**START, "mutation-stage-1": "yes", "mutation-stage-2": "yes"}


def autoscaler(version: str, **spec: Any) -> dict[str, Any]:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    return {
        "apiVersion": f"autoscaling/{version}",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web"},
        "spec": {"maxReplicas": 3, "scaleTargetRef": target, **spec},
    }


def test_a_kind_is_mutated_in_the_version_that_the_webhook_knows(hooked: Hooked) -> None:
    """Whatever version is written, and whatever version is stored."""
    namespace = hooked.namespace()
    rule = {
        "operations": ["CREATE", "UPDATE"],
        "apiGroups": ["autoscaling"],
        "apiVersions": ["v1"],
        "resources": ["horizontalpodautoscalers"],
    }
    hooked.webhooks.paths["/autoscalers"] = lambda request: patched(add("/spec/targetCPUUtilizationPercentage", 42))
    hooked.configure("mutating", hooked.hook("/autoscalers", rules=[rule]))
    path = f"/apis/autoscaling/v2/namespaces/{namespace}/horizontalpodautoscalers"
    made = hooked.server.request("POST", path, autoscaler("v2"))
    assert made.code == 201, made.body
    (metric,) = made.body["spec"]["metrics"]
    assert metric["resource"]["target"]["averageUtilization"] == 42
    patch = {"spec": {"minReplicas": 2}}
    changed = hooked.server.request("PATCH", f"{path}/web", patch, content_type="application/merge-patch+json")
    assert (changed.code, changed.body["spec"]["minReplicas"]) == (200, 2)
    asked = [review["request"] for review in hooked.webhooks.reviews["/autoscalers"]]
    assert {each["object"]["apiVersion"] for each in asked} == {"autoscaling/v1"}
    assert {each["requestKind"]["version"] for each in asked} == {"v2"}


def test_what_a_kind_does_not_have_is_pruned_from_what_a_webhook_adds(hooked: Hooked) -> None:
    hooked.webhooks.paths["/prune"] = lambda request: patched(add("/data/kept", "yes"), add("/spec", {"dropped": "yes"}))
    hooked.configure("mutating", hooked.hook("/prune"))
    answer = hooked.config_map(hooked.namespace(), "pruned", x="y")
    assert (answer.body["data"], "spec" in answer.body) == ({"x": "y", "kept": "yes"}, False)


def test_a_review_comes_over_the_wire_as_upstream_sends_it(hooked: Hooked) -> None:
    hooked.configure("validating", hooked.hook("/always-allow"))
    namespace = hooked.namespace()
    assert hooked.config_map(namespace, "m", "?fieldManager=me", x="y").code == 201
    (request,) = hooked.webhooks.requests["/always-allow"]
    assert request.peer is not None
    assert request.peer["subject"] == ((("commonName", "berth"),),)
    assert (request.headers["content-type"], request.headers["user-agent"]) == ("application/json", "kube-apiserver-admission")
    review = json.loads(request.body)
    asked = review["request"]
    assert asked["options"] == {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1", "fieldManager": "me"}
    assert asked["userInfo"]["username"] == "kubernetes-admin"
    assert (asked["namespace"], asked["name"], asked["object"]["data"], asked["oldObject"]) == (namespace, "m", {"x": "y"}, None)
    assert asked["object"]["metadata"]["uid"]


def test_a_denial_has_the_webhooks_own_status(hooked: Hooked) -> None:
    details = {"retryAfterSeconds": 3, "causes": [{"reason": "Full", "message": "there is no room", "field": "data"}]}
    hooked.webhooks.paths["/own"] = lambda request: denied("come back later", reason="TooManyRequests", code=429, details=details)
    hook = hooked.hook("/own")
    hooked.configure("validating", hook)
    answer = hooked.config_map(hooked.namespace())
    assert (answer.code, answer.headers["Retry-After"]) == (429, "3")
    assert answer.body == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": f'admission webhook "{hook["name"]}" denied the request: come back later',
        "reason": "TooManyRequests",
        "details": details,
        "code": 429,
    }
