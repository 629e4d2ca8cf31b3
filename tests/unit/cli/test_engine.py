"""What `berth start` asks of a Docker engine: a server on a Unix socket answers in its place, with the networks that a test names."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from cluster.cli import engine

Answers = dict[str, bytes]


@pytest.fixture
def answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Answers]:
    given: Answers = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = given.get(self.path)
            self.send_response(200 if body is not None else 404)
            self.end_headers()
            self.wfile.write(body or b"")

        def address_string(self) -> str:
            return "a Unix socket"

        def log_message(self, *_: Any) -> None:
            """Nothing: a test's output is its own."""

    path = tmp_path / "docker.sock"
    with socketserver.UnixStreamServer(str(path), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
        yield given
        server.shutdown()


@pytest.fixture
def networks(answers: Answers) -> Callable[..., None]:
    def have(*subnets: str, cluster: str = "", name: str = "n") -> None:
        rows = [{"Name": name, "Labels": {"berth.cluster": cluster}, "IPAM": {"Config": [{"Subnet": each}]}} for each in subnets]
        answers["/networks"] = json.dumps(rows).encode()

    return have


def test_pods_have_the_usual_range_where_it_is_free(networks: Callable[..., None]) -> None:
    networks("172.17.0.0/16", "fd00::/64")
    assert engine.free_pod_cidr("mine") == "10.244.0.0/16"


def test_a_range_that_another_network_overlaps_is_passed_over(networks: Callable[..., None]) -> None:
    networks("10.244.3.0/24", "10.200.0.0/15")
    assert engine.free_pod_cidr("mine") == "10.202.0.0/16"


def test_the_clusters_own_networks_take_nothing(networks: Callable[..., None]) -> None:
    networks("10.244.0.0/24", cluster="mine")
    assert engine.free_pod_cidr("mine") == "10.244.0.0/16"


def test_where_nothing_is_free_it_says_what_to_do(networks: Callable[..., None]) -> None:
    networks("10.0.0.0/8")
    with pytest.raises(ValueError, match="remove unused Docker networks"):
        engine.free_pod_cidr("mine")


def test_the_bridges_gateway_is_named_or_the_first_address(networks: Callable[..., None]) -> None:
    networks("172.18.0.0/16", name="bridge")
    assert engine.bridge_gateway() == "172.18.0.1"


def test_the_version_is_the_engines(answers: Answers) -> None:
    answers["/version"] = b'{"Version": "20.10.24"}'
    assert engine.version() == "20.10.24"


@pytest.mark.parametrize("body", [None, b"", b"{", b"[]"])
def test_an_engine_that_answers_no_version_is_none(answers: Answers, body: bytes | None) -> None:
    if body is not None:
        answers["/version"] = body
    assert engine.version() is None


@pytest.mark.parametrize("host", ["unix:///nowhere/docker.sock", "tcp://127.0.0.1:1"])
def test_without_an_engine_there_is_no_version_and_no_network(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("DOCKER_HOST", host)
    assert (engine.version(), engine.networks()) == (None, [])
