"""Pod Security before a real server whose AdmissionConfiguration has defaults and exemptions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cluster.assembly.options import AdmissionOptions, AuditOptions
from tests.support import Answer, ApiServer, eventually, start_api_server
from tests.unit.admission.pod_security_samples import pod, secured

CONFIGURATION = {
    "apiVersion": "pod-security.admission.config.k8s.io/v1",
    "kind": "PodSecurityConfiguration",
    "defaults": {"enforce": "baseline", "audit": "restricted", "audit-version": "v1.30"},
    "exemptions": {"usernames": ["trusted"], "namespaces": ["exempt"]},
}
PREFIX = "pod-security.kubernetes.io/"
PRIVILEGED = pod(secured("c", privileged=True))
BASELINE = pod(secured("c"))
RESTRICTED = pod(
    secured("c", allowPrivilegeEscalation=False, capabilities={"drop": ["ALL"]}, runAsNonRoot=True),
    securityContext={"seccompProfile": {"type": "RuntimeDefault"}},
)
IS_PRIVILEGED = 'privileged (container "c" must not set securityContext.privileged=true)'
NOT_RESTRICTED = (
    'allowPrivilegeEscalation != false (container "c" must set securityContext.allowPrivilegeEscalation=false), '
    'unrestricted capabilities (container "c" must set securityContext.capabilities.drop=["ALL"]), '
    'runAsNonRoot != true (pod or container "c" must set securityContext.runAsNonRoot=true), '
    'seccompProfile (pod or container "c" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")'
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    root = tmp_path_factory.mktemp("pod-security")
    audit, admission, own = root / "audit.json", root / "admission.json", root / "pod-security.json"
    audit.write_text(json.dumps({"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": [{"level": "Metadata"}]}))
    own.write_text(json.dumps(CONFIGURATION))
    plugin = {"name": "PodSecurity", "path": own.name}
    head = {"apiVersion": "apiserver.config.k8s.io/v1", "kind": "AdmissionConfiguration"}
    admission.write_text(json.dumps(head | {"plugins": [plugin]}))
    server = start_api_server(
        root / "home",
        audit=AuditOptions(audit_policy_file=str(audit)),
        admission=AdmissionOptions(admission_control_config_file=str(admission)),
    )
    try:
        server.issue("trusted", "trusted", "system:masters")
        yield server
    finally:
        server.stop()


def labelled(server: ApiServer, name: str, **levels: str) -> str:
    labels = {f"{PREFIX}{mode.replace('_', '-')}": level for mode, level in levels.items()}
    made = server.request("POST", "/api/v1/namespaces", {"metadata": {"name": name, "labels": labels}})
    assert made.code == 201, made.body
    account = {"metadata": {"name": "default"}}
    assert server.request("POST", f"/api/v1/namespaces/{name}/serviceaccounts", account).code == 201
    return name


def create(server: ApiServer, namespace: str, name: str, obj: Any, *, identity: str = "admin") -> Answer:
    body = obj | {"metadata": {"name": name}}
    headers = {"Audit-Id": f"{namespace}-{name}"}
    return server.request("POST", f"/api/v1/namespaces/{namespace}/pods", body, identity=identity, headers=headers)


def told_of(server: ApiServer, audit_id: str) -> dict[str, str]:
    """What the audit event of an answered request was told of pod security."""

    def told() -> dict[str, str] | None:
        for line in Path(server.config.home.logs / "audit.log").read_text().splitlines():
            event = json.loads(line)
            if (event["auditID"], event["stage"]) == (audit_id, "ResponseComplete"):
                found = event.get("annotations") or {}
                return {key.removeprefix(PREFIX): value for key, value in found.items() if key.startswith(PREFIX)}
        return None

    found: dict[str, str] = eventually(lambda: (told(),) if told() is not None else None, f"the event {audit_id} is written")[0]
    return found


def test_defaults_are_enforced_and_audited(server: ApiServer) -> None:
    namespace = labelled(server, "defaults")
    denied = create(server, namespace, "bad", PRIVILEGED)
    assert (denied.code, denied.body["reason"]) == (403, "Forbidden")
    assert denied.body["message"] == f'pods "bad" is forbidden: violates PodSecurity "baseline:latest": {IS_PRIVILEGED}'
    assert denied.body["details"] == {"name": "bad", "kind": "pods"}
    assert told_of(server, "defaults-bad") == {
        "enforce-policy": "baseline:latest",
        "audit-violations": f'would violate PodSecurity "restricted:v1.30": {IS_PRIVILEGED}, {NOT_RESTRICTED}',
    }
    allowed = create(server, namespace, "good", RESTRICTED)
    assert (allowed.code, allowed.headers.get("Warning")) == (201, None)
    assert told_of(server, "defaults-good") == {"enforce-policy": "baseline:latest"}


def test_a_pod_is_warned_of(server: ApiServer) -> None:
    namespace = labelled(server, "warned", warn="restricted", warn_version="v1.25", audit="privileged")
    made = create(server, namespace, "plain", BASELINE)
    assert made.code == 201
    warning = f'would violate PodSecurity "restricted:v1.25": {NOT_RESTRICTED}'
    assert made.headers["Warning"] == f"299 - {json.dumps(warning)}"
    assert told_of(server, "warned-plain") == {"enforce-policy": "baseline:latest"}


def test_what_makes_pods_is_warned_of(server: ApiServer) -> None:
    namespace = labelled(server, "workloads", enforce="restricted", audit="privileged")
    template = {"metadata": {"labels": {"app": "a"}}, "spec": PRIVILEGED["spec"]}
    body = {"metadata": {"name": "d"}, "spec": {"selector": {"matchLabels": {"app": "a"}}, "template": template}}
    made = server.request("POST", f"/apis/apps/v1/namespaces/{namespace}/deployments", body)
    assert made.code == 201, made.body
    warning = f'would violate PodSecurity "restricted:latest": {IS_PRIVILEGED}, {NOT_RESTRICTED}'
    assert made.headers["Warning"] == f"299 - {json.dumps(warning)}"


def test_a_generated_name_is_told(server: ApiServer) -> None:
    namespace = labelled(server, "generated")
    denied = server.request("POST", f"/api/v1/namespaces/{namespace}/pods", PRIVILEGED | {"metadata": {"generateName": "web-"}})
    assert denied.code == 403
    assert denied.body["message"].startswith(f'pods "{denied.body["details"]["name"]}" is forbidden: violates')
    assert denied.body["details"]["name"].startswith("web-")


@pytest.mark.parametrize(
    ("namespace", "identity", "why"), [("exempt", "admin", "namespace"), ("user-exempt", "trusted", "user")], ids=["namespace", "user"]
)
def test_who_is_exempt(server: ApiServer, namespace: str, identity: str, why: str) -> None:
    labelled(server, namespace, enforce="baseline")
    assert create(server, namespace, "bad", PRIVILEGED, identity=identity).code == 201
    assert told_of(server, f"{namespace}-bad") == {"exempt": why}


def test_an_ephemeral_container_is_looked_at(server: ApiServer) -> None:
    namespace = labelled(server, "debugged", enforce="restricted", audit="restricted", warn="restricted")
    assert create(server, namespace, "good", RESTRICTED).code == 201
    debugger = {"name": "debug", "image": "i", "targetContainerName": "c", "securityContext": {"privileged": True}}
    path = f"/api/v1/namespaces/{namespace}/pods/good"
    patch = {"spec": {"ephemeralContainers": [debugger]}}
    merge = "application/strategic-merge-patch+json"
    denied = server.request("PATCH", f"{path}/ephemeralcontainers", patch, content_type=merge)
    assert denied.code == 403
    assert 'violates PodSecurity "restricted:latest": privileged (container "debug" must not' in denied.body["message"]
    label = {"metadata": {"labels": {"a": "b"}}}
    assert server.request("PATCH", path, label, content_type=merge).code == 200


def test_a_namespace_that_asks_for_more_is_told_what_would_be_refused(server: ApiServer) -> None:
    namespace = labelled(server, "tightened", enforce="privileged", audit="privileged")
    for name, obj in (("b", PRIVILEGED), ("a", PRIVILEGED), ("c", BASELINE), ("d", RESTRICTED)):
        assert create(server, namespace, name, obj).code == 201
    patch = {"metadata": {"labels": {f"{PREFIX}enforce": "restricted"}}}
    changed = server.request("PATCH", f"/api/v1/namespaces/{namespace}?dryRun=All", patch, content_type="application/merge-patch+json")
    assert changed.code == 200
    reasons = "allowPrivilegeEscalation != false, unrestricted capabilities, runAsNonRoot != true, seccompProfile"
    warnings = [
        f'existing pods in namespace "{namespace}" violate the new PodSecurity enforce level "restricted:latest"',
        f"a (and 1 other pod): privileged, {reasons}",
        f"c: {reasons}",
    ]
    assert changed.headers["Warning"] == ", ".join(f"299 - {json.dumps(each)}" for each in warnings)
    assert create(server, namespace, "e", PRIVILEGED).code == 201


def test_labels_that_say_nothing_sensible_are_refused(server: ApiServer) -> None:
    body = {"metadata": {"name": "nonsense", "labels": {f"{PREFIX}enforce": "strict"}}}
    refused = server.request("POST", "/api/v1/namespaces", body)
    assert (refused.code, refused.body["reason"]) == (422, "Invalid")
    assert refused.body["message"] == (
        f'Namespace "nonsense" is invalid: metadata.labels[{PREFIX}enforce]: Invalid value: "strict": '
        "must be one of privileged, baseline, restricted"
    )


def test_evaluations_are_counted(server: ApiServer) -> None:
    namespace = labelled(server, "counted", enforce="restricted", enforce_version="v1.24")
    assert create(server, namespace, "bad", PRIVILEGED).code == 403
    labels = 'decision="deny",mode="enforce",policy_level="restricted",policy_version="v1.24",request_operation="create"'
    line = f'pod_security_evaluations_total{{{labels},resource="pod",subresource=""}} 1'
    assert line in server.request("GET", "/metrics").body.decode().splitlines()
