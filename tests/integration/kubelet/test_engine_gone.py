"""An engine that goes away and comes back, and what a node leaves on its machine."""

from __future__ import annotations

import contextlib
import gc
import os
import secrets
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.kubelet import volumes
from cluster.kubelet.docker_engine import connect
from cluster.kubelet.docker_runtime import DockerRuntime
from cluster.kubelet.network import DockerBridge
from cluster.kubelet.runtime import CLUSTER_LABEL, NODE_LABEL, RuntimeFailure
from tests.support import eventually
from tests.support_needs import docker_engine, missing


class Passage:
    """A Unix socket that leads to the engine while it is open."""

    def __init__(self, path: Path) -> None:
        self.path = path
        address = os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
        self._engine = address.removeprefix("unix://")
        self._sockets: list[socket.socket] = []
        self._changing = threading.Lock()
        self._listener: socket.socket | None = None

    def open(self) -> None:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self.path))
        listener.listen(16)
        self._sockets, self._listener = [listener], listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def close(self) -> None:
        self.path.unlink(missing_ok=True)
        with self._changing:
            self._listener = None
            for each in self._sockets:
                with contextlib.suppress(OSError):  # it is not connected, or no more
                    each.shutdown(socket.SHUT_RDWR)
                each.close()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                near, _ = listener.accept()
                far = socket.socket(socket.AF_UNIX)
                far.connect(self._engine)
                with self._changing:
                    if self._listener is not listener:  # closed meanwhile
                        near.close()
                        far.close()
                        return
                    self._sockets += [near, far]
                for source, target in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=(source, target), daemon=True).start()

    @staticmethod
    def _carry(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):  # either end has gone
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)


@pytest.fixture
def passage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Passage]:
    docker_engine().close()
    made = Passage(tmp_path / "docker.sock")
    made.open()
    monkeypatch.setenv("DOCKER_HOST", f"unix://{made.path}")
    yield made
    made.close()
    gc.collect()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the SDK leaves a socket that it can't connect unclosed
def test_an_engine_that_goes_is_a_failure_and_one_that_is_back_is_used(passage: Passage) -> None:
    engine = connect()
    runtime = DockerRuntime(engine, DockerBridge(engine, "none", "node"), cluster="none", node="node")
    ended = threading.Event()

    def follow() -> None:
        with contextlib.suppress(RuntimeFailure):  # it may go before it has answered
            runtime.events(threading.Event(), print)
        ended.set()

    threading.Thread(target=follow, daemon=True).start()
    eventually(lambda: len(passage._sockets) > 3, "the events are followed")
    passage.close()
    for call in (runtime.pods, runtime.images, runtime.version, lambda: runtime.image("a"), lambda: runtime.stop_container("c", 1)):
        with pytest.raises(RuntimeFailure):
            call()
    assert ended.wait(10)
    passage.open()
    assert runtime.pods() == {}
    engine.close()


def test_a_nodes_network_is_found_by_its_labels() -> None:
    engine = docker_engine()
    cluster = f"berth-test-{secrets.token_hex(3)}"
    network = DockerBridge(engine, cluster, "n1")
    network.prepare("")
    found = engine.networks(filters={"label": [f"{CLUSTER_LABEL}={cluster}", f"{NODE_LABEL}=n1"]})
    engine.remove_network(network.mode)
    engine.close()
    assert [each["Name"] for each in found] == [network.mode]


def test_memory_file_systems_below_a_folder_are_taken_away(tmp_path: Path) -> None:
    inside, beside = tmp_path / "a node" / "pods" / "volume", tmp_path / "other"
    for path in (inside, beside):
        path.mkdir(parents=True)
        if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(path)], capture_output=True).returncode:
            missing("no file system can be mounted here")
    volumes.release(tmp_path / "a node")
    mounted = os.path.ismount(inside), os.path.ismount(beside)
    subprocess.run(["umount", str(beside)], check=True)
    assert mounted == (False, True)
