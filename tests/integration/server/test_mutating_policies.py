"""Mutating policies before a real server: from kubectl's apply to what is stored, beside webhooks that change the same object.

The first tests are the twins of conformance tests.  Upstream: `test/e2e/apimachinery/mutatingadmissionpolicy.go`.
"""

from __future__ import annotations

import json
import secrets
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.server import raw
from tests.integration.server.webhooks import REGISTRATION, SCOPE, Hooked
from tests.support import Answer, ApiServer
from tests.support_needs import need_kubectl
from tests.support_webhooks import add, patched

POLICIES = f"{REGISTRATION}/mutatingadmissionpolicies"
BINDINGS = f"{REGISTRATION}/mutatingadmissionpolicybindings"
VERBS = {"create", "get", "list", "watch", "update", "patch", "delete", "deletecollection"}
MERGE = "application/merge-patch+json"
Object = dict[str, Any]


def configured(expression: str) -> Object:
    return {"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": expression}}


def patching(*operations: str) -> Object:
    return {"patchType": "JSONPatch", "jsonPatch": {"expression": f"[{', '.join(f'JSONPatch{{{each}}}' for each in operations)}]"}}


def setting(key: str, value: str) -> Object:
    """An expression's value in a ConfigMap."""
    return patching(f"op: 'add', path: '/data/{key}', value: {value}")


COUNT = setting("n", "string((has(object.data.n) ? int(object.data.n) : 0) + 1)")


def rule(resources: str, group: str = "", operations: str = "CREATE UPDATE") -> Object:
    return {"operations": operations.split(), "apiGroups": [group], "apiVersions": ["v1"], "resources": resources.split()}


@dataclass
class Policies:
    """Short ways to policies that are for the test's namespace alone."""

    hooked: Hooked
    namespace: str

    @property
    def server(self) -> ApiServer:
        return self.hooked.server

    def policy(self, *mutations: Object, rules: Any = None, **spec: Any) -> Object:
        scope = {"namespaceSelector": {"matchLabels": {SCOPE: self.hooked.scope}}}
        matching = {"resourceRules": rules or [rule("configmaps")], **scope}
        whole = {"matchConstraints": matching, "mutations": list(mutations), "reinvocationPolicy": "Never", **spec}
        return {"metadata": self.metadata("p"), "spec": whole}

    def binding(self, to: str, **spec: Any) -> Object:
        return {"metadata": self.metadata("b"), "spec": {"policyName": to, **spec}}

    def metadata(self, letter: str) -> Object:
        return {"name": f"{letter}-{secrets.token_hex(3)}.example.com", "labels": {SCOPE: self.hooked.scope}}

    def bound(self, *mutations: Object, spec: Any = None, **more: Any) -> tuple[str, str]:
        """(policy, binding) that count from now on; `spec` is the binding's."""
        made: str = self.create(POLICIES, self.policy(*mutations, **more))["metadata"]["name"]
        by: str = self.create(BINDINGS, self.binding(made, **(spec or {})))["metadata"]["name"]
        return made, by

    def create(self, path: str, body: Object) -> Object:
        answer = self.server.request("POST", path, body)
        assert answer.code == 201, answer.body
        found: Object = answer.body
        return found

    def config_map(self, query: str = "", **data: str) -> Answer:
        return self.hooked.config_map(self.namespace, query=query, **data)

    def path(self, resource: str, group: str = "") -> str:
        return f"/{f'apis/{group}' if group else 'api'}/v1/namespaces/{self.namespace}/{resource}"


@pytest.fixture
def policies(hooked: Hooked) -> Iterator[Policies]:
    """In a namespace of the test's own; what it has configured is taken away."""
    made = Policies(hooked, hooked.namespace())
    yield made
    for path in (BINDINGS, POLICIES):
        assert hooked.server.request("DELETE", f"{path}?labelSelector={SCOPE}%3D{hooked.scope}").code == 200


def deployment(replicas: int = 1) -> Object:
    labels = {"app": "x"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    return {"metadata": {"name": f"d-{secrets.token_hex(3)}"}, "spec": spec}


# As conformance tests them


def test_it_should_mutate_a_deployment_with_annotations(policies: Policies) -> None:
    expression = 'Object{metadata: Object.metadata{annotations: {"mutated-by": "admission-policy"}}}'
    policies.bound(configured(expression), rules=[rule("deployments", "apps")])
    deployments = policies.path("deployments", "apps")
    made = policies.create(deployments, deployment())
    assert made["metadata"]["annotations"] == {"mutated-by": "admission-policy"}
    assert policies.server.request("GET", f"{deployments}/{made['metadata']['name']}").body["metadata"] == made["metadata"]


def test_it_should_mutate_a_deployment(policies: Policies) -> None:
    policies.bound(configured("Object{spec: Object.spec{replicas: 1337}}"), rules=[rule("deployments", "apps")])
    assert policies.create(policies.path("deployments", "apps"), deployment())["spec"]["replicas"] == 1337
    assert policies.create(policies.path("replicasets", "apps"), deployment())["spec"]["replicas"] == 1
    elsewhere = f"/apis/apps/v1/namespaces/{policies.server.namespace()}/deployments"
    assert policies.create(elsewhere, deployment())["spec"]["replicas"] == 1


@pytest.mark.parametrize(("path", "changed"), [(POLICIES, {"reinvocationPolicy": "IfNeeded"}), (BINDINGS, {"policyName": "other"})])
def test_it_should_support_api_operations(policies: Policies, path: str, changed: Object) -> None:
    server, resource = policies.server, path.rpartition("/")[2]
    groups = {each["name"]: each for each in server.request("GET", "/apis").body["groups"]}
    assert "v1" in [each["version"] for each in groups["admissionregistration.k8s.io"]["versions"]]
    assert "v1" in [each["version"] for each in server.request("GET", "/apis/admissionregistration.k8s.io").body["versions"]]
    served = {each["name"]: each for each in server.request("GET", REGISTRATION).body["resources"]}
    assert set(served[resource]["verbs"]) == VERBS
    assert f"{resource}/status" not in served
    template = policies.policy(COUNT) if path == POLICIES else policies.binding("none.example.com")
    del template["metadata"]["name"]
    template["metadata"]["generateName"] = "example-"
    made = [policies.create(path, template) for _ in range(3)][-1]
    one, selector = f"{path}/{made['metadata']['name']}", f"labelSelector={SCOPE}%3D{policies.hooked.scope}"
    assert server.request("GET", one).body["metadata"]["uid"] == made["metadata"]["uid"]
    listed = server.request("GET", f"{path}?{selector}").body
    assert len(listed["items"]) == 3
    with server.stream(f"{path}?watch=1&{selector}&resourceVersion={listed['metadata']['resourceVersion']}") as events:
        patch = {"metadata": {"annotations": {"patched": "true"}}, "spec": changed}
        changed_one = server.request("PATCH", one, patch, content_type=MERGE)
        assert changed_one.code == 200, changed_one.body
        assert (changed_one.body["metadata"]["generation"], changed_one.body["spec"] | changed) == (2, changed_one.body["spec"])
        metadata = changed_one.body["metadata"] | {"annotations": {"patched": "true", "updated": "true"}}
        updated = server.request("PUT", one, made | {"metadata": metadata})
        assert (updated.code, updated.body["metadata"]["annotations"].get("updated")) == (200, "true")
        event = next(events)
        assert (event["type"], event["object"]["metadata"]["annotations"]) == ("MODIFIED", {"patched": "true"})
    assert server.request("DELETE", one).code == 200
    assert server.request("GET", one).code == 404
    assert len(server.request("GET", f"{path}?{selector}").body["items"]) == 2
    assert server.request("DELETE", f"{path}?{selector}").code == 200
    assert server.request("GET", f"{path}?{selector}").body["items"] == []


# What becomes of a write


def test_what_a_policy_adds_is_defaulted_and_judged_by_policies_and_validation(policies: Policies) -> None:
    container = "Object.spec.initContainers{name: 'added', image: object.spec.containers[0].image}"
    policies.bound(configured(f"Object{{spec: Object.spec{{initContainers: [{container}]}}}}"), rules=[rule("pods")])
    pod = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "pause"}]}}
    (made,) = policies.create(policies.path("pods"), pod)["spec"]["initContainers"]
    assert (made["image"], made["terminationMessagePolicy"], made["imagePullPolicy"]) == ("pause", "File", "Always")
    judging, by = (f"{REGISTRATION}/validatingadmission{each}" for each in ("policies", "policybindings"))
    only_one = policies.policy(rules=[rule("pods")], validations=[{"expression": "!has(object.spec.initContainers)"}])
    del only_one["spec"]["mutations"], only_one["spec"]["reinvocationPolicy"]
    name = policies.create(judging, only_one)["metadata"]["name"]
    policies.create(by, policies.binding(name, validationActions=["Deny"]))
    try:
        refused = policies.server.request("POST", policies.path("pods"), pod | {"metadata": {"name": "q"}})
        assert (refused.code, refused.body["message"].endswith("failed expression: !has(object.spec.initContainers)")) == (422, True)
    finally:
        for path in (judging, by):
            selector = f"labelSelector={SCOPE}%3D{policies.hooked.scope}"
            assert policies.server.request("DELETE", f"{path}?{selector}").code == 200


@pytest.mark.parametrize(
    ("operation", "code", "why"),
    [
        ("op: 'replace', path: '/metadata/namespace', value: 'kube-system'", 400, "does not match the namespace sent on the request"),
        ("op: 'remove', path: '/metadata'", 422, "name or generateName is required"),
        ("op: 'add', path: '/metadata/labels', value: {'bad label': 'x'}", 422, "Invalid value"),
        ("op: 'add', path: '/data', value: 1", 500, "Internal error occurred: json: cannot unmarshal number into Go struct field"),
        ("op: 'add', path: '/spec', value: {'a': 'b'}", 500, 'Internal error occurred: strict decoding error: unknown field "spec"'),
        ("op: 'replace', path: '/kind', value: 'Secret'", 500, "Internal error occurred: "),
        ("op: 'replace', path: '', value: {'a': 'b'}", 500, 'Internal error occurred: strict decoding error: unknown field "a"'),
        ("op: 'remove', path: ''", 403, "JSON Patch: "),
        ("op: 'remove', path: '/data/none'", 403, "JSON Patch: error in remove for path: '/data/none': Unable to remove nonexistent key"),
        ("op: 'add', path: '/data/y', value: object.none", 403, "resulted in error: no such key: none"),
    ],
)
def test_what_a_policy_makes_is_held_to_the_same_rules(policies: Policies, operation: str, code: int, why: str) -> None:
    policies.bound(patching(operation))
    answer = policies.hooked.config_map(policies.namespace, "m", x="y")
    assert (answer.code, why in answer.body["message"]) == (code, True), answer.body
    assert policies.server.request("GET", policies.path("configmaps/m")).code == 404


def test_what_can_not_be_made_refuses_or_is_passed_over(policies: Policies) -> None:
    made, by = policies.bound(configured("Object{data: Object.data{y: object.none}}"), setting("z", "'1'"))
    audit_id = secrets.token_hex(8)
    body = {"metadata": {"name": "m"}, "data": {"x": "y"}}
    maps = policies.path("configmaps")
    refused = policies.server.request("POST", maps, body, headers={"Audit-Id": audit_id})
    failed = "expression 'Object{data: Object.data{y: object.none}}' resulted in error: no such key: none"
    why = f"policy '{made}' with binding '{by}' denied request: {failed}"
    assert (refused.code, refused.body["reason"], refused.body["message"]) == (403, "Invalid", why)
    assert refused.body["details"] == {"name": "m", "kind": "configmaps", "causes": [{"message": why}]}
    annotations = policies.hooked.audited(audit_id)
    assert annotations["admission.berth.io/plugin"] == "MutatingAdmissionPolicy"
    assert annotations["admission.berth.io/reason"] == why
    ignore = {"spec": {"failurePolicy": "Ignore"}}
    assert policies.server.request("PATCH", f"{POLICIES}/{made}", ignore, content_type=MERGE).code == 200
    answer = policies.server.request("POST", maps, body)
    assert (answer.code, answer.body["data"], "Warning" in answer.headers) == (201, {"x": "y", "z": "1"}, False)
    prefix, own = "apiserver_mutating_admission_policy_check", f'policy="{made}",policy_binding="{by}"'
    counted = {each: policies.hooked.metric(f'{prefix}_total{{error_type="{each}",{own}}}') for each in ("invalid_error", "no_error")}
    assert counted == {"invalid_error": 2, "no_error": 2}
    assert policies.hooked.metric(f'{prefix}_duration_seconds_count{{error_type="no_error",{own}}}') == 2


def test_a_dry_run_is_changed_and_not_stored(policies: Policies) -> None:
    policies.bound(setting("dry", "string(request.dryRun)"))
    answer = policies.hooked.config_map(policies.namespace, "m", "?dryRun=All", x="y")
    assert (answer.code, answer.body["data"]) == (201, {"x": "y", "dry": "true"})
    assert policies.server.request("GET", policies.path("configmaps/m")).code == 404
    assert policies.hooked.config_map(policies.namespace, "m", x="y").body["data"]["dry"] == "false"


def test_updates_patches_and_parts_of_objects_are_changed_and_deletes_are_not(policies: Policies) -> None:
    policies.bound(COUNT, rules=[rule("*", operations="*")], failurePolicy="Ignore", matchConditions=[
        {"name": "maps", "expression": "request.kind.kind == 'ConfigMap'"},
    ])  # fmt: skip
    halved = patching("op: 'replace', path: '/spec/replicas', value: object.spec.replicas > 4 ? 4 : object.spec.replicas")
    policies.bound(halved, rules=[rule("deployments/scale", "apps")])
    assert policies.hooked.config_map(policies.namespace, "m", n="3").body["data"] == {"n": "4"}
    path = policies.path("configmaps/m")
    patch = {"data": {"n": "5"}}
    assert policies.server.request("PATCH", path, patch, content_type=MERGE).body["data"] == {"n": "6"}
    current = policies.server.request("GET", path).body
    assert policies.server.request("PUT", path, current).body["data"] == {"n": "7"}
    assert policies.server.request("DELETE", path).code == 200
    one = (
        f"{policies.path('deployments', 'apps')}/{policies.create(policies.path('deployments', 'apps'), deployment())['metadata']['name']}"
    )
    scaled = policies.server.request("PATCH", f"{one}/scale", {"spec": {"replicas": 9}}, content_type=MERGE)
    assert (scaled.code, scaled.body["spec"]["replicas"]) == (200, 4)
    assert policies.server.request("GET", one).body["spec"]["replicas"] == 4


# Parameters


def test_parameters_count_as_they_are_and_each_for_itself(policies: Policies) -> None:
    _, by = policies.bound(
        patching("op: 'add', path: '/metadata/labels', value: (has(object.metadata.labels) ? object.metadata.labels : {}).size() >= 0 ? "
                 "{params.data.key: params.data.value} : {}"),
        rules=[rule("deployments", "apps")],
        paramKind={"apiVersion": "v1", "kind": "ConfigMap"},
        spec={"paramRef": {"selector": {"matchLabels": {"defaults": "yes"}}, "parameterNotFoundAction": "Deny"}},
    )  # fmt: skip
    deployments = policies.path("deployments", "apps")
    refused = policies.server.request("POST", deployments, deployment())
    assert (refused.code, refused.body["reason"]) == (403, "Forbidden")
    missing = "failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction"
    assert refused.body["message"].endswith(f" denied request: {missing}")
    parameter = {"metadata": {"name": "d", "labels": {"defaults": "yes"}}, "data": {"key": "team", "value": "a"}}
    policies.create(policies.path("configmaps"), parameter)
    assert policies.create(deployments, deployment())["metadata"]["labels"] == {"team": "a"}
    assert policies.server.request("PATCH", policies.path("configmaps/d"), {"data": {"value": "b"}}, content_type=MERGE).code == 200
    assert policies.create(deployments, deployment())["metadata"]["labels"] == {"team": "b"}
    by_name = {"spec": {"paramRef": {"name": "none", "selector": None, "parameterNotFoundAction": "Allow"}}}
    assert policies.server.request("PATCH", f"{BINDINGS}/{by}", by_name, content_type=MERGE).code == 200
    assert "labels" not in policies.create(deployments, deployment())["metadata"]


def test_a_kind_of_parameters_that_is_gone_refuses(policies: Policies) -> None:
    made, _ = policies.bound(COUNT, paramKind={"apiVersion": "rules.example.com/v1", "kind": "Limit"})
    gone = "failed to configure policy: failed to find resource referenced by paramKind: 'rules.example.com/v1, Kind=Limit'"
    refused = policies.config_map()
    assert (refused.code, refused.body["message"]) == (403, f'policy "{made}" denied request: {gone}')
    ignore = {"spec": {"failurePolicy": "Ignore"}}
    assert policies.server.request("PATCH", f"{POLICIES}/{made}", ignore, content_type=MERGE).code == 200
    assert policies.config_map(x="y").body["data"] == {"x": "y"}


def test_nobody_has_a_policy_look_at_what_they_may_not_read(policies: Policies) -> None:
    tina = policies.server.issue("tina", "tina")
    rbac = "/apis/rbac.authorization.k8s.io/v1"
    name = f"writes-{policies.namespace}"
    rules = [{"apiGroups": ["admissionregistration.k8s.io"], "resources": ["*"], "verbs": ["*"]}]
    policies.create(f"{rbac}/clusterroles", {"metadata": {"name": name}, "rules": rules})
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name}
    subjects = [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "tina"}]
    policies.create(f"{rbac}/clusterrolebindings", {"metadata": {"name": name}, "roleRef": reference, "subjects": subjects})
    made = policies.policy(COUNT, paramKind={"apiVersion": "v1", "kind": "Secret"})
    refused = policies.server.request("POST", POLICIES, made, identity=tina)
    assert (refused.code, refused.body["details"]["causes"][0]["field"]) == (422, "spec.paramKind")
    policies.create(POLICIES, made)
    given = policies.binding(made["metadata"]["name"], paramRef={"name": "x", "parameterNotFoundAction": "Allow"})
    refused = policies.server.request("POST", BINDINGS, given, identity=tina)
    assert (refused.code, refused.body["details"]["causes"][0]["field"]) == (422, "spec.paramRef")
    assert policies.server.request("POST", POLICIES, policies.policy(COUNT), identity=tina).code == 201


# Beside webhooks, and in every worker


@pytest.mark.parametrize(("again", "made", "asked"), [("IfNeeded", {"n": "2", "seen": "1"}, 2), ("Never", {"n": "1", "seen": ""}, 1)])
def test_policies_and_webhooks_are_asked_again_about_what_the_others_made(
    policies: Policies, again: str, made: dict[str, str], asked: int
) -> None:
    """Policies come first: in the second round they see what webhooks made in the first one, and webhooks what becomes of that."""

    def respond(request: Object) -> Object:
        return {"allowed": True} if "hooked" in request["object"]["data"] else patched(add("/data/hooked", "1"))

    policies.hooked.webhooks.paths["/again"] = respond
    policies.hooked.configure("mutating", policies.hooked.hook("/again", reinvocationPolicy="IfNeeded"))
    policies.bound(COUNT, setting("seen", "has(object.data.hooked) ? object.data.hooked : ''"), reinvocationPolicy=again)
    assert policies.config_map(x="y").body["data"] == {"x": "y", "hooked": "1", **made}
    seen = [review["request"]["object"]["data"] for review in policies.hooked.webhooks.reviews["/again"]]
    assert seen == [{"x": "y", "n": "1", "seen": ""}, {"x": "y", "hooked": "1", **made}][:asked]


def test_a_policy_counts_in_every_worker_from_the_next_write_on(policies: Policies) -> None:
    made, by = policies.bound(setting("set", "'1'"))
    body = json.dumps({"metadata": {"generateName": "m-"}, "data": {"x": "y"}}).encode()
    head = f"POST {policies.path('configmaps')} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
    request = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body

    def set_to() -> set[Any]:
        return {raw.ask(policies.server, request)[1]["data"].get("set") for _ in range(8)}

    for number in ("2", "3"):
        changed = {"spec": {"mutations": [setting("set", f"'{number}'")]}}
        assert policies.server.request("PATCH", f"{POLICIES}/{made}", changed, content_type=MERGE).code == 200
        assert set_to() == {number}
        assert policies.server.request("DELETE", f"{BINDINGS}/{by}").code == 200
        assert set_to() == {None}
        by = policies.create(BINDINGS, policies.binding(made))["metadata"]["name"]
        assert set_to() == {number}


def test_a_policy_gives_nobody_rights_that_they_do_not_have(policies: Policies) -> None:
    tina, rbac = policies.server.issue("tina", "tina"), "rbac.authorization.k8s.io"
    own = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}
    roles = {"apiGroups": [rbac], "resources": ["roles"], "verbs": ["create"]}
    policies.create(policies.path("roles", rbac), {"metadata": {"name": "own"}, "rules": [own, roles]})
    reference = {"apiGroup": rbac, "kind": "Role", "name": "own"}
    subjects = [{"kind": "User", "apiGroup": rbac, "name": "tina"}]
    binding = {"metadata": {"name": "own"}, "roleRef": reference, "subjects": subjects}
    policies.create(policies.path("rolebindings", rbac), binding)
    policies.bound(patching("op: 'add', path: '/rules/0/verbs/-', value: 'delete'"), rules=[rule("roles", rbac)])
    refused = policies.server.request("POST", policies.path("roles", rbac), {"metadata": {"name": "b"}, "rules": [own]}, identity=tina)
    assert (refused.code, "is attempting to grant RBAC permissions not currently held" in refused.body["message"]) == (403, True)


# What is refused, and what is stopped

GOOD = configured("Object{}")


@pytest.mark.parametrize(
    ("spec", "field", "told"),
    [
        ({"mutations": [configured("Object{")]}, "spec.mutations[0].applyConfiguration.expression", "Syntax error"),
        ({"mutations": [configured("'a'")]}, "spec.mutations[0].applyConfiguration.expression", "must evaluate to Object but got string"),
        ({"mutations": [configured("Object{}.map(x, x)")]}, "spec.mutations[0].applyConfiguration.expression", "cannot be range"),
        ({"mutations": [patching("op: 1")]}, "spec.mutations[0].jsonPatch.expression", "expected type of field 'op' is 'string'"),
        ({"mutations": [patching("op: 'add', value: Odd{}")]}, "spec.mutations[0].jsonPatch.expression", "undeclared reference to 'Odd'"),
        ({"mutations": []}, "spec.mutations", "Required value: mutations must contain at least one item"),
        ({"mutations": [GOOD | {"patchType": "Odd"}]}, "spec.mutations[0].patchType", "Unsupported value"),
        ({"mutations": [COUNT | GOOD]}, "spec.mutations[0].jsonPatch", "must not be specified when patchType is ApplyConfiguration"),
        ({"rules": [rule("pods", operations="DELETE")]}, "spec.matchConstraints.resourceRules.operations", 'Unsupported value: "DELETE"'),
        ({"reinvocationPolicy": "Odd"}, "spec.reinvocationPolicy", "Unsupported value"),
        ({"reinvocationPolicy": None}, "spec.reinvocationPolicy", "Required value"),
        ({"variables": [{"name": "a", "expression": "b"}]}, "spec.variables[0].expression", "undeclared reference to 'b'"),
        ({"matchConditions": [{"name": "a", "expression": "1"}]}, "spec.matchConditions[0].expression", "must evaluate to bool"),
    ],
)  # fmt: skip
def test_a_policy_that_is_none_is_refused(policies: Policies, spec: Object, field: str, told: str) -> None:
    mutations = spec.pop("mutations", [GOOD])
    answer = policies.server.request("POST", POLICIES, policies.policy(*mutations, **spec))
    assert answer.code == 422, answer.body
    (cause,) = answer.body["details"]["causes"]
    assert (cause["field"], told in cause["message"]) == (field, True), cause


def test_an_expression_that_is_slow_is_stopped(policies: Policies) -> None:
    numbers = f"[{', '.join(map(str, range(60)))}]"
    slow = f"{numbers}.all(a, {numbers}.all(b, {numbers}.all(c, {numbers}.all(d, {numbers}.all(e, a + b + c + d + e >= 0)))))"
    policies.bound(setting("x", f"string({slow})"))
    began = time.monotonic()
    answer = policies.config_map(x="y")
    assert (answer.code, answer.body["message"].endswith("operation cancelled: actual cost limit exceeded")) == (403, True), answer.body
    assert time.monotonic() - began < 30


def test_policies_can_be_taken_away_whatever_policies_say(policies: Policies) -> None:
    everything = {"operations": ["*"], "apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*/*"]}
    whole = policies.policy(patching("op: 'remove', path: '/metadata'"), rules=[everything])
    del whole["spec"]["matchConstraints"]["namespaceSelector"]
    made = policies.create(POLICIES, whole)["metadata"]["name"]
    by = policies.create(BINDINGS, policies.binding(made))["metadata"]["name"]
    try:
        assert policies.config_map().code == 422
        review = {"spec": {"resourceAttributes": {"verb": "get", "resource": "pods"}}}
        assert policies.server.request("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review).code == 201
    finally:
        assert policies.server.request("DELETE", f"{BINDINGS}/{by}").code == 200
        assert policies.server.request("DELETE", f"{POLICIES}/{made}").code == 200
    assert policies.config_map().code == 201


def test_kubectl_applies_policies_and_gets_what_they_make(policies: Policies, tmp_path: Path) -> None:
    program, kubeconfig = need_kubectl(), policies.server.kubeconfig(tmp_path / "kubeconfig")

    def kubectl(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [program, "--kubeconfig", str(kubeconfig), "--cache-dir", str(tmp_path / "cache"), "-n", policies.namespace, *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    rules = [rule("configmaps") | {"scope": "*"}]  # what is a whole is compared with its defaults
    made = policies.policy(configured("Object{data: Object.data{size: string(object.data.size())}}"), COUNT, rules=rules)
    by = policies.binding(made["metadata"]["name"])
    version = {"apiVersion": "admissionregistration.k8s.io/v1"}
    documents = [version | {"kind": "MutatingAdmissionPolicy"} | made, version | {"kind": "MutatingAdmissionPolicyBinding"} | by]
    (tmp_path / "policy.yaml").write_text(yaml.safe_dump_all(documents))
    name = made["metadata"]["name"]
    for done in ("created", "unchanged"):
        assert kubectl("apply", "-f", str(tmp_path / "policy.yaml")).stdout.splitlines() == [
            f"mutatingadmissionpolicy.admissionregistration.k8s.io/{name} {done}",
            f"mutatingadmissionpolicybinding.admissionregistration.k8s.io/{by['metadata']['name']} {done}",
        ]
    shown = kubectl("create", "configmap", "m", "--from-literal=a=1", "-o", "jsonpath={.data}")
    assert json.loads(shown.stdout) == {"a": "1", "size": "1", "n": "1"}
    listed = kubectl("get", "mutatingadmissionpolicies", name).stdout.splitlines()
    assert [listed[0].split(), listed[1].split()[:3]] == [["NAME", "MUTATIONS", "PARAMKIND", "AGE"], [name, "2", "<unset>"]]
