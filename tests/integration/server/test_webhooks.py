"""Webhooks on a server of two workers: answers of every bad kind, what is done at once, what goes on meanwhile, and what is told."""

from __future__ import annotations

import json
import secrets
import socket
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.server import raw
from tests.integration.server.webhooks import CA, KINDS, REGISTRATION, SCOPE, Hooked
from tests.support import Answer, workers
from tests.support_https import Reply, http_service
from tests.support_webhooks import Review, add, denied, patched


def review(request: Review, **changed: Any) -> Reply:
    """An answer as it should be, but for what is changed; None leaves a member out."""
    response = {"uid": request["uid"], "allowed": True, **changed.pop("response", {})}
    whole = {"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "response": response, **changed}
    return Reply(json.dumps({key: value for key, value in whole.items() if value is not None}).encode())


def patch_of(*operations: Any) -> Callable[[Review], Any]:
    return lambda request: patched(*operations)


CALLED = "failed to call webhook: "
INVALID = "received invalid webhook response: "
MUTATING, VALIDATING, BOTH = ("mutating",), ("validating",), ("mutating", "validating")
BAD: list[tuple[str, tuple[str, ...], Callable[[Review], Any], str]] = [
    ("garbage", BOTH, lambda request: Reply(b"\x00\x01garbage"), CALLED),
    ("html", BOTH, lambda request: Reply(b"<html><body>hello</body></html>", headers={"Content-Type": "text/html"}), CALLED),
    ("half", BOTH, lambda request: Reply(b'{"kind": "AdmissionReview", '), f"{CALLED}couldn't get version/kind; json parse error: "),
    ("empty", BOTH, lambda request: Reply(b""), f"{CALLED}0-length response with status code: 200 and content type: application/json"),
    (
        "error",
        BOTH,
        lambda request: Reply(b"boom\n", 500, {"Content-Type": "text/plain"}),
        f'{CALLED}an error on the server ("boom") has prevented the request from succeeding',
    ),
    ("not found", BOTH, lambda request: Reply(b"", 404), f"{CALLED}the server could not find the requested resource"),
    (
        "redirect",
        BOTH,
        lambda request: Reply(b"", 302, {"Location": "/always-allow"}),
        f"{CALLED}the server responded with the status code 302",
    ),
    ("another uid", BOTH, lambda request: review(request, response={"uid": "other"}), f"{INVALID}expected response.uid="),
    (
        "no kind",
        BOTH,
        lambda request: review(request, kind=None),
        f"{INVALID}expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview",
    ),
    (
        "another kind",
        BOTH,
        lambda request: review(request, kind="Pod", apiVersion="v1"),
        f'{CALLED}no kind "Pod" is registered for version "v1"',
    ),
    (
        "another version",
        BOTH,
        lambda request: review(request, apiVersion="admission.k8s.io/v1beta1"),
        f"{CALLED}converting (v1beta1.AdmissionReview) to (v1.AdmissionReview): unknown conversion",
    ),
    (
        "no response",
        BOTH,
        lambda request: Reply(b'{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1"}'),
        f"{INVALID}webhook response was absent",
    ),
    ("wrong types", BOTH, lambda request: review(request, response={"allowed": "yes"}), f"{CALLED}json: cannot unmarshal string"),
    ("too large", BOTH, lambda request: Reply(b" " * (10 * 1024 * 1024 + 1)), "the answer is larger than 10485760 bytes"),
    ("too deep", BOTH, lambda request: Reply(b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}"), "exceeded max depth"),
    ("cut", BOTH, lambda request: Reply(b"{}", headers={"Content-Length": "100", "Connection": "close"}), "EOF"),
    (
        "no patch type",
        MUTATING,
        lambda request: {**patched(add("/data", {})), "patchType": None},
        f"{INVALID}webhook returned response.patch but not",
    ),
    (
        "patch type alone",
        MUTATING,
        lambda request: {"allowed": True, "patchType": "JSONPatch"},
        f"{INVALID}webhook returned response.patchType but not",
    ),
    ("unknown patch type", MUTATING, lambda request: {**patched(add("/data", {})), "patchType": "Merge"}, 'unsupported patch type "Merge"'),
    ("no patch", MUTATING, lambda request: {**patched(), "patch": "bm9uZQ=="}, "received undecodable patch in webhook response: "),
    ("no base64", MUTATING, lambda request: {**patched(), "patch": "???"}, CALLED),
    ("a patch", VALIDATING, patch_of(add("/data", {})), f"{INVALID}validating webhook may not return response.patch"),
]
"""What goes wrong, of which webhooks, their answer, and what is said of it."""


@pytest.mark.parametrize(
    ("respond", "kind", "why"),
    [pytest.param(respond, kind, why, id=f"{name}, {kind}") for name, kinds, respond, why in BAD for kind in kinds],
)
def test_a_bad_answer_is_told_of_or_passed_over(hooked: Hooked, respond: Callable[[Review], Any], kind: str, why: str) -> None:
    hooked.webhooks.paths["/bad"] = respond
    hook = hooked.hook("/bad")
    name, namespace = hooked.configure(kind, hook), hooked.namespace()
    answer = hooked.config_map(namespace, "m")
    assert (answer.code, answer.body["reason"]) == (500, "InternalError"), answer.body
    assert answer.body["message"].startswith(f'Internal error occurred: failed calling webhook "{hook["name"]}": ')
    assert why in answer.body["message"]
    path = f"/api/v1/namespaces/{namespace}/configmaps/m"
    assert hooked.server.request("GET", path).code == 404
    ignore = [{"op": "replace", "path": "/webhooks/0/failurePolicy", "value": "Ignore"}]
    configured = f"{REGISTRATION}/{KINDS[kind]}/{name}"
    assert hooked.server.request("PATCH", configured, ignore, content_type="application/json-patch+json").code == 200
    assert (hooked.config_map(namespace, "m", x="y").code, hooked.server.request("GET", path).body["data"]) == (201, {"x": "y"})


@pytest.mark.parametrize("policy", ["Fail", "Ignore"])
@pytest.mark.parametrize(
    ("operation", "why"),
    [
        ({"op": "remove", "path": "/data/none"}, "Unable to remove nonexistent key: none: missing value"),
        ({"op": "remove", "path": ""}, "missing value"),
        ({"op": "replace", "path": "", "value": None}, "replace operation value must be object or array"),
        ({"op": "replace", "path": "", "value": []}, "the server rejected our request due to an error in our request"),
        ({"op": "replace", "path": "/data", "value": "text"}, "json: cannot unmarshal string into Go struct field ConfigMap.data"),
        ({"op": "replace", "path": "/kind", "value": "Secret"}, "unknown conversion"),
    ],
)
def test_a_patch_that_leaves_no_such_object_stops_the_write(hooked: Hooked, operation: dict[str, Any], why: str, policy: str) -> None:
    hooked.webhooks.paths["/bad"] = patch_of(operation)
    hooked.configure("mutating", hooked.hook("/bad", failurePolicy=policy))
    namespace = hooked.namespace()
    answer = hooked.config_map(namespace, "m", x="y")
    assert (answer.code, answer.body["reason"]) == (500, "InternalError")
    assert why in answer.body["message"]
    assert hooked.server.request("GET", f"/api/v1/namespaces/{namespace}/configmaps/m").code == 404


def test_a_service_that_is_none_is_told_of(hooked: Hooked) -> None:
    namespace = hooked.namespace()
    with http_service(lambda request: Reply()) as plain:
        in_the_clear, port = plain.url, int(plain.url.rpartition(":")[2])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = free.getsockname()[1]
    spec = {"type": "ExternalName", "externalName": "localhost"}
    assert (
        hooked.server.request("POST", f"/api/v1/namespaces/{namespace}/services", {"metadata": {"name": "away"}, "spec": spec}).code == 201
    )
    spec = {"ports": [{"port": 443, "targetPort": 8443}], "selector": {"app": "none"}}
    assert (
        hooked.server.request("POST", f"/api/v1/namespaces/{namespace}/services", {"metadata": {"name": "empty"}, "spec": spec}).code == 201
    )

    def service(name: str, port: int = 443) -> dict[str, Any]:
        return {"service": {"namespace": namespace, "name": name, "port": port}, "caBundle": CA}

    cases = [
        ({"url": f"https://127.0.0.1:{nobody}/x", "caBundle": CA}, f"dial tcp 127.0.0.1:{nobody}: connect: connection refused"),
        ({"url": in_the_clear.replace("http:", "https:"), "caBundle": CA}, f"dial tcp 127.0.0.1:{port}: connect: connection refused"),
        ({"url": hooked.service.url.replace("127.0.0.1", "localhost"), "caBundle": CA}, "x509: certificate is not valid for any names"),
        ({"url": hooked.service.url, "caBundle": "bm9uZQ=="}, "unable to load root certificates: unable to parse bytes as PEM block"),
        (service("none"), f'Post "https://none.{namespace}.svc:443/?timeout=10s": service "none" not found'),
        (service("empty"), f'Post "https://empty.{namespace}.svc:443/?timeout=10s": no endpoints available for service "empty"'),
        (service("empty", 80), 'no service port 80 found for service "empty"'),
        (service("away", nobody), "connect: connection refused"),
    ]
    for client, why in cases:
        name = hooked.configure("validating", hooked.hook("", clientConfig=client))
        answer = hooked.config_map(namespace)
        assert answer.code == 500, answer.body
        assert why in answer.body["message"]
        assert hooked.server.request("DELETE", f"{REGISTRATION}/{KINDS['validating']}/{name}").code == 200


def test_a_service_is_called_by_its_name(hooked: Hooked) -> None:
    assert hooked.server.request("POST", "/api/v1/namespaces", {"metadata": {"name": "hooks"}}).code == 201
    spec = {"type": "ExternalName", "externalName": "localhost"}
    assert hooked.server.request("POST", "/api/v1/namespaces/hooks/services", {"metadata": {"name": "deny"}, "spec": spec}).code == 201
    port = int(hooked.service.url.rpartition(":")[2])
    client = {"service": {"namespace": "hooks", "name": "deny", "port": port, "path": "/always-deny"}, "caBundle": CA}
    hooked.configure("validating", hooked.hook("", clientConfig=client))
    answer = hooked.config_map(hooked.namespace())
    assert (answer.code, "this webhook denies all requests" in answer.body["message"]) == (400, True)


def test_all_webhooks_that_judge_are_asked_at_once(hooked: Hooked) -> None:
    """Each answers only once the other has been asked, too."""
    both = threading.Barrier(2, timeout=15)

    def together(request: Review) -> Review:
        both.wait()
        return {"allowed": True}

    hooked.webhooks.paths["/together"] = together
    hooked.configure("validating", hooked.hook("/together"), hooked.hook("/together"))
    assert hooked.config_map(hooked.namespace()).code == 201
    assert len(hooked.webhooks.reviews["/together"]) == 2


def test_who_waits_for_a_webhook_keeps_nobody_else_waiting(hooked: Hooked) -> None:
    """In each worker some writes hang; both workers answer others all the same."""
    hooked.configure("mutating", hooked.hook("/hang", timeoutSeconds=15))
    hooked.configure("validating", hooked.hook("/hang", timeoutSeconds=15))
    slow, quick = hooked.namespace(), hooked.server.namespace()
    answers: list[Answer] = []
    writers = [threading.Thread(target=lambda: answers.append(hooked.config_map(slow))) for _ in range(6)]
    for each in writers:
        each.start()
    body = b'{"metadata":{"generateName":"m-"}}'
    head = f"POST /api/v1/namespaces/{quick}/configmaps HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
    request = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    codes = Counter(raw.ask(hooked.server, request)[0] for _ in range(12))
    assert (codes, answers) == ({201: 12}, [])
    hooked.webhooks.released.set()
    for each in writers:
        each.join()
    assert [answer.code for answer in answers] == [201] * 6
    assert len(workers(hooked.server)) == 2


def test_a_configuration_counts_in_every_worker_from_the_next_write_on(hooked: Hooked) -> None:
    namespace = hooked.namespace()
    body = json.dumps({"metadata": {"generateName": "m-"}}).encode()
    head = f"POST /api/v1/namespaces/{namespace}/configmaps HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
    request = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    for _ in range(5):
        name = hooked.configure("validating", hooked.hook("/always-deny"))
        assert {raw.ask(hooked.server, request)[0] for _ in range(8)} == {400}
        assert hooked.server.request("DELETE", f"{REGISTRATION}/{KINDS['validating']}/{name}").code == 200
        assert {raw.ask(hooked.server, request)[0] for _ in range(8)} == {201}


def test_a_request_that_may_take_less_bounds_its_webhooks(hooked: Hooked) -> None:
    """Whoever of the two notices first."""
    hooked.configure("validating", hooked.hook("/hang"))
    answer = hooked.config_map(hooked.namespace(), query="?timeout=1s")
    assert (answer.code, answer.body["reason"]) in [(504, "Timeout"), (500, "InternalError")]
    assert hooked.webhooks.requests["/hang"][0].path == "/hang?timeout=1s"


def test_what_is_not_going_to_happen_is_asked_of_webhooks_without_side_effects(hooked: Hooked) -> None:
    hooked.configure("validating", hooked.hook("/always-allow", sideEffects="NoneOnDryRun"))
    assert hooked.config_map(hooked.namespace(), query="?dryRun=All").code == 201
    assert hooked.webhooks.reviews["/always-allow"][0]["request"]["dryRun"] is True


def test_warnings_reach_the_client_whatever_the_answer(hooked: Hooked) -> None:
    told = {"warnings": ["mind the gap", 'a "quoted" text', "bad\nline", "mind the gap", "für alle"]}
    hooked.webhooks.paths["/warn"] = lambda request: {"allowed": True, **told}
    hooked.webhooks.paths["/warn-and-deny"] = lambda request: {**denied("no"), "warnings": ["last words"]}
    hooked.configure("mutating", hooked.hook("/warn"))
    hooked.configure("validating", hooked.hook("/warn-and-deny"))
    namespace = hooked.namespace()
    response = hooked.server.pool().request(
        "POST",
        f"/api/v1/namespaces/{namespace}/configmaps",
        body=b'{"metadata":{"name":"m"}}',
        headers={"Content-Type": "application/json"},
    )
    assert response.status == 400
    shown = [each.encode("latin-1").decode() for each in response.headers.getlist("Warning")]
    assert shown == ['299 - "mind the gap"', '299 - "a \\"quoted\\" text"', '299 - "für alle"', '299 - "last words"']


def test_the_audit_event_learns_what_webhooks_did(hooked: Hooked) -> None:
    hooked.webhooks.paths["/told"] = lambda request: patched(add("/data/z", "1"), auditAnnotations={"why": "because"})
    change, gone = hooked.hook("/told"), hooked.hook("/nowhere", failurePolicy="Ignore")
    name = hooked.configure("mutating", change)
    hooked.configure("validating", gone)
    body = {"metadata": {"name": "audited", "labels": {SCOPE: hooked.scope}}}
    assert hooked.server.request("POST", "/api/v1/namespaces", body).code == 201
    for namespace, level in (("audited", "Request"), (hooked.namespace(), "Metadata")):
        audit_id = secrets.token_hex(8)
        body = {"metadata": {"name": "m"}, "data": {"x": "y"}}
        path = f"/api/v1/namespaces/{namespace}/configmaps"
        assert hooked.server.request("POST", path, body, headers={"Audit-Id": audit_id}).code == 201
        own = {key: value for key, value in hooked.audited(audit_id).items() if "webhook" in key or key.startswith(change["name"])}
        about = f'{{"configuration":"{name}","webhook":"{change["name"]}",'
        expected = {
            f"{change['name']}/why": "because",
            "mutation.webhook.admission.k8s.io/round_0_index_0": f'{about}"mutated":true}}',
            "failed-open.validating.webhook.admission.k8s.io/round_0_index_0": gone["name"],
        }
        if level == "Request":
            operation = '{"op":"add","path":"/data/z","value":"1"}'
            expected["patch.webhook.admission.k8s.io/round_0_index_0"] = f'{about}"patch":[{operation}],"patchType":"JSONPatch"}}'
        assert own == expected


def test_a_webhook_is_asked_again_where_another_changed_the_object_since(hooked: Hooked) -> None:
    hooked.webhooks.paths["/last"] = lambda request: patched(add("/data/last", "1"))
    first = hooked.hook("/always-allow", reinvocationPolicy="IfNeeded")
    hooked.configure("mutating", first, hooked.hook("/last"))
    assert hooked.config_map(hooked.namespace(), x="y").body["data"] == {"x": "y", "last": "1"}
    seen = [review["request"]["object"]["data"] for review in hooked.webhooks.reviews["/always-allow"]]
    assert seen == [{"x": "y"}, {"x": "y", "last": "1"}]


def test_calls_are_counted(hooked: Hooked) -> None:
    allow, deny, gone = (hooked.hook(path) for path in ("/always-allow", "/always-deny", "/nowhere"))
    gone["failurePolicy"] = "Ignore"
    hooked.configure("mutating", gone)
    hooked.configure("validating", allow, deny)
    assert hooked.config_map(hooked.namespace()).code == 400
    prefix = "apiserver_admission_webhook"
    common = 'operation="CREATE",rejected'
    expected = {
        f'{prefix}_request_total{{code="200",name="{allow["name"]}",{common}="false",type="validating"}}': 1,
        f'{prefix}_request_total{{code="400",name="{deny["name"]}",{common}="true",type="validating"}}': 1,
        f'{prefix}_request_total{{code="404",name="{gone["name"]}",{common}="false",type="admit"}}': 1,
        f'{prefix}_fail_open_count{{name="{gone["name"]}",type="admit"}}': 1,
        f'{prefix}_rejection_count{{error_type="no_error",name="{deny["name"]}",operation="CREATE",rejection_code="400"': 1,
        f'{prefix}_admission_duration_seconds_count{{name="{allow["name"]}"': 1,
    }
    assert {series: hooked.metric(series) for series in expected} == expected


# what a webhook changes is held to the same rules as what a client sends


def escaping(namespace: str) -> list[tuple[list[dict[str, Any]], int, str]]:
    replace = "replace"
    return [
        ([{"op": replace, "path": "/metadata/namespace", "value": "kube-system"}], 400, "does not match the namespace sent on the request"),
        ([{"op": "remove", "path": "/metadata"}], 422, "name or generateName is required"),
        ([{"op": replace, "path": "", "value": {}}], 422, "name or generateName is required"),
        ([{"op": replace, "path": "/metadata/name", "value": "UPPER"}], 422, "Invalid value"),
        ([add("/metadata/labels", {"bad label": "x"})], 422, "Invalid value"),
        ([add("/binaryData", {"x": "eA=="})], 422, "duplicate of key present in"),
    ]


def test_what_a_webhook_makes_of_a_new_object_is_validated(hooked: Hooked) -> None:
    namespace = hooked.namespace()
    hooked.configure("mutating", hooked.hook("/change"))
    for operations, code, why in escaping(namespace):
        hooked.webhooks.paths["/change"] = patch_of(*operations)
        answer = hooked.config_map(namespace, "m", x="y")
        assert (answer.code, why in answer.body["message"]) == (code, True), answer.body
    items = hooked.server.request("GET", "/api/v1/namespaces/kube-system/configmaps").body["items"]
    assert "m" not in [each["metadata"]["name"] for each in items]


def test_what_a_webhook_makes_of_an_object_keeps_its_identity(hooked: Hooked) -> None:
    namespace = hooked.namespace()
    before = hooked.config_map(namespace, "m", x="y").body["metadata"]
    hooked.configure("mutating", hooked.hook("/change", operations="UPDATE"))
    path = f"/api/v1/namespaces/{namespace}/configmaps/m"
    for change, code in (
        ({"namespace": "kube-system"}, 400),
        ({"name": "other"}, 422),
        ({"uid": "other"}, 422),
        ({"creationTimestamp": "2001-01-01T00:00:00Z", "resourceVersion": "1"}, 200),
    ):
        operations = [{"op": "replace", "path": f"/metadata/{key}", "value": value} for key, value in change.items()]
        hooked.webhooks.paths["/change"] = patch_of(*operations, add("/data/z", str(code)))
        patch = {"data": {"x": secrets.token_hex(2)}}
        answer = hooked.server.request("PATCH", path, patch, content_type="application/merge-patch+json")
        assert answer.code == code, answer.body
    after = hooked.server.request("GET", path).body
    assert after["data"]["z"] == "200"
    assert [after["metadata"][key] for key in ("uid", "creationTimestamp")] == [before[key] for key in ("uid", "creationTimestamp")]


def test_a_webhook_gives_nobody_rights_that_they_do_not_have(hooked: Hooked) -> None:
    namespace = hooked.namespace()
    rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
    rule = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}
    roles = {"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles"], "verbs": ["create"]}
    assert hooked.server.request("POST", f"{rbac}/roles", {"metadata": {"name": "own"}, "rules": [rule, roles]}).code == 201
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "own"}
    subject = {"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "tina"}
    binding = {"metadata": {"name": "own"}, "roleRef": reference, "subjects": [subject]}
    assert hooked.server.request("POST", f"{rbac}/rolebindings", binding).code == 201
    tina = hooked.server.issue("tina", "tina")
    made = hooked.server.request("POST", f"{rbac}/roles", {"metadata": {"name": "a"}, "rules": [rule]}, identity=tina)
    hooked.webhooks.paths["/grant"] = patch_of(add("/rules/0/verbs/-", "delete"))
    rules = [{"operations": ["CREATE"], "apiGroups": ["*"], "apiVersions": ["*"], "resources": ["roles"]}]
    hooked.configure("mutating", hooked.hook("/grant", rules=rules))
    refused = hooked.server.request("POST", f"{rbac}/roles", {"metadata": {"name": "b"}, "rules": [rule]}, identity=tina)
    assert (made.code, refused.code) == (201, 403)
    assert "is attempting to grant RBAC permissions not currently held" in refused.body["message"]


@pytest.mark.parametrize("operation", ["UPDATE", "DELETE"])
def test_a_namespace_is_told_of_as_being_in_itself(hooked: Hooked, operation: str) -> None:
    namespace = hooked.namespace()
    hooked.configure("validating", hooked.hook("/always-allow", "namespaces namespaces/*", operation))
    path = f"/api/v1/namespaces/{namespace}"
    if operation == "DELETE":
        assert hooked.server.request("DELETE", path).code == 200
    else:
        patch = {"metadata": {"labels": {"x": "y"}}}
        assert hooked.server.request("PATCH", path, patch, content_type="application/merge-patch+json").code == 200
    request = hooked.webhooks.reviews["/always-allow"][0]["request"]
    assert (request["name"], request["namespace"], request["operation"]) == (namespace, namespace, operation)
