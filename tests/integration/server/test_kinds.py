"""kubectl and the official Python client both list, create, patch, watch and delete every strategy-backed kind."""

from __future__ import annotations

import copy
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support import ApiServer
from tests.support_needs import need_kubectl

POD_SPEC: dict[str, Any] = {"containers": [{"name": "c", "image": "example.com/image:1"}]}
TEMPLATE = {"metadata": {"labels": {"app": "x"}}, "spec": POD_SPEC}
WORKLOAD = {"replicas": 1, "selector": {"matchLabels": {"app": "x"}}, "template": TEMPLATE}
RULES = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]

# apiVersion, kind, resource, namespaced, the rest of the object
KINDS: list[tuple[str, str, str, bool, dict[str, Any]]] = [
    ("v1", "Namespace", "namespaces", False, {}),
    ("v1", "Pod", "pods", True, {"spec": POD_SPEC}),
    ("v1", "Service", "services", True, {"spec": {"ports": [{"port": 80}], "selector": {"app": "x"}}}),
    ("v1", "ServiceAccount", "serviceaccounts", True, {}),
    ("v1", "ConfigMap", "configmaps", True, {"data": {"a": "b"}}),
    ("v1", "Secret", "secrets", True, {"stringData": {"a": "b"}}),
    ("v1", "Node", "nodes", False, {}),
    ("v1", "Event", "events", True, {"involvedObject": {"namespace": "NAMESPACE"}, "reason": "Tested", "type": "Normal"}),
    ("apps/v1", "Deployment", "deployments", True, {"spec": WORKLOAD}),
    ("apps/v1", "ReplicaSet", "replicasets", True, {"spec": WORKLOAD}),
    ("coordination.k8s.io/v1", "Lease", "leases", True, {"spec": {"holderIdentity": "x", "leaseDurationSeconds": 10}}),
    ("rbac.authorization.k8s.io/v1", "Role", "roles", True, {"rules": RULES}),
    ("rbac.authorization.k8s.io/v1", "ClusterRole", "clusterroles", False, {"rules": RULES}),
    (
        "rbac.authorization.k8s.io/v1",
        "RoleBinding",
        "rolebindings",
        True,
        {"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}, "subjects": []},
    ),
    (
        "rbac.authorization.k8s.io/v1",
        "ClusterRoleBinding",
        "clusterrolebindings",
        False,
        {"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}, "subjects": []},
    ),
    (
        "certificates.k8s.io/v1",
        "CertificateSigningRequest",
        "certificatesigningrequests",
        False,
        {"spec": {"request": "REQUEST", "signerName": "example.com/signer", "usages": ["client auth"]}},
    ),
]
IDS = [row[1] for row in KINDS]


def signing_request() -> str:
    import base64

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509.oid import NameOID

    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "someone")])
    made = x509.CertificateSigningRequestBuilder().subject_name(name).sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return base64.b64encode(made.public_bytes(Encoding.PEM)).decode()


def manifest(row: tuple[str, str, str, bool, dict[str, Any]], namespace: str, name: str) -> dict[str, Any]:
    api_version, kind, _, namespaced, rest = row
    metadata: dict[str, Any] = {"name": name}
    if namespaced:
        metadata["namespace"] = namespace
    filled = json.loads(json.dumps(rest).replace("NAMESPACE", namespace).replace("REQUEST", signing_request()))
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **copy.deepcopy(filled)}


@pytest.fixture(name="namespace", scope="module")
def namespace_fixture(api_server: ApiServer) -> str:
    return api_server.namespace("kinds")


@pytest.fixture(name="kubectl", scope="module")
def kubectl_fixture(api_server: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    program = need_kubectl()
    folder = tmp_path_factory.mktemp("kubectl")
    return [program, "--kubeconfig", str(api_server.kubeconfig(folder / "config")), "--cache-dir", str(folder / "cache")]


def run(command: list[str], given: Any = None) -> str:
    done = subprocess.run(command, input=json.dumps(given) if given else None, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
    return done.stdout


@pytest.mark.parametrize("row", KINDS, ids=IDS)
def test_kubectl_works_with_every_kind(kubectl: list[str], namespace: str, row: Any, tmp_path: Path) -> None:
    _, kind, resource, namespaced, _ = row
    name = f"kubectl-{kind.lower()}"
    what = f"{resource}.{row[0].split('/')[0]}" if "/" in row[0] else resource
    scope = ["-n", namespace] if namespaced else []
    run([*kubectl, "create", "-f", "-"], manifest(row, namespace, name))
    assert name in run([*kubectl, "get", what, *scope, "-o", "name"])
    command = [*kubectl, "get", what, name, *scope, "--watch", "--output-watch-events", "-o", "json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watch:
        assert watch.stdout is not None
        assert '"type":"ADDED"' in watch.stdout.readline().replace(" ", "")
        run([*kubectl, "label", what, name, *scope, "tested=yes"])
        run([*kubectl, "patch", what, name, *scope, "--type", "merge", "-p", '{"metadata":{"annotations":{"example.com/a":"b"}}}'])
        shown = json.loads(run([*kubectl, "get", what, name, *scope, "-o", "json"]))
        assert (shown["metadata"]["labels"]["tested"], shown["metadata"]["annotations"]["example.com/a"]) == ("yes", "b")
        run([*kubectl, "delete", what, name, *scope, "--wait=false"])
        events = ""
        for line in watch.stdout:
            events += line.replace(" ", "")
            if '"type":"DELETED"' in events or '"deletionTimestamp"' in events:
                break
        watch.terminate()
    assert '"type":"MODIFIED"' in events


@pytest.mark.parametrize("row", KINDS, ids=IDS)
def test_the_python_client_works_with_every_kind(api_server: ApiServer, namespace: str, row: Any, tmp_path: Path) -> None:
    from kubernetes import client, config, dynamic

    with client.ApiClient(configuration=_configuration(config, api_server, tmp_path)) as api:
        resource = dynamic.DynamicClient(api).resources.get(api_version=row[0], kind=row[1])
        name = f"python-{row[1].lower()}"
        scope = {"namespace": namespace} if row[3] else {}
        made = resource.create(body=manifest(row, namespace, name), **scope)
        assert name in [item.metadata.name for item in resource.get(**scope).items]
        change = {"metadata": {"labels": {"tested": "yes"}}}
        patched = resource.patch(name=name, body=change, content_type="application/merge-patch+json", **scope)
        assert patched.metadata.labels["tested"] == "yes"
        resource.delete(name=name, **scope)
        version = made.metadata.resourceVersion
        seen = []
        for event in resource.watch(resource_version=version, field_selector=f"metadata.name={name}", timeout=5, **scope):
            seen.append(event["type"])
            if event["type"] == "DELETED" or event["raw_object"]["metadata"].get("deletionTimestamp"):
                break
        assert seen[0] == "MODIFIED"
        assert len(seen) == 2


def _configuration(config: Any, api_server: ApiServer, folder: Path) -> Any:
    from kubernetes import client

    found = client.Configuration()
    config.load_kube_config(str(api_server.kubeconfig(folder / "config")), client_configuration=found)
    return found


def test_kubectl_create_commands_send_what_is_understood(kubectl: list[str], api_server: ApiServer) -> None:
    """These send protobuf."""
    namespace = api_server.namespace("protobuf")
    scope = ["-n", namespace]
    for command in (
        ["create", "configmap", "c", "--from-literal=a=b"],
        ["create", "secret", "generic", "s", "--from-literal=a=b"],
        ["create", "deployment", "d", "--image=example.com/image:1", "--replicas=3", "--port=80"],
        ["create", "serviceaccount", "a"],
        ["create", "role", "r", "--verb=get,list", "--resource=pods"],
        ["create", "rolebinding", "b", "--clusterrole=view", "--serviceaccount=default:a"],
        ["create", "service", "clusterip", "v", "--tcp=80:8080"],
        ["create", "quota", "q", "--hard=pods=3,cpu=500m"],
        ["create", "token", "a", "--duration=20m"],
        ["run", "p", "--image=example.com/image:1", "--env=A=b"],
    ):
        run([*kubectl, *command, *scope])
    deployment = json.loads(run([*kubectl, "get", "deployment", "d", *scope, "-o", "json"]))["spec"]
    ports = deployment["template"]["spec"]["containers"][0]["ports"]
    assert (deployment["replicas"], ports) == (3, [{"containerPort": 80, "protocol": "TCP"}])
    quota = json.loads(run([*kubectl, "get", "quota", "q", *scope, "-o", "json"]))["spec"]
    assert quota["hard"] == {"pods": "3", "cpu": "500m"}
