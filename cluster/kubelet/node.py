"""The node's own objects: its Node, kept current, and its Lease, the heartbeat.

Upstream: `pkg/kubelet/kubelet_node_status.go`, `pkg/kubelet/nodestatus/setters.go`, component-helpers `apimachinery/lease`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any, Final

from cluster.api.errors import AlreadyExists, Conflict, NotFound, StatusError
from cluster.api.names import Object
from cluster.client import times
from cluster.client.http import STRATEGIC_MERGE_PATCH, ApiClient
from cluster.client.resources import LEASES, NODES
from cluster.kubelet.machine import Machine
from cluster.kubelet.runtime import Image, Version

log = logging.getLogger(__name__)

KUBELET_VERSION: Final = "v1.36.2"
LEASE_NAMESPACE: Final = "kube-node-lease"
_REPORT_SECONDS: Final = 300.0
_MOST_IMAGES: Final = 50
_CALM: Final = (
    ("MemoryPressure", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    ("DiskPressure", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
)


class NodeReporter:
    """Registers the node and reports its state; `trouble` answers why the node isn't ready, or an empty text."""

    def __init__(
        self,
        client: ApiClient,
        name: str,
        *,
        address: str,
        machine: Machine,
        version: Version,
        max_pods: int,
        pod_cidr: str,
        images: Callable[[], list[Image]],
        trouble: Callable[[], str],
        labels: dict[str, str],
    ) -> None:
        self._client = client
        self._name = name
        self._address = address
        self._machine = machine
        self._version = version
        self._max_pods = max_pods
        self._pod_cidr = pod_cidr
        self._images = images
        self._trouble = trouble
        self._labels = labels
        self._reported = 0.0
        self._changed = threading.Event()
        self.port = 0
        self.node: Object = {}

    def register(self) -> Object:
        """Makes the Node, or takes over the one that is there.  StatusError where the API server refuses."""
        kept = {
            "kubernetes.io/hostname": self._name,
            "kubernetes.io/os": "linux",
            "kubernetes.io/arch": self._machine.architecture,
            "beta.kubernetes.io/os": "linux",
            "beta.kubernetes.io/arch": self._machine.architecture,
        } | self._labels
        node: Object = {"kind": "Node", "apiVersion": "v1", "metadata": {"name": self._name, "labels": kept}, "spec": {}}
        if self._pod_cidr:
            node["spec"] = {"podCIDR": self._pod_cidr, "podCIDRs": [self._pod_cidr]}
        node["status"] = self._status({})
        try:
            self.node = self._client.create(NODES, "", node)
        except AlreadyExists:
            self.node = self._client.get(NODES, "", self._name)
            held = self.node["metadata"].get("labels") or {}
            if any(held.get(key) != value for key, value in kept.items()):
                self.node = self._client.patch(NODES, "", self._name, {"metadata": {"labels": kept}}, content_type=STRATEGIC_MERGE_PATCH)
            self.report(force=True)
        return self.node

    def refresh(self) -> Object:
        """Reads the Node anew."""
        self.node = self._client.get(NODES, "", self._name)
        return self.node

    def poke(self) -> None:
        """Has the state reported soon: it has changed."""
        self._changed.set()

    def run(self, stop: threading.Event, seconds: float) -> None:
        """Reports every so often until `stop`, at once after `poke`."""
        while not stop.is_set():
            self._changed.wait(seconds)
            poked = self._changed.is_set()
            self._changed.clear()
            if stop.is_set():
                return
            try:
                self.refresh()
                self.report(force=poked)
            except NotFound:
                self._again()
            except StatusError as error:
                log.warning("the node's status can't be written: %s", error.message)

    def _again(self) -> None:
        """The Node was deleted: a kubelet that runs makes it anew."""
        try:
            self.register()
        except StatusError as error:
            log.warning("the node can't be registered: %s", error.message)

    def report(self, *, force: bool = False) -> None:
        """Writes the status where it changed, or has not been written for five minutes."""
        old = self.node.get("status") or {}
        new = self._status(old)
        if (
            not force
            and time.monotonic() - self._reported < _REPORT_SECONDS
            and _without_times(new) == _without_times({key: old.get(key) for key in new})
        ):
            return
        patch = {"status": {key: value for key, value in new.items() if old.get(key) != value}}
        self.node = self._client.patch(NODES, "", self._name, patch, content_type=STRATEGIC_MERGE_PATCH, subresource="status")
        self._reported = time.monotonic()

    def _status(self, old: dict[str, Any]) -> dict[str, Any]:
        machine = self._machine
        return {
            "capacity": machine.capacity(self._max_pods),
            "allocatable": machine.allocatable(self._max_pods),
            "conditions": self._conditions(old.get("conditions") or []),
            "addresses": [{"type": "InternalIP", "address": self._address}, {"type": "Hostname", "address": self._name}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": self.port}},
            "nodeInfo": {
                "machineID": machine.machine_id,
                "systemUUID": machine.system_uuid,
                "bootID": machine.boot_id,
                "kernelVersion": machine.kernel,
                "osImage": machine.os_image,
                "containerRuntimeVersion": f"{self._version.name}://{self._version.version}",
                "kubeletVersion": KUBELET_VERSION,
                "kubeProxyVersion": "",
                "operatingSystem": "linux",
                "architecture": machine.architecture,
            },
            "images": self._shown_images(),
        }

    def _shown_images(self) -> list[dict[str, Any]]:
        found = sorted(self._images(), key=lambda image: -image.size)[:_MOST_IMAGES]
        return [{"names": list(image.tags), "sizeBytes": image.size} for image in found if image.tags]

    def _conditions(self, old: list[dict[str, Any]]) -> list[dict[str, Any]]:
        before = {each["type"]: each for each in old}
        made = [_condition(before, kind, "False", reason, message) for kind, reason, message in _CALM]
        trouble = self._trouble()
        if trouble:
            made.append(_condition(before, "Ready", "False", "KubeletNotReady", trouble))
        else:
            made.append(_condition(before, "Ready", "True", "KubeletReady", "kubelet is posting ready status"))
        return made


def _condition(before: dict[str, dict[str, Any]], kind: str, status: str, reason: str, message: str) -> dict[str, Any]:
    now = times.time()
    held = before.get(kind) or {}
    since = held.get("lastTransitionTime") if held.get("status") == status else None
    return {
        "type": kind,
        "status": status,
        "lastHeartbeatTime": now,
        "lastTransitionTime": since or now,
        "reason": reason,
        "message": message,
    }


def _without_times(status: dict[str, Any]) -> dict[str, Any]:
    conditions = [
        {key: value for key, value in each.items() if not key.startswith("last")}
        for each in sorted(status.get("conditions") or [], key=lambda each: str(each["type"]))
    ]
    return status | {"conditions": conditions}


class Heartbeat:
    """The node's Lease, renewed until `stop`."""

    def __init__(self, client: ApiClient, name: str, seconds: int, owner: Callable[[], Object]) -> None:
        self._client = client
        self._name = name
        self._seconds = seconds
        self._owner = owner
        self._lease: Object | None = None

    def run(self, stop: threading.Event) -> None:
        while True:
            try:
                self.renew()
                pause = self._seconds / 4
            except StatusError as error:
                log.info("the node's lease can't be renewed: %s", error.message)
                pause = min(1.0, self._seconds / 4)
            if stop.wait(pause):
                return

    def renew(self) -> None:
        """Writes the Lease once.  StatusError where that fails."""
        try:
            if self._lease is None:
                self._lease = self._made()
            else:
                spec = self._lease["spec"] | {"renewTime": times.micro_time(), "holderIdentity": self._name}
                self._lease = self._client.update(LEASES, LEASE_NAMESPACE, self._lease | {"spec": spec})
        except (Conflict, NotFound):
            self._lease = None
            self._lease = self._made()

    def _made(self) -> Object:
        spec = {"holderIdentity": self._name, "leaseDurationSeconds": self._seconds, "renewTime": times.micro_time()}
        owner = self._owner()
        reference = {"apiVersion": "v1", "kind": "Node", "name": self._name, "uid": owner["metadata"]["uid"]}
        metadata = {"name": self._name, "namespace": LEASE_NAMESPACE, "ownerReferences": [reference]}
        lease = {"kind": "Lease", "apiVersion": "coordination.k8s.io/v1", "metadata": metadata, "spec": spec}
        try:
            return self._client.create(LEASES, LEASE_NAMESPACE, lease)
        except AlreadyExists:
            found = self._client.get(LEASES, LEASE_NAMESPACE, self._name)
            return self._client.update(LEASES, LEASE_NAMESPACE, found | {"spec": found["spec"] | spec})
