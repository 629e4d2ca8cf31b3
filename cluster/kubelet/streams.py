"""Exec and attach over WebSocket, from the API server.  Upstream: `cri-streaming/pkg/streaming/remotecommand`."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any, Final

import orjson

from cluster.api.names import Object
from cluster.client import websocket as ws
from cluster.kubelet import specs
from cluster.kubelet.runtime import Runtime, RuntimeFailure, State, Stream

PROTOCOLS: Final = ("v5.channel.k8s.io", "v4.channel.k8s.io")
IDLE_SECONDS: Final = 4 * 3600.0


class Refused(Exception):
    """A request can't be served: `code` is HTTP's, the message plain text."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def pod_of(find_pod: Callable[[str, str], Object | None], segments: list[str]) -> Object:
    """The pod that a path of namespace, name and container means."""
    if len(segments) != 3:
        raise Refused(404, "404 page not found")
    pod = find_pod(segments[0], segments[1])
    if pod is None:
        raise Refused(404, f'pod "{segments[1]}" not found')
    return pod


def serve(handler: Any, segments: list[str], query: dict[str, list[str]], *, attach: bool) -> None:
    """Upgrades the handler's connection and pumps until the command or the peer ends."""
    owner = handler.server.owner
    pod = pod_of(owner.find_pod, segments)
    protocol = _negotiate(handler)
    stream, command = _open(owner.runtime, pod, segments[2], query, attach=attach)
    try:
        handler.close_connection = True
        _upgrade(handler, protocol)
        channels = ws.Channels(ws.WebSocket(handler.connection, client=False, idle_seconds=IDLE_SECONDS))
        pump(channels, stream, command)
    finally:
        stream.close()


def _negotiate(handler: BaseHTTPRequestHandler) -> str:
    headers = handler.headers
    if not ws.has_token(headers.get("Connection", ""), "upgrade") or headers.get("Upgrade", "").lower() != "websocket":
        raise Refused(400, "unable to upgrade: a WebSocket upgrade is needed")
    if not headers.get("Sec-WebSocket-Key"):
        raise Refused(400, "unable to upgrade: no Sec-WebSocket-Key")
    protocol = ws.choose(headers.get("Sec-WebSocket-Protocol", "").split(","), PROTOCOLS)
    if not protocol:
        raise Refused(400, f"unable to upgrade: the subprotocols spoken are {', '.join(PROTOCOLS)}")
    return protocol


def _upgrade(handler: BaseHTTPRequestHandler, protocol: str) -> None:
    handler.send_response(101, "Switching Protocols")
    handler.send_header("Upgrade", "websocket")
    handler.send_header("Connection", "Upgrade")
    handler.send_header("Sec-WebSocket-Accept", ws.accept_key(handler.headers["Sec-WebSocket-Key"]))
    handler.send_header("Sec-WebSocket-Protocol", protocol)
    handler.end_headers()
    handler.wfile.flush()


def _open(runtime: Runtime, pod: Object, name: str, query: dict[str, list[str]], *, attach: bool) -> tuple[Stream, list[str]]:
    wanted = {key: (query.get(key) or ["0"])[0] in ("1", "true") for key in ("input", "output", "error", "tty")}
    try:
        container = runtime.pod(specs.uid(pod)).latest(name)
        if container is None or container.state is not State.RUNNING:
            raise Refused(500, f'unable to upgrade connection: container not found ("{name}")')
        if attach:
            return runtime.attach(container.id, stdin=wanted["input"], stdout=wanted["output"], stderr=wanted["error"]), []
        command = query.get("command") or []
        stderr = wanted["error"] and not wanted["tty"]
        stream = runtime.open_exec(container.id, command, stdin=wanted["input"], stdout=wanted["output"], stderr=stderr, tty=wanted["tty"])
        return stream, command
    except RuntimeFailure as failure:
        raise Refused(500, str(failure)) from failure


def pump(channels: ws.Channels, stream: Stream, command: list[str]) -> None:
    """Both directions, until the command ends (its status is the last message) or the peer is gone."""
    feeder = threading.Thread(target=_feed, args=(channels, stream), name="stdin", daemon=True)
    feeder.start()
    try:
        while (part := stream.read()) is not None:
            channels.send(*part)
        channels.send(ws.ERROR, orjson.dumps(exit_status(stream, command)))
        channels.websocket.finish()
        feeder.join(1.0)
    except OSError:
        return  # the peer is gone: nobody is left to be told
    finally:
        channels.websocket.shut()


def _feed(channels: ws.Channels, stream: Stream) -> None:
    """From the peer to the command; a peer that is gone takes the command's streams with it."""
    with contextlib.suppress(OSError):  # the command has ended
        while (frame := channels.receive()) is not None:
            channel, data = frame
            if channel == ws.STDIN and data:
                stream.write(data)
            elif channel == ws.RESIZE:
                _resize(stream, data)
            elif channel == ws.CLOSE and data[:1] == bytes((ws.STDIN,)):
                stream.close_stdin()
        stream.close()


def _resize(stream: Stream, data: bytes) -> None:
    try:
        size = orjson.loads(data)
        stream.resize(int(size["Width"]), int(size["Height"]))
    except (ValueError, KeyError, TypeError):
        return  # a size that can't be read changes nothing


def exit_status(stream: Stream, command: list[str]) -> Object:
    """The Status that ends a stream.  Upstream: `remotecommand/exec.go`."""
    try:
        code = stream.exit_code()
    except RuntimeFailure as failure:
        return {"metadata": {}, "status": "Failure", "message": str(failure), "reason": "InternalError", "code": 500}
    if not code:
        return {"metadata": {}, "status": "Success"}
    return {
        "metadata": {},
        "status": "Failure",
        "message": f"command terminated with non-zero exit code: error executing command [{' '.join(command)}], exit code {code}",
        "reason": "NonZeroExitCode",
        "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
    }
