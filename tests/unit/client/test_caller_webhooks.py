"""Callers of webhooks: whom they trust, as whom they call, where they connect to, and what they say when it comes to nothing."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.api.protocols import HttpCaller, HttpFailure
from cluster.client.caller_webhooks import WebhookCallers
from tests.support_https import Authority, Reply, Request, Service, authority, http_service, https_service

CA = authority().pem


def echo(request: Request) -> Reply:
    return Reply(request.path.encode())


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with https_service(tmp_path, echo, hosts=("127.0.0.1", "hook.shop.svc"), client_ca=CA) as running:
        yield running


def kubeconfig(folder: Path, users: dict[str, dict[str, Any]], current: str = "") -> str:
    document: dict[str, Any] = {"users": [{"name": name, "user": user} for name, user in users.items()]}
    if current:
        document |= {"current-context": "c", "contexts": [{"name": "c", "context": {"user": current}}]}
    path = folder / "webhooks.yaml"
    path.write_text(yaml.safe_dump(document))
    return str(path)


def port_of(service: Service) -> int:
    return int(service.url.rpartition(":")[2])


def test_a_service_is_connected_to_where_it_is_and_known_by_its_name(service: Service) -> None:
    caller = WebhookCallers().of("https://hook.shop.svc:443", CA, lambda: ("127.0.0.1", port_of(service)))
    assert caller.call("POST", "/check?timeout=10s", b"{}").body == b"/check?timeout=10s"
    assert service.seen[0].headers["host"] == "hook.shop.svc:443" or service.seen[0].headers["host"] == "hook.shop.svc"


def test_a_service_of_another_name_is_not_called(service: Service) -> None:
    caller = WebhookCallers().of("https://other.shop.svc:443", CA, lambda: ("127.0.0.1", port_of(service)))
    with pytest.raises(HttpFailure) as raised:
        caller.call("POST", "/check", b"{}")
    assert raised.value.why.startswith("tls: failed to verify certificate: x509: certificate is not valid for any names")
    assert service.seen == []


def test_where_a_service_is_nowhere_that_is_the_failure(service: Service) -> None:
    def nowhere() -> tuple[str, int]:
        raise HttpFailure('no endpoints available for service "hook"')

    with pytest.raises(HttpFailure, match=r'^no endpoints available for service "hook"$'):
        WebhookCallers().of("https://hook.shop.svc:443", CA, nowhere).call("POST", "/", b"{}")


def test_a_bundle_may_be_the_certificate_of_the_service_itself(tmp_path: Path) -> None:
    with https_service(tmp_path, echo) as service:
        own = next(tmp_path.glob("service-*.pem")).read_bytes().split(b"-----BEGIN PRIVATE")[0]
        assert WebhookCallers().of(service.url, own).call("POST", "/", b"{}").status == 200


@pytest.mark.parametrize("bundle", [b"none", b"\xff\xfe", b"-----BEGIN CERTIFICATE-----\nbm9uZQ==\n-----END CERTIFICATE-----"])
def test_a_bundle_that_is_none_vouches_for_nobody(bundle: bytes) -> None:
    with pytest.raises(ValueError, match=r"^unable to load root certificates: "):
        WebhookCallers().of("https://127.0.0.1", bundle)


EVERY = ("10.0.0.1:8443", "10.0.0.1", "hook.shop.svc", "*.shop.svc:8443", "*.shop.svc", "*.svc", "*")


@pytest.mark.parametrize(
    ("target", "names", "expected"),
    [
        ("10.0.0.1:8443", EVERY, "10.0.0.1:8443"),
        ("10.0.0.1:443", EVERY, "10.0.0.1"),
        ("10.0.0.1:444", EVERY, "*"),
        ("hook.shop.svc:443", EVERY, "hook.shop.svc"),
        ("hook.shop.svc:8443", EVERY, "*.shop.svc:8443"),
        ("other.shop.svc:443", EVERY, "*.shop.svc"),
        ("other.else.svc:443", EVERY, "*.svc"),
        ("other.else.svc:444", EVERY, "*"),
        ("hook.shop.svc:443", ("mine", "unused"), "mine"),
        ("hook.shop.svc:443", ("unused",), None),
    ],
)
def test_the_user_is_the_one_for_the_host(tmp_path: Path, target: str, names: tuple[str, ...], expected: str | None) -> None:
    callers = WebhookCallers(kubeconfig(tmp_path, {name: {"token": name} for name in names}, current="mine"))
    assert callers._user(target) == ({"token": expected} if expected else {})


def test_a_user_shows_a_certificate_or_a_token(tmp_path: Path, service: Service) -> None:
    certificate, key = authority().issue("berth")
    (tmp_path / "me.crt").write_bytes(certificate)
    (tmp_path / "me.key").write_bytes(key)
    (tmp_path / "token").write_text("secret\n")
    files = {"client-certificate": "me.crt", "client-key": "me.key", "tokenFile": "token"}
    WebhookCallers(kubeconfig(tmp_path, {"*": files})).of(service.url, CA).call("POST", "/", b"{}")
    sent = service.seen[0]
    assert sent.headers["authorization"] == "Bearer secret"
    assert sent.peer is not None
    assert sent.peer["subject"] == ((("commonName", "berth"),),)


def test_nobody_shows_nothing(service: Service) -> None:
    WebhookCallers().of(service.url, CA).call("POST", "/", b"{}")
    assert ("authorization" in service.seen[0].headers, service.seen[0].peer) == (False, None)


def test_a_user_that_is_not_supported_is_told_of(tmp_path: Path) -> None:
    callers = WebhookCallers(kubeconfig(tmp_path, {"*": {"exec": {"command": "x"}}}))
    with pytest.raises(ValueError, match="exec plugins"):
        callers.of("https://127.0.0.1", CA)


@pytest.mark.parametrize("text", ["[]", "users: 3", "users: [{user: {}}]"])
def test_a_kubeconfig_that_is_none_is_told_of(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match="kubeconfig"):
        WebhookCallers(str(path))


def why(caller: HttpCaller, timeout: float = 5.0) -> str:
    with pytest.raises(HttpFailure) as raised:
        caller.call("POST", "/", b"{}", timeout=timeout)
    return raised.value.why


def test_failures_are_told_in_the_words_of_go(tmp_path: Path, service: Service) -> None:
    assert why(WebhookCallers().of(service.url, Authority("other").pem)) == (
        "tls: failed to verify certificate: x509: certificate signed by unknown authority"
    )
    with http_service(echo) as plain:
        caller = WebhookCallers().of(plain.url.replace("http:", "https:"), CA)
        assert why(caller) == "http: server gave HTTP response to HTTPS client"
        port = port_of(plain)
    assert why(WebhookCallers().of(f"https://127.0.0.1:{port}", CA)) == f"dial tcp 127.0.0.1:{port}: connect: connection refused"
    with https_service(tmp_path, echo, hosts=("other.example",)) as other:
        assert why(WebhookCallers().of(other.url, CA)) == (
            "tls: failed to verify certificate: x509: cannot validate certificate for 127.0.0.1 because it doesn't contain any IP SANs"
        )


@contextlib.contextmanager
def listener(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """A port where each connection is served so, in a thread of its own."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    threading.Thread(target=served, args=(connection,), daemon=True).start()

        def served(connection: socket.socket) -> None:
            with connection, contextlib.suppress(OSError):
                serve(connection)

        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1]


def test_a_service_that_answers_in_trickles_is_waited_for_no_longer_than_any_other(tmp_path: Path) -> None:
    ended = threading.Event()

    def trickle(request: Request) -> Reply:
        return Reply(b"", headers={"X-Long": "x", "Content-Length": "100000"})

    with https_service(tmp_path, trickle) as service:
        assert why(WebhookCallers().of(service.url, CA), timeout=0.3) == "context deadline exceeded"

    def drip(connection: socket.socket) -> None:
        while not ended.wait(0.05):
            connection.sendall(b"\x16")

    with listener(drip) as port:  # it never gets beyond the handshake
        caller = WebhookCallers().of("https://hook.shop.svc:443", CA, lambda: ("127.0.0.1", port))
        assert why(caller, timeout=0.3) in ("context deadline exceeded", "http: server gave HTTP response to HTTPS client")
    ended.set()


def test_a_header_that_never_ends_ends_with_the_call() -> None:
    from cluster.client.caller import Caller

    ended = threading.Event()

    def drip(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
        while not ended.wait(0.05):
            connection.sendall(b"x")

    with listener(drip) as port:
        assert why(Caller(f"http://127.0.0.1:{port}"), timeout=0.3) == "context deadline exceeded"
    ended.set()


def test_who_hangs_up_without_an_answer_is_told_of() -> None:
    from cluster.client.caller import Caller

    def hang_up(connection: socket.socket) -> None:
        connection.recv(65536)

    with listener(hang_up) as port:
        assert why(Caller(f"http://127.0.0.1:{port}")) == "EOF"
