"""Sessions and logs that a revoked kubeconfig has open end within a second, through API server and kubelet; others go on."""

from __future__ import annotations

import base64
import contextlib
import http.client
import threading
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from cluster.assembly import pki
from cluster.client import websocket as ws
from cluster.kubelet.runtime import LogOptions
from cluster.kubelet.server import KubeletServer
from cluster.kubelet.sim_runtime import SimNetwork
from tests.integration.rbac.issued import Issued, issue, order, path
from tests.integration.streaming.test_streams import SECONDS, EchoRuntime
from tests.support import ApiServer
from tests.unit.kubelet.pods import pod

NODE = "streaming"


class FollowedRuntime(EchoRuntime):
    """Its logs have one line, and then go on in silence."""

    silence = threading.Event()

    def logs(self, container_id: str, options: LogOptions) -> Generator[bytes]:
        yield b"one\n"
        self.silence.wait(SECONDS)


@pytest.fixture(name="running", scope="module")
def running_fixture(api_server: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A namespace with a pod `p`, on a node whose kubelet answers."""
    config, home = api_server.config, api_server.config.home
    pki.ensure(config, pki.node_leaves(config, NODE))
    namespace, running = api_server.namespace(), pod(nodeName=NODE)
    runtime = FollowedRuntime(tmp_path_factory.mktemp("sim") / "sim.json", SimNetwork())
    kubelet = KubeletServer(
        ("127.0.0.1", 0),
        certificate=home.certificate(f"kubelet-{NODE}"),
        key=home.key(f"kubelet-{NODE}"),
        client_ca=home.certificate("ca"),
        runtime=runtime,
        find_pod=lambda where, name: running if (where, name) == (namespace, "p") else None,
        pods=list,
    )
    kubelet.start()
    endpoint = {"daemonEndpoints": {"kubeletEndpoint": {"Port": kubelet.port}}}
    node = {"metadata": {"name": NODE}, "status": {"addresses": [{"type": "InternalIP", "address": "127.0.0.1"}], **endpoint}}
    assert api_server.request("POST", "/api/v1/nodes", node).code == 201
    spec = {"nodeName": NODE, "containers": [{"name": "c", "image": "example.com/c:1"}]}
    made = api_server.request("POST", f"/api/v1/namespaces/{namespace}/pods", {"metadata": {"name": "p"}, "spec": spec})
    assert made.code == 201, made.body
    yield namespace
    runtime.silence.set()
    kubelet.stop()
    api_server.request("DELETE", f"/api/v1/nodes/{NODE}")


@contextlib.contextmanager
def session(issued: Issued, namespace: str) -> Iterator[ws.Channels]:
    """An exec of `cat`."""
    query = urlencode([("stdin", "1"), ("stdout", "1"), ("command", "cat")])
    with contextlib.closing(issued.connect()) as connection:
        sock = connection.sock
        key = base64.b64encode(b"0123456789abcdef").decode()
        lines = [f"GET /api/v1/namespaces/{namespace}/pods/p/exec?{query} HTTP/1.1", "Host: x", "Connection: Upgrade", "Upgrade: websocket"]
        lines += ["Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Protocol: v5.channel.k8s.io"]
        lines += [f"Authorization: Bearer {issued.token}"] if issued.token else []
        sock.sendall("".join(f"{line}\r\n" for line in (*lines, "")).encode())
        head = b""
        while b"\r\n\r\n" not in head:
            head += sock.recv(4096)
        assert head.startswith(b"HTTP/1.1 101"), head
        yield ws.Channels(ws.WebSocket(sock, client=True, received=head.partition(b"\r\n\r\n")[2], idle_seconds=SECONDS))


@contextlib.contextmanager
def followed(issued: Issued, namespace: str) -> Iterator[http.client.HTTPResponse]:
    with contextlib.closing(issued.connect()) as connection:
        headers = {"Authorization": f"Bearer {issued.token}"} if issued.token else {}
        connection.request("GET", f"/api/v1/namespaces/{namespace}/pods/p/log?follow=true", headers=headers)
        with contextlib.closing(connection.getresponse()) as response:
            assert (response.status, response.readline()) == (200, b"one\n")
            yield response


def two(server: ApiServer, folder: Path, namespace: str, identity: str) -> tuple[Issued, Issued]:
    """One who will be revoked, and one who won't."""
    role = {"roleRef": {"kind": "ClusterRole", "name": "edit"}}
    names = [f"{identity}-out", f"{identity}-stays"]
    specs = [{"serviceAccountName": "default"} if identity == "token" else {"user": f"{namespace}:{name}"} for name in names]
    first, second = (issue(server, folder, order(name, **spec, **role), namespace) for name, spec in zip(names, specs, strict=True))
    return first, second


@pytest.mark.parametrize("identity", ["token", "certificate"])
def test_sessions_and_logs_of_a_revoked_kubeconfig_end_and_no_others(
    api_server: ApiServer, running: str, tmp_path: Path, identity: str
) -> None:
    out, stays = two(api_server, tmp_path, running, identity)
    with session(out, running) as ending, session(stays, running) as going_on, followed(out, running) as log, followed(stays, running):
        for each in (ending, going_on):
            each.send(ws.STDIN, b"hello")
            assert each.receive() == (ws.STDOUT, b"hello")
        begun = time.monotonic()
        assert api_server.request("POST", path(running, f"{identity}-out", "revoke")).code == 201
        assert (ending.receive(), log.read()) == (None, b"")
        assert time.monotonic() - begun < 1.0
        going_on.send(ws.STDIN, b"still here")
        assert going_on.receive() == (ws.STDOUT, b"still here")
