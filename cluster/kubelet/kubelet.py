"""The kubelet of one node: wires its parts, and hands each pod that is bound to the node to a worker of its own."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from msgspec import Struct, field

from cluster.api.errors import StatusError
from cluster.api.names import Object
from cluster.client.events import EventRecorder
from cluster.client.http import ApiClient
from cluster.client.informer import Handler, Informer
from cluster.client.resources import PODS, SERVICES
from cluster.kubelet import machine, specs
from cluster.kubelet.api import Api
from cluster.kubelet.context import Context
from cluster.kubelet.environment import Sources
from cluster.kubelet.hosts import ClusterDns
from cluster.kubelet.images import Images
from cluster.kubelet.network import PodNetwork
from cluster.kubelet.node import Heartbeat, NodeReporter
from cluster.kubelet.pod_worker import PodWorker
from cluster.kubelet.projections import Projector
from cluster.kubelet.runtime import Image, PodState, Runtime, RuntimeFailure, State
from cluster.kubelet.server import KubeletServer
from cluster.kubelet.volumes import Volumes

log = logging.getLogger(__name__)

_RELIST_SECONDS: Final = 5.0
_CIDR_SECONDS: Final = 10.0
_RETRY_SECONDS: Final = 1.0
_REGISTER_SECONDS: Final = 0.2
_GRACE_OF_ORPHANS: Final = 2
_RUNTIME_DOWN: Final = "container runtime is down"
"""Upstream: `pkg/kubelet/runtime.go`."""


class KubeletOptions(Struct, frozen=True):
    """What a kubelet is started with.  Files are PEM."""

    name: str
    kubeconfig: Path
    home: Path
    """The node's own folder: the volumes of its pods are below it."""
    serving_cert: Path
    serving_key: Path
    client_ca: Path
    address: str = "127.0.0.1"
    """Served on, and the node's InternalIP."""
    port: int = 0
    """0: any that is free."""
    runtime: str = "docker"
    """`docker` or `sim`."""
    cluster: str = "berth"
    """In the names and labels of containers."""
    pod_cidr: str = ""
    """The node's, where no controller gives it one."""
    cluster_cidr: str = ""
    """All pods of the cluster: they are let through between nodes."""
    max_pods: int = 110
    api_host: str = ""
    api_port: int = 0
    """Where pods reach the API server, instead of the cluster IP of its Service."""
    dns_servers: tuple[str, ...] = ()
    cluster_domain: str = "cluster.local"
    status_update_interval: float = 10.0
    lease_seconds: int = 40
    labels: dict[str, str] = field(default_factory=dict)


class Kubelet:
    """`run` is the whole of it; the object is for one run."""

    def __init__(self, options: KubeletOptions) -> None:
        self._options = options
        self._client = ApiClient.from_kubeconfig(options.kubeconfig, user_agent="kubelet")
        self._recorder = EventRecorder(self._client, "kubelet", host=options.name)
        self._api = Api(self._client)
        self._workers: dict[str, PodWorker] = {}
        self._orphans: set[str] = set()
        self._lock = threading.Lock()
        self._trouble = "container runtime network not ready"
        self._machine = machine.look(_made(options.home))
        self._network: PodNetwork | None = None
        self._runtime = self._make_runtime()
        self._services = Informer(self._client, SERVICES)
        self._pods = Informer(self._client, PODS, field_selector=f"spec.nodeName={options.name}")
        self._pods.add_handler(Handler(added=self._seen, updated=lambda _old, new: self._seen(new), deleted=self._gone))
        self._context = self._make_context()
        self._node = NodeReporter(
            self._client,
            options.name,
            address=options.address,
            machine=self._machine,
            version=self._runtime.version(),
            max_pods=options.max_pods,
            pod_cidr=options.pod_cidr,
            images=self._images_there,
            trouble=lambda: self._trouble,
            labels=options.labels,
        )

    def _make_runtime(self) -> Runtime:
        options = self._options
        if options.runtime == "sim":
            from cluster.kubelet.sim_runtime import SimNetwork, SimRuntime

            self._network = simulated = SimNetwork()
            return SimRuntime(options.home / "sim.json", simulated)
        from cluster.kubelet.docker_engine import connect
        from cluster.kubelet.docker_runtime import DockerRuntime
        from cluster.kubelet.network import DockerBridge

        engine = connect()
        self._network = DockerBridge(engine, options.cluster, options.name, options.cluster_cidr)
        return DockerRuntime(engine, self._network, cluster=options.cluster, node=options.name)

    def _make_context(self) -> Context:
        options = self._options
        allocatable = self._machine.allocatable(options.max_pods)
        projector = Projector(self._api.config_map, self._api.secret, self._api.token, allocatable)
        api_server = (options.api_host, options.api_port) if options.api_host else None
        return Context(
            runtime=self._runtime,
            scheme=self._runtime.version().name,
            api=self._api,
            recorder=self._recorder,
            volumes=Volumes(options.home / "pods", projector),
            images=Images(self._runtime, self._api.secret),
            sources=Sources(self._api.config_map, self._api.secret, self._services.list, api_server),
            dns=ClusterDns(options.dns_servers, options.cluster_domain),
            cluster=options.cluster,
            node=options.name,
            host_ip=options.address,
            machine=allocatable,
            machine_memory=self._machine.memory,
            forget=projector.forget,
        )

    def run(self, stop: threading.Event, on_ready: Callable[[], None] | None = None) -> None:
        """Runs until `stop`; pods are left running.  OSError where the address can't be served on."""
        options = self._options
        server = KubeletServer(
            (options.address, options.port),
            certificate=options.serving_cert,
            key=options.serving_key,
            client_ca=options.client_ca,
            runtime=self._runtime,
            find_pod=self._find,
            pods=self._pods.list,
        )
        self._node.port = server.port
        server.start()
        try:
            self._register(stop)
            self._start_threads(stop)
            self._prepare_network(stop)
            if on_ready is not None and not stop.is_set():
                on_ready()
            stop.wait()
        finally:
            self._halt(server)

    def _register(self, stop: threading.Event) -> None:
        """Until the API server takes the node: it may still be starting."""
        while not stop.is_set():
            try:
                self._node.register()
                return
            except StatusError as error:
                log.info("the node can't be registered yet: %s", error.message)
                stop.wait(_REGISTER_SECONDS)

    def _start_threads(self, stop: threading.Event) -> None:
        options = self._options
        heartbeat = Heartbeat(self._client, options.name, options.lease_seconds, lambda: self._node.node)
        bodies: dict[str, Callable[[], None]] = {
            "lease": lambda: heartbeat.run(stop),
            "node-status": lambda: self._node.run(stop, options.status_update_interval),
            "runtime-events": lambda: self._follow_events(stop),
            "relist": lambda: self._relist(stop),
        }
        for name, body in bodies.items():
            threading.Thread(target=body, name=name, daemon=True).start()

    def _prepare_network(self, stop: threading.Event) -> None:
        """Makes the pod network once the node has its CIDR, then lets pods in."""
        deadline = time.monotonic() + _CIDR_SECONDS
        while self._network is not None and not stop.is_set():
            try:
                cidr = self._node.refresh()["spec"].get("podCIDR") or self._options.pod_cidr
                if not cidr and time.monotonic() < deadline:
                    stop.wait(0.1)
                    continue
                self._network.prepare(cidr)
                break
            except Exception as error:  # the engine's own errors, whose classes only its module knows
                log.warning("the pod network can't be made: %s", error)
                self._trouble = f"container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:{error}"
                self._node.poke()
                stop.wait(_RETRY_SECONDS)
        self._trouble = ""
        self._services.start()
        self._services.wait_synced(_CIDR_SECONDS)
        self._pods.start()
        self._node.poke()

    def _halt(self, server: KubeletServer) -> None:
        self._node.poke()
        self._pods.stop()
        self._services.stop()
        server.stop()
        with self._lock:
            workers = list(self._workers.values())
        for worker in workers:
            worker.halt()
        for worker in workers:
            worker.join(1.0)
        self._recorder.close(1.0)

    # Pods

    def _seen(self, pod: Object) -> None:
        uid = specs.uid(pod)
        with self._lock:
            worker = self._workers.get(uid)
            if worker is None:
                worker = self._workers[uid] = PodWorker(self._context, pod, self._ended)
                worker.start()
                return
        worker.update(pod)

    def _gone(self, pod: Object) -> None:
        with self._lock:
            worker = self._workers.get(specs.uid(pod))
        if worker is not None:
            worker.remove()

    def _ended(self, worker: PodWorker) -> None:
        with self._lock:
            if self._workers.get(worker.uid) is worker:
                del self._workers[worker.uid]

    def _find(self, namespace: str, name: str) -> Object | None:
        with self._lock:
            workers = list(self._workers.values())
        found = (each.pod for each in workers)
        return next((pod for pod in found if pod["metadata"]["name"] == name and pod["metadata"]["namespace"] == namespace), None)

    def _wake(self, uid: str) -> None:
        with self._lock:
            worker = self._workers.get(uid)
        if worker is not None:
            worker.wake()

    def _images_there(self) -> list[Image]:
        try:
            return self._runtime.images()
        except Exception as error:  # the engine's own errors, whose classes only its module knows
            log.info("images can't be listed: %s", error)
            return []

    # What runs

    def _follow_events(self, stop: threading.Event) -> None:
        while not stop.is_set():
            self._runtime.events(stop, self._wake)
            stop.wait(_RETRY_SECONDS)

    def _relist(self, stop: threading.Event) -> None:
        """Catches what the stream of events missed, and what runs though the API knows it no longer."""
        before: dict[str, frozenset[tuple[str, State | bool]]] = {}
        while not stop.wait(_RELIST_SECONDS):
            try:
                found = self._runtime.pods()
            except RuntimeFailure as failure:
                log.warning("the container runtime does not answer: %s", failure)
                self._set_trouble(_RUNTIME_DOWN)
                continue
            if self._trouble == _RUNTIME_DOWN:
                self._set_trouble("")
            now = {uid: _fingerprint(state) for uid, state in found.items()}
            for uid in {*before, *now}:
                if before.get(uid) != now.get(uid):
                    self._wake(uid)
            before = now
            if self._pods.synced:
                self._remove_orphans(found)

    def _set_trouble(self, text: str) -> None:
        if text != self._trouble:
            self._trouble = text
            self._node.poke()

    def _remove_orphans(self, found: dict[str, PodState]) -> None:
        """Pods that ended in the API while no kubelet watched."""
        with self._lock:
            known = {*self._workers} | {specs.uid(pod) for pod in self._pods.list()} | self._orphans
            orphans = {uid: found.get(uid, PodState()) for uid in {*found, *self._context.volumes.known()} - known}
            self._orphans |= {*orphans}
        for uid, state in orphans.items():
            threading.Thread(target=self._remove_orphan, args=(uid, state), name=f"orphan-{uid}", daemon=True).start()

    def _remove_orphan(self, uid: str, state: PodState) -> None:
        try:
            for container in state.containers:
                if container.state is State.RUNNING:
                    self._runtime.stop_container(container.id, _GRACE_OF_ORPHANS)
                self._runtime.remove_container(container.id)
            for sandbox in state.sandboxes:
                self._runtime.remove_sandbox(sandbox.id)
            self._context.volumes.remove(uid)
        except (RuntimeFailure, OSError) as failure:
            log.warning('pod "%s" is in no API object and can\'t be removed: %s', uid, failure)
        finally:
            with self._lock, contextlib.suppress(KeyError):
                self._orphans.remove(uid)


def _fingerprint(state: PodState) -> frozenset[tuple[str, State | bool]]:
    return frozenset([(each.id, each.state) for each in state.containers] + [(each.id, each.running) for each in state.sandboxes])


def _made(folder: Path) -> Path:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder
