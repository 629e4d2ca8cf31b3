"""Calls to what a configuration names, to real services on loopback."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.api.protocols import HttpFailure
from cluster.client.caller import Caller
from cluster.client.callers import Callers
from rbac.webhook import WebhookError, ask
from tests.support_https import Authority, Reply, Request, Service, authority, http_service, https_service


def echo(request: Request) -> Reply:
    return Reply(request.path.encode())


@pytest.fixture(scope="module")
def clients() -> Authority:
    return Authority("clients")


@pytest.fixture
def service(tmp_path: Path, clients: Authority) -> Iterator[Service]:
    with https_service(tmp_path, echo, client_ca=clients.pem) as running:
        yield running


def kubeconfig(folder: Path, cluster: dict[str, Any], user: dict[str, Any] | None = None, **more: Any) -> str:
    context = {"cluster": "hook"} | ({"user": "me"} if user is not None else {})
    document = {
        "clusters": [{"name": "hook", "cluster": cluster}],
        "users": [{"name": "me", "user": user}] if user is not None else [],
        "contexts": [{"name": "hook", "context": context}],
        "current-context": "hook",
    }
    path = folder / "hook.yaml"
    path.write_text(yaml.safe_dump(document | more))
    return str(path)


def test_a_url_is_called_with_its_path_query_and_what_is_appended(service: Service) -> None:
    caller = Callers().of_url(service.url + "/base?timeout=1s", service.ca)
    answer = caller.call("POST", "/more", b"{}", headers={"X-Extra": "1"})
    assert (answer.status, answer.body) == (200, b"/base/more?timeout=1s")
    assert answer.headers["content-type"] == "application/json"
    sent = service.seen[0]
    assert (sent.method, sent.body, sent.headers["x-extra"], sent.headers["content-type"]) == ("POST", b"{}", "1", "application/json")


def test_without_a_path_the_url_is_called_as_it_is(service: Service) -> None:
    assert Callers().of_url(service.url + "/hook/", service.ca).call("GET").body == b"/hook/"
    assert Callers().of_url(service.url, service.ca).call("GET").body == b"/"


def test_a_redirect_is_an_answer_and_not_followed(service: Service) -> None:
    service.answer = lambda request: Reply(status=302, headers={"Location": service.url + "/elsewhere"})
    assert Callers().of_url(service.url, service.ca).call("GET").status == 302
    assert len(service.seen) == 1


def test_a_service_of_another_ca_is_not_called(service: Service) -> None:
    with pytest.raises(HttpFailure, match="certificate verify failed"):
        Callers().of_url(service.url, Authority("other").pem.decode()).call("GET")
    assert service.seen == []


def test_a_service_under_another_name_is_not_called(tmp_path: Path) -> None:
    with https_service(tmp_path, echo, hosts=("other.example",)) as service:
        with pytest.raises(HttpFailure, match="certificate verify failed"):
            Callers().of_url(service.url, service.ca).call("GET")
        assert service.seen == []


def test_tls_server_name_says_whom_the_certificate_must_name(tmp_path: Path) -> None:
    with https_service(tmp_path, echo, hosts=("other.example",)) as service:
        data = base64.b64encode(service.ca.encode()).decode()
        path = kubeconfig(tmp_path, {"server": service.url, "certificate-authority-data": data, "tls-server-name": "other.example"})
        assert Callers().of_kubeconfig(path).call("GET").status == 200


def test_insecure_skip_tls_verify_calls_anyone(tmp_path: Path) -> None:
    with https_service(tmp_path, echo, hosts=("other.example",)) as service:
        path = kubeconfig(tmp_path, {"server": service.url, "insecure-skip-tls-verify": True})
        assert Callers().of_kubeconfig(path).call("GET").status == 200


def test_a_kubeconfigs_user_shows_a_certificate_from_files_beside_it(tmp_path: Path, service: Service, clients: Authority) -> None:
    certificate, key = clients.issue("hooker")
    (tmp_path / "ca.crt").write_bytes(authority().pem)
    (tmp_path / "me.crt").write_bytes(certificate)
    (tmp_path / "me.key").write_bytes(key)
    user = {"client-certificate": "me.crt", "client-key": "me.key"}
    caller = Callers().of_kubeconfig(kubeconfig(tmp_path, {"server": service.url, "certificate-authority": "ca.crt"}, user))
    assert caller.call("GET").status == 200
    assert service.seen[0].peer is not None
    assert service.seen[0].peer["subject"] == ((("commonName", "hooker"),),)


@pytest.mark.parametrize(
    ("user", "header"),
    [
        ({"token": "secret"}, "Bearer secret"),
        ({"tokenFile": "token", "token": "ignored"}, "Bearer of-the-file"),
        ({"username": "u", "password": "p:w"}, "Basic " + base64.b64encode(b"u:p:w").decode()),
    ],
)
def test_a_kubeconfigs_user_shows_a_header(tmp_path: Path, service: Service, user: dict[str, Any], header: str) -> None:
    (tmp_path / "ca.crt").write_bytes(authority().pem)
    (tmp_path / "token").write_text("of-the-file\n")
    caller = Callers().of_kubeconfig(kubeconfig(tmp_path, {"server": service.url, "certificate-authority": "ca.crt"}, user))
    caller.call("GET")
    assert service.seen[0].headers["authorization"] == header


def test_another_context_of_the_kubeconfig_may_be_named(tmp_path: Path, service: Service) -> None:
    data = base64.b64encode(service.ca.encode()).decode()
    clusters = [{"name": "two", "cluster": {"server": service.url + "/two", "certificate-authority-data": data}}]
    path = kubeconfig(tmp_path, {}, clusters=clusters, contexts=[{"name": "second", "context": {"cluster": "two"}}])
    assert Callers().of_kubeconfig(path, "second").call("GET").body == b"/two"


@pytest.mark.parametrize(
    ("cluster", "user", "message"),
    [
        ({}, None, "names no server"),
        ({"server": "nowhere"}, None, "is no URL"),
        ({"server": "ftp://x"}, None, "is no URL"),
        ({"server": "https://x", "proxy-url": "http://p"}, None, "proxy-url is not supported"),
        ({"server": "https://x", "certificate-authority-data": "bm9uZQ=="}, None, "does not contain any valid"),
        ({"server": "https://x", "certificate-authority-data": "!"}, None, "base64"),
        ({"server": "https://x", "insecure-skip-tls-verify": True, "certificate-authority-data": "bm9uZQ=="}, None, "insecure flag"),
        ({"server": "https://x"}, {"exec": {"command": "x"}}, "exec plugins"),
        ({"server": "https://x"}, {"client-certificate-data": "bm9uZQ=="}, "must be given together"),
        ({"server": "https://x"}, {"client-certificate-data": "bm9uZQ==", "client-key-data": "bm9uZQ=="}, "cannot be used"),
        ({"server": "https://x"}, {"token": "t", "username": "u"}, "only one is allowed"),
        ({"server": "https://x"}, {"token": "a\nb"}, "line break"),
    ],
)
def test_a_kubeconfig_that_cannot_be_used_says_why(
    tmp_path: Path, cluster: dict[str, Any], user: dict[str, Any] | None, message: str
) -> None:
    path = kubeconfig(tmp_path, cluster, user)
    with pytest.raises(ValueError, match=message) as raised:
        Callers().of_kubeconfig(path)
    assert path in str(raised.value)


@pytest.mark.parametrize(
    ("content", "message"), [("[]", "not a mapping"), ("clusters: 1\ncontexts: [1]", "no kubeconfig"), ("a: [", "no YAML")]
)
def test_what_is_no_kubeconfig_is_refused(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "hook.yaml"
    path.write_text(content)
    with pytest.raises(ValueError, match=message):
        Callers().of_kubeconfig(str(path))


def test_a_kubeconfig_that_is_missing_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Callers().of_kubeconfig(str(tmp_path / "none"))


def test_an_answer_that_is_too_large_fails(service: Service) -> None:
    service.answer = lambda request: Reply(b"x" * 100_001)
    caller = Callers().of_url(service.url, service.ca)
    assert isinstance(caller, Caller)
    caller._max_body = 100_000
    with pytest.raises(HttpFailure, match="larger than 100000 bytes"):
        caller.call("GET")
    service.answer = lambda request: Reply(b"x" * 100_000)
    assert len(caller.call("GET").body) == 100_000


def test_a_service_that_does_not_answer_fails_in_time(service: Service) -> None:
    release = threading.Event()

    def late(request: Request) -> Reply:
        release.wait(10)
        return Reply()

    service.answer = late
    with pytest.raises(HttpFailure, match="timed out"):
        Callers().of_url(service.url, service.ca).call("GET", timeout=0.2)
    caller, paused = Callers().of_url(service.url, service.ca), list[float]()
    for _ in range(10):  # whether the socket's time is over first or the call's
        with pytest.raises(WebhookError, match="timed out"):
            ask(caller, {"apiVersion": "v1", "kind": "Review"}, 0.1, paused.append)
    assert not paused, "who was late is not asked again"
    release.set()


def test_an_answer_that_is_cut_fails() -> None:
    cut = Reply(b"half", headers={"Content-Length": "8", "Connection": "close"})
    with http_service(lambda request: cut) as service, pytest.raises(HttpFailure):
        Callers().of_url(service.url).call("GET", timeout=2)


def test_a_port_where_nobody_listens_fails() -> None:
    with http_service(echo) as service:
        url = service.url
    with pytest.raises(HttpFailure, match="refused"):
        Callers().of_url(url).call("GET")


def test_failures_do_not_show_what_is_secret_in_the_url() -> None:
    with http_service(echo) as service:
        url = service.url.replace("http://", "http://me:hidden@")
        assert Callers().of_url(url).call("GET").status == 200
        assert service.seen[0].headers["authorization"] == "Basic " + base64.b64encode(b"me:hidden").decode()
    with pytest.raises(HttpFailure) as raised:
        Callers().of_url(url + "/?key=secret").call("GET")
    assert "hidden" not in str(raised.value)
    assert "secret" not in str(raised.value)


def test_connections_are_used_again(service: Service) -> None:
    ports = set()
    caller = Callers().of_url(service.url, service.ca)
    assert isinstance(caller, Caller)
    for _ in range(3):
        caller.call("GET")
        ports.add(caller._pool.num_connections)
    assert ports == {1}
    caller.close()
