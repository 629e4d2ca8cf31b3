"""The audit log of a running server: one file for all workers, nothing lost at its end, a webhook that gets it all, no secrets."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import urllib3

from cluster.assembly.options import AuditOptions
from tests.support import ApiServer, eventually, start_api_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    root = tmp_path_factory.mktemp("audit")
    policy = root / "policy.json"
    rules = [{"level": "Metadata", "resources": [{"resources": ["secrets", "configmaps", "serviceaccounts/token"]}]}]
    rules.append({"level": "RequestResponse"})
    policy.write_text(json.dumps({"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": rules}))
    server = start_api_server(root, workers=4, audit=AuditOptions(audit_policy_file=str(policy)))
    try:
        yield server
    finally:
        server.stop()


def events(server: ApiServer) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (server.config.home.logs / "audit.log").read_text().splitlines()]


def stages(server: ApiServer, audit_id: str) -> list[str]:
    return [each["stage"] for each in events(server) if each["auditID"] == audit_id]


def test_four_workers_write_every_event_of_many_clients_whole(server: ApiServer) -> None:
    def ask(client: int) -> None:
        for number in range(40):
            server.request("GET", f"/api/v1/namespaces/none/configmaps/x{client}-{number}", headers={"Audit-Id": f"m-{client}-{number}"})

    clients = [threading.Thread(target=ask, args=(client,)) for client in range(6)]
    for each in clients:
        each.start()
    for each in clients:
        each.join()
    told = [each["auditID"] for each in events(server) if each["auditID"].startswith("m-") and each["stage"] == "ResponseComplete"]
    assert sorted(told) == sorted(f"m-{client}-{number}" for client in range(6) for number in range(40))


def test_event_is_in_the_log_when_the_answer_is(server: ApiServer) -> None:
    for number in range(20):
        server.request("GET", "/version", headers={"Audit-Id": f"now-{number}"})
        assert stages(server, f"now-{number}") == ["RequestReceived", "ResponseComplete"]


def test_watch_is_told_when_it_begins_and_when_it_has_ended(server: ApiServer) -> None:
    with server.stream("/api/v1/namespaces?watch=1", headers={"Audit-Id": "long"}) as lines:
        next(lines)
        assert stages(server, "long") == ["RequestReceived", "ResponseStarted"]
    eventually(lambda: stages(server, "long")[-1] == "ResponseComplete", "the end of the watch is told")


def test_no_secret_is_in_an_event_whose_level_forbids_it(server: ApiServer) -> None:
    namespace, hidden = server.namespace(), secrets.token_hex(16)
    for resource, body in (("secrets", {"stringData": {"p": hidden}}), ("configmaps", {"data": {"p": hidden}})):
        path = f"/api/v1/namespaces/{namespace}/{resource}"
        assert server.request("POST", path, {"metadata": {"name": "s"}} | body).code == 201
        patch = {"metadata": {"annotations": {"p": hidden}}}
        assert server.request("PATCH", f"{path}/s", patch, content_type="application/merge-patch+json").code == 200
        assert server.request("GET", path).code == 200
        assert server.request("DELETE", f"{path}/s").code == 200
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/default/token"
    token = server.request("POST", path, {"spec": {}}).body["status"]["token"]
    text = (server.config.home.logs / "audit.log").read_text()
    assert hidden not in text
    assert token not in text


def test_no_bearer_token_is_in_any_event_wherever_it_was_sent(server: ApiServer) -> None:
    token = secrets.token_urlsafe(32)
    headers = {"Authorization": f"Bearer {token}", "Audit-Id": "bearer"}
    assert server.request("GET", f"/api/v1/pods?access_token={token}&x=1", identity="", headers=headers).code == 401
    protocol = {"Sec-WebSocket-Protocol": f"base64url.bearer.authorization.k8s.io.{token}", "Upgrade": "websocket", "Connection": "Upgrade"}
    server.request("GET", "/api/v1/pods?watch=1", identity="", headers=protocol | {"Audit-Id": "socket"})
    told = [each for each in events(server) if each["auditID"] in ("bearer", "socket")]
    assert told[0]["requestURI"] == "/api/v1/pods?access_token=REDACTED&x=1"
    assert token not in json.dumps(told)


def test_issued_kubeconfig_is_not_in_the_log_even_where_answers_are(server: ApiServer) -> None:
    namespace = server.namespace()
    body = {"apiVersion": "berth.io/v1alpha1", "kind": "Kubeconfig", "metadata": {"name": "k"}, "spec": {"serviceAccountName": "default"}}
    answer = server.request("POST", f"/apis/berth.io/v1alpha1/namespaces/{namespace}/kubeconfigs", body, headers={"Audit-Id": "issued"})
    assert answer.code == 201, answer.body
    told = next(each for each in events(server) if each["auditID"] == "issued" and each["stage"] == "ResponseComplete")
    assert "kubeconfig" not in told["responseObject"]["status"]
    assert answer.body["status"]["kubeconfig"]


class Receiver:
    """An audit webhook on loopback."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.ids += [each["auditID"] for each in body["items"]]
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_request(self, *args: Any) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def kubeconfig(self, path: Path) -> str:
        cluster = {"name": "c", "cluster": {"server": f"http://127.0.0.1:{self.server.server_port}/events"}}
        context = {"name": "x", "context": {"cluster": "c", "user": "u"}}
        content = {"apiVersion": "v1", "kind": "Config", "clusters": [cluster], "contexts": [context], "current-context": "x"}
        path.write_text(json.dumps(content | {"users": [{"name": "u", "user": {}}]}))
        return str(path)

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


def _with_webhook(root: Path, receiver: Receiver, **options: Any) -> ApiServer:
    file = receiver.kubeconfig(root / "webhook.kubeconfig")
    return start_api_server(root, audit=AuditOptions(audit_log_path="none", audit_webhook_config_file=file, **options))


def test_webhook_gets_what_waits_when_the_server_ends(tmp_path: Path, receiver: Receiver) -> None:
    server = _with_webhook(tmp_path, receiver)
    for number in range(30):
        server.request("GET", "/api/v1/pods", headers={"Audit-Id": f"w-{number}"})
    assert not receiver.ids
    server.stop()
    assert sorted(receiver.ids) == sorted(f"w-{number}" for number in range(30))


def test_strict_webhook_that_fails_refuses_the_request(tmp_path: Path, receiver: Receiver) -> None:
    policy = tmp_path / "policy.json"
    rule = {"level": "Metadata", "namespaces": ["watched"]}
    policy.write_text(json.dumps({"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": [rule]}))
    options = {"audit_webhook_mode": "blocking-strict", "audit_webhook_initial_backoff": 0.01, "audit_policy_file": str(policy)}
    server = _with_webhook(tmp_path, receiver, **options)
    try:
        path = "/api/v1/namespaces/watched/pods"
        assert server.request("GET", path, headers={"Audit-Id": "kept"}).code == 200
        assert receiver.ids == ["kept", "kept"]
        receiver.close()
        refused = server.request("GET", path)
        assert refused.code == 500
        assert b"failed to store audit event" in refused.body
    finally:
        server.stop()


def test_killed_workers_lose_no_event_of_an_answered_request(tmp_path: Path) -> None:
    server = start_api_server(tmp_path)
    try:
        answered = []
        for number in range(60):
            if number % 20 == 10:
                _kill_workers(server)
            try:
                server.request("GET", "/api/v1/pods", headers={"Audit-Id": f"k-{number}"})
            except urllib3.exceptions.HTTPError:  # its worker was killed before it answered
                continue
            answered.append(f"k-{number}")
        told = {each["auditID"] for each in events(server)}
        assert len(answered) > 40
        assert not set(answered) - told
    finally:
        server.stop()


def _kill_workers(server: ApiServer) -> None:
    found = subprocess.run(["pgrep", "-P", str(server.gunicorn.pid)], capture_output=True, text=True, check=True)
    for pid in found.stdout.split():
        os.kill(int(pid), signal.SIGKILL)
