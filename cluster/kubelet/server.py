"""The kubelet's HTTPS server: logs, exec and attach for the API server alone.

Who shows no certificate of the cluster's CA fails the handshake; who shows another than the API server's gets 401.
Upstream: `pkg/kubelet/server/server.go`.
"""

from __future__ import annotations

import contextlib
import logging
import select
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

import orjson

from cluster.api.names import Object
from cluster.kubelet import container_logs, streams
from cluster.kubelet.runtime import Runtime

log = logging.getLogger(__name__)

ADMITTED: Final = "kube-apiserver-kubelet-client", "kubeadm:cluster-admins"
"""Common name and organization of the API server's certificate."""
_CONNECTIONS: Final = 512
_HANDSHAKE_SECONDS: Final = 10.0
_IDLE_SECONDS: Final = 300.0


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], owner: KubeletServer) -> None:
        self.owner = owner
        self.slots = threading.BoundedSemaphore(_CONNECTIONS)
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self.slots.acquire(blocking=False):
            log.warning("too many connections: one is refused")
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """The handshake is the connection's own affair: a slow one holds up nobody else."""
        try:
            request.settimeout(_HANDSHAKE_SECONDS)
            secured = self.owner.context.wrap_socket(request, server_side=True)
        except (OSError, ValueError) as error:
            log.debug("a handshake failed: %s", error)
            self.shutdown_request(request)
            self.slots.release()
            return
        try:
            super().process_request_thread(secured, client_address)
        finally:
            self.slots.release()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - it is logged with its trace
        log.debug("a connection ended badly", exc_info=True)


class KubeletServer:
    """`port` is the one that it listens on."""

    def __init__(
        self,
        address: tuple[str, int],
        *,
        certificate: Path,
        key: Path,
        client_ca: Path,
        runtime: Runtime,
        find_pod: Callable[[str, str], Object | None],
        pods: Callable[[], list[Object]],
    ) -> None:
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.context.load_cert_chain(certificate, key)
        self.context.load_verify_locations(client_ca)
        self.context.verify_mode = ssl.CERT_REQUIRED
        self.runtime = runtime
        self.find_pod = find_pod
        self.pods = pods
        self._server = _Server(address, self)
        self.port: int = self._server.server_address[1]

    def start(self) -> None:
        threading.Thread(target=self._server.serve_forever, args=(0.5,), name="kubelet-server", daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    """One connection; the routes are in `_ROUTES`."""

    protocol_version = "HTTP/1.1"
    server: _Server
    connection: ssl.SSLSocket

    def setup(self) -> None:
        self.request.settimeout(_IDLE_SECONDS)
        super().setup()

    def do_GET(self) -> None:
        self._dispatch()

    def do_POST(self) -> None:
        self._dispatch()

    def _dispatch(self) -> None:
        if not is_api_server(self.connection):
            self.plain(401, "Unauthorized")
            return
        parts = urlsplit(self.path)
        segments = [unquote(each) for each in parts.path.strip("/").split("/")]
        query = parse_qs(parts.query, keep_blank_values=True)
        route = _ROUTES.get(segments[0])
        if route is None:
            self.plain(404, "404 page not found")
            return
        try:
            route(self, segments[1:], query)
        except streams.Refused as refused:
            self.plain(refused.code, str(refused))
        except (BrokenPipeError, ConnectionResetError, TimeoutError):
            self.close_connection = True

    def plain(self, code: int, text: str) -> None:
        """A whole plain-text answer."""
        body = text.encode()
        self.send_response(code)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        log.debug(format, *args)


def is_api_server(connection: ssl.SSLSocket) -> bool:
    """Whether the peer's certificate, which TLS has verified, is the API server's.

    The name alone does not tell: somebody may be let have a certificate of that name.  One with alternative names is not the
    API server's but may be an issued kubeconfig's, of which nobody here knows whether it was revoked.
    """
    shown: Any = connection.getpeercert() or {}
    subject = {pair for part in shown.get("subject") or () for pair in part}
    name, organization = ADMITTED
    return subject == {("commonName", name), ("organizationName", organization)} and not shown.get("subjectAltName")


Query = dict[str, list[str]]


def _healthz(handler: _Handler, _segments: list[str], _query: Query) -> None:
    handler.plain(200, "ok")


def _pods(handler: _Handler, _segments: list[str], _query: Query) -> None:
    body = orjson.dumps({"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": handler.server.owner.pods()})
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def _logs(handler: _Handler, segments: list[str], query: Query) -> None:
    owner = handler.server.owner
    chunks = container_logs.read(owner.runtime, streams.pod_of(owner.find_pod, segments), segments[2], query)
    handler.send_response(200)
    handler.send_header("Content-Type", "text/plain; charset=utf-8")
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    follow = bool(query.get("follow"))
    if follow:
        handler.close_connection = True
        threading.Thread(target=_watch_peer, args=(handler.connection, chunks), daemon=True).start()
    try:
        for chunk in chunks:
            if chunk:
                handler.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        handler.wfile.write(b"0\r\n\r\n")
    finally:
        with contextlib.suppress(ValueError, OSError):  # closed by its watcher
            chunks.close()


def _watch_peer(connection: ssl.SSLSocket, chunks: container_logs.LogReader) -> None:
    """A follower that hangs up is noticed though the container says nothing."""
    with contextlib.suppress(OSError, ValueError):
        poll = select.poll()
        poll.register(connection, select.POLLIN)
        poll.poll()  # it has nothing more to say: whatever comes is its end
    with contextlib.suppress(ValueError, OSError):
        chunks.close()


def _execute(handler: _Handler, segments: list[str], query: Query) -> None:
    streams.serve(handler, segments, query, attach=False)


def _attach(handler: _Handler, segments: list[str], query: Query) -> None:
    streams.serve(handler, segments, query, attach=True)


_ROUTES: Final[dict[str, Callable[[_Handler, list[str], Query], None]]] = {
    "healthz": _healthz,
    "pods": _pods,
    "containerLogs": _logs,
    "exec": _execute,
    "attach": _attach,
}
