"""The seam to container runtimes: what a kubelet asks of one, and the values that pass.

The shape follows the CRI (`cri-api/pkg/apis/runtime/v1`): a pod's sandbox owns its network namespace, containers join it, and
everything that the kubelet must know after a restart is in their labels.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Mapping, Sequence
from threading import Event
from typing import Final, Protocol

from msgspec import Struct, field

POD_UID_LABEL: Final = "io.kubernetes.pod.uid"
POD_NAME_LABEL: Final = "io.kubernetes.pod.name"
POD_NAMESPACE_LABEL: Final = "io.kubernetes.pod.namespace"
CONTAINER_NAME_LABEL: Final = "io.kubernetes.container.name"
ATTEMPT_LABEL: Final = "io.kubernetes.container.attempt"
CLUSTER_LABEL: Final = "berth.cluster"
NODE_LABEL: Final = "berth.node"
SANDBOX_LABEL: Final = "berth.sandbox"
GRACE_LABEL: Final = "io.kubernetes.pod.terminationGracePeriod"
DIGEST_LABEL: Final = "berth.container-hash"
MESSAGE_LABEL: Final = "io.kubernetes.container.terminationMessagePath"
MESSAGE_POLICY_LABEL: Final = "io.kubernetes.container.terminationMessagePolicy"


class RuntimeFailure(Exception):
    """A runtime refused or could not do what it was asked; the message is shown to users."""


class ImageFailure(Exception):
    """An image can't be had: `reason` is the container's waiting reason."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class State(enum.Enum):
    CREATED = "created"
    RUNNING = "running"
    EXITED = "exited"


class Image(Struct, frozen=True):
    """An image on the machine: `digest` is what a container status shows as imageID, `user` what its config names."""

    id: str
    digest: str
    size: int
    tags: tuple[str, ...] = ()
    user: str = ""


class Mount(Struct, frozen=True):
    source: str
    target: str
    read_only: bool = False
    propagation: str = ""


class Security(Struct, frozen=True):
    """What a container may do; None leaves the runtime's default."""

    user: str = ""
    groups: tuple[str, ...] = ()
    privileged: bool = False
    add: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    read_only_root: bool = False
    no_new_privileges: bool = False
    seccomp_unconfined: bool = False
    process_namespace: str = ""
    """`host`, or `pod` for a process namespace shared with the sandbox."""
    host_ipc: bool = False


class Resources(Struct, frozen=True):
    """Limits in the kernel's terms: bytes, microseconds of 100 ms, shares; zero: none."""

    memory: int = 0
    cpu_quota: int = 0
    cpu_shares: int = 2
    oom_score: int = 0


class SandboxConfig(Struct, frozen=True):
    name: str
    hostname: str
    labels: Mapping[str, str]
    host_network: bool = False
    host_ipc: bool = False
    share_processes: bool = False
    ports: tuple[tuple[int, str, str, int], ...] = ()
    """(container port, protocol, host IP, host port) of what is published on the host."""
    sysctls: Mapping[str, str] = field(default_factory=dict)


class ContainerConfig(Struct, frozen=True):
    name: str
    image: str
    labels: Mapping[str, str]
    command: Sequence[str] | None
    args: Sequence[str] | None
    environment: Sequence[tuple[str, str]]
    working_dir: str = ""
    mounts: tuple[Mount, ...] = ()
    security: Security = Security()
    resources: Resources = Resources()
    stdin: bool = False
    stdin_once: bool = False
    tty: bool = False
    runs_to_end: bool = False
    """An init container that must end before the others start."""


class Sandbox(Struct, frozen=True):
    id: str
    labels: Mapping[str, str]
    running: bool
    ip: str = ""
    created: float = 0.0

    @property
    def pod_uid(self) -> str:
        return self.labels.get(POD_UID_LABEL, "")


class Container(Struct, frozen=True):
    """A container as the runtime knows it; times are seconds of the epoch, 0 where it hasn't happened."""

    id: str
    labels: Mapping[str, str]
    state: State
    image: str = ""
    image_id: str = ""
    exit_code: int = 0
    reason: str = ""
    message: str = ""
    created: float = 0.0
    started: float = 0.0
    finished: float = 0.0

    @property
    def pod_uid(self) -> str:
        return self.labels.get(POD_UID_LABEL, "")

    @property
    def name(self) -> str:
        return self.labels.get(CONTAINER_NAME_LABEL, "")

    @property
    def attempt(self) -> int:
        return int(self.labels.get(ATTEMPT_LABEL, "0"))


class PodState(Struct, frozen=True):
    """Everything that the runtime has of one pod, newest first."""

    sandboxes: tuple[Sandbox, ...] = ()
    containers: tuple[Container, ...] = ()

    def latest(self, name: str) -> Container | None:
        """The newest container of that name."""
        return next((each for each in self.containers if each.name == name), None)

    @property
    def sandbox(self) -> Sandbox | None:
        """The newest sandbox that runs."""
        return next((each for each in self.sandboxes if each.running), None)


class LogOptions(Struct, frozen=True):
    follow: bool = False
    tail: int | None = None
    since: float = 0.0
    timestamps: bool = False
    stdout: bool = True
    stderr: bool = True


class ExecResult(Struct, frozen=True):
    exit_code: int
    output: bytes


class Stream(Protocol):
    """The standard streams of a running command or container."""

    def read(self) -> tuple[int, bytes] | None:
        """(1 stdout | 2 stderr, data); None at the end."""
        ...

    def write(self, data: bytes) -> None: ...

    def close_stdin(self) -> None: ...

    def resize(self, width: int, height: int) -> None: ...

    def exit_code(self) -> int:
        """Of the command, once `read` has answered None; 0 for an attached container."""
        ...

    def close(self) -> None: ...


class LogStream(Protocol):
    """Chunks of a log as they come; `close` ends the iteration, from any thread."""

    def __iter__(self) -> Iterator[bytes]: ...

    def close(self) -> None: ...


class Version(Struct, frozen=True):
    """`name` is the scheme of container IDs, as in `docker://`."""

    name: str
    version: str


class Runtime(Protocol):
    """Thread-safe.  RuntimeFailure where the runtime refuses; what is already so is no failure."""

    def version(self) -> Version: ...

    def image(self, reference: str) -> Image | None: ...

    def images(self) -> list[Image]: ...

    def pull(self, reference: str, credentials: Sequence[Mapping[str, str]]) -> Image:
        """Tries each of the credentials (`username`, `password`), then none."""
        ...

    def run_sandbox(self, config: SandboxConfig) -> Sandbox: ...

    def stop_sandbox(self, sandbox_id: str) -> None: ...

    def remove_sandbox(self, sandbox_id: str) -> None: ...

    def pods(self) -> dict[str, PodState]:
        """All pods of this node, by UID."""
        ...

    def pod(self, uid: str) -> PodState: ...

    def create_container(self, sandbox: Sandbox, config: ContainerConfig) -> str: ...

    def start_container(self, container_id: str) -> None: ...

    def stop_container(self, container_id: str, grace_seconds: int) -> None: ...

    def remove_container(self, container_id: str) -> None: ...

    def execute(self, container_id: str, command: Sequence[str], timeout_seconds: float) -> ExecResult:
        """TimeoutError where the command takes longer."""
        ...

    def open_exec(self, container_id: str, command: Sequence[str], *, stdin: bool, stdout: bool, stderr: bool, tty: bool) -> Stream: ...

    def attach(self, container_id: str, *, stdin: bool, stdout: bool, stderr: bool) -> Stream: ...

    def logs(self, container_id: str, options: LogOptions) -> LogStream: ...

    def events(self, stop: Event, changed: Callable[[str], None]) -> None:
        """Calls `changed(pod UID)` whenever a container of this node starts or ends, until `stop`; returns when the stream breaks."""
        ...

    def probe_address(self, sandbox: Sandbox) -> str:
        """Where the kubelet reaches the pod's ports."""
        ...

    @property
    def simulated(self) -> bool: ...
