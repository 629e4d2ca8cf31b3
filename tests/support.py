"""A real API server for tests: a store process and gunicorn on a free port of loopback, in a temporary home."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import urllib3

from cluster.assembly import pki
from cluster.assembly.config import Config, Home
from cluster.assembly.pki import Leaf

ROOT = Path(__file__).resolve().parent.parent
DEADLINE = 30.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def eventually(condition: Callable[[], Any], what: str | Callable[[], str], deadline: float = DEADLINE) -> Any:
    """Waits until `condition` answers something true, and returns that; `what` is said where it doesn't."""
    end = time.monotonic() + deadline
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < end, f"not within {deadline} s: {what() if callable(what) else what}"
        time.sleep(0.02)


@dataclass
class Answer:
    """A response: its status, body (decoded where it is JSON) and headers."""

    code: int
    body: Any
    headers: dict[str, str]


@dataclass
class ApiServer:
    """A running API server: its URL, CA and admin's credentials, and a way to send it requests."""

    config: Config
    store: subprocess.Popen[bytes]
    gunicorn: subprocess.Popen[bytes]
    _pools: dict[str, urllib3.HTTPSConnectionPool] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return self.config.server

    @property
    def ca(self) -> Path:
        return self.config.home.certificate("ca")

    @property
    def admin(self) -> tuple[Path, Path]:
        """The admin's certificate and key."""
        return self.config.home.certificate("admin"), self.config.home.key("admin")

    def pool(self, identity: str = "admin") -> urllib3.HTTPSConnectionPool:
        """Connections with the client certificate of that name in the home's PKI; "" shows none."""
        if identity not in self._pools:
            home = self.config.home
            shown = {"cert_file": str(home.certificate(identity)), "key_file": str(home.key(identity))} if identity else {}
            self._pools[identity] = urllib3.HTTPSConnectionPool(
                self.config.host, self.config.port, ca_certs=str(self.ca), maxsize=8, retries=False, **shown
            )
        return self._pools[identity]

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        identity: str = "admin",
        headers: dict[str, str] | None = None,
        content_type: str = "application/json",
    ) -> Answer:
        """Sends a request; `body` is JSON unless it is bytes."""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        sent = {"Content-Type": content_type} if data is not None else {}
        response = self.pool(identity).request(method, path, body=data, headers=sent | (headers or {}), timeout=30)
        text: Any = response.data
        with contextlib.suppress(ValueError):
            text = json.loads(response.data)
        return Answer(response.status, text, dict(response.headers))

    @contextlib.contextmanager
    def stream(self, path: str, *, headers: dict[str, str] | None = None, timeout: float = 10) -> Iterator[Iterator[Any]]:
        """The lines of a watch, decoded."""
        response = self.pool().request("GET", path, headers=headers or {}, preload_content=False, timeout=timeout)
        assert response.status == 200, response.data
        try:
            yield _lines(response)
        finally:
            response.close()

    def namespace(self, prefix: str = "test") -> str:
        """A new namespace with a default service account."""
        name = f"{prefix}-{secrets.token_hex(3)}"
        assert self.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}}).code == 201
        account = {"metadata": {"name": "default"}}
        assert self.request("POST", f"/api/v1/namespaces/{name}/serviceaccounts", account).code == 201
        return name

    def issue(self, name: str, common_name: str, *groups: str) -> str:
        """A client certificate; its name serves as an identity for `request`."""
        pki.ensure(self.config, [Leaf(name, common_name, groups)])
        return name

    def kubeconfig(self, path: Path, identity: str = "admin") -> Path:
        """Writes a kubeconfig for kubectl."""
        home = self.config.home
        user = {"client-certificate": str(home.certificate(identity)), "client-key": str(home.key(identity))}
        cluster = {"server": self.url, "certificate-authority": str(self.ca)}
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": "test", "user": user}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
            "current-context": "test",
        }
        path.write_text(json.dumps(content))
        return path

    def stop(self) -> None:
        for process in (self.gunicorn, self.store):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)
        for pool in self._pools.values():
            pool.close()


def _lines(response: Any) -> Iterator[Any]:
    waiting = b""
    for chunk in response.stream(65536):
        waiting += chunk
        *lines, waiting = waiting.split(b"\n")
        for line in lines:
            yield json.loads(line)


def start_api_server(
    root: Path, *, workers: int = 2, kubernetes_version: str = "1.36", history: float = 300.0, **sections: Any
) -> ApiServer:
    """Starts one in the folder, whose log keeps so many seconds, and waits until it is ready.

    `sections` are options, e.g. `audit=AuditOptions(audit_policy_file=...)`.
    """
    home = Home(root)
    home.run.mkdir(parents=True, exist_ok=True)
    config = Config(home=home, port=free_port(), workers=workers, nodes=0, runtime="sim", kubernetes_version=kubernetes_version, **sections)
    config.save()
    pki.ensure(config)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("BERTH_")}
    environment = inherited | {"BERTH_HOME": str(root), "BERTH_SUPERVISED": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "cluster.storage.process", "--url", config.store_url, "--socket", str(home.store_socket)]
    with open(root / "server.log", "ab") as log:
        command += ["--revision-file", str(home.revision_file), "--history", str(history)]
        if config.encryption.encryption_provider_config:
            command += ["--encryption-provider-config", config.encryption.encryption_provider_config]
        store = subprocess.Popen(command, env=environment, cwd=root, stdout=log, stderr=log)
        command = [sys.executable, "-m", "gunicorn", "-c", "python:cluster.assembly.gunicorn_conf", "wsgi:application"]
        gunicorn = subprocess.Popen(command, env=environment, cwd=root, stdout=log, stderr=log)
    server = ApiServer(config, store, gunicorn)
    try:
        eventually(lambda: _is_ready(server), f"the API server answers /readyz, see {root / 'server.log'}")
    except BaseException:
        server.stop()
        print((root / "server.log").read_text()[-4000:])
        raise
    return server


def workers(server: ApiServer) -> list[int]:
    """The processes that answer requests."""
    return children(server.gunicorn.pid)


def children(pid: int) -> list[int]:
    """The processes that a process started, as long as they run; none of one that has ended."""
    found: list[int] = []
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += map(int, (task / "children").read_text().split())
    return found


def _is_ready(server: ApiServer) -> bool:
    """Whether it answers, and has all the workers that it is to have: the master starts them one after the other."""
    assert server.gunicorn.poll() is None, f"gunicorn ended, see {server.config.home.root / 'server.log'}"
    if len(workers(server)) < server.config.workers:
        return False
    try:
        return server.request("GET", "/readyz").code == 200
    except urllib3.exceptions.HTTPError:
        return False
