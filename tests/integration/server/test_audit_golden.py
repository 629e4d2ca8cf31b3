"""The events of the same requests under the same policy equal those that kube-apiserver 1.36 recorded, level by level."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cluster.assembly.options import AuditOptions
from tests.integration.server import audit_golden as golden
from tests.support import ApiServer, eventually, start_api_server


@pytest.fixture(scope="module")
def recorded() -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = json.loads((golden.DATA / "events.json").read_text())
    return found


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory, recorded: dict[str, list[Any]]) -> Iterator[dict[str, list[Any]]]:
    root = tmp_path_factory.mktemp("golden")
    server = start_api_server(root, audit=AuditOptions(audit_policy_file=str(golden.DATA / "policy.yaml")))
    try:
        yield _recorded_of(server, root / "logs" / "audit.log", sum(map(len, recorded.values())))
    finally:
        server.stop()


def _recorded_of(server: ApiServer, log: Path, expected: int) -> dict[str, list[Any]]:
    server.issue("alice", "alice", "people", "staff")
    server.issue("carol", "carol", "people")
    for each in golden.setup():
        assert server.request(each["method"], each["path"], each["body"]).code == 201
    ids = set()
    for audit_id, each in golden.requests():
        body, headers = golden.sent(audit_id, each)
        identity = each.get("as", "alice")
        server.request(each["method"], each["path"], body, identity=identity, headers=headers, content_type=headers.get("Content-Type", ""))
        ids.add(audit_id)

    def all_told() -> dict[str, list[Any]] | None:
        found = golden.gathered(iter(log.read_text().splitlines()), ids.__contains__)
        return found if sum(map(len, found.values())) >= expected else None

    found: dict[str, list[Any]] = eventually(all_told, "all events are told")
    return found


@pytest.mark.parametrize("audit_id", [audit_id for audit_id, _ in golden.requests()])
def test_events_equal_those_of_kube_apiserver(audit_id: str, events: dict[str, list[Any]], recorded: dict[str, list[Any]]) -> None:
    assert events[audit_id] == recorded[audit_id]
