from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cluster.api.errors import StatusError
from cluster.server.context import Query
from cluster.server.streaming import KubeletTLS, Location, StreamRequest, connect, locate

NODE = {
    "status": {
        "addresses": [{"type": "Hostname", "address": "n"}, {"type": "InternalIP", "address": "192.0.2.1"}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 12345}},
    }
}
TLS = KubeletTLS(Path("ca"), Path("crt"), Path("key"))


def _pod(*names: str, node: str = "n") -> dict[str, Any]:
    containers = [{"name": name} for name in names]
    return {"metadata": {"name": "p"}, "spec": {"containers": containers, "initContainers": [{"name": "i"}], "nodeName": node}}


def _request(subresource: str, pod: dict[str, Any] | None, *query: tuple[str, str], environ: dict[str, Any] | None = None) -> StreamRequest:
    return StreamRequest("ns", "p", subresource, Query(query), environ or {}, lambda *_: pod, lambda _: NODE, TLS)


@pytest.mark.parametrize(
    ("subresource", "query", "path"),
    [
        ("log", [], "/containerLogs/ns/p/c"),
        ("log", [("follow", "true"), ("tailLines", "3"), ("previous", "false")], "/containerLogs/ns/p/c?follow=true&tailLines=3"),
        ("exec", [("stdout", "true"), ("command", "ls"), ("command", "a b")], "/exec/ns/p/c?output=1&command=ls&command=a+b"),
        ("attach", [("stdin", "1"), ("tty", "true"), ("stdout", "1")], "/attach/ns/p/c?input=1&output=1&tty=1"),
    ],
)
def test_the_kubelets_url(subresource: str, query: list[tuple[str, str]], path: str) -> None:
    assert locate(_request(subresource, _pod("c"), *query)) == Location("192.0.2.1", 12345, path)


@pytest.mark.parametrize(
    ("subresource", "pod", "query", "code", "message"),
    [
        ("log", None, [], 404, 'pods "p" not found'),
        ("log", _pod("a", "b"), [], 400, "a container name must be specified for pod p, choose one of: [i a b]"),
        ("log", _pod("a"), [("container", "x")], 400, "container x is not valid for pod p"),
        ("exec", _pod("a", node=""), [("stdout", "1")], 400, "pod p does not have a host assigned"),
        ("exec", _pod("a"), [], 400, "you must specify at least 1 of stdin, stdout, stderr"),
        ("log", _pod("a"), [("tailLines", "x")], 400, 'strconv.ParseInt: parsing "x": invalid syntax'),
        (
            "log",
            _pod("a"),
            [("tailLines", "-1")],
            422,
            'PodLogOptions "p" is invalid: tailLines: Invalid value: -1: must be greater than or equal to 0',
        ),
    ],
)
def test_wrong_requests_are_told_in_upstreams_words(
    subresource: str, pod: dict[str, Any] | None, query: list[tuple[str, str]], code: int, message: str
) -> None:
    with pytest.raises(StatusError) as caught:
        locate(_request(subresource, pod, *query))
    assert (caught.value.code, caught.value.message) == (code, message)


def test_the_log_of_a_pod_without_a_node_is_empty() -> None:
    assert connect(_request("log", _pod("a", node=""))).get_data() == b""


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({}, "Upgrade request required"),
        ({"HTTP_CONNECTION": "Upgrade", "HTTP_UPGRADE": "SPDY/3.1"}, 'this server upgrades to WebSocket, not to "SPDY/3.1"'),
    ],
)
def test_exec_needs_a_websocket(environ: dict[str, Any], message: str) -> None:
    with pytest.raises(StatusError) as caught:
        connect(_request("exec", _pod("a"), ("stdout", "1"), environ=environ))
    assert (caught.value.code, caught.value.message) == (400, message)
