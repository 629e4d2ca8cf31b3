"""What has left the log: watches and pages from before are told that they are too old.  Here the log keeps half a second."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support import ApiServer, eventually, start_api_server


@pytest.fixture(name="forgetful", scope="module")
def forgetful_fixture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    server = start_api_server(tmp_path_factory.mktemp("forgetful"), workers=1, history=0.5)
    yield server
    server.stop()


@pytest.fixture(name="configmaps", scope="module")
def configmaps_fixture(forgetful: ApiServer) -> str:
    path = f"/api/v1/namespaces/{forgetful.namespace()}/configmaps"
    for name in "abcd":
        assert forgetful.request("POST", path, {"metadata": {"name": name}}).code == 201
    return path


def forget(server: ApiServer, path: str, revision: str) -> None:
    """Writes until the log no longer reaches back to a revision."""

    def is_gone() -> bool:
        server.request("PUT", f"{path}/a", {"metadata": {"name": "a"}, "data": {"x": server.request("GET", path).body["kind"]}})
        server.request("PATCH", f"{path}/a", {"data": None}, content_type="application/merge-patch+json")
        return server.request("GET", f"{path}?resourceVersion={revision}&resourceVersionMatch=Exact").code == 410

    eventually(is_gone, "the log is compacted")


def test_a_watch_from_a_forgotten_revision_is_told_so_in_an_event(forgetful: ApiServer, configmaps: str) -> None:
    revision = forgetful.request("GET", configmaps).body["metadata"]["resourceVersion"]
    forget(forgetful, configmaps, revision)
    with forgetful.stream(f"{configmaps}?watch=1&resourceVersion={revision}") as stream:
        (event,) = list(stream)
    status = event["object"]
    assert (event["type"], status["kind"], status["code"], status["reason"]) == ("ERROR", "Status", 410, "Expired")
    assert status["message"].startswith(f"too old resource version: {revision} (")


def test_a_page_of_a_forgotten_list_offers_to_go_on_from_now(forgetful: ApiServer, configmaps: str) -> None:
    page = forgetful.request("GET", f"{configmaps}?limit=2").body
    token = page["metadata"]["continue"]
    forget(forgetful, configmaps, page["metadata"]["resourceVersion"])
    refused = forgetful.request("GET", f"{configmaps}?limit=2&continue={token}")
    assert (refused.code, refused.body["reason"]) == (410, "Expired")
    assert refused.body["message"].startswith("The provided continue parameter is too old to display a consistent list result.")
    rest = forgetful.request("GET", f"{configmaps}?limit=2&continue={refused.body['metadata']['continue']}").body
    assert [each["metadata"]["name"] for each in rest["items"]] == ["c", "d"]
    assert int(rest["metadata"]["resourceVersion"]) > int(page["metadata"]["resourceVersion"])


def test_a_list_as_of_a_forgotten_revision_is_expired(forgetful: ApiServer, configmaps: str) -> None:
    revision = forgetful.request("GET", configmaps).body["metadata"]["resourceVersion"]
    forget(forgetful, configmaps, revision)
    answer = forgetful.request("GET", f"{configmaps}?resourceVersion={revision}&resourceVersionMatch=Exact")
    assert (answer.code, answer.body["reason"]) == (410, "Expired")
    assert answer.body["message"] == "The resourceVersion for the provided list is too old."


def test_an_open_watch_outlives_what_it_began_from(forgetful: ApiServer, configmaps: str) -> None:
    revision = forgetful.request("GET", configmaps).body["metadata"]["resourceVersion"]
    with forgetful.stream(f"{configmaps}?watch=1&resourceVersion={revision}") as events:
        forget(forgetful, configmaps, revision)
        forgetful.request("POST", configmaps, {"metadata": {"name": "last"}})
        assert any(each["object"]["metadata"]["name"] == "last" for each in events)
