"""What every pod worker of one kubelet shares."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from msgspec import Struct, field

from cluster.api.names import Object
from cluster.kubelet import specs
from cluster.kubelet.backoff import Backoff
from cluster.kubelet.environment import Sources
from cluster.kubelet.hosts import ClusterDns
from cluster.kubelet.images import Images
from cluster.kubelet.runtime import Runtime
from cluster.kubelet.volumes import Volumes


class Recorder(Protocol):
    def event(self, obj: Object, kind: str, reason: str, message: str) -> None: ...


class PodApi(Protocol):
    """The writes that a pod worker needs."""

    def patch_status(self, pod: Object, status: Object) -> Object | None:
        """The pod as it is then; None where it is gone.  StatusError otherwise."""
        ...

    def finish(self, pod: Object) -> None:
        """Deletes a pod that has ended, at once, if it is still the same one."""
        ...


class Context(Struct, frozen=True):
    runtime: Runtime
    scheme: str
    api: PodApi
    recorder: Recorder
    volumes: Volumes
    images: Images
    sources: Sources
    dns: ClusterDns
    cluster: str
    node: str
    host_ip: str
    machine: Mapping[str, str]
    """The node's allocatable."""
    machine_memory: int
    crash_backoff: Backoff = field(default_factory=Backoff)
    forget: Callable[[str], None] = lambda _uid: None

    def tell(self, pod: Object, kind: str, reason: str, message: str, container: specs.Spec | None = None) -> None:
        """Records an event of the pod, or of one of its containers."""
        about: Object = {
            "kind": "Pod",
            "apiVersion": "v1",
            "namespace": pod["metadata"]["namespace"],
            "name": pod["metadata"]["name"],
            "uid": pod["metadata"]["uid"],
            "resourceVersion": pod["metadata"].get("resourceVersion", ""),
        }
        if container is not None:
            about["fieldPath"] = field_path(pod, container["name"])
        self.recorder.event(about, kind, reason, message)


def field_path(pod: Object, name: str) -> str:
    """As events name a container: `spec.containers{web}`."""
    for kind in ("containers", "initContainers", "ephemeralContainers"):
        if any(each["name"] == name for each in pod["spec"].get(kind) or []):
            return f"spec.{kind}{{{name}}}"
    return ""
