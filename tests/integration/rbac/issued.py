"""What tests of issued kubeconfigs share: issuing over HTTP, and connections that show what was issued, each with a known worker."""

from __future__ import annotations

import contextlib
import http.client
import json
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from cluster.client import kubeconfig
from tests.support import Answer, ApiServer, workers

API = "/apis/berth.io/v1alpha1"
TRIES = 400


def path(namespace: str = "", name: str = "", action: str = "") -> str:
    """The URL of kubeconfigs of a namespace, or of the cluster's."""
    scope = f"{API}/namespaces/{namespace}/kubeconfigs" if namespace else f"{API}/clusterkubeconfigs"
    return "/".join(filter(None, (scope, name, action)))


def order(name: str, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": spec}


class Issued:
    """One identity, as a kubeconfig file has it."""

    def __init__(self, server: ApiServer, file: str, folder: Path, name: str) -> None:
        self.server = server
        folder.mkdir(exist_ok=True)
        self.file = folder / f"{name}.kubeconfig"
        self.file.write_text(file)
        self.file.chmod(0o600)
        self.document = yaml.safe_load(file)
        found = kubeconfig.load(self.file)
        self.token = found.token
        self._pair = (folder / f"{name}.crt", folder / f"{name}.key")
        for pem, target in zip((found.certificate, found.key), self._pair, strict=True):
            target.write_bytes(pem or b"")

    def connect(self, server: ApiServer | None = None) -> http.client.HTTPSConnection:
        """A connection that stays with the worker that accepted it."""
        server = server or self.server
        context = ssl.create_default_context(cafile=str(server.ca))
        if not self.token:
            context.load_cert_chain(*self._pair)
        connection = http.client.HTTPSConnection(server.config.host, server.config.port, timeout=10, context=context)
        connection.connect()
        return connection

    def request(self, method: str, where: str, body: Any = None, *, connection: http.client.HTTPSConnection | None = None) -> Answer:
        own = connection or self.connect()
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        data = json.dumps(body).encode() if body is not None else None
        own.request(method, where, data, headers | ({"Content-Type": "application/json"} if data else {}))
        response = own.getresponse()
        text = response.read()
        if connection is None:
            own.close()
        return Answer(response.status, json.loads(text), dict(response.headers))

    @contextlib.contextmanager
    def watching(self, where: str) -> Iterator[http.client.HTTPResponse]:
        """An open watch, its head read."""
        connection = self.connect()
        connection.request("GET", f"{where}?watch=1", headers={"Authorization": f"Bearer {self.token}"} if self.token else {})
        response = connection.getresponse()
        assert response.status == 200, response.read()
        with contextlib.closing(connection), contextlib.closing(response):
            yield response


def issue(server: ApiServer, folder: Path, record: dict[str, Any], namespace: str = "") -> Issued:
    answer = server.request("POST", path(namespace), record)
    assert answer.code == 201, answer.body
    return Issued(server, answer.body["status"]["kubeconfig"], folder, f"{namespace or 'cluster'}-{record['metadata']['name']}")


@contextlib.contextmanager
def one_of_each_worker(issued: Issued, server: ApiServer) -> Iterator[list[http.client.HTTPSConnection]]:
    """Connections that cover all workers."""
    found: dict[int, http.client.HTTPSConnection] = {}
    wanted = set(workers(server))
    with contextlib.ExitStack() as stack:
        for _ in range(TRIES):
            connection = stack.enter_context(contextlib.closing(issued.connect(server)))
            owner = _owner(connection, server, wanted)
            if owner is not None:
                found.setdefault(owner, connection)
            if len(found) == len(wanted):
                break
        assert len(found) == len(wanted), f"{TRIES} connections reached {len(found)} of {len(wanted)} workers"
        yield list(found.values())


def _owner(connection: http.client.HTTPSConnection, server: ApiServer, processes: set[int]) -> int | None:
    """The process at the other end, by the socket's inode."""
    near = connection.sock.getsockname()[1]
    pair = f":{server.config.port:04X}", f":{near:04X}"
    inode = ""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1].endswith(pair[0]) and fields[2].endswith(pair[1]):
            inode = f"socket:[{fields[9]}]"
    for process in processes:
        for each in Path(f"/proc/{process}/fd").iterdir():
            with contextlib.suppress(OSError):
                if each.readlink().name == inode:
                    return process
    return None
