"""The Docker runtime on a real engine, with the image made here."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cluster.kubelet.docker_runtime import DockerRuntime
from cluster.kubelet.network import DockerBridge
from cluster.kubelet.runtime import (
    ATTEMPT_LABEL,
    CONTAINER_NAME_LABEL,
    POD_UID_LABEL,
    ContainerConfig,
    LogOptions,
    Resources,
    RuntimeFailure,
    Sandbox,
    SandboxConfig,
    Security,
    State,
)
from tests.support import eventually
from tests.support_images import ensure_busybox
from tests.support_needs import docker_engine

UID = "11111111-2222-3333-4444-555555555555"
DEADLINE_SECONDS = 20.0


@pytest.fixture(scope="module")
def runtime() -> Iterator[DockerRuntime]:
    engine = docker_engine()
    ensure_busybox(engine)
    cluster = f"berth-test-{secrets.token_hex(3)}"
    network = DockerBridge(engine, cluster, "node")
    network.prepare("")
    yield DockerRuntime(engine, network, cluster=cluster, node="node")
    for container in engine.containers(all=True, filters={"label": [f"berth.cluster={cluster}"]}):
        engine.remove_container(container["Id"], force=True)
    engine.remove_network(network.mode)
    engine.close()


@pytest.fixture(scope="module")
def sandbox(runtime: DockerRuntime) -> Sandbox:
    return runtime.run_sandbox(SandboxConfig(f"sandbox-{secrets.token_hex(4)}", "host", _labels("POD")))


def _labels(name: str, uid: str = UID) -> dict[str, str]:
    return {POD_UID_LABEL: uid, CONTAINER_NAME_LABEL: name, ATTEMPT_LABEL: "0"}


def _start(runtime: DockerRuntime, sandbox: Sandbox, script: str, **more: Any) -> str:
    name = f"c-{secrets.token_hex(4)}"
    config = ContainerConfig(
        name=name, image="berth-test/busybox:1", labels=_labels(name), command=["sh", "-c", script], args=None, environment=[], **more
    )
    container = runtime.create_container(sandbox, config)
    runtime.start_container(container)
    return container


def _await(condition: Callable[[], Any]) -> Any:
    return eventually(condition, "the engine did as it was asked", DEADLINE_SECONDS)


def _ended(runtime: DockerRuntime, container_id: str) -> Any:
    def find() -> Any:
        return next((each for each in runtime.pod(UID).containers if each.id == container_id and each.state is State.EXITED), None)

    return _await(find)


def test_a_sandbox_has_an_address(sandbox: Sandbox) -> None:
    assert sandbox.ip.count(".") == 3


def test_containers_share_the_sandboxes_network_and_name(runtime: DockerRuntime, sandbox: Sandbox) -> None:
    container = _start(runtime, sandbox, "hostname -i; hostname")
    _ended(runtime, container)
    assert b"".join(runtime.logs(container, LogOptions())).split() == [sandbox.ip.encode(), b"host"]


def test_an_exit_code_is_told(runtime: DockerRuntime, sandbox: Sandbox) -> None:
    found = _ended(runtime, _start(runtime, sandbox, "exit 7"))
    assert (found.exit_code, found.reason) == (7, "Error")


def test_a_program_that_is_not_there_is_a_start_error(runtime: DockerRuntime, sandbox: Sandbox) -> None:
    config = ContainerConfig(f"c-{secrets.token_hex(4)}", "berth-test/busybox:1", _labels("none"), ["/nothing"], None, [])
    container = runtime.create_container(sandbox, config)
    with pytest.raises(RuntimeFailure, match="no such file"):
        runtime.start_container(container)
    assert _ended(runtime, container).reason == "StartError"


def test_too_much_memory_is_told(runtime: DockerRuntime, sandbox: Sandbox) -> None:
    greedy = "a=x; while true; do a=$a$a; done"
    found = _ended(runtime, _start(runtime, sandbox, greedy, resources=Resources(memory=16 << 20)))
    assert (found.reason, found.exit_code) == ("OOMKilled", 137)


def test_the_grace_period_is_given(runtime: DockerRuntime, sandbox: Sandbox) -> None:
    container = _start(runtime, sandbox, "trap 'echo bye; exit 5' TERM; echo up; while true; do sleep 0.1; done")
    _await(lambda: b"up" in b"".join(runtime.logs(container, LogOptions())))
    runtime.stop_container(container, 10)
    assert (_ended(runtime, container).exit_code, b"".join(runtime.logs(container, LogOptions(tail=1)))) == (5, b"bye\n")


def test_a_command_runs_in_a_container(runtime: DockerRuntime, sandbox: Sandbox) -> None:
    container = _start(runtime, sandbox, "sleep 60")
    result = runtime.execute(container, ["sh", "-c", "echo out; echo err >&2; exit 3"], 10)
    runtime.remove_container(container)
    assert (result.exit_code, sorted(result.output.split())) == (3, [b"err", b"out"])


def test_a_command_that_takes_too_long_is_ended(runtime: DockerRuntime, sandbox: Sandbox) -> None:
    container = _start(runtime, sandbox, "sleep 60")
    with pytest.raises(TimeoutError):
        runtime.execute(container, ["sleep", "30"], 0.3)
    runtime.remove_container(container)


def test_standard_input_reaches_a_command_and_ends(runtime: DockerRuntime, sandbox: Sandbox) -> None:
    container = _start(runtime, sandbox, "sleep 60")
    stream = runtime.open_exec(container, ["cat"], stdin=True, stdout=True, stderr=True, tty=False)
    stream.write(b"hello")
    stream.close_stdin()
    parts = list(iter(stream.read, None))
    stream.close()
    runtime.remove_container(container)
    assert parts == [(1, b"hello")]


def test_security_is_applied(runtime: DockerRuntime, sandbox: Sandbox) -> None:
    security = Security(user="1000:2000", groups=("3000",), read_only_root=True, drop=("ALL",))
    container = _start(runtime, sandbox, "id -u; id -g; id -G; touch /x 2>/dev/null || echo read-only", security=security)
    _ended(runtime, container)
    assert b"".join(runtime.logs(container, LogOptions())).splitlines() == [b"1000", b"2000", b"2000 3000", b"read-only"]


def test_another_runtime_object_finds_what_runs(runtime: DockerRuntime, sandbox: Sandbox) -> None:
    container = _start(runtime, sandbox, "sleep 60")
    again = DockerRuntime(runtime._engine, runtime._network, cluster=runtime._labels["berth.cluster"], node="node")
    found = [each.id for each in again.pods()[UID].containers if each.state is State.RUNNING]
    runtime.remove_container(container)
    assert container in found


def test_the_death_of_a_container_is_an_event(runtime: DockerRuntime, sandbox: Sandbox) -> None:
    seen: list[str] = []
    stop = threading.Event()
    threading.Thread(target=runtime.events, args=(stop, seen.append), daemon=True).start()

    def provoke() -> bool:
        _ended(runtime, _start(runtime, sandbox, "true"))
        return bool(seen)

    _await(provoke)
    stop.set()
    assert set(seen) == {UID}


@pytest.mark.parametrize("tty", [False, True])
def test_a_log_is_followed_as_it_grows_and_ends_with_its_container(runtime: DockerRuntime, sandbox: Sandbox, tty: bool) -> None:
    container = _start(runtime, sandbox, "echo one; read line; echo two", stdin=True, tty=tty)
    chunks = iter(runtime.logs(container, LogOptions(follow=True)))
    first = next(chunks)
    stream = runtime.attach(container, stdin=True, stdout=False, stderr=False)
    stream.write(b"\n")
    rest = b"".join(chunks)
    stream.close()
    assert (first.split(), rest.split()) == ([b"one"], [b"two"])


def test_a_followed_log_can_be_closed_from_another_thread(runtime: DockerRuntime, sandbox: Sandbox) -> None:
    container = _start(runtime, sandbox, "echo up; sleep 60")
    stream = runtime.logs(container, LogOptions(follow=True))
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.extend(stream), daemon=True)
    reader.start()
    _await(lambda: read)
    stream.close()
    reader.join(DEADLINE_SECONDS)
    runtime.remove_container(container)
    assert not reader.is_alive()


def test_what_an_event_says_has_ended_is_seen_so_at_once(runtime: DockerRuntime, sandbox: Sandbox) -> None:
    """The engine's list may still show it running."""
    container = _start(runtime, sandbox, "sleep 60")
    _await(lambda: any(each.id == container and each.state is State.RUNNING for each in runtime.pod(UID).containers))
    seen: list[State] = []
    stop = threading.Event()

    def look(uid: str) -> None:
        seen.extend(each.state for each in runtime.pod(uid).containers if each.id == container)

    threading.Thread(target=runtime.events, args=(stop, look), daemon=True).start()
    _await(lambda: seen or not _start(runtime, sandbox, "true"))
    runtime._engine.kill(container)
    assert _await(lambda: State.EXITED in seen)
    stop.set()
