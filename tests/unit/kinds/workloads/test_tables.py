"""Rows of Tables, durations, and the fields that selectors can name."""

from __future__ import annotations

import pytest

from cluster.api.names import Object
from cluster.kinds import printing
from cluster.kinds.apps.workload_printing import selector_string
from cluster.kinds.batch.cron_schedule import schedule_problem
from tests.unit.kinds.workloads.world import load, pod, strategy

ROWS = load("tables.yaml")
NOW = printing.parse_timestamp("2026-01-01T00:05:00Z")
MINUTE, HOUR, DAY, YEAR = 60, 3600, 86400, 31536000


@pytest.fixture(autouse=True)
def _frozen_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(printing, "now", lambda: NOW)


@pytest.mark.parametrize("row", ROWS, ids=[f"{row['kind']} {row['object']['metadata']['name']}" for row in ROWS])
def test_a_row_is_printed_as_kubernetes_prints_it(row: Object) -> None:
    cells = strategy(row["kind"]).cells
    assert cells is not None
    assert cells(row["object"]) == row["cells"]


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({"deletionTimestamp": "2026-01-01T00:00:00Z"}, "Terminating"),
        ({}, "Running"),
    ],
)
def test_a_pod_that_is_being_deleted_is_terminating(change: Object, wanted: str) -> None:
    cells = strategy("Pod").cells
    assert cells is not None
    assert cells(pod() | {"metadata": {"name": "p"} | change, "status": {"phase": "Running"}})[2] == wanted


def test_a_cron_jobs_row() -> None:
    cells = strategy("CronJob").cells
    assert cells is not None
    job = {"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "i"}]}}}}
    cron_job = {
        "metadata": {"name": "n", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"schedule": "* * * * *", "suspend": False, "jobTemplate": job},
        "status": {"lastScheduleTime": "2026-01-01T00:04:30Z", "active": [{}]},
    }
    assert cells(cron_job) == ["n", "* * * * *", "<none>", "False", 1, "30s", "5m", "c", "i", "<none>"]


def test_a_controller_revisions_row_names_its_owner() -> None:
    cells = strategy("ControllerRevision").cells
    assert cells is not None
    owner = {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "d", "controller": True}
    revision = {"metadata": {"name": "r", "ownerReferences": [owner]}, "revision": 2}
    assert cells(revision) == ["r", "daemonset.apps/d", 2, "<unknown>"]


@pytest.mark.parametrize(
    ("seconds", "wanted"),
    [
        (-2, "<invalid>"),
        (-1, "0s"),
        (0, "0s"),
        (119, "119s"),
        (2 * MINUTE, "2m"),
        (2 * MINUTE + 1, "2m1s"),
        (10 * MINUTE + 59, "10m"),
        (3 * HOUR - 1, "179m"),
        (3 * HOUR, "3h"),
        (7 * HOUR + 59 * MINUTE, "7h59m"),
        (8 * HOUR + 59 * MINUTE, "8h"),
        (47 * HOUR, "47h"),
        (2 * DAY, "2d"),
        (7 * DAY + 23 * HOUR, "7d23h"),
        (8 * DAY + 23 * HOUR, "8d"),
        (2 * YEAR - DAY, "729d"),
        (2 * YEAR, "2y"),
        (7 * YEAR + 364 * DAY, "7y364d"),
        (8 * YEAR + DAY, "8y"),
    ],
)
def test_durations_are_short(seconds: int, wanted: str) -> None:
    assert printing.human_duration(seconds) == wanted


def test_an_unknown_age_says_so() -> None:
    assert (printing.age(None), printing.translate_timestamp_until(None)) == ("<unknown>", "<unknown>")


def test_time_to_come_is_told_forward() -> None:
    assert printing.translate_timestamp_until("2026-01-01T00:06:00.000000Z") == "60s"


@pytest.mark.parametrize(
    ("selector", "wanted"),
    [
        (None, ""),
        ({}, ""),
        ({"matchLabels": {"b": "2", "a": "1"}}, "a=1,b=2"),
        (
            {
                "matchExpressions": [
                    {"key": "t", "operator": "In", "values": ["y", "x"]},
                    {"key": "n", "operator": "NotIn", "values": ["z"]},
                    {"key": "e", "operator": "Exists"},
                    {"key": "d", "operator": "DoesNotExist"},
                ]
            },
            "!d,e,n notin (z),t in (x,y)",
        ),
        ({"matchExpressions": [{"key": "t", "operator": "Near"}]}, "<invalid>"),
    ],
)
def test_a_selector_in_the_notation_of_a_query(selector: Object | None, wanted: str) -> None:
    assert selector_string(selector) == wanted


def test_the_fields_that_select_pods() -> None:
    one = pod(nodeName="n", restartPolicy="Always", schedulerName="s", serviceAccountName="a", hostNetwork=True)
    one["status"] = {"phase": "Running", "podIPs": [{"ip": "10.0.0.1"}], "nominatedNodeName": "m"}
    assert {name: value(one) for name, value in strategy("Pod").selectable_fields.items()} == {
        "spec.nodeName": "n",
        "spec.restartPolicy": "Always",
        "spec.schedulerName": "s",
        "spec.serviceAccountName": "a",
        "spec.hostNetwork": "true",
        "status.phase": "Running",
        "status.podIP": "10.0.0.1",
        "status.nominatedNodeName": "m",
    }


@pytest.mark.parametrize(
    ("kind", "field", "status", "wanted"),
    [
        ("ReplicaSet", "status.replicas", {"replicas": 3}, "3"),
        ("ReplicaSet", "status.replicas", {}, "0"),
        ("Job", "status.successful", {"succeeded": 2}, "2"),
    ],
)
def test_the_counts_that_select_workloads(kind: str, field: str, status: Object, wanted: str) -> None:
    assert strategy(kind).selectable_fields[field]({"status": status}) == wanted


@pytest.mark.parametrize(
    ("schedule", "wanted"),
    [
        ("*/5 0-12/2 1,15 JAN-MAR mon", ""),
        ("@hourly", ""),
        ("@every 1h30m", ""),
        ("0 0 31 2 *", ""),
        ("@weird", "unrecognized descriptor: @weird"),
        ("* * * *", "expected exactly 5 fields, found 4: [* * * *]"),
        ("60 * * * *", "end of range (60) above maximum (59): 60"),
        ("* * 0 * *", "beginning of range (0) below minimum (1): 0"),
        ("5-1 * * * *", "beginning of range (5) beyond end of range (1): 5-1"),
        ("*/0 * * * *", "step of range should be a positive number: */0"),
        ("*/1/2 * * * *", "too many slashes: */1/2"),
        ("1-2-3 * * * *", "too many hyphens: 1-2-3"),
        ("@every 3q", 'failed to parse duration @every 3q: time: unknown unit "q" in duration "3q"'),
    ],
)
def test_what_is_wrong_with_a_schedule(schedule: str, wanted: str) -> None:
    assert schedule_problem(schedule) == wanted
