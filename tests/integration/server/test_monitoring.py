"""What monitors see: figures in Prometheus' format, health, and what runs.  Figures are those of all workers together."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from cluster.server.metrics import COUNTED
from cluster.server.metrics_configuration import GAUGES
from tests.integration.server import raw
from tests.support import ROOT, Answer, ApiServer, eventually, start_api_server, workers

REQUESTS = 40


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    made = start_api_server(tmp_path_factory.mktemp("monitored"), workers=2)
    made.issue("monitor", "monitor", "system:monitoring")
    made.issue("tina", "tina")
    try:
        yield made
    finally:
        made.stop()


def text(answer: Answer) -> str:
    assert answer.code == 200, answer.body
    return answer.body.decode() if isinstance(answer.body, bytes) else str(answer.body)


def figures(server: ApiServer, path: str = "/metrics", identity: str = "monitor") -> dict[str, float]:
    lines = text(server.request("GET", path, identity=identity)).splitlines()
    return {series: float(value) for series, _, value in (line.rpartition(" ") for line in lines if not line.startswith("#"))}


def reloads(server: ApiServer, what: str, status: str) -> float:
    """How often the workers took over the configuration of authentication or authorization, or failed to."""
    name, end = f"apiserver_{what}_config_controller_automatic_reloads_total{{", f'status="{status}"}}'
    return sum(value for series, value in figures(server, identity="admin").items() if series.startswith(name) and series.endswith(end))


def followed(server: ApiServer, what: str) -> dict[str, Any]:
    """When the file of authentication or authorization was last taken over or failed to be, and the hash of what is in force."""
    found: dict[str, Any] = {"success": 0.0, "failure": 0.0}
    for series, value in figures(server, identity="admin").items():
        name, _, labels = series.partition("{")
        if name == f"apiserver_{what}_config_controller_automatic_reload_last_timestamp_seconds":
            found[re.findall(r'status="(\w+)"', labels)[0]] = value
        elif name == f"apiserver_{what}_config_controller_last_config_info":
            assert "hash" not in found, "one file is in force"
            (found["hash"],) = re.findall(r',hash="sha256:(\w+)"', labels)
    return found


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/metrics", r"# HELP \w+"),
        ("/metrics/slis", r'kubernetes_healthcheck\{name="store",type="readyz"\} 1\n'),
        ("/livez", r"\Aok\Z"),
        ("/readyz", r"\Aok\Z"),
        ("/healthz", r"\Aok\Z"),
        ("/statusz", r"\A\napiserver statusz\n"),
    ],
)
def test_who_belongs_to_the_monitors_reads_it(server: ApiServer, path: str, expected: str) -> None:
    assert re.search(expected, text(server.request("GET", path, identity="monitor", headers={"Accept": "text/plain"})))


@pytest.mark.parametrize("path", ["/metrics", "/metrics/slis", "/statusz"])
def test_others_do_not(server: ApiServer, path: str) -> None:
    answer = server.request("GET", path, identity="tina")
    assert (answer.code, answer.body["message"]) == (403, f'forbidden: User "tina" cannot get path "{path}"')
    assert server.request("GET", path, identity="").code == 403


def test_every_line_is_of_the_format(server: ApiServer) -> None:
    """Each family is told of once, before its series."""
    series = re.compile(r'([a-z_]+)(\{([a-z_]+="([^"\\]|\\.)*",?)+\})? -?\d+(\.\d+)?(e-\d+)?')
    told: list[str] = []
    endings: tuple[str, ...] = ()
    for line in text(server.request("GET", "/metrics")).splitlines():
        if line.startswith("# HELP "):
            told.append(line.split()[2])
        elif line.startswith("# TYPE "):
            name, kind = line.split()[2:]
            assert (name, kind) in [(told[-1], each) for each in ("counter", "gauge", "histogram")]
            endings = ("_bucket", "_sum", "_count") if kind == "histogram" else ("",)
        else:
            match = series.fullmatch(line)
            assert match, line
            assert match[1] in [told[-1] + ending for ending in endings]
    assert told == sorted(set(told))


def test_every_metric_is_documented(server: ApiServer) -> None:
    documented = (ROOT / "docs" / "monitoring.md").read_text()
    assert [family.name for family in (*COUNTED, *GAUGES) if f"`{family.name}`" not in documented] == []
    told = {line.split()[2] for line in text(server.request("GET", "/metrics")).splitlines() if line.startswith("# HELP ")}
    assert {name for name in told if f"`{name}`" not in documented} == set()


def request_series(code: int, **changed: str) -> str:
    labels = {"component": "apiserver", "dry_run": "", "group": "", "resource": "configmaps", "scope": "namespace", "subresource": ""}
    labels |= {"verb": "LIST", "version": "v1", "code": str(code)} | changed
    return "apiserver_request_total{" + ",".join(f'{key}="{labels[key]}"' for key in sorted(labels)) + "}"


def test_requests_are_counted_by_all_workers(server: ApiServer) -> None:
    namespace = server.namespace()
    before = figures(server)
    head = f"GET /api/v1/namespaces/{namespace}/configmaps HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
    assert {raw.ask(server, head)[0] for _ in range(REQUESTS)} == {200}
    after = figures(server)
    grown = {series: value - before.get(series, 0) for series, value in after.items() if value != before.get(series)}
    assert grown == {
        request_series(200): REQUESTS,
        'authentication_attempts{result="success"}': REQUESTS + 1,
        'authorization_attempts_total{result="allowed"}': REQUESTS + 1,
        'apiserver_authorization_decisions_total{decision="allowed",name="rbac",type="RBAC"}': 1,
        "apiserver_audit_event_total": grown["apiserver_audit_event_total"],
    }


def test_what_becomes_of_a_request_is_told_apart(server: ApiServer) -> None:
    namespace = server.namespace()
    maps = f"/api/v1/namespaces/{namespace}/configmaps"
    before = figures(server)
    assert server.request("POST", f"{maps}?dryRun=All", {"metadata": {"name": "a"}}).code == 201
    assert server.request("GET", f"{maps}/a").code == 404
    assert server.request("GET", f"/api/v1/namespaces/{namespace}/nonsense/a").code == 404
    assert server.request("GET", f"{maps}/a/nonsense").code == 404
    assert server.request("NONSENSE", maps).code == 405
    assert server.request("GET", maps, identity="tina").code == 403
    assert server.request("GET", maps, identity="", headers={"Authorization": "Bearer x"}).code == 401
    assert server.request("GET", maps, headers={"Impersonate-User": "tom"}).code == 403
    assert server.request("GET", maps, identity="tina", headers={"Impersonate-User": "tom"}).code == 403
    after = figures(server)
    counted = ("apiserver_request_total", "auth", "apiserver_impersonation")
    assert {
        series: value - before.get(series, 0)
        for series, value in after.items()
        if value != before.get(series)
        if series.startswith(counted)
    } == {
        request_series(201, verb="POST", scope="resource", dry_run="All"): 1,
        request_series(404, verb="GET", scope="resource"): 1,
        'authentication_attempts{result="success"}': 9,
        'authentication_attempts{result="error"}': 1,
        'authorization_attempts_total{result="allowed"}': 6,
        'authorization_attempts_total{result="no-opinion"}': 2,
        'apiserver_impersonation_attempts_total{decision="allowed",mode="user-info"}': 1,
        'apiserver_impersonation_attempts_total{decision="denied",mode=""}': 1,
        'apiserver_impersonation_authorization_attempts_total{decision="allowed",mode="user-info"}': 2,
        'apiserver_impersonation_authorization_attempts_total{decision="denied",mode="legacy"}': 1,
        'apiserver_impersonation_authorization_attempts_total{decision="denied",mode="user-info"}': 1,
    }


def test_what_is_stored_is_counted(server: ApiServer) -> None:
    def stored() -> tuple[float, float]:
        found = figures(server)
        return found['apiserver_resource_objects{group="",resource="namespaces"}'], found[
            'apiserver_storage_objects{resource="namespaces"}'
        ]

    before = stored()
    server.namespace()
    assert stored() == (before[0] + 1, before[1] + 1)
    assert before[0] == before[1]


def test_health_is_counted_when_it_is_asked(server: ApiServer) -> None:
    series = 'kubernetes_healthchecks_total{name="ping",status="success",type="livez"}'
    before = figures(server, "/metrics/slis").get(series, 0)
    assert server.request("GET", "/livez/ping").code == 200
    assert server.request("GET", "/livez").code == 200
    assert figures(server, "/metrics/slis")[series] == before + 2


def test_a_worker_that_is_killed_takes_no_figure_along(server: ApiServer) -> None:
    maps = f"/api/v1/namespaces/{server.namespace()}/configmaps"
    head = f"GET {maps} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
    for _ in range(REQUESTS):
        raw.ask(server, head)
    before = figures(server)[request_series(200)]
    first = workers(server)
    os.kill(first[0], signal.SIGKILL)
    eventually(lambda: len(set(workers(server)) - set(first)) == 1, "another worker comes")
    eventually(lambda: raw.ask(server, head)[0] == 200, "it serves")
    assert figures(server)[request_series(200)] > before


@pytest.mark.parametrize(
    ("accept", "code", "version"),
    [
        ("*/*", 200, ""),
        ("application/json;v=v9;g=config.k8s.io;as=Statusz,*/*", 200, ""),
        ("application/json;v=v1beta1;g=config.k8s.io;as=Statusz", 200, "config.k8s.io/v1beta1"),
        ("application/json;v=v1alpha1;g=config.k8s.io;as=Statusz", 200, "config.k8s.io/v1alpha1"),
        ("application/json", 406, ""),
        ("application/json;v=v1beta1;g=config.k8s.io", 406, ""),
        ("application/xml", 406, ""),
    ],
)
def test_what_runs_is_told_in_the_form_asked_for(server: ApiServer, accept: str, code: int, version: str) -> None:
    answer = server.request("GET", "/statusz", identity="monitor", headers={"Accept": accept})
    assert answer.code == code
    if version:
        assert (answer.body["kind"], answer.body["apiVersion"]) == ("Statusz", version)
        assert answer.body["paths"] == ["/healthz", "/livez", "/metrics", "/readyz", "/statusz", "/version"]
        assert ("Warning" in answer.headers) == (version == "config.k8s.io/v1alpha1")
