"""Validating policies before a real server: from kubectl's apply to what a write is told, and a status by the controller."""

from __future__ import annotations

import json
import secrets
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.assembly.options import AuditOptions
from cluster.controllers import manager, policy_status
from cluster.controllers.framework import ManagerOptions
from cluster.controllers.table import CONTROLLERS
from tests.support import Answer, ApiServer, eventually, start_api_server
from tests.support_needs import need_kubectl

REGISTRATION = "/apis/admissionregistration.k8s.io/v1"
POLICIES = f"{REGISTRATION}/validatingadmissionpolicies"
BINDINGS = f"{REGISTRATION}/validatingadmissionpolicybindings"
MERGE = "application/merge-patch+json"
SCOPE = "policies-of"
"""A label of namespaces: a test's policies are meant for the test's namespace alone."""
Object = dict[str, Any]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """Two workers that record all they do; tina may write policies and bindings, and read nothing."""
    root = tmp_path_factory.mktemp("policies")
    (root / "audit.json").write_text(json.dumps({"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": [{"level": "Metadata"}]}))
    made = start_api_server(root / "home", audit=AuditOptions(audit_policy_file=str(root / "audit.json")))
    try:
        made.issue("tina", "tina")
        rules = [{"apiGroups": ["admissionregistration.k8s.io"], "resources": ["*"], "verbs": ["*"]}]
        rbac = "/apis/rbac.authorization.k8s.io/v1"
        create(made, f"{rbac}/clusterroles", {"metadata": {"name": "tina"}, "rules": rules})
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "tina"}
        subjects = [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "tina"}]
        create(made, f"{rbac}/clusterrolebindings", {"metadata": {"name": "tina"}, "roleRef": reference, "subjects": subjects})
        yield made
    finally:
        made.stop()


@pytest.fixture
def namespace(server: ApiServer) -> Iterator[str]:
    """The test's own; what it has configured is taken away."""
    name = server.namespace()
    label = {"metadata": {"labels": {SCOPE: name}}}
    assert server.request("PATCH", f"/api/v1/namespaces/{name}", label, content_type=MERGE).code == 200
    yield name
    for path in (POLICIES, BINDINGS):
        assert server.request("DELETE", f"{path}?labelSelector={SCOPE}%3D{name}").code == 200


def create(server: ApiServer, path: str, body: Object, **more: Any) -> Object:
    answer = server.request("POST", path, body, **more)
    assert answer.code == 201, answer.body
    found: Object = answer.body
    return found


def rule(resources: str, group: str = "", operations: str = "CREATE UPDATE") -> Object:
    return {"operations": operations.split(), "apiGroups": [group], "apiVersions": ["v1"], "resources": resources.split()}


def policy(namespace: str, *validations: Object | str, rules: Any = None, **spec: Any) -> Object:
    given = [{"expression": each} if isinstance(each, str) else each for each in validations]
    matching = {"resourceRules": rules or [rule("configmaps")], "namespaceSelector": {"matchLabels": {SCOPE: namespace}}}
    name = f"p-{secrets.token_hex(3)}.example.com"
    return {"metadata": {"name": name, "labels": {SCOPE: namespace}}, "spec": {"matchConstraints": matching, "validations": given, **spec}}


def binding(namespace: str, to: str, *actions: str, **spec: Any) -> Object:
    whole = {"policyName": to, "validationActions": list(actions) or ["Deny"], **spec}
    return {"metadata": {"name": f"b-{secrets.token_hex(3)}.example.com", "labels": {SCOPE: namespace}}, "spec": whole}


def bound(
    server: ApiServer, namespace: str, *validations: Object | str, actions: tuple[str, ...] = ("Deny",), **more: Any
) -> tuple[str, str]:
    """(policy, binding) that count from now on; `spec` is the binding's."""
    spec = more.pop("spec", {})
    made = create(server, POLICIES, policy(namespace, *validations, **more))["metadata"]["name"]
    return made, create(server, BINDINGS, binding(namespace, made, *actions, **spec))["metadata"]["name"]


def config_map(server: ApiServer, namespace: str, *, audit_id: str = "", labels: Object | None = None, **data: str) -> Answer:
    body = {"metadata": {"name": f"m-{secrets.token_hex(3)}", "labels": labels or {}}, "data": data}
    headers = {"Audit-Id": audit_id} if audit_id else {}
    return server.request("POST", f"/api/v1/namespaces/{namespace}/configmaps", body, headers=headers)


def audited(server: ApiServer, audit_id: str) -> Object:
    """The annotations of the request's event."""
    lines = (Path(server.config.home.logs) / "audit.log").read_text().splitlines()
    found: Object = json.loads(next(line for line in reversed(lines) if audit_id in line)).get("annotations") or {}
    return found


def deployment(replicas: int) -> Object:
    labels = {"app": "x"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    return {"metadata": {"name": f"d-{secrets.token_hex(3)}"}, "spec": spec}


# As conformance tests them


def test_it_should_validate_against_a_deployment(server: ApiServer, namespace: str) -> None:
    made, by = bound(
        server,
        namespace,
        {"expression": "object.spec.replicas > 1", "messageExpression": "'wants replicas > 1, got ' + object.spec.replicas"},
        {
            "expression": f"namespaceObject.metadata.name == '{namespace}'",
            "message": "Internal error! Other namespace should not be allowed.",
        },
        rules=[rule("deployments", "apps")],
    )
    deployments = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    answer = server.request("POST", deployments, deployment(1))
    assert (answer.code, answer.body["reason"]) == (422, "Invalid")
    why = f"ValidatingAdmissionPolicy '{made}' with binding '{by}' denied request: failed expression: object.spec.replicas > 1"
    assert answer.body["message"].endswith(f" is forbidden: {why}")
    assert answer.body["details"]["causes"] == [{"message": why}]
    create(server, deployments, deployment(2))
    create(server, f"/apis/apps/v1/namespaces/{namespace}/replicasets", deployment(1))
    create(server, f"/apis/apps/v1/namespaces/{server.namespace()}/deployments", deployment(1))


def test_it_should_allow_expressions_to_refer_variables(server: ApiServer, namespace: str) -> None:
    bound(
        server,
        namespace,
        "variables.replicas > 1",
        "variables.oddReplicas",
        variables=[
            {"name": "replicas", "expression": "object.spec.replicas"},
            {"name": "oddReplicas", "expression": "variables.replicas % 2 == 1"},
        ],
        rules=[rule("deployments", "apps")],
    )
    deployments = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    told = {replicas: server.request("POST", deployments, deployment(replicas)).body.get("message", "") for replicas in (1, 2, 3)}
    assert [told[each].rpartition("denied request: ")[2] for each in (1, 2, 3)] == [
        "failed expression: variables.replicas > 1",
        "failed expression: variables.oddReplicas",
        "",
    ]
    create(server, f"/apis/apps/v1/namespaces/{namespace}/replicasets", deployment(1))


@pytest.mark.parametrize(("path", "changed"), [(POLICIES, {"failurePolicy": "Ignore"}), (BINDINGS, {"validationActions": ["Warn"]})])
def test_it_should_support_api_operations(server: ApiServer, namespace: str, path: str, changed: Object) -> None:
    resource = path.rpartition("/")[2]
    groups = {each["name"]: each for each in server.request("GET", "/apis").body["groups"]}
    assert "v1" in [each["version"] for each in groups["admissionregistration.k8s.io"]["versions"]]
    assert "v1" in [each["version"] for each in server.request("GET", "/apis/admissionregistration.k8s.io").body["versions"]]
    served = [each["name"] for each in server.request("GET", REGISTRATION).body["resources"]]
    assert resource in served
    assert (f"{resource}/status" in served) is (path == POLICIES)
    template = policy(namespace, "true") if path == POLICIES else binding(namespace, "none.example.com")
    del template["metadata"]["name"]
    template["metadata"]["generateName"] = "example-"
    made = [create(server, path, template) for _ in range(3)][-1]
    one = f"{path}/{made['metadata']['name']}"
    selector = f"labelSelector={SCOPE}%3D{namespace}"
    assert server.request("GET", one).body["metadata"]["uid"] == made["metadata"]["uid"]
    listed = server.request("GET", f"{path}?{selector}").body
    assert len(listed["items"]) == 3
    with server.stream(f"{path}?watch=1&{selector}&resourceVersion={listed['metadata']['resourceVersion']}") as events:
        patch = {"metadata": {"annotations": {"patched": "true"}}, "spec": changed}
        patched = server.request("PATCH", one, patch, content_type=MERGE)
        assert patched.code == 200, patched.body
        assert (patched.body["metadata"]["generation"], patched.body["spec"] | changed) == (2, patched.body["spec"])
        updated = server.request(
            "PUT", one, made | {"metadata": patched.body["metadata"] | {"annotations": {"patched": "true", "updated": "true"}}}
        )
        assert updated.code == 200, updated.body
        assert updated.body["metadata"]["annotations"]["updated"] == "true"
        event = next(events)
        assert (event["type"], event["object"]["metadata"]["annotations"]) == ("MODIFIED", {"patched": "true"})
    if path == POLICIES:
        check_status(server, one)
    assert server.request("DELETE", one).code == 200
    assert server.request("GET", one).code == 404
    assert len(server.request("GET", f"{path}?{selector}").body["items"]) == 2
    assert server.request("DELETE", f"{path}?{selector}").code == 200
    assert server.request("GET", f"{path}?{selector}").body["items"] == []


def check_status(server: ApiServer, one: str) -> None:
    assert server.request("GET", f"{one}/status").body["kind"] == "ValidatingAdmissionPolicy"
    condition = {"type": "Failed", "status": "False", "reason": "e2e", "message": "", "lastTransitionTime": "2024-01-01T00:00:00Z"}
    patched = server.request(
        "PATCH", f"{one}/status", {"status": {"conditions": [condition]}, "spec": {"failurePolicy": "Odd"}}, content_type=MERGE
    )
    assert (patched.code, patched.body["status"]["conditions"]) == (200, [condition])
    assert patched.body["spec"]["failurePolicy"] == "Fail"
    patched.body["status"]["conditions"].append(condition | {"type": "Other"})
    updated = server.request("PUT", f"{one}/status", patched.body)
    assert [each["type"] for each in updated.body["status"]["conditions"]] == ["Failed", "Other"]
    wrong = server.request("PATCH", f"{one}/status", {"status": {"conditions": [condition | {"status": "Odd"}]}}, content_type=MERGE)
    assert (wrong.code, wrong.body["details"]["causes"][0]["field"]) == (422, "status.conditions[0].status")
    assert server.request("GET", one).body["metadata"]["generation"] == updated.body["metadata"]["generation"]


# Type checking


@pytest.fixture(scope="module")
def controller(server: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    kubeconfig = server.kubeconfig(tmp_path_factory.mktemp("controllers") / "kubeconfig", "controller-manager")
    chosen = [each for each in CONTROLLERS if each.build is policy_status.build]
    assert [each.account for each in chosen] == ["validatingadmissionpolicy-status-controller"]
    stop, ready = threading.Event(), threading.Event()
    run = {"on_ready": ready.set, "controllers": chosen}
    thread = threading.Thread(target=manager.run, args=(ManagerOptions(kubeconfig), stop), kwargs=run)
    thread.start()
    try:
        assert ready.wait(30)
        yield
    finally:
        stop.set()
        thread.join(30)


def checked(server: ApiServer, name: str, generation: int) -> list[Object]:
    """The warnings of a generation."""

    def found() -> Object | None:
        status: Object = server.request("GET", f"{POLICIES}/{name}").body.get("status") or {}
        return status if status.get("observedGeneration") == generation else None

    status = eventually(found, f"{name} is type checked")
    assert "typeChecking" in status
    warnings: list[Object] = status["typeChecking"].get("expressionWarnings") or []
    return warnings


def test_it_should_type_check_validation_expressions(server: ApiServer, namespace: str, controller: None) -> None:
    rules = [rule("deployments", "apps")]
    good = create(server, POLICIES, policy(namespace, "object.spec.replicas > 1", rules=rules))["metadata"]["name"]
    assert checked(server, good, 1) == []
    confused = {"expression": "object.spec.replicas > '1'", "messageExpression": "'wants replicas > 1, got ' + object.spec.replicas"}
    bad = create(server, POLICIES, policy(namespace, confused, rules=rules))["metadata"]["name"]
    assert checked(server, bad, 1) == [
        {
            "fieldRef": "spec.validations[0].expression",
            "warning": "apps/v1, Kind=Deployment: ERROR: <input>:1:22: found no matching overload for '_>_' applied to '(int, string)'\n"
            " | object.spec.replicas > '1'\n | .....................^\n",
        },
        {
            "fieldRef": "spec.validations[0].messageExpression",
            "warning": "apps/v1, Kind=Deployment: ERROR: <input>:1:28: found no matching overload for '_+_' applied to '(string, int)'\n"
            " | 'wants replicas > 1, got ' + object.spec.replicas\n | ...........................^\n",
        },
    ]
    patch = {"spec": {"validations": [{"expression": "object.spec.replicas > 1"}]}}
    assert server.request("PATCH", f"{POLICIES}/{bad}", patch, content_type=MERGE).code == 200
    assert checked(server, bad, 2) == []


# Actions, parameters, conditions


def test_what_a_binding_does_with_a_write_that_does_not_hold(server: ApiServer, namespace: str) -> None:
    made, by = bound(
        server,
        namespace,
        {"expression": "!has(object.data.bad)", "message": "bad <data>", "reason": "Forbidden"},
        actions=("Warn", "Audit"),
        auditAnnotations=[{"key": "size", "valueExpression": "'has ' + string(size(object.data))"}],
    )
    audit_id = secrets.token_hex(8)
    answer = config_map(server, namespace, audit_id=audit_id, bad="1")
    assert answer.code == 201
    assert (
        answer.headers["Warning"] == f"299 - \"Validation failed for ValidatingAdmissionPolicy '{made}' with binding '{by}': bad <data>\""
    )
    annotations = audited(server, audit_id)
    failure = {"message": "bad <data>", "policy": made, "binding": by, "expressionIndex": 0, "validationActions": ["Warn", "Audit"]}
    assert json.loads(annotations["validation.policy.admission.k8s.io/validation_failure"]) == [failure]
    assert annotations[f"{made}/size"] == "has 1"
    assert "Warning" not in config_map(server, namespace, good="1").headers
    deny = {"spec": {"validationActions": ["Deny", "Audit"]}}
    assert server.request("PATCH", f"{BINDINGS}/{by}", deny, content_type=MERGE).code == 200
    audit_id = secrets.token_hex(8)
    denied = config_map(server, namespace, audit_id=audit_id, bad="1")
    assert (denied.code, denied.body["reason"]) == (403, "Forbidden")
    annotations = audited(server, audit_id)
    assert annotations["admission.berth.io/plugin"] == "ValidatingAdmissionPolicy"
    assert json.loads(annotations["validation.policy.admission.k8s.io/validation_failure"])[0]["validationActions"] == ["Deny", "Audit"]
    series = f'apiserver_validating_admission_policy_check_total{{enforcement_action="deny",error_type="invalid_error",policy="{made}"'
    text = server.request("GET", "/metrics").body.decode()
    assert any(line.startswith(series) and line.endswith(" 1") for line in text.splitlines())


def test_a_dry_run_is_judged_as_well(server: ApiServer, namespace: str) -> None:
    bound(server, namespace, "request.dryRun ? object.data.dry == 'no' : true")
    body = {"metadata": {"name": "dry"}, "data": {"dry": "yes"}}
    maps = f"/api/v1/namespaces/{namespace}/configmaps"
    assert server.request("POST", f"{maps}?dryRun=All", body).code == 422
    assert server.request("POST", maps, body).code == 201


def test_parameters_by_selector_count_as_they_are(server: ApiServer, namespace: str) -> None:
    made, by = bound(
        server,
        namespace,
        {"expression": "object.spec.replicas <= int(params.data.most)", "messageExpression": "'at most ' + params.data.most"},
        paramKind={"apiVersion": "v1", "kind": "ConfigMap"},
        rules=[rule("deployments", "apps")],
        spec={"paramRef": {"selector": {"matchLabels": {"limits": "yes"}}, "parameterNotFoundAction": "Deny"}},
    )
    deployments = f"/apis/apps/v1/namespaces/{namespace}/deployments"

    def says(replicas: int) -> str:
        answer = server.request("POST", deployments, deployment(replicas))
        return "" if answer.code == 201 else str(answer.body["message"]).rpartition("denied request: ")[2]

    assert says(1) == "failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction"
    limit = config_map(server, namespace, labels={"limits": "yes"}, most="3").body["metadata"]["name"]
    assert [says(3), says(4)] == ["", "at most 3"]
    config_map(server, namespace, labels={"limits": "yes"}, most="2")
    assert says(3) == "at most 2"
    patch = {"data": {"most": "nonsense"}}
    assert server.request("PATCH", f"/api/v1/namespaces/{namespace}/configmaps/{limit}", patch, content_type=MERGE).code == 200
    assert "resulted in error" in says(1)
    assert server.request("PATCH", f"{POLICIES}/{made}", {"spec": {"failurePolicy": "Ignore"}}, content_type=MERGE).code == 200
    assert [says(2), says(3)] == ["", "at most 2"]
    assert server.request("DELETE", f"{BINDINGS}/{by}").code == 200
    assert says(9) == ""


def test_match_conditions_and_rights(server: ApiServer, namespace: str) -> None:
    """Who may do something else is let pass; what is not concerned is not looked at."""
    bound(
        server,
        namespace,
        "authorizer.group('').resource('secrets').namespace(request.namespace).check('create').allowed()",
        matchConditions=[{"name": "marked", "expression": "has(object.data.marked)"}],
    )
    writes = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create"]}
    roles = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
    create(server, f"{roles}/roles", {"metadata": {"name": "writes"}, "rules": [writes]})
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "writes"}
    subjects = [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "tina"}]
    create(server, f"{roles}/rolebindings", {"metadata": {"name": "writes"}, "roleRef": reference, "subjects": subjects})
    maps = f"/api/v1/namespaces/{namespace}/configmaps"

    def code(who: str, **data: str) -> int:
        return server.request("POST", maps, {"metadata": {"generateName": "m-"}, "data": data}, identity=who).code

    assert [code("tina", other="1"), code("tina", marked="1"), code("admin", marked="1")] == [201, 422, 201]


def test_webhooks_conditions_are_compiled_as_they_are_written(server: ApiServer, namespace: str) -> None:
    hook = {
        "name": "h.example.com",
        "clientConfig": {"url": "https://127.0.0.1:1/"},
        "rules": [rule("configmaps")],
        "namespaceSelector": {"matchLabels": {SCOPE: namespace}},
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "matchConditions": [{"name": "c", "expression": "object.data.x == 1 +"}],
    }
    path = f"{REGISTRATION}/validatingwebhookconfigurations"
    body: Object = {"metadata": {"name": f"w-{namespace}"}, "webhooks": [hook]}
    answer = server.request("POST", path, body)
    assert answer.code == 422
    assert answer.body["details"]["causes"][0]["field"] == "webhooks[0].matchConditions[0].expression"
    hook["matchConditions"] = [{"name": "c", "expression": "object.data.x == 'called' && request.userInfo.username != 'x'"}]
    create(server, path, body)
    try:
        assert config_map(server, namespace, x="not called").code == 201
        called = config_map(server, namespace, x="called")
        assert (called.code, called.body["message"].split(":")[1]) == (500, ' failed calling webhook "h.example.com"')
    finally:
        assert server.request("DELETE", f"{path}/w-{namespace}").code == 200


# What is refused, and what is stopped


@pytest.mark.parametrize(
    ("validation", "field", "told"),
    [
        ({"expression": "object.x =="}, "spec.validations[0].expression", "Syntax error"),
        ({"expression": "object.metadata.name"}, "spec.validations[0].expression", "must evaluate to bool but got dyn"),
        ({"expression": "nothing.x == 1"}, "spec.validations[0].expression", "undeclared reference to 'nothing'"),
        ({"expression": "true", "messageExpression": "1"}, "spec.validations[0].messageExpression", "must evaluate to string but got int"),
        ({"expression": "true", "reason": "Odd"}, "spec.validations[0].reason", "Unsupported value"),
        ({"expression": "(" * 300 + "true" + ")" * 300}, "spec.validations[0].expression", "compilation failed"),
    ],
)
def test_a_policy_that_does_not_compile_is_refused(server: ApiServer, namespace: str, validation: Object, field: str, told: str) -> None:
    answer = server.request("POST", POLICIES, policy(namespace, validation))
    assert answer.code == 422, answer.body
    (cause,) = answer.body["details"]["causes"]
    assert cause["field"] == field
    assert told in cause["message"]


def test_a_kind_of_parameters_that_is_gone_denies(server: ApiServer, namespace: str) -> None:
    made, _ = bound(server, namespace, "true", paramKind={"apiVersion": "rules.example.com/v1", "kind": "Limit"})
    answer = config_map(server, namespace)
    gone = "failed to configure policy: failed to find resource referenced by paramKind: 'rules.example.com/v1, Kind=Limit'"
    assert (answer.code, answer.body["message"].rpartition("'" + made + "' denied request: ")[2]) == (422, gone)
    assert server.request("PATCH", f"{POLICIES}/{made}", {"spec": {"failurePolicy": "Ignore"}}, content_type=MERGE).code == 200
    assert config_map(server, namespace).code == 201


def test_an_expression_that_is_slow_is_stopped(server: ApiServer, namespace: str) -> None:
    numbers = f"[{', '.join(map(str, range(60)))}]"
    slow = f"{numbers}.all(a, {numbers}.all(b, {numbers}.all(c, {numbers}.all(d, {numbers}.all(e, a + b + c + d + e >= 0)))))"
    bound(server, namespace, slow)
    began = time.monotonic()
    answer = config_map(server, namespace)
    assert answer.code == 422, answer.body
    assert answer.body["message"].endswith("resulted in error: operation cancelled: actual cost limit exceeded")
    assert time.monotonic() - began < 30
    assert config_map(server, server.namespace()).code == 201


def test_nobody_has_a_policy_look_at_what_they_may_not_read(server: ApiServer, namespace: str) -> None:
    made = policy(namespace, "true", paramKind={"apiVersion": "v1", "kind": "ConfigMap"})
    refused = server.request("POST", POLICIES, made, identity="tina")
    assert (refused.code, refused.body["details"]["causes"][0]["field"]) == (422, "spec.paramKind")
    who = "user &{tina  [system:authenticated] map["
    assert f"spec.paramKind: Forbidden: {who}" in refused.body["message"]
    assert refused.body["message"].endswith(
        'must have "get" permission on all objects of the referenced paramKind (kind=ConfigMap, apiVersion=v1)'
    )
    create(server, POLICIES, made)
    reference = {"paramRef": {"name": "x", "namespace": "kube-system", "parameterNotFoundAction": "Allow"}}
    given = binding(namespace, made["metadata"]["name"], **reference)
    refused = server.request("POST", BINDINGS, given, identity="tina")
    assert (refused.code, refused.body["details"]["causes"][0]["field"]) == (422, "spec.paramRef")
    assert refused.body["message"].endswith('does not have "get" permission on the object referenced by paramRef')
    create(server, BINDINGS, given)


def test_policies_can_be_taken_away_whatever_policies_say(server: ApiServer, namespace: str) -> None:
    everything = {"operations": ["*"], "apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*/*"]}
    whole = policy(namespace, "false", rules=[everything])
    del whole["spec"]["matchConstraints"]["namespaceSelector"]
    made = create(server, POLICIES, whole)["metadata"]["name"]
    by = create(server, BINDINGS, binding(namespace, made))["metadata"]["name"]
    try:
        assert config_map(server, namespace).code == 422
        review = {"spec": {"resourceAttributes": {"verb": "get", "resource": "pods"}}}
        assert server.request("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review).code == 201
    finally:
        assert server.request("DELETE", f"{BINDINGS}/{by}").code == 200
        assert server.request("DELETE", f"{POLICIES}/{made}").code == 200
    assert config_map(server, namespace).code == 201


def test_kubectl_applies_policies_and_shows_what_they_say(server: ApiServer, namespace: str, tmp_path: Path) -> None:
    program, kubeconfig = need_kubectl(), server.kubeconfig(tmp_path / "kubeconfig")

    def kubectl(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [program, "--kubeconfig", str(kubeconfig), "--cache-dir", str(tmp_path / "cache"), "-n", namespace, *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    made = policy(namespace, {"expression": "object.data.size() < 2", "messageExpression": "'has ' + string(object.data.size())"})
    by = binding(namespace, made["metadata"]["name"])
    version = {"apiVersion": "admissionregistration.k8s.io/v1"}
    documents = [version | {"kind": "ValidatingAdmissionPolicy"} | made, version | {"kind": "ValidatingAdmissionPolicyBinding"} | by]
    (tmp_path / "policy.yaml").write_text(yaml.safe_dump_all(documents))
    applied = kubectl("apply", "-f", str(tmp_path / "policy.yaml"))
    name = made["metadata"]["name"]
    assert applied.stdout.splitlines() == [
        f"validatingadmissionpolicy.admissionregistration.k8s.io/{name} created",
        f"validatingadmissionpolicybinding.admissionregistration.k8s.io/{by['metadata']['name']} created",
    ]
    refused = kubectl("create", "configmap", "m", "--from-literal=a=1", "--from-literal=b=2")
    assert refused.returncode == 1
    assert refused.stderr.splitlines()[-1] == (
        f"error: failed to create configmap: configmaps \"m\" is forbidden: ValidatingAdmissionPolicy '{name}' with binding "
        f"'{by['metadata']['name']}' denied request: has 2"
    )
    assert kubectl("create", "configmap", "m", "--from-literal=a=1").returncode == 0
    shown = kubectl("get", "validatingadmissionpolicies", name).stdout.splitlines()
    assert [shown[0].split(), shown[1].split()[:3]] == [["NAME", "VALIDATIONS", "PARAMKIND", "AGE"], [name, "1", "<unset>"]]
