"""A whole control plane with a thread in the kubelets' place: it marks bound pods Running and Ready, and lets deleted ones go."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from cluster.api.errors import AlreadyExists, NotFound, StatusError
from cluster.api.names import GroupVersionResource, Object
from cluster.client import times
from cluster.client.http import STRATEGIC_MERGE_PATCH, ApiClient
from cluster.client.informer import Handler, Informer
from cluster.client.resources import DEPLOYMENTS, LEASES, NAMESPACES, NODES, PODS, REPLICA_SETS


class Kubelets:
    """Beats for the nodes in `alive`, and runs their pods by writing that they run."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client
        self.alive: set[str] = set()
        self._stop = threading.Event()
        self._pods = Informer(client, PODS)
        self._pods.add_handler(Handler(self._seen, lambda _, new: self._seen(new)))
        self._heart = threading.Thread(target=self._beat, daemon=True)

    def start(self) -> None:
        self._pods.start()
        self._heart.start()

    def stop(self) -> None:
        self._stop.set()
        self._pods.stop()
        self._heart.join(10)

    def add(self, name: str) -> None:
        metadata = {"name": name, "labels": {"kubernetes.io/hostname": name}}
        self._client.create(NODES, "", {"apiVersion": "v1", "kind": "Node", "metadata": metadata})
        lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": name, "namespace": "kube-node-lease"}}
        self._client.create(LEASES, "kube-node-lease", lease | {"spec": self._renewal(name)})
        self._report(name)
        self.alive.add(name)

    def _renewal(self, name: str) -> Object:
        return {"holderIdentity": name, "leaseDurationSeconds": 40, "renewTime": times.micro_time()}

    def _report(self, name: str) -> None:
        room = {"cpu": "4", "memory": "8Gi", "pods": "110"}
        now = times.time()
        ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "lastHeartbeatTime": now, "lastTransitionTime": now}
        status = {"allocatable": room, "capacity": room, "conditions": [ready]}
        self._client.patch(NODES, "", name, {"status": status}, subresource="status")

    def _beat(self) -> None:
        while not self._stop.wait(0.5):
            for name in tuple(self.alive):
                try:
                    self._client.patch(LEASES, "kube-node-lease", name, {"spec": self._renewal(name)})
                except StatusError:
                    continue

    def _seen(self, pod: Object) -> None:
        metadata = pod["metadata"]
        if pod["spec"].get("nodeName") not in self.alive:
            return
        try:
            if metadata.get("deletionTimestamp"):
                self._client.delete(PODS, metadata["namespace"], metadata["name"], options={"gracePeriodSeconds": 0})
            elif pod["status"].get("phase") == "Pending":
                ready = {"type": "Ready", "status": "True", "lastTransitionTime": times.time()}
                status = {"phase": "Running", "podIP": "10.0.0.1", "podIPs": [{"ip": "10.0.0.1"}], "conditions": [ready]}
                self._client.patch(
                    PODS,
                    metadata["namespace"],
                    metadata["name"],
                    {"status": status},
                    content_type=STRATEGIC_MERGE_PATCH,
                    subresource="status",
                )
        except NotFound:
            return


class World:
    """What the tests do and look at."""

    def __init__(self, kubeconfig: Path) -> None:
        self.kubeconfig = kubeconfig
        self.client = ApiClient.from_kubeconfig(kubeconfig, user_agent="test")
        self.kubelets = Kubelets(self.client)

    def namespace(self, name: str) -> str:
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        try:
            self.client.create(NAMESPACES, "", body)
        except AlreadyExists:
            return name
        return name

    def deploy(self, namespace: str, replicas: int = 2, image: str = "a:1", **pod_spec: Any) -> Object:
        template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": image}]} | pod_spec}
        spec = {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}}, "template": template}
        body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec}
        return self.client.create(DEPLOYMENTS, namespace, body)

    def rolled_out(self, namespace: str, replicas: int = 2) -> bool:
        found = self.client.get(DEPLOYMENTS, namespace, "web")
        status = found.get("status") or {}
        counts = {status.get(name, 0) for name in ("replicas", "updatedReplicas", "availableReplicas")}
        return counts == {replicas} and status.get("observedGeneration") == found["metadata"]["generation"]

    def list(self, resource: GroupVersionResource, namespace: str) -> list[Object]:
        items: list[Object] = self.client.list(resource, namespace)["items"]
        return items

    def is_gone(self, resource: GroupVersionResource, namespace: str, name: str) -> bool:
        try:
            self.client.get(resource, namespace, name)
        except NotFound:
            return True
        return False

    def is_empty(self, namespace: str) -> bool:
        return not self.list(PODS, namespace) and not self.list(REPLICA_SETS, namespace)
