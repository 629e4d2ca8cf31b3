"""From a client's WebSocket through the API server's side to a kubelet's real HTTPS server, over loopback."""

from __future__ import annotations

import base64
import datetime
import http.client
import queue
import socket
import ssl
import threading
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from cluster.api.errors import StatusError
from cluster.assembly import pki
from cluster.assembly.config import Config, Home
from cluster.client import websocket as ws
from cluster.kubelet.runtime import LogOptions, PodState, Sandbox
from cluster.kubelet.server import ADMITTED, KubeletServer
from cluster.kubelet.sim_runtime import SimNetwork, SimRuntime
from cluster.server.context import Query
from cluster.server.streaming import KubeletTLS, StreamRequest, connect
from rbac.credentials.certificates import issue_client_certificate
from tests.unit.kubelet.pods import container, pod

SECONDS = 10.0


class EchoStream:
    """Says back what it is told, tells its size, and ends with code 3 when its input does."""

    def __init__(self, command: list[str]) -> None:
        self.parts: queue.Queue[tuple[int, bytes] | None] = queue.Queue()
        if command != ["cat"]:
            self.parts.put((1, " ".join(command).encode()))
            self.parts.put(None)
        self.code = 3 if command == ["cat"] else 0

    def read(self) -> tuple[int, bytes] | None:
        return self.parts.get(timeout=SECONDS)

    def write(self, data: bytes) -> None:
        self.parts.put((1, data))

    def close_stdin(self) -> None:
        self.parts.put(None)

    def resize(self, width: int, height: int) -> None:
        self.parts.put((2, f"{width}x{height}".encode()))

    def exit_code(self) -> int:
        return self.code

    def close(self) -> None:
        self.parts.put(None)


class EchoRuntime(SimRuntime):
    def pod(self, uid: str) -> PodState:
        running = container()
        return PodState((Sandbox("s", running.labels, True),), (running,))

    def open_exec(self, container_id: str, command: Any, **_: bool) -> Any:
        return EchoStream(list(command))

    def attach(self, container_id: str, **_: bool) -> Any:
        return EchoStream(["attached"])

    def logs(self, container_id: str, options: LogOptions) -> Generator[bytes]:
        yield b"one\n"
        yield b"two\n"


class World:
    def __init__(self, folder: Path) -> None:
        config = Config(home=Home(folder))
        pki.ensure(config)
        name, group = ADMITTED
        others = [pki.Leaf("namesake", name), pki.Leaf("member", "member", (group,))]
        pki.ensure(config, [*pki.node_leaves(config, "n"), *others])
        self.home = config.home
        ca = self.home.certificate("ca").read_bytes(), self.home.key("ca").read_bytes()
        pair = issue_client_certificate(*ca, name, [group], datetime.timedelta(days=1), uri="berth:clusterkubeconfigs/a/b")
        for file, pem in zip((self.home.certificate("issued"), self.home.key("issued")), pair, strict=True):
            file.write_bytes(pem)
        self.pod = pod(nodeName="n")
        self.pod["spec"]["containers"].append({"name": "stopped"})
        runtime = EchoRuntime(folder / "sim.json", SimNetwork())
        self.server = KubeletServer(
            ("127.0.0.1", 0),
            certificate=self.home.certificate("kubelet-n"),
            key=self.home.key("kubelet-n"),
            client_ca=self.home.certificate("ca"),
            runtime=runtime,
            find_pod=lambda namespace, name: self.pod if (namespace, name) == ("ns", "p") else None,
            pods=list,
        )
        self.server.start()

    @property
    def node(self) -> dict[str, Any]:
        address = {"type": "InternalIP", "address": "127.0.0.1"}
        return {"status": {"addresses": [address], "daemonEndpoints": {"kubeletEndpoint": {"Port": self.server.port}}}}

    def request(self, subresource: str, query: list[tuple[str, str]], environ: dict[str, Any], container: str = "c") -> StreamRequest:
        client = "apiserver-kubelet-client"
        tls = KubeletTLS(self.home.certificate("ca"), self.home.certificate(client), self.home.key(client))
        return StreamRequest(
            "ns", "p", subresource, Query([("container", container), *query]), environ, lambda *_: self.pod, lambda _: self.node, tls
        )

    def direct(self, certificate: str | None) -> http.client.HTTPSConnection:
        """Straight to the kubelet, showing one of the cluster's certificates or none."""
        context = ssl.create_default_context(cafile=str(self.home.certificate("ca")))
        if certificate:
            context.load_cert_chain(self.home.certificate(certificate), self.home.key(certificate))
        return http.client.HTTPSConnection("127.0.0.1", self.server.port, context=context, timeout=SECONDS)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("home"))
    yield made
    made.server.stop()


def _environ(protocol: str) -> dict[str, Any]:
    """A handshake as WSGI tells of it."""
    environ = {
        "HTTP_CONNECTION": "keep-alive, Upgrade",
        "HTTP_UPGRADE": "websocket",
        "HTTP_SEC_WEBSOCKET_KEY": "dGhlIHNhbXBsZSBub25jZQ==",
        "HTTP_SEC_WEBSOCKET_VERSION": "13",
    }
    return environ | ({"HTTP_SEC_WEBSOCKET_PROTOCOL": protocol} if protocol else {})


class Client:
    """A WebSocket client whose server end is handed to the response as gunicorn hands its socket."""

    def __init__(self, world: World, subresource: str, protocol: str, *query: tuple[str, str], container: str = "c") -> None:
        near, self._far = socket.socketpair()
        environ = _environ(protocol) | {"gunicorn.socket": self._far}
        response = connect(world.request(subresource, list(query), environ, container))
        self._thread = threading.Thread(target=response, args=(environ, None))
        self._thread.start()
        near.settimeout(SECONDS)
        head = b""
        while b"\r\n\r\n" not in head:
            head += near.recv(4096)
        self.head, _, rest = head.partition(b"\r\n\r\n")
        self._near = near
        self.socket = ws.WebSocket(near, client=True, received=rest, idle_seconds=SECONDS)
        self.channels = ws.Channels(self.socket, base64_coded="base64" in protocol)

    def frames(self) -> list[tuple[int, bytes]]:
        """All until the end."""
        return [*iter(self.channels.receive, None)]

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.shut()
        self._thread.join(SECONDS)
        self._near.close()
        self._far.close()


OUTPUT = (("stdout", "1"), ("stderr", "1"))
CAT = (("stdin", "1"), *OUTPUT, ("command", "cat"))
WITH_STATUS = ("v5.channel.k8s.io", "v4.channel.k8s.io", "v4.base64.channel.k8s.io")
PLAIN = ("channel.k8s.io", "base64.channel.k8s.io", "")


@pytest.mark.parametrize("protocol", WITH_STATUS)
def test_a_command_that_succeeds_ends_with_a_status(world: World, protocol: str) -> None:
    with Client(world, "exec", protocol, *OUTPUT, ("command", "echo"), ("command", "a b")) as client:
        (first, status) = client.frames()
    assert (first, status[0], orjson.loads(status[1])) == ((1, b"echo a b"), 3, {"metadata": {}, "status": "Success"})


@pytest.mark.parametrize("protocol", PLAIN)
def test_old_protocols_say_nothing_of_success(world: World, protocol: str) -> None:
    with Client(world, "exec", protocol, *OUTPUT, ("command", "ls")) as client:
        assert client.frames() == [(1, b"ls")]


def test_the_subprotocol_chosen_is_told(world: World) -> None:
    with Client(world, "exec", "x.example, v4.channel.k8s.io", *OUTPUT, ("command", "ls")) as client:
        assert b"Sec-WebSocket-Protocol: v4.channel.k8s.io" in client.head


def test_input_and_its_end_reach_the_command(world: World) -> None:
    with Client(world, "exec", "v5.channel.k8s.io", *CAT) as client:
        client.channels.send(ws.STDIN, b"hello")
        client.channels.send(ws.CLOSE, bytes((ws.STDIN,)))
        (first, status) = client.frames()
    causes = orjson.loads(status[1])["details"]["causes"]
    assert (first, causes) == ((1, b"hello"), [{"reason": "ExitCode", "message": "3"}])


def test_a_new_size_reaches_the_terminal(world: World) -> None:
    with Client(world, "exec", "v5.channel.k8s.io", *CAT, ("tty", "1")) as client:
        client.channels.send(ws.RESIZE, b'{"Width":80,"Height":24}')
        assert client.channels.receive() == (2, b"80x24")


def test_attach_shows_what_the_container_says(world: World) -> None:
    with Client(world, "attach", "v5.channel.k8s.io", *OUTPUT) as client:
        assert client.frames()[0] == (1, b"attached")


def test_a_container_that_does_not_run_is_told_in_the_stream(world: World) -> None:
    with Client(world, "exec", "v5.channel.k8s.io", *OUTPUT, ("command", "ls"), container="stopped") as client:
        message = orjson.loads(client.frames()[0][1])["message"]
    assert message == 'Internal error occurred: unable to upgrade connection: container not found ("stopped")'


def test_a_kubelet_that_is_gone_is_told_in_the_stream(world: World) -> None:
    gone = World.__new__(World)
    gone.__dict__ |= world.__dict__
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    gone.server = type("Gone", (), {"port": port})()  # type: ignore[assignment]
    with Client(gone, "exec", "v4.channel.k8s.io", *OUTPUT, ("command", "ls")) as client:
        message = orjson.loads(client.frames()[0][1])["message"]
    expected = f"Internal error occurred: error dialing backend: dial tcp 127.0.0.1:{port}: connect: connection refused"
    assert message == expected


def test_a_log_is_a_plain_body(world: World) -> None:
    response = connect(world.request("log", [], {}))
    assert (response.headers["Content-Type"], b"".join(response.response)) == ("text/plain", b"one\ntwo\n")  # type: ignore[arg-type]
    response.close()


@pytest.mark.parametrize("protocol", ["", "binary.k8s.io"])
def test_a_log_is_messages_of_a_websocket(world: World, protocol: str) -> None:
    with Client(world, "log", protocol) as client:
        assert b"".join(iter(client.socket.receive, None)) == b"one\ntwo\n"


def test_a_log_is_messages_in_base64(world: World) -> None:
    with Client(world, "log", "base64.binary.k8s.io") as client:
        assert b"".join(base64.b64decode(each) for each in iter(client.socket.receive, None)) == b"one\ntwo\n"


def test_subprotocols_that_nobody_knows_are_refused(world: World) -> None:
    environ = _environ("v9.example") | {"gunicorn.socket": object()}
    with pytest.raises(StatusError) as caught:
        connect(world.request("exec", list(OUTPUT), environ))
    assert caught.value.code == 400


def test_without_a_certificate_the_handshake_fails(world: World) -> None:
    connection = world.direct(None)

    def ask() -> None:
        connection.request("GET", "/pods")
        connection.getresponse()

    with pytest.raises((ssl.SSLError, ConnectionError)):
        ask()
    connection.close()


@pytest.mark.parametrize(
    ("certificate", "code"),
    [("admin", 401), ("node-n", 401), ("namesake", 401), ("member", 401), ("issued", 401), ("apiserver-kubelet-client", 200)],
)
def test_only_the_api_servers_certificate_is_admitted(world: World, certificate: str, code: int) -> None:
    """Neither one of its name, nor one of its group, nor one of both that a kubeconfig was issued with."""
    connection = world.direct(certificate)
    connection.request("GET", "/healthz")
    response = connection.getresponse()
    response.read()
    connection.close()
    assert response.status == code


@pytest.mark.parametrize("path", ["/", "/containerLogs/ns", "/containerLogs/ns/none/c", "/exec/a/b"])
def test_paths_that_name_nothing_are_not_found(world: World, path: str) -> None:
    connection = world.direct("apiserver-kubelet-client")
    connection.request("GET", path)
    response = connection.getresponse()
    response.read()
    connection.close()
    assert response.status == 404
