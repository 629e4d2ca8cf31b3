"""A runtime that runs nothing: its containers are entries in a file, and say so when they are asked.

For machines without a container engine, and for tests of what is above the kubelet.
"""

from __future__ import annotations

import ipaddress
import os
import queue
import secrets
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import orjson
from msgspec.structs import asdict, replace

from cluster.kubelet.runtime import (
    ATTEMPT_LABEL,
    Container,
    ContainerConfig,
    ExecResult,
    Image,
    LogOptions,
    PodState,
    RuntimeFailure,
    Sandbox,
    SandboxConfig,
    State,
    Version,
)

_ANSWER: Final = b"this pod is simulated: its node runs no containers (runtime sim)\n"
_DEFAULT_CIDR: Final = "10.244.0.0/24"
_FIRST_ADDRESS: Final = 2


class SimNetwork:
    """Addresses out of the node's pod CIDR that nothing answers at."""

    mode = "none"
    gateway = ""

    def __init__(self) -> None:
        self.network = ipaddress.ip_network(_DEFAULT_CIDR)

    def prepare(self, pod_cidr: str) -> None:
        self.network = ipaddress.ip_network(pod_cidr or _DEFAULT_CIDR)

    def address(self, inspected: dict[str, Any]) -> str:
        return str(inspected.get("ip", ""))

    def free(self, taken: set[str]) -> str:
        """The first address that isn't taken.  RuntimeFailure where none is left."""
        for offset in range(_FIRST_ADDRESS, self.network.num_addresses - 1):
            address = str(self.network[offset])
            if address not in taken:
                return address
        raise RuntimeFailure("no pod address is left on this node")


class SimStream:
    """A command that prints that it is simulated, and fails."""

    def __init__(self) -> None:
        self._left: list[tuple[int, bytes]] = [(2, _ANSWER)]

    def read(self) -> tuple[int, bytes] | None:
        return self._left.pop(0) if self._left else None

    def write(self, data: bytes) -> None:
        """Nothing reads it."""

    def close_stdin(self) -> None:
        """Nothing reads it."""

    def resize(self, width: int, height: int) -> None:
        """Nothing shows it."""

    def exit_code(self) -> int:
        return 1

    def close(self) -> None:
        """Nothing is open."""


class SimRuntime:
    """State survives in a file, so that pods outlive their kubelet as real ones do."""

    simulated = True

    def __init__(self, file: Path, network: SimNetwork) -> None:
        self._file = file
        self._network = network
        self._lock = threading.Lock()
        self._sandboxes: dict[str, Sandbox] = {}
        self._containers: dict[str, Container] = {}
        self._changes: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._load()

    def _load(self) -> None:
        try:
            held = orjson.loads(self._file.read_bytes())
        except (OSError, orjson.JSONDecodeError):
            return  # a first start, or one after a crash in the middle of nothing that matters
        self._sandboxes = {each["id"]: Sandbox(**each) for each in held["sandboxes"]}
        self._containers = {each["id"]: Container(**each | {"state": State(each["state"])}) for each in held["containers"]}

    def _save(self) -> None:
        data = orjson.dumps({"sandboxes": [*self._sandboxes.values()], "containers": [*self._containers.values()]}, default=asdict)
        temporary = self._file.with_suffix(".tmp")
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(data)
        os.replace(temporary, self._file)

    def version(self) -> Version:
        return Version("sim", "1.0")

    def image(self, reference: str) -> Image | None:
        return Image(f"sha256:{reference}", reference, 0, (reference,), "65534")

    def images(self) -> list[Image]:
        return []

    def pull(self, reference: str, credentials: Sequence[Mapping[str, str]]) -> Image:  # noqa: ARG002 - nobody is asked
        return Image(f"sha256:{reference}", reference, 0, (reference,), "65534")

    def run_sandbox(self, config: SandboxConfig) -> Sandbox:
        with self._lock:
            taken = {each.ip for each in self._sandboxes.values()}
            ip = "" if config.host_network else self._network.free(taken)
            made = Sandbox(secrets.token_hex(32), dict(config.labels), True, ip, time.time())
            self._sandboxes[made.id] = made
            self._save()
        return made

    def stop_sandbox(self, sandbox_id: str) -> None:
        with self._lock:
            if sandbox_id in self._sandboxes:
                self._sandboxes[sandbox_id] = replace(self._sandboxes[sandbox_id], running=False, ip="")
                self._save()

    def remove_sandbox(self, sandbox_id: str) -> None:
        with self._lock:
            if self._sandboxes.pop(sandbox_id, None) is not None:
                self._save()

    def probe_address(self, sandbox: Sandbox) -> str:
        return sandbox.ip

    def pods(self) -> dict[str, PodState]:
        with self._lock:
            sandboxes, containers = [*self._sandboxes.values()], [*self._containers.values()]
        uids = {each.pod_uid for each in sandboxes} | {each.pod_uid for each in containers}
        return {uid: _state(uid, sandboxes, containers) for uid in uids}

    def pod(self, uid: str) -> PodState:
        with self._lock:
            return _state(uid, [*self._sandboxes.values()], [*self._containers.values()])

    def create_container(self, sandbox: Sandbox, config: ContainerConfig) -> str:  # noqa: ARG002 - it joins nothing
        made = Container(
            id=secrets.token_hex(32),
            labels=dict(config.labels) | ({"sim.ends": "true"} if config.runs_to_end else {}),
            state=State.CREATED,
            image=config.image,
            image_id=f"sha256:{config.image}",
            created=time.time(),
        )
        with self._lock:
            self._containers[made.id] = made
            self._save()
        return made.id

    def start_container(self, container_id: str) -> None:
        now = time.time()
        with self._lock:
            found = self._found(container_id)
            if "sim.ends" in found.labels:
                found = replace(found, state=State.EXITED, started=now, finished=now, reason="Completed")
            else:
                found = replace(found, state=State.RUNNING, started=now)
            self._containers[container_id] = found
            self._save()
        self._changes.put(found.pod_uid)

    def stop_container(self, container_id: str, grace_seconds: int) -> None:  # noqa: ARG002 - it ends at once
        with self._lock:
            found = self._containers.get(container_id)
            if found is None or found.state is not State.RUNNING:
                return
            self._containers[container_id] = replace(found, state=State.EXITED, finished=time.time(), reason="Completed")
            self._save()
        self._changes.put(found.pod_uid)

    def remove_container(self, container_id: str) -> None:
        with self._lock:
            if self._containers.pop(container_id, None) is not None:
                self._save()

    def _found(self, container_id: str) -> Container:
        try:
            return self._containers[container_id]
        except KeyError:
            raise RuntimeFailure(f"no such container: {container_id}") from None

    def execute(self, container_id: str, command: Sequence[str], timeout_seconds: float) -> ExecResult:  # noqa: ARG002 - nothing runs
        return ExecResult(0, b"")

    def open_exec(  # nothing runs, so nothing is looked at
        self,
        container_id: str,  # noqa: ARG002
        command: Sequence[str],  # noqa: ARG002
        *,
        stdin: bool,  # noqa: ARG002
        stdout: bool,  # noqa: ARG002
        stderr: bool,  # noqa: ARG002
        tty: bool,  # noqa: ARG002
    ) -> SimStream:
        return SimStream()

    def attach(self, container_id: str, *, stdin: bool, stdout: bool, stderr: bool) -> SimStream:  # noqa: ARG002 - nothing runs
        return SimStream()

    def logs(self, container_id: str, options: LogOptions) -> Generator[bytes]:
        with self._lock:
            found = self._found(container_id)
        line = b"simulated container: attempt " + found.labels.get(ATTEMPT_LABEL, "0").encode() + b"\n"
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ ", time.gmtime(found.started)).encode() if options.timestamps else b""
        if options.tail != 0:
            yield stamp + line

    def events(self, stop: threading.Event, changed: Callable[[str], None]) -> None:
        while not stop.is_set():
            try:
                changed(self._changes.get(timeout=1.0))
            except queue.Empty:
                continue  # look at `stop` again


def _state(uid: str, sandboxes: list[Sandbox], containers: list[Container]) -> PodState:
    return PodState(
        tuple(sorted((each for each in sandboxes if each.pod_uid == uid), key=lambda each: -each.created)),
        tuple(sorted((each for each in containers if each.pod_uid == uid), key=lambda each: -each.created)),
    )
