"""Classes, protections, owners, runtimes and topology at admission: one server, with the controllers that take protections away."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cluster.assembly.options import AdmissionOptions
from cluster.controllers import manager
from cluster.controllers.framework import ManagerOptions
from cluster.controllers.table import CONTROLLERS
from tests.support import ApiServer, eventually, start_api_server

MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
STORAGE = "/apis/storage.k8s.io/v1"
VOLUMES = "/api/v1/persistentvolumes"
CONTAINER = {"name": "c", "image": "i"}
Object = dict[str, Any]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """Bob may create and update config maps in all namespaces; a node has a zone and a little room."""
    admission = AdmissionOptions(enable_admission_plugins=("OwnerReferencesPermissionEnforcement",))
    made = start_api_server(tmp_path_factory.mktemp("storage"), workers=1, admission=admission)
    try:
        made.issue("bob", "bob")
        allow(made, "bob", {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create", "update", "patch"]})
        node = {"name": "n1", "labels": {"kubernetes.io/os": "linux", "topology.kubernetes.io/zone": "z1"}}
        create(made, "/api/v1/nodes", {"metadata": node, "status": {"allocatable": {"cpu": "2", "memory": "4Gi"}}})
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="module")
def controllers(server: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Those that protect storage."""
    kubeconfig: Path = server.kubeconfig(tmp_path_factory.mktemp("controllers") / "kubeconfig", "controller-manager")
    chosen = [each for each in CONTROLLERS if each.name.endswith("-protection")]
    assert len(chosen) == 3
    stop, ready = threading.Event(), threading.Event()
    options = ManagerOptions(kubeconfig)
    thread = threading.Thread(target=manager.run, args=(options, stop), kwargs={"on_ready": ready.set, "controllers": chosen})
    thread.start()
    try:
        assert ready.wait(30)
        yield
    finally:
        stop.set()
        thread.join(30)


def create(server: ApiServer, path: str, body: Object, identity: str = "admin") -> Object:
    answer = server.request("POST", path, body, identity=identity)
    assert answer.code == 201, answer.body
    found: Object = answer.body
    return found


def allow(server: ApiServer, name: str, *rules: Object) -> None:
    rbac = "/apis/rbac.authorization.k8s.io/v1"
    create(server, f"{rbac}/clusterroles", {"metadata": {"name": name}, "rules": [*rules]})
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name}
    subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": name}
    create(server, f"{rbac}/clusterrolebindings", {"metadata": {"name": name}, "roleRef": reference, "subjects": [subject]})


def claim(name: str, **spec: Any) -> Object:
    asked = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    return {"metadata": {"name": name}, "spec": asked | spec}


def set_phase(server: ApiServer, path: str, phase: str) -> None:
    answer = server.request("PATCH", f"{path}/status", {"status": {"phase": phase}}, content_type=MERGE)
    assert answer.code == 200, answer.body


def goes(server: ApiServer, path: str) -> None:
    eventually(lambda: server.request("GET", path).code == 404, f"{path} is gone")


def stays(server: ApiServer, path: str) -> None:
    """Deletes it, and sees that it waits."""
    assert server.request("DELETE", path).code == 200
    assert server.request("GET", path).body["metadata"]["deletionTimestamp"]


def test_a_claim_gets_the_default_storage_class(server: ApiServer) -> None:
    claims = f"/api/v1/namespaces/{server.namespace()}/persistentvolumeclaims"
    assert "storageClassName" not in create(server, claims, claim("before"))["spec"]
    mark = {"storageclass.kubernetes.io/is-default-class": "true"}
    create(server, f"{STORAGE}/storageclasses", {"metadata": {"name": "gold", "annotations": mark}, "provisioner": "x/y"})
    assert create(server, claims, claim("after"))["spec"]["storageClassName"] == "gold"
    assert create(server, claims, claim("none", storageClassName=""))["spec"]["storageClassName"] == ""
    assert server.request("DELETE", f"{STORAGE}/storageclasses/gold").code == 200


def test_a_claim_grows_where_its_class_lets_it(server: ApiServer) -> None:
    claims = f"/api/v1/namespaces/{server.namespace()}/persistentvolumeclaims"
    for name, expansion in (("grows", True), ("fixed", False)):
        create(server, f"{STORAGE}/storageclasses", {"metadata": {"name": name}, "provisioner": "x/y", "allowVolumeExpansion": expansion})
        create(server, claims, claim(name, storageClassName=name))
        set_phase(server, f"{claims}/{name}", "Bound")
    more = {"spec": {"resources": {"requests": {"storage": "2Gi"}}}}
    assert server.request("PATCH", f"{claims}/grows", more, content_type=MERGE).code == 200
    refused = server.request("PATCH", f"{claims}/fixed", more, content_type=MERGE)
    why = "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize"
    assert (refused.code, refused.body["message"]) == (403, f'persistentvolumeclaims "fixed" is forbidden: {why}')


@pytest.mark.usefixtures("controllers")
def test_a_claim_in_use_is_gone_only_after_its_pod(server: ApiServer) -> None:
    namespace = f"/api/v1/namespaces/{server.namespace()}"
    path = f"{namespace}/persistentvolumeclaims/data"
    assert create(server, f"{namespace}/persistentvolumeclaims", claim("data"))["metadata"]["finalizers"] == [
        "kubernetes.io/pvc-protection"
    ]
    volume = {"name": "v", "persistentVolumeClaim": {"claimName": "data"}}
    create(
        server, f"{namespace}/pods", {"metadata": {"name": "p"}, "spec": {"nodeName": "n1", "containers": [CONTAINER], "volumes": [volume]}}
    )
    create(server, f"{namespace}/persistentvolumeclaims", claim("unused"))
    stays(server, path)
    assert server.request("DELETE", f"{namespace}/persistentvolumeclaims/unused").code == 200
    goes(server, f"{namespace}/persistentvolumeclaims/unused")
    assert server.request("GET", path).code == 200
    assert server.request("DELETE", f"{namespace}/pods/p?gracePeriodSeconds=0").code == 200
    goes(server, path)


@pytest.mark.usefixtures("controllers")
def test_a_bound_volume_and_a_class_that_it_names_wait_for_their_release(server: ApiServer) -> None:
    classes = f"{STORAGE}/volumeattributesclasses"
    made = create(server, classes, {"metadata": {"name": "fast"}, "driverName": "d", "parameters": {"a": "b"}})
    assert made["metadata"]["finalizers"] == ["kubernetes.io/vac-protection"]
    source = {"csi": {"driver": "d", "volumeHandle": "h"}, "volumeAttributesClassName": "fast"}
    spec = {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], **source}
    made = create(server, VOLUMES, {"metadata": {"name": "v"}, "spec": spec})
    assert made["metadata"]["finalizers"] == ["kubernetes.io/pv-protection"]
    set_phase(server, f"{VOLUMES}/v", "Bound")
    stays(server, f"{VOLUMES}/v")
    stays(server, f"{classes}/fast")
    set_phase(server, f"{VOLUMES}/v", "Released")
    goes(server, f"{VOLUMES}/v")
    goes(server, f"{classes}/fast")


def test_owners_are_set_by_who_may_finalize_them(server: ApiServer) -> None:
    namespace = server.namespace()
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "1"}
    blocking = owner | {"blockOwnerDeletion": True}
    create(server, path, {"metadata": {"name": "own", "ownerReferences": [owner]}}, identity="bob")
    refused = server.request("POST", path, {"metadata": {"name": "bad", "ownerReferences": [blocking]}}, identity="bob")
    why = "cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on: , <nil>"
    assert (refused.code, refused.body["message"]) == (403, f'configmaps "bad" is forbidden: {why}')
    refused = server.request("PATCH", f"{path}/own", {"metadata": {"ownerReferences": None}}, identity="bob", content_type=MERGE)
    why = "cannot set an ownerRef on a resource you can't delete: , <nil>"
    assert (refused.code, refused.body["message"]) == (403, f'configmaps "own" is forbidden: {why}')
    create(server, path, {"metadata": {"name": "admins", "ownerReferences": [blocking]}})


def test_who_may_finalize_the_owner_may_block_its_deletion(server: ApiServer) -> None:
    server.issue("carol", "carol")
    finalizing = {"apiGroups": ["apps"], "resources": ["deployments/finalizers"], "verbs": ["update"]}
    allow(server, "carol", {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create"]}, finalizing)
    path = f"/api/v1/namespaces/{server.namespace()}/configmaps"
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "1", "blockOwnerDeletion": True}
    create(server, path, {"metadata": {"name": "a", "ownerReferences": [owner]}}, identity="carol")


def test_an_ingress_gets_the_default_class(server: ApiServer) -> None:
    networking = "/apis/networking.k8s.io/v1"
    mark = {"ingressclass.kubernetes.io/is-default-class": "true"}
    create(server, f"{networking}/ingressclasses", {"metadata": {"name": "edge", "annotations": mark}, "spec": {"controller": "x.io/y"}})
    spec = {"defaultBackend": {"service": {"name": "web", "port": {"number": 80}}}}
    path = f"{networking}/namespaces/{server.namespace()}/ingresses"
    assert create(server, path, {"metadata": {"name": "web"}, "spec": spec})["spec"]["ingressClassName"] == "edge"


def test_a_pod_is_as_its_runtime_class_says(server: ApiServer) -> None:
    toleration = {"key": "vm", "operator": "Exists", "effect": "NoSchedule"}
    scheduling = {"nodeSelector": {"kind": "vm"}, "tolerations": [toleration]}
    fixed = {"cpu": "250m", "memory": "64Mi"}
    body = {"metadata": {"name": "vm"}, "handler": "vm", "overhead": {"podFixed": fixed}, "scheduling": scheduling}
    create(server, "/apis/node.k8s.io/v1/runtimeclasses", body)
    pods = f"/api/v1/namespaces/{server.namespace()}/pods"
    spec = {"runtimeClassName": "vm", "containers": [CONTAINER], "nodeSelector": {"a": "b"}}
    made = create(server, pods, {"metadata": {"name": "p"}, "spec": spec})["spec"]
    assert (made["overhead"], made["nodeSelector"]) == (fixed, {"a": "b", "kind": "vm"})
    assert toleration in made["tolerations"]
    gone = server.request("POST", pods, {"metadata": {"name": "q"}, "spec": spec | {"runtimeClassName": "gone"}})
    assert (gone.code, gone.body["message"]) == (403, 'pods "q" is forbidden: pod rejected: RuntimeClass "gone" not found')


def test_a_pod_on_a_node_has_its_zone(server: ApiServer) -> None:
    namespace = f"/api/v1/namespaces/{server.namespace()}"
    direct = create(server, f"{namespace}/pods", {"metadata": {"name": "direct"}, "spec": {"nodeName": "n1", "containers": [CONTAINER]}})
    assert direct["metadata"]["labels"] == {"topology.kubernetes.io/zone": "z1"}
    create(server, f"{namespace}/pods", {"metadata": {"name": "bound", "labels": {"a": "b"}}, "spec": {"containers": [CONTAINER]}})
    create(server, f"{namespace}/pods/bound/binding", {"metadata": {"name": "bound"}, "target": {"kind": "Node", "name": "n1"}})
    bound = server.request("GET", f"{namespace}/pods/bound").body
    assert bound["metadata"]["labels"] == {"a": "b", "topology.kubernetes.io/zone": "z1"}
    assert bound["spec"]["nodeName"] == "n1"


def test_a_pod_is_resized_within_its_node(server: ApiServer) -> None:
    pods = f"/api/v1/namespaces/{server.namespace()}/pods"
    resources = {"requests": {"cpu": "1", "memory": "1Gi"}}
    create(server, pods, {"metadata": {"name": "p"}, "spec": {"nodeName": "n1", "containers": [CONTAINER | {"resources": resources}]}})

    def resized(cpu: str) -> Any:
        body = {"spec": {"containers": [{"name": "c", "resources": {"requests": {"cpu": cpu}}}]}}
        return server.request("PATCH", f"{pods}/p/resize", body, content_type=STRATEGIC)

    assert resized("2").code == 200
    refused = resized("3")
    why = "node didn't have enough allocatable resources: cpu, requested: 3000, allocatable: 2000"
    assert (refused.code, refused.body["message"]) == (403, f'pods "p" is forbidden: {why}')
    assert refused.body["details"]["causes"] == [{"reason": "NodeCapacity"}]
