"""Containers by a Docker engine: the one module that knows its API.

A sandbox is a container of the pause image; the pod's containers share its network and IPC namespaces.  A container is never started
twice: a restart is a new container with the next attempt in its labels.
"""

from __future__ import annotations

import calendar
import contextlib
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import docker
import docker.utils
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from docker.types import LogConfig
from docker.types import Mount as DockerMount

from cluster.kubelet import pause
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
    ImageFailure,
    LogOptions,
    LogStream,
    PodState,
    RuntimeFailure,
    Sandbox,
    SandboxConfig,
    Security,
    State,
    Stream,
    Version,
)

log = logging.getLogger(__name__)

_EXEC_OUTPUT_LIMIT: Final = 1 << 20
_SANDBOX_SCORE: Final = -998
_SYS_RESOURCE: Final = 24
_START_ERROR: Final = 128


def connect(timeout_seconds: int = 120) -> Any:
    """A `docker.APIClient` of the engine that the environment names; RuntimeFailure where none answers."""
    try:
        engine = docker.APIClient(timeout=timeout_seconds, num_pools=16, **docker.utils.kwargs_from_env())
        engine.ping()
    except (DockerException, OSError) as error:
        raise RuntimeFailure(f"no Docker engine answers: {error}") from error
    return engine


class DockerRuntime:
    simulated = False

    def __init__(self, engine: Any, network: PodNetwork, *, cluster: str, node: str) -> None:
        self._engine = engine
        self._network = network
        self._labels = {CLUSTER_LABEL: cluster, NODE_LABEL: node}
        self._seen: dict[tuple[str, str], Container | Sandbox] = {}
        self._image_lock = threading.Lock()
        self._lowest_score = _lowest_score()

    # Images

    def version(self) -> Version:
        return Version("docker", str(self._engine.version()["Version"]))

    def image(self, reference: str) -> Image | None:
        try:
            found = self._engine.inspect_image(reference)
        except ImageNotFound:
            return None
        except (APIError, OSError) as error:
            raise RuntimeFailure(_text(error)) from error
        digests = found.get("RepoDigests") or []
        shown = f"docker-pullable://{digests[0]}" if digests else f"docker://{found['Id']}"
        user = (found.get("Config") or {}).get("User") or ""
        return Image(found["Id"], shown, int(found.get("Size") or 0), tuple(found.get("RepoTags") or ()), user)

    def images(self) -> list[Image]:
        return [
            Image(
                each["Id"], each["Id"], int(each.get("Size") or 0), tuple(each.get("RepoTags") or ()) + tuple(each.get("RepoDigests") or ())
            )
            for each in self._engine.images()
        ]

    def pull(self, reference: str, credentials: Sequence[Mapping[str, str]]) -> Image:
        failure: Exception | None = None
        for auth in [*credentials, None]:
            try:
                for line in self._engine.pull(reference, stream=True, decode=True, auth_config=dict(auth) if auth else None):
                    if "error" in line:
                        raise RuntimeFailure(str(line["error"]))
                found = self.image(reference)
                if found is not None:
                    return found
            except (APIError, RuntimeFailure, OSError) as error:
                failure = error
        text = _text(failure) if failure else "the image is not there after its pull"
        raise ImageFailure("ErrImagePull", f'failed to pull and unpack image "{reference}": {text}')

    def _pause_image(self) -> str:
        """The sandbox's image, made where it is missing."""
        reference = f"berth/pause:{pause.tag()}"
        with self._image_lock:
            if self.image(reference) is None:
                changes = ['ENTRYPOINT ["/pause"]', "USER 65535:65535"]
                self._engine.import_image_from_data(pause.archive(), repository="berth/pause", tag=pause.tag(), changes=changes)
        return reference

    # Sandboxes

    def run_sandbox(self, config: SandboxConfig) -> Sandbox:
        bindings: dict[str, list[tuple[str, int]]] = {}
        for port, protocol, host_ip, host_port in config.ports:
            bindings.setdefault(f"{port}/{protocol.lower()}", []).append((host_ip, host_port))
        host_config = self._engine.create_host_config(
            network_mode="host" if config.host_network else self._network.mode,
            ipc_mode="host" if config.host_ipc else "shareable",
            port_bindings=bindings or None,
            security_opt=["no-new-privileges"],
            oom_score_adj=max(_SANDBOX_SCORE, self._lowest_score),
            sysctls=dict(config.sysctls) or None,
        )
        options: dict[str, Any] = {} if config.host_network else {"hostname": config.hostname}
        ports = [tuple(each.split("/")) for each in bindings]
        try:
            sandbox_id = self._create(
                image=self._pause_image(),
                command=None,
                name=config.name,
                labels={**config.labels, **self._labels, SANDBOX_LABEL: "true"},
                host_config=host_config,
                ports=ports or None,
                **options,
            )
            self._engine.start(sandbox_id)
            found = self._sandbox(self._engine.inspect_container(sandbox_id))
        except (APIError, OSError, ValueError) as error:
            raise RuntimeFailure(_text(error)) from error
        if not found.ip and not config.host_network:
            raise RuntimeFailure("the sandbox has no address on the pod network")
        return found

    def stop_sandbox(self, sandbox_id: str) -> None:
        with self._absent_is_fine():
            self._engine.kill(sandbox_id)

    def remove_sandbox(self, sandbox_id: str) -> None:
        self.remove_container(sandbox_id)

    def probe_address(self, sandbox: Sandbox) -> str:
        return sandbox.ip

    def _sandbox(self, found: dict[str, Any]) -> Sandbox:
        running = bool(found["State"]["Running"])
        ip = self._network.address(found) if running else ""
        return Sandbox(found["Id"], found["Config"]["Labels"], running, ip, _seconds(found["Created"]))

    # Containers

    def pods(self) -> dict[str, PodState]:
        return self._states({})

    def pod(self, uid: str) -> PodState:
        return self._states({POD_UID_LABEL: uid}).get(uid, PodState())

    def _states(self, more: Mapping[str, str]) -> dict[str, PodState]:
        wanted = [f"{key}={value}" for key, value in (self._labels | dict(more)).items()]
        try:
            rows = self._engine.containers(all=True, filters={"label": wanted})
        except (APIError, OSError) as error:
            raise RuntimeFailure(_text(error)) from error
        sandboxes: dict[str, list[Sandbox]] = {}
        containers: dict[str, list[Container]] = {}
        for row in rows:
            found = self._look(row["Id"], row["State"])
            if isinstance(found, Sandbox):
                sandboxes.setdefault(found.pod_uid, []).append(found)
            elif found is not None:
                containers.setdefault(found.pod_uid, []).append(found)
        if not more:
            known = {row["Id"] for row in rows}
            self._seen = {key: value for key, value in list(self._seen.items()) if key[0] in known}
        return {
            uid: PodState(
                tuple(sorted(sandboxes.get(uid, ()), key=lambda each: -each.created)),
                tuple(sorted(containers.get(uid, ()), key=lambda each: (-each.created, -each.attempt))),
            )
            for uid in {*sandboxes, *containers}
        }

    def _look(self, container_id: str, state: str) -> Container | Sandbox | None:
        """Inspects once for each state that a container is in: it never goes back to one."""
        found = self._seen.get((container_id, state))
        if found is not None:
            return found
        try:
            inspected = self._engine.inspect_container(container_id)
        except NotFound:
            return None
        sandbox = SANDBOX_LABEL in (inspected["Config"]["Labels"] or {})
        found = self._sandbox(inspected) if sandbox else _container(inspected)
        if inspected["State"]["Status"] == state and state in ("running", "exited"):
            self._seen[container_id, state] = found
        return found

    def create_container(self, sandbox: Sandbox, config: ContainerConfig) -> str:
        security, resources = config.security, config.resources
        shared = f"container:{sandbox.id}"
        process = {"host": "host", "pod": shared}.get(security.process_namespace)
        host_config = self._engine.create_host_config(
            network_mode=shared,
            ipc_mode="host" if security.host_ipc else shared,
            pid_mode=process,
            mounts=[
                DockerMount(each.target, each.source, type="bind", read_only=each.read_only, propagation=each.propagation or None)
                for each in config.mounts
            ],
            privileged=security.privileged,
            cap_add=list(security.add) or None,
            cap_drop=list(security.drop) or None,
            read_only=security.read_only_root,
            security_opt=_security_options(security),
            group_add=list(security.groups) or None,
            mem_limit=resources.memory or None,
            memswap_limit=resources.memory or None,
            cpu_shares=resources.cpu_shares or None,
            cpu_period=100_000 if resources.cpu_quota else None,
            cpu_quota=resources.cpu_quota or None,
            oom_score_adj=max(resources.oom_score, self._lowest_score),
            log_config=LogConfig(type="json-file", config={"max-size": "10m", "max-file": "5"}),
        )
        body = self._engine.create_container_config(
            image=config.image,
            command=list(config.args) if config.args is not None else None,
            environment=[f"{name}={value}" for name, value in config.environment],
            working_dir=config.working_dir or None,
            user=security.user or None,
            labels={**config.labels, **self._labels},
            stdin_open=config.stdin,
            tty=config.tty,
            host_config=host_config,
        )
        body["Entrypoint"] = list(config.command) if config.command is not None else None
        body["StdinOnce"] = config.stdin_once
        body["AttachStdin"] = body["AttachStdout"] = body["AttachStderr"] = False
        try:
            return self._create_from(body, config.name)
        except (APIError, OSError) as error:
            raise RuntimeFailure(_text(error)) from error

    def _create(self, *, name: str, **options: Any) -> str:
        return self._create_from(self._engine.create_container_config(**options), name)

    def _create_from(self, body: Any, name: str) -> str:
        """Creates; what an earlier kubelet left half-made under the name is removed first."""
        try:
            return str(self._engine.create_container_from_config(body, name)["Id"])
        except APIError as error:
            if error.status_code != 409:
                raise
            self._engine.remove_container(name, force=True)
            return str(self._engine.create_container_from_config(body, name)["Id"])

    def start_container(self, container_id: str) -> None:
        try:
            self._engine.start(container_id)
        except (APIError, OSError) as error:
            raise RuntimeFailure(_text(error)) from error

    def stop_container(self, container_id: str, grace_seconds: int) -> None:
        with self._absent_is_fine():
            self._engine.stop(container_id, timeout=max(0, grace_seconds))

    def remove_container(self, container_id: str) -> None:
        with self._absent_is_fine():
            self._engine.remove_container(container_id, force=True, v=True)

    @contextlib.contextmanager
    def _absent_is_fine(self) -> Iterator[None]:
        """What is gone, stopped or on its way out already is as it should be."""
        try:
            yield
        except (APIError, OSError) as error:
            status = getattr(error, "status_code", None)
            if status != 404 and not (status == 409 and ("is not running" in str(error) or "already in progress" in str(error))):
                raise RuntimeFailure(_text(error)) from error

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
        try:
            made = self._engine.exec_create(container_id, list(command), stdin=stdin, stdout=stdout, stderr=stderr, tty=tty)
            raw = self._engine.exec_start(made["Id"], tty=tty, socket=True)
        except (APIError, OSError) as error:
            raise RuntimeFailure(_text(error)) from error
        return DockerStream(raw, tty=tty, engine=self._engine, exec_id=made["Id"])

    def attach(self, container_id: str, *, stdin: bool, stdout: bool, stderr: bool) -> Stream:
        parameters = {"stdin": int(stdin), "stdout": int(stdout), "stderr": int(stderr), "stream": 1}
        try:
            tty = bool(self._engine.inspect_container(container_id)["Config"]["Tty"])
            raw = self._engine.attach_socket(container_id, parameters)
        except (APIError, OSError) as error:
            raise RuntimeFailure(_text(error)) from error
        return DockerStream(raw, tty=tty, engine=self._engine, container_id=container_id)

    def logs(self, container_id: str, options: LogOptions) -> LogStream:
        try:
            stream = self._engine.logs(
                container_id,
                stdout=options.stdout,
                stderr=options.stderr,
                stream=True,
                follow=options.follow,
                timestamps=options.timestamps,
                tail="all" if options.tail is None else options.tail,
                since=options.since or None,
            )
            return _Log(stream)
        except (APIError, OSError) as error:
            raise RuntimeFailure(_text(error)) from error

    def events(self, stop: threading.Event, changed: Callable[[str], None]) -> None:
        filters = {
            "type": "container",
            "event": ["die", "start"],
            "label": [f"{key}={value}" for key, value in self._labels.items()],
        }
        try:
            stream = self._engine.events(decode=True, filters=filters)
            for event in stream:
                if stop.is_set():
                    break
                uid = (event.get("Actor") or {}).get("Attributes", {}).get(POD_UID_LABEL)
                if uid:
                    changed(uid)
        except (DockerException, OSError, ValueError) as error:
            log.info("the engine's event stream ended: %s", error)


class _Log:
    """A log of the engine's; its connection is closed with the last chunk."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._stream
        finally:
            self.close()

    def close(self) -> None:
        with contextlib.suppress(OSError, AttributeError, DockerException):  # it has ended, and its connection is another's
            self._stream.close()


def _lowest_score() -> int:
    """The lowest OOM score that containers may be given: on machines that withhold CAP_SYS_RESOURCE from all, none below 0."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        bounding = int(next(line.split()[1] for line in lines if line.startswith("CapBnd:")), 16)
    except (OSError, StopIteration, ValueError):
        return 0
    return -1000 if bounding >> _SYS_RESOURCE & 1 else 0


def _container(found: dict[str, Any]) -> Container:
    state, config = found["State"], found["Config"]
    started, finished = _seconds(state["StartedAt"]), _seconds(state["FinishedAt"])
    created = _seconds(found["Created"])
    kind, reason, message, code = State.CREATED, "", "", int(state.get("ExitCode") or 0)
    if state["Running"]:
        kind = State.RUNNING
    elif finished:
        kind = State.EXITED
        reason = "OOMKilled" if state.get("OOMKilled") else "Completed" if code == 0 else "Error"
        message = state.get("Error") or ""
    elif state.get("Error"):
        kind, reason, message, code = State.EXITED, "StartError", state["Error"], code or _START_ERROR
        finished = created
    return Container(
        id=found["Id"],
        labels=config["Labels"],
        state=kind,
        image=config["Image"],
        image_id=found["Image"],
        exit_code=code,
        reason=reason,
        message=message,
        created=created,
        started=started,
        finished=finished,
    )


def _security_options(security: Security) -> list[str]:
    options = ["no-new-privileges"] if security.no_new_privileges else []
    if security.seccomp_unconfined and not security.privileged:
        options.append("seccomp=unconfined")
    return options


def _seconds(text: str) -> float:
    """Docker's time (RFC 3339 with up to nine digits, UTC) in seconds of the epoch; its zero time is 0."""
    if not text or text.startswith("0001-"):
        return 0.0
    whole, _, rest = text.partition(".")
    base = calendar.timegm(time.strptime(whole.rstrip("Z"), "%Y-%m-%dT%H:%M:%S"))
    return base + (float(f"0.{rest.rstrip('Z')}") if rest else 0.0)


def _text(error: Exception) -> str:
    explanation = getattr(error, "explanation", None)
    if isinstance(explanation, bytes):
        return explanation.decode(errors="replace")
    return str(explanation or error)
