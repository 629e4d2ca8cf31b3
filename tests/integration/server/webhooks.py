"""A server with webhooks that a test configures, and the short ways to do that."""

from __future__ import annotations

import base64
import contextlib
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cluster.assembly.options import AdmissionOptions, AuditOptions
from tests.support import Answer, ApiServer, start_api_server
from tests.support_https import Service, authority, https_service
from tests.support_webhooks import Webhooks

REGISTRATION = "/apis/admissionregistration.k8s.io/v1"
KINDS = {"mutating": "mutatingwebhookconfigurations", "validating": "validatingwebhookconfigurations"}
CA = base64.b64encode(authority().pem).decode()
SCOPE = "webhooks-of"
"""A label of namespaces: a test's webhooks are meant for the test's namespaces alone."""


@dataclass
class Hooked:
    """The server, its webhooks' service, and what the running test has configured."""

    server: ApiServer
    service: Service
    webhooks: Webhooks
    scope: str = ""
    made: list[tuple[str, str]] = field(default_factory=list)

    def begin(self) -> None:
        self.scope = f"t-{secrets.token_hex(4)}"
        self.webhooks.reviews.clear()
        self.webhooks.requests.clear()
        self.webhooks.released.clear()

    def end(self) -> None:
        self.webhooks.released.set()
        for kind, name in self.made:
            self.server.request("DELETE", f"{REGISTRATION}/{KINDS[kind]}/{name}")
        self.made.clear()

    def namespace(self, **labels: str) -> str:
        name = f"{self.scope}-{secrets.token_hex(2)}"
        body = {"metadata": {"name": name, "labels": {SCOPE: self.scope, **labels}}}
        assert self.server.request("POST", "/api/v1/namespaces", body).code == 201
        assert self.server.request("POST", f"/api/v1/namespaces/{name}/serviceaccounts", {"metadata": {"name": "default"}}).code == 201
        return name

    def hook(self, path: str, resources: str = "configmaps", operations: str = "CREATE", **more: Any) -> dict[str, Any]:
        """A webhook at the service's path, for resources of the core group in the test's namespaces."""
        rule = {"operations": operations.split(), "apiGroups": [""], "apiVersions": ["v1"], "resources": resources.split()}
        return {
            "name": f"h{secrets.token_hex(4)}.example.com",
            "rules": [rule],
            "clientConfig": {"url": f"{self.service.url}{path}", "caBundle": CA},
            "namespaceSelector": {"matchLabels": {SCOPE: self.scope}},
            "sideEffects": "None",
            "admissionReviewVersions": ["v1", "v1beta1"],
            **more,
        }

    def configure(self, kind: str, *hooks: dict[str, Any], name: str = "", **metadata: Any) -> str:
        """Creates a configuration and returns its name."""
        name = name or f"{self.scope}-{secrets.token_hex(2)}"
        answer = self.server.request(
            "POST", f"{REGISTRATION}/{KINDS[kind]}", {"metadata": {"name": name, **metadata}, "webhooks": list(hooks)}
        )
        assert answer.code == 201, answer.body
        self.made.append((kind, name))
        return name

    def config_map(self, namespace: str, name: str = "", query: str = "", **data: str) -> Answer:
        """Creates a ConfigMap."""
        body = {"metadata": {"name": name or f"m-{secrets.token_hex(3)}"}, "data": data}
        return self.server.request("POST", f"/api/v1/namespaces/{namespace}/configmaps{query}", body)

    def metric(self, series: str) -> float:
        answer = self.server.request("GET", "/metrics")
        text = answer.body.decode() if isinstance(answer.body, bytes) else str(answer.body)
        return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(series))

    def audited(self, audit_id: str) -> dict[str, Any]:
        """The annotations of the request's event."""
        lines = (self.server.config.home.logs / "audit.log").read_text().splitlines()
        events = [json.loads(line) for line in lines if audit_id in line]
        found: dict[str, Any] = events[-1].get("annotations") or {}
        return found


@contextlib.contextmanager
def hooked_server(folder: Path) -> Iterator[Hooked]:
    """Two workers that call webhooks as the user of a kubeconfig, and record all they do."""
    webhooks = Webhooks()
    certificate, key = authority().issue("berth")
    (folder / "client.crt").write_bytes(certificate)
    (folder / "client.key").write_bytes(key)
    user = {"client-certificate": "client.crt", "client-key": "client.key"}
    (folder / "webhooks.kubeconfig").write_text(json.dumps({"users": [{"name": "*", "user": user}]}))
    own = {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "WebhookAdmissionConfiguration",
        "kubeConfigFile": str(folder / "webhooks.kubeconfig"),
    }
    plugins = [{"name": name, "configuration": own} for name in ("MutatingAdmissionWebhook", "ValidatingAdmissionWebhook")]
    (folder / "admission.json").write_text(
        json.dumps({"apiVersion": "apiserver.config.k8s.io/v1", "kind": "AdmissionConfiguration", "plugins": plugins})
    )
    rules = [{"level": "Request", "resources": [{"resources": ["configmaps"]}], "namespaces": ["audited"]}, {"level": "Metadata"}]
    (folder / "policy.json").write_text(json.dumps({"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": rules}))
    with https_service(folder, webhooks.answer, hosts=("127.0.0.1", "*.hooks.svc"), client_ca=authority().pem) as service:
        server = start_api_server(
            folder / "home",
            admission=AdmissionOptions(admission_control_config_file=str(folder / "admission.json")),
            audit=AuditOptions(audit_policy_file=str(folder / "policy.json")),
        )
        try:
            yield Hooked(server, service, webhooks)
        finally:
            webhooks.released.set()
            server.stop()
