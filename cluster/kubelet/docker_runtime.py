"""Containers by a Docker engine.

A sandbox is a container of the pause image; the pod's containers share its network and IPC namespaces.  A container is never started
twice: a restart is a new container with the next attempt in its labels.

`docker_bodies` has what the engine is asked to create, `docker_inspect` reads what it says; `docker_images`, `docker_logs` and
`docker_stream` have a subject each, `docker_engine` the connection and its failures.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from docker.errors import APIError, DockerException, NotFound

from cluster.kubelet import docker_bodies, docker_inspect, docker_logs
from cluster.kubelet.docker_engine import absent_is_fine, failures
from cluster.kubelet.docker_images import DockerImages
from cluster.kubelet.docker_stream import DockerStream
from cluster.kubelet.network import PodNetwork
from cluster.kubelet.runtime import (
    CLUSTER_LABEL,
    NODE_LABEL,
    POD_UID_LABEL,
    SANDBOX_LABEL,
    Container,
    ContainerConfig,
    ExecResult,
    Image,
    LogOptions,
    LogStream,
    PodState,
    RuntimeFailure,
    Sandbox,
    SandboxConfig,
    Stream,
    Version,
)

log = logging.getLogger(__name__)

_EXEC_OUTPUT_LIMIT: Final = 1 << 20


class DockerRuntime:
    simulated = False

    def __init__(self, engine: Any, network: PodNetwork, *, cluster: str, node: str) -> None:
        """`engine` is a `docker.APIClient`."""
        self._engine = engine
        self._network = network
        self._images = DockerImages(engine)
        self._labels = {CLUSTER_LABEL: cluster, NODE_LABEL: node}
        self._seen: dict[tuple[str, str], Container | Sandbox] = {}
        self._ended: set[str] = set()

    def version(self) -> Version:
        with failures():
            return Version("docker", str(self._engine.version()["Version"]))

    def image(self, reference: str) -> Image | None:
        return self._images.find(reference)

    def images(self) -> list[Image]:
        return self._images.all()

    def pull(self, reference: str, credentials: Sequence[Mapping[str, str]]) -> Image:
        return self._images.pull(reference, credentials)

    # Sandboxes

    def run_sandbox(self, config: SandboxConfig) -> Sandbox:
        with failures():
            image = self._images.pause()
            body = docker_bodies.sandbox(self._engine, config, image=image, network=self._network.mode, labels=self._labels)
            sandbox_id = self._create(body, config.name)
            self._engine.start(sandbox_id)
            found = self._sandbox(self._engine.inspect_container(sandbox_id))
        if not found.ip and not config.host_network:
            raise RuntimeFailure("the sandbox has no address on the pod network")
        return found

    def stop_sandbox(self, sandbox_id: str) -> None:
        with absent_is_fine():
            self._engine.kill(sandbox_id)

    def remove_sandbox(self, sandbox_id: str) -> None:
        self.remove_container(sandbox_id)

    def probe_address(self, sandbox: Sandbox) -> str:
        return sandbox.ip

    def _sandbox(self, found: dict[str, Any]) -> Sandbox:
        return docker_inspect.sandbox(found, self._network.address(found) if found["State"]["Running"] else "")

    # Containers

    def create_container(self, sandbox: Sandbox, config: ContainerConfig) -> str:
        with failures():
            return self._create(docker_bodies.container(self._engine, sandbox, config, labels=self._labels), config.name)

    def _create(self, body: Any, name: str) -> str:
        """Creates; what an earlier kubelet left half-made under the name is removed first."""
        try:
            return str(self._engine.create_container_from_config(body, name)["Id"])
        except APIError as error:
            if error.status_code != 409:
                raise
            self._engine.remove_container(name, force=True)
            return str(self._engine.create_container_from_config(body, name)["Id"])

    def start_container(self, container_id: str) -> None:
        with failures():
            self._engine.start(container_id)

    def stop_container(self, container_id: str, grace_seconds: int) -> None:
        with absent_is_fine():
            self._engine.stop(container_id, timeout=max(0, grace_seconds))

    def remove_container(self, container_id: str) -> None:
        with absent_is_fine():
            self._engine.remove_container(container_id, force=True, v=True)

    # What there is

    def pods(self) -> dict[str, PodState]:
        return self._states({})

    def pod(self, uid: str) -> PodState:
        return self._states({POD_UID_LABEL: uid}).get(uid, PodState())

    def _states(self, more: Mapping[str, str]) -> dict[str, PodState]:
        wanted = [f"{key}={value}" for key, value in (self._labels | dict(more)).items()]
        with failures():
            rows = self._engine.containers(all=True, filters={"label": wanted})
            found = [each for row in rows if (each := self._look(row["Id"], row["State"])) is not None]
        if not more:
            known = {row["Id"] for row in rows}
            self._seen = {key: value for key, value in list(self._seen.items()) if key[0] in known}
            self._ended &= known
        return _by_pod(found)

    def _look(self, container_id: str, state: str) -> Container | Sandbox | None:
        """Inspects once for each state that a container is in: it never goes back to one.

        The engine tells the end of a container before its own list shows it, so of those the list isn't believed.
        """
        late = state == "running" and container_id in self._ended
        seen = None if late else self._seen.get((container_id, state))
        if seen is not None:
            return seen
        try:
            inspected = self._engine.inspect_container(container_id)
        except NotFound:
            return None
        sandbox = SANDBOX_LABEL in (inspected["Config"]["Labels"] or {})
        found = self._sandbox(inspected) if sandbox else docker_inspect.container(inspected)
        if inspected["State"]["Status"] == state and state in ("running", "exited"):
            self._seen[container_id, state] = found
        return found

    def events(self, stop: threading.Event, changed: Callable[[str], None]) -> None:
        filters = {
            "type": "container",
            "event": ["die", "start"],
            "label": [f"{key}={value}" for key, value in self._labels.items()],
        }
        try:
            for event in self._engine.events(decode=True, filters=filters):
                if stop.is_set():
                    break
                if event.get("Action") == "die":
                    self._ended.add(event["id"])
                uid = (event.get("Actor") or {}).get("Attributes", {}).get(POD_UID_LABEL)
                if uid:
                    changed(uid)
        except (DockerException, OSError, ValueError) as error:
            log.info("the engine's event stream ended: %s", error)

    # Commands, streams, logs

    def execute(self, container_id: str, command: Sequence[str], timeout_seconds: float) -> ExecResult:
        stream = self.open_exec(container_id, command, stdin=False, stdout=True, stderr=True, tty=False)
        expired = threading.Event()

        def expire() -> None:
            expired.set()
            stream.kill()

        timer = threading.Timer(timeout_seconds, expire)
        timer.daemon = True
        timer.start()
        output = bytearray()
        try:
            while (part := stream.read()) is not None:
                output += part[1][: _EXEC_OUTPUT_LIMIT - len(output)]
            if expired.is_set():
                raise TimeoutError(f"command {json.dumps(' '.join(command))} timed out")
            return ExecResult(stream.exit_code(), bytes(output))
        finally:
            timer.cancel()
            stream.close()

    def open_exec(self, container_id: str, command: Sequence[str], *, stdin: bool, stdout: bool, stderr: bool, tty: bool) -> DockerStream:
        with failures():
            made = self._engine.exec_create(container_id, list(command), stdin=stdin, stdout=stdout, stderr=stderr, tty=tty)
            raw = self._engine.exec_start(made["Id"], tty=tty, socket=True)
        return DockerStream(raw, tty=tty, engine=self._engine, exec_id=made["Id"])

    def attach(self, container_id: str, *, stdin: bool, stdout: bool, stderr: bool) -> Stream:
        parameters = {"stdin": int(stdin), "stdout": int(stdout), "stderr": int(stderr), "stream": 1}
        with failures():
            tty = bool(self._engine.inspect_container(container_id)["Config"]["Tty"])
            raw = self._engine.attach_socket(container_id, parameters)
        return DockerStream(raw, tty=tty, engine=self._engine, container_id=container_id)

    def logs(self, container_id: str, options: LogOptions) -> LogStream:
        return docker_logs.follow(self._engine, container_id, options)


def _by_pod(found: Sequence[Container | Sandbox]) -> dict[str, PodState]:
    """Newest first."""
    sandboxes: dict[str, list[Sandbox]] = {}
    containers: dict[str, list[Container]] = {}
    for each in found:
        if isinstance(each, Sandbox):
            sandboxes.setdefault(each.pod_uid, []).append(each)
        else:
            containers.setdefault(each.pod_uid, []).append(each)
    return {
        uid: PodState(
            tuple(sorted(sandboxes.get(uid, ()), key=lambda each: -each.created)),
            tuple(sorted(containers.get(uid, ()), key=lambda each: (-each.created, -each.attempt))),
        )
        for uid in {*sandboxes, *containers}
    }
