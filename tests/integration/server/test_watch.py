"""Watches over HTTP, against a real server of two workers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import ApiServer, eventually

CLOSE_WAIT = "08"
"""The kernel's name for a connection that the other end has closed and this one has not."""


@pytest.fixture(name="configmaps")
def configmaps_fixture(api_server: ApiServer) -> str:
    return f"/api/v1/namespaces/{api_server.namespace()}/configmaps"


def test_a_watch_from_a_revision_gives_every_later_change(api_server: ApiServer, configmaps: str) -> None:
    revision = api_server.request("GET", configmaps).body["metadata"]["resourceVersion"]
    with api_server.stream(f"{configmaps}?watch=1&resourceVersion={revision}") as events:
        api_server.request("POST", configmaps, {"metadata": {"name": "a"}, "data": {"x": "1"}})
        api_server.request("PATCH", f"{configmaps}/a", {"data": {"x": "2"}}, content_type="application/merge-patch+json")
        api_server.request("DELETE", f"{configmaps}/a")
        seen = [next(events) for _ in range(3)]
    assert [each["type"] for each in seen] == ["ADDED", "MODIFIED", "DELETED"]
    versions = [int(each["object"]["metadata"]["resourceVersion"]) for each in seen]
    assert versions == sorted(set(versions))
    assert seen[2]["object"]["data"] == {"x": "2"}


def test_a_watch_without_a_revision_begins_with_what_exists(api_server: ApiServer, configmaps: str) -> None:
    api_server.request("POST", configmaps, {"metadata": {"name": "a"}})
    with api_server.stream(f"{configmaps}?watch=1") as events:
        first = next(events)
    assert (first["type"], first["object"]["metadata"]["name"]) == ("ADDED", "a")


def test_leaving_and_entering_a_selection_are_deletion_and_addition(api_server: ApiServer, configmaps: str) -> None:
    api_server.request("POST", configmaps, {"metadata": {"name": "a", "labels": {"tier": "x"}}})
    with api_server.stream(f"{configmaps}?watch=1&labelSelector=tier%3Dx") as events:
        assert next(events)["type"] == "ADDED"
        for tier in ("y", "z", "x"):
            change = {"metadata": {"labels": {"tier": tier}}}
            api_server.request("PATCH", f"{configmaps}/a", change, content_type="application/merge-patch+json")
        left, entered = next(events), next(events)
    assert (left["type"], left["object"]["metadata"]["labels"]) == ("DELETED", {"tier": "x"})
    assert (entered["type"], entered["object"]["metadata"]["labels"]) == ("ADDED", {"tier": "x"})
    assert int(entered["object"]["metadata"]["resourceVersion"]) == int(left["object"]["metadata"]["resourceVersion"]) + 2


def test_initial_events_end_with_a_marked_bookmark(api_server: ApiServer, configmaps: str) -> None:
    api_server.request("POST", configmaps, {"metadata": {"name": "a"}})
    query = "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
    with api_server.stream(f"{configmaps}?{query}") as events:
        added, bookmark = next(events), next(events)
    assert (added["type"], bookmark["type"], bookmark["object"]["kind"]) == ("ADDED", "BOOKMARK", "ConfigMap")
    assert bookmark["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


def test_a_watch_ends_after_its_timeout(api_server: ApiServer, configmaps: str) -> None:
    with api_server.stream(f"{configmaps}?watch=1&timeoutSeconds=1") as events:
        assert list(events) == []


def test_a_watch_of_one_object_by_the_legacy_path(api_server: ApiServer, configmaps: str) -> None:
    for name in ("a", "b"):
        api_server.request("POST", configmaps, {"metadata": {"name": name}})
    path = configmaps.replace("/api/v1/", "/api/v1/watch/")
    with api_server.stream(f"{path}/b?timeoutSeconds=1") as events:
        assert [each["object"]["metadata"]["name"] for each in events] == ["b"]


def test_a_watch_from_the_future_is_told_so(api_server: ApiServer, configmaps: str) -> None:
    with api_server.stream(f"{configmaps}?watch=1&resourceVersion=999999999") as events:
        error = next(events)
    assert (error["type"], error["object"]["code"]) == ("ERROR", 504)


def test_a_watch_shows_tables_of_one_row(api_server: ApiServer, configmaps: str) -> None:
    api_server.request("POST", configmaps, {"metadata": {"name": "a"}})
    accept = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
    with api_server.stream(f"{configmaps}?watch=1", headers={"Accept": accept}) as events:
        table = next(events)["object"]
    assert (table["kind"], [row["cells"][0] for row in table["rows"]]) == ("Table", ["a"])


def test_a_client_that_goes_away_leaves_nothing_behind(api_server: ApiServer, configmaps: str) -> None:
    """While nothing changes, only the connection itself tells that its client has gone."""
    port = f":{api_server.config.port:04X}"

    def half_closed() -> list[str]:
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()]
        return [row[1] for row in rows if row[1].endswith(port) and row[3] == CLOSE_WAIT]

    for _ in range(5):
        with api_server.stream(f"{configmaps}?watch=1") as events:
            assert events is not None
    eventually(lambda: not half_closed(), "the server closes connections whose client has gone", 5)
