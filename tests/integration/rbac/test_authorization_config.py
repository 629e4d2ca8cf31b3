"""An AuthorizationConfiguration file with webhooks before real workers: who is asked, what they are told, and how it is reloaded."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import os
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cluster.assembly.options import AuthorizationOptions
from tests.integration.server.test_monitoring import figures, followed, reloads
from tests.integration.server.test_workers import CONNECTIONS, connect
from tests.support import ApiServer, eventually, start_api_server
from tests.support_https import Reply, Request, Service, https_service

REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
AWAKE = threading.Event()
"""Until it is set, the service answers nothing to what is slow."""


def review(namespace: str, **more: Any) -> dict[str, Any]:
    attributes = {"verb": "list", "version": "v1", "resource": "configmaps", "namespace": namespace} | more
    return {"spec": {"user": "alice", "resourceAttributes": attributes}}


def answer(request: Request) -> Reply:
    """By the path, or else the namespace asked about: yes, no, an error, nothing that could be read, too late, or no opinion."""
    sent = json.loads(request.body)
    attributes = sent["spec"].get("resourceAttributes") or {}
    namespace = request.path.strip("/") or attributes.get("namespace", "")
    if namespace == "garbled":
        return Reply(b"malformed response")
    if namespace == "slow":
        AWAKE.wait(10)
    if namespace == "broken":
        return Reply(b"gone fishing", 503, {"Content-Type": "text/plain"})
    labels = [each["key"] for each in (attributes.get("labelSelector") or {}).get("requirements", ())]
    status = {"allowed": namespace == "allowed" or "allow" in labels, "denied": namespace == "denied", "reason": f"{namespace} by webhook"}
    return Reply(json.dumps(sent | {"status": status}).encode())


@dataclass
class Hooked:
    """A server whose authorizers a file names, and the service that it asks."""

    server: ApiServer
    service: Service
    file: Path
    kubeconfig: Path

    def write(self, *authorizers: dict[str, Any], kind: str = "AuthorizationConfiguration") -> None:
        """Replaces the file as a whole."""
        head = {"apiVersion": "apiserver.config.k8s.io/v1", "kind": kind}
        new = self.file.with_suffix(".new")
        new.write_text(json.dumps(head | {"authorizers": list(authorizers)}))
        os.replace(new, self.file)

    def hook(self, name: str, policy: str = "NoOpinion", path: str = "", conditions: Sequence[str] = ()) -> dict[str, Any]:
        kubeconfig = self.kubeconfig
        if path:
            document = json.loads(kubeconfig.read_text())
            document["clusters"][0]["cluster"]["server"] += f"/{path}"
            kubeconfig = kubeconfig.with_name(f"{path}.kubeconfig")
            kubeconfig.write_text(json.dumps(document))
        connection = {"type": "KubeConfigFile", "kubeConfigFile": str(kubeconfig)}
        lifetimes = {"authorizedTTL": "1ms", "unauthorizedTTL": "1ms", "timeout": "300ms" if path == "slow" else "5s"}
        settings: dict[str, Any] = {"subjectAccessReviewVersion": "v1", "failurePolicy": policy, "connectionInfo": connection, **lifetimes}
        if conditions:
            settings["matchConditionSubjectAccessReviewVersion"] = "v1"
            settings["matchConditions"] = [{"expression": each} for each in conditions]
        return {"type": "Webhook", "name": name, "webhook": settings}

    def status(self, namespace: str, **more: Any) -> dict[str, Any]:
        made = self.server.request("POST", REVIEWS, review(namespace, **more))
        assert made.code == 201, made.body
        found: dict[str, Any] = made.body["status"]
        return found

    def asked(self) -> list[dict[str, Any]]:
        """What the service was asked about since the last time."""
        found = [json.loads(each.body)["spec"].get("resourceAttributes") for each in self.service.seen]
        self.service.seen.clear()
        return found


RBAC = {"type": "RBAC", "name": "rbac"}


@pytest.fixture(scope="module")
def hooked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hooked]:
    folder = tmp_path_factory.mktemp("hooked")
    file, kubeconfig = folder / "authorization.yaml", folder / "webhook.kubeconfig"
    with https_service(folder, answer) as service, contextlib.ExitStack() as stack:
        (folder / "hook-ca.crt").write_text(service.ca)
        cluster = {"server": service.url, "certificate-authority": str(folder / "hook-ca.crt")}
        context = {"name": "c", "context": {"cluster": "c", "user": "u"}}
        document = {"clusters": [{"name": "c", "cluster": cluster}], "users": [{"name": "u", "user": {}}], "contexts": [context]}
        kubeconfig.write_text(json.dumps(document | {"current-context": "c", "apiVersion": "v1", "kind": "Config"}))
        made = Hooked(None, service, file, kubeconfig)  # type: ignore[arg-type] # the server reads the file when it starts
        made.write(made.hook("first.example.com"), RBAC)
        made.server = start_api_server(folder / "home", authorization=AuthorizationOptions(authorization_config=str(file)))
        stack.callback(made.server.stop)
        made.server.issue("alice", "alice")
        yield made


@pytest.fixture
def first(hooked: Hooked) -> Iterator[Hooked]:
    """The server under its first configuration."""
    yield hooked
    hooked.write(hooked.hook("first.example.com"), RBAC)
    everywhere(hooked, lambda status: status == {"allowed": True, "reason": "allowed by webhook"}, "the first configuration is in force")


def everywhere(hooked: Hooked, condition: Callable[[dict[str, Any]], bool], what: str) -> None:
    """Waits until every worker's review of what the webhook allows, and nothing else does, is answered so."""
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(contextlib.closing(connect(hooked.server))) for _ in range(CONNECTIONS)]
        eventually(lambda: all(condition(ask(each, "allowed")) for each in connections), what)


def ask(connection: http.client.HTTPSConnection, namespace: str) -> dict[str, Any]:
    connection.request("POST", REVIEWS, json.dumps(review(namespace, resource="widgets")), {"Content-Type": "application/json"})
    found: dict[str, Any] = json.loads(connection.getresponse().read())["status"]
    return found


@pytest.mark.parametrize(
    ("namespace", "status"),
    [
        ("allowed", {"allowed": True, "reason": "allowed by webhook"}),
        ("denied", {"allowed": False, "denied": True, "reason": "denied by webhook"}),
        ("else", {"allowed": False, "reason": "else by webhook"}),
    ],
)
def test_the_webhook_decides(hooked: Hooked, namespace: str, status: dict[str, Any]) -> None:
    assert hooked.status(namespace) == status


def test_a_failing_webhook_is_passed_over_and_told_of(hooked: Hooked) -> None:
    assert hooked.status("broken") == {"allowed": False, "evaluationError": "the server is currently unable to handle the request"}


def test_a_request_that_nobody_could_judge_is_an_error_of_the_server(hooked: Hooked) -> None:
    made = hooked.server.request("GET", "/api/v1/namespaces/broken/configmaps?limit=1", identity="alice")
    expected = (
        b'Internal Server Error: "/api/v1/namespaces/broken/configmaps?limit=1": the server is currently unable to handle the request\n'
    )
    assert (made.code, made.body, made.headers["Content-Type"]) == (500, expected, "text/plain; charset=utf-8")


def test_decisions_are_counted_by_authorizer(hooked: Hooked) -> None:
    hooked.server.issue("monitor", "monitor", "system:monitoring")

    def counted() -> dict[str, float]:
        decisions = figures(hooked.server)
        return {name: value for name, value in decisions.items() if name.startswith("apiserver_authorization_decisions_total{")}

    before = counted()
    for namespace in ("allowed", "denied", "denied", "else"):
        hooked.status(namespace)
    after = counted()
    grown = {series.partition("{")[2]: after[series] - before.get(series, 0) for series in after}
    assert {series: value for series, value in grown.items() if value} == {
        'decision="allowed",name="first.example.com",type="Webhook"}': 1,
        'decision="denied",name="first.example.com",type="Webhook"}': 2,
        'decision="allowed",name="rbac",type="RBAC"}': 1,
    }


def test_masters_are_let_through_unasked(hooked: Hooked) -> None:
    hooked.asked()
    assert hooked.server.request("GET", "/api/v1/namespaces/denied/configmaps").code == 200
    assert hooked.asked() == []


def test_rbac_is_asked_where_the_webhook_has_no_opinion(hooked: Hooked) -> None:
    group = "/apis/rbac.authorization.k8s.io/v1/clusterrole"
    role = {"metadata": {"name": "lister"}, "rules": [{"verbs": ["list"], "apiGroups": [""], "resources": ["configmaps"]}]}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "lister"}
    subjects = [{"kind": "User", "name": "alice", "apiGroup": "rbac.authorization.k8s.io"}]
    assert hooked.server.request("POST", f"{group}s", role).code == 201
    made = hooked.server.request("POST", f"{group}bindings", {"metadata": {"name": "lister"}, "roleRef": reference, "subjects": subjects})
    assert made.code == 201
    assert hooked.status("else")["reason"].startswith("RBAC: allowed by ClusterRoleBinding")
    assert hooked.status("denied")["allowed"] is False
    assert hooked.server.request("GET", "/api/v1/namespaces/broken/configmaps", identity="alice").code == 200


ORDERED = {
    "fieldSelector": {
        "requirements": [
            {"key": "metadata.name", "operator": "NotIn", "values": ["a"]},
            {"key": "metadata.name", "operator": "NotIn", "values": ["b"]},
            {"key": "spec.nodeName", "operator": "In", "values": ["mynode"]},
        ]
    },
    "labelSelector": {
        "requirements": [
            {"key": "allow", "operator": "In", "values": ["true"]},
            {"key": "tier", "operator": "In", "values": ["a", "b"]},
        ]
    },
}
FIELDS, LABELS = "spec.nodeName=mynode,metadata.name!=b,metadata.name!=a", "tier in (b,a),allow=true"


def test_the_webhook_sees_the_selectors_of_a_request_in_order(hooked: Hooked) -> None:
    hooked.asked()
    made = hooked.server.request("GET", f"/api/v1/pods?fieldSelector={FIELDS}&labelSelector={LABELS.replace(' ', '%20')}", identity="alice")
    assert made.code == 200
    assert [{name: each[name] for name in ORDERED} for each in hooked.asked()] == [ORDERED]


def test_the_webhook_sees_the_raw_selectors_of_a_review_parsed(hooked: Hooked) -> None:
    hooked.asked()
    status = hooked.status("", resource="pods", fieldSelector={"rawSelector": FIELDS}, labelSelector={"rawSelector": LABELS})
    assert status["allowed"] is True
    assert [{name: each[name] for name in ORDERED} for each in hooked.asked()] == [ORDERED]


def test_the_webhook_sees_the_requirements_of_a_review_as_they_are_without_unknown_ones(hooked: Hooked) -> None:
    hooked.asked()
    fields = list(reversed(ORDERED["fieldSelector"]["requirements"]))
    labels = [{"key": "tier", "operator": "In", "values": ["b", "a"]}, {"key": "allow", "operator": "Exists"}]
    unknown = {"key": "x", "operator": "Unknown"}
    given = {"fieldSelector": {"requirements": [*fields, unknown]}, "labelSelector": {"requirements": [*labels, unknown]}}
    status = hooked.status("", resource="pods", **given)
    assert status["evaluationError"] == (
        "spec.resourceAttributes.fieldSelector partially ignored due to parse error; "
        "spec.resourceAttributes.labelSelector partially ignored due to parse error"
    )
    (seen,) = hooked.asked()
    assert (seen["fieldSelector"], seen["labelSelector"]) == ({"requirements": fields}, {"requirements": labels})


def test_a_new_file_is_in_force_in_every_worker_soon(first: Hooked) -> None:
    before, seen = reloads(first.server, "authorization", "success"), followed(first.server, "authorization")
    first.write(RBAC)
    everywhere(first, lambda status: status == {"allowed": False}, "only RBAC is asked, which knows nothing of it")
    eventually(lambda: reloads(first.server, "authorization", "success") >= before + 2, "both workers have counted it")
    now = followed(first.server, "authorization")
    assert now["success"] > max(seen["success"], seen["failure"])
    assert (now["failure"], now["hash"]) == (seen["failure"], hashlib.sha256(first.file.read_bytes()).hexdigest())
    assert seen["hash"] != now["hash"]


def calls(server: ApiServer) -> dict[str, float]:
    """How often webhooks were called with each result, and failed open."""
    prefix = "apiserver_authorization_webhook_evaluations_"
    found = figures(server, identity="admin")
    return {series.removeprefix(prefix): value for series, value in found.items() if series.startswith(prefix)}


RESULTS = {"garbled": "error", "slow": "timeout"}


@pytest.mark.parametrize(
    ("chain", "allowed", "reason", "asked"),
    [
        ([("else", "Deny"), ("garbled", "NoOpinion"), ("allowed", "Deny")], True, "allowed by webhook", ["else", "garbled", "allowed"]),
        ([("else", "Deny"), ("garbled", "Deny"), ("allowed", "Deny")], False, "", ["else", "garbled"]),
        ([("else", "Deny"), ("slow", "Deny"), ("allowed", "Deny")], False, "", ["else", "slow"]),
        ([("slow", "NoOpinion"), ("allowed", "Deny")], True, "allowed by webhook", ["slow", "allowed"]),
        ([("else", "NoOpinion"), ("denied", "NoOpinion"), ("allowed", "NoOpinion")], False, "denied by webhook", ["else", "denied"]),
        ([("allowed", "Deny"), ("denied", "Deny")], True, "allowed by webhook", ["allowed"]),
    ],
    ids=["failing open", "failing closed", "too late", "too late, failing open", "a denial", "an allowance"],
)
def test_webhooks_are_asked_in_order_until_one_has_an_opinion(
    first: Hooked, chain: list[tuple[str, str]], allowed: bool, reason: str, asked: list[str]
) -> None:
    before = reloads(first.server, "authorization", "success")
    first.write(*(first.hook(f"{path}.example.com", policy, path) for path, policy in chain), RBAC)
    eventually(lambda: reloads(first.server, "authorization", "success") >= before + 2, "both workers have taken it over")
    first.service.seen.clear()
    AWAKE.clear()
    called = calls(first.server)
    status = first.status("anywhere", resource="widgets")
    assert (status["allowed"], status.get("reason", "")) == (allowed, reason)
    assert [each.path.strip("/") for each in first.service.seen] == asked
    AWAKE.set()
    grown = {series: value - called.get(series, 0) for series, value in calls(first.server).items()}
    results = {path: RESULTS.get(path, "success") for path in asked}
    opened = [path for path, policy in chain if policy == "NoOpinion" and results.get(path, "success") != "success"]
    assert {series: value for series, value in grown.items() if value} == {
        f'total{{name="{path}.example.com",result="{result}"}}': 1 for path, result in results.items()
    } | {f'fail_open_total{{name="{path}.example.com",result="{results[path]}"}}': 1 for path in opened}
    first.write(RBAC)
    everywhere(first, lambda status: status == {"allowed": False}, "the chain is not in force any more")


RESOURCE = "has(request.resourceAttributes)"
FAIL = "request.resourceAttributes.namespace == 'fail'"
SELECTED = "request.?resourceAttributes.labelSelector.requirements.orValue([]).exists(r, r.key == 'picked')"
CONDITIONED = [
    ("error", "Deny", "garbled", [RESOURCE, FAIL, "request.resourceAttributes.name == 'error'"]),
    ("timeout", "Deny", "slow", [FAIL, "request.resourceAttributes.name == 'timeout'"]),
    ("deny", "NoOpinion", "denied", [RESOURCE, FAIL]),
    ("select", "NoOpinion", "selected", [SELECTED]),
    ("pass", "Deny", "else", []),
    ("open", "NoOpinion", "garbled", []),
    ("allow", "Deny", "allowed", []),
]
LABELLED = {"requirements": [{"key": "allow", "operator": "Exists"}, {"key": "picked", "operator": "In", "values": ["a"]}]}
QUESTIONS: list[tuple[dict[str, Any], bool, list[str], list[str], list[str]]] = [
    (review("fail", name="error"), False, ["error"], [], []),
    (review("fail", name="timeout"), False, ["timeout"], ["error"], []),
    (review("fail"), False, ["deny"], ["error", "timeout"], []),
    (review("fine"), True, ["pass", "open", "allow"], ["error", "timeout", "deny", "select"], []),
    (review("", labelSelector=LABELLED), True, ["select"], ["error", "timeout", "deny"], []),
    ({"spec": {"user": "alice", "nonResourceAttributes": {"verb": "list"}}}, False, [], ["error"], ["timeout"]),
]
"""What is asked, whether it is allowed, and which webhooks are called, are excluded, and have a condition that cannot be evaluated."""


def counted(server: ApiServer) -> dict[str, dict[str, float]]:
    """By what is counted of webhooks: how often, for the first part of each one's name."""
    found: dict[str, dict[str, float]] = {}
    for series, value in figures(server, identity="admin").items():
        name, _, labels = series.removeprefix("apiserver_authorization_").partition("{")
        webhook = re.search(r'name="(\w+)\.example\.com"', labels)
        if webhook and name in COUNTS:
            found.setdefault(COUNTS[name], {})[webhook[1]] = value
    return found


COUNTS = {
    "webhook_evaluations_total": "called",
    "webhook_duration_seconds_count": "timed",
    "match_condition_exclusions_total": "excluded",
    "match_condition_evaluation_errors_total": "failed",
    "match_condition_evaluation_seconds_count": "judged",
}


def test_match_conditions_keep_questions_from_webhooks_and_are_counted(first: Hooked) -> None:
    before = reloads(first.server, "authorization", "success")
    first.write(*(first.hook(f"{name}.example.com", policy, path, conditions) for name, policy, path, conditions in CONDITIONED), RBAC)
    eventually(lambda: reloads(first.server, "authorization", "success") >= before + 2, "both workers have taken it over")
    AWAKE.clear()
    for question, allowed, called, excluded, failed in QUESTIONS:
        seen = counted(first.server)
        status = first.server.request("POST", REVIEWS, question).body["status"]
        grown = {
            what: sorted(name for name, value in of.items() if value > seen.get(what, {}).get(name, 0))
            for what, of in counted(first.server).items()
        }
        judged = [name for name, *_, conditions in CONDITIONED if conditions and name in {*called, *excluded, *failed}]
        told = {"called": called, "timed": called, "excluded": excluded, "failed": failed, "judged": judged}
        assert (status["allowed"], {what: names for what, names in grown.items() if names}) == (
            allowed,
            {what: sorted(names) for what, names in told.items() if names},
        ), question
    AWAKE.set()
    expected = f"cel evaluation error: expression '{FAIL}' resulted in error: no such key: resourceAttributes"
    assert expected in status["evaluationError"]
    first.write(RBAC)
    everywhere(first, lambda status: status == {"allowed": False}, "the chain is not in force any more")


def test_a_file_with_a_bad_condition_changes_nothing(first: Hooked) -> None:
    log = first.server.config.home.root / "server.log"
    first.write(first.hook("second.example.com", conditions=["request.user.name == 'alice'"]), RBAC)
    wrong = "type 'string' does not support field selection"
    eventually(lambda: wrong in log.read_text(), "the log says what is wrong with the condition")
    assert first.status("allowed")["allowed"]


def test_a_bad_file_changes_nothing_and_is_told_of_in_the_log(first: Hooked) -> None:
    log, before = first.server.config.home.root / "server.log", reloads(first.server, "authorization", "failure")
    seen = followed(first.server, "authorization")
    first.write(first.hook("second.example.com"), kind="Nonsense")
    eventually(lambda: 'no kind "Nonsense" is registered' in log.read_text(), "the log says what is wrong with the file")
    assert first.status("allowed")["allowed"]
    eventually(lambda: reloads(first.server, "authorization", "failure") >= before + 2, "both workers have counted it")
    now = followed(first.server, "authorization")
    assert now["failure"] > max(seen["failure"], seen["success"])
    assert (now["success"], now["hash"]) == (seen["success"], seen["hash"])


def test_what_was_there_from_the_start_must_stay(first: Hooked) -> None:
    log = first.server.config.home.root / "server.log"
    first.write({"type": "AlwaysAllow", "name": "alwaysallow"})
    eventually(lambda: "missing required types: [RBAC]" in log.read_text(), "the log says what is missing")
    assert not first.status("denied")["allowed"]


def test_a_symlink_that_leads_elsewhere_is_followed(first: Hooked) -> None:
    """As files of a mounted ConfigMap are replaced."""
    for name, authorizers in (("one", [first.hook("a.example.com"), RBAC]), ("two", [RBAC, {"type": "AlwaysDeny", "name": "alwaysdeny"}])):
        folder = first.file.parent / name
        folder.mkdir()
        head = {"apiVersion": "apiserver.config.k8s.io/v1beta1", "kind": "AuthorizationConfiguration"}
        (folder / first.file.name).write_text(json.dumps(head | {"authorizers": authorizers}))
    link = first.file.parent / "current"
    link.symlink_to("one")
    first.file.unlink()
    first.file.symlink_to(link / first.file.name)
    swapped = first.file.parent / "swapped"
    swapped.symlink_to("two")
    os.replace(swapped, link)
    everywhere(first, lambda status: status == {"allowed": False, "reason": "Everything is forbidden."}, "what the link leads to counts")


def test_a_file_that_is_gone_changes_nothing(first: Hooked) -> None:
    log, seen = first.server.config.home.root / "server.log", followed(first.server, "authorization")
    first.file.unlink()
    eventually(lambda: "No such file or directory" in log.read_text(), "the log says that the file is gone")
    assert first.status("allowed")["allowed"]
    now = eventually(lambda: (now := followed(first.server, "authorization"))["failure"] > seen["failure"] and now, "it is counted")
    assert (now["success"], now["hash"]) == (seen["success"], seen["hash"])
