"""No request waits for ever: `?timeout=` and the server's own limits end what waits, with 504."""

from __future__ import annotations

import signal
import time

import pytest

from tests.integration.server import raw
from tests.support import ApiServer

EXPIRED = "Timeout: request did not complete within the allotted timeout"


@pytest.fixture(name="configmaps", scope="module")
def configmaps_fixture(api_server: ApiServer) -> str:
    return f"/api/v1/namespaces/{api_server.namespace()}/configmaps"


def test_a_write_that_the_store_does_not_take_ends_with_its_time(api_server: ApiServer, configmaps: str) -> None:
    api_server.store.send_signal(signal.SIGSTOP)
    try:
        began = time.monotonic()
        answer = api_server.request("POST", f"{configmaps}?timeout=500ms", {"metadata": {"name": "slow"}})
        took = time.monotonic() - began
    finally:
        api_server.store.send_signal(signal.SIGCONT)
    assert (answer.code, answer.body["reason"], answer.body["message"]) == (504, "Timeout", EXPIRED)
    assert answer.headers["Connection"] == "close", "a client that sent its next request there would see TLS fail"
    assert took < 5


def test_a_read_of_a_future_revision_ends_with_its_time(api_server: ApiServer, configmaps: str) -> None:
    query = "timeout=300ms&resourceVersion=99999999&resourceVersionMatch=NotOlderThan"
    answer = api_server.request("GET", f"{configmaps}?{query}")
    assert (answer.code, answer.body["message"]) == (504, EXPIRED)


def test_a_body_that_does_not_come_is_not_waited_for(api_server: ApiServer, configmaps: str) -> None:
    head = f"POST {configmaps}?timeout=500ms HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
    began = time.monotonic()
    code, body = raw.ask(api_server, head.encode() + b"{")
    assert (code, body["message"]) == (504, EXPIRED)
    assert time.monotonic() - began < 5, "the connection is closed, as the rest of the body would be read as a request"


def test_a_watch_is_not_bound_by_it(api_server: ApiServer, configmaps: str) -> None:
    with api_server.stream(f"{configmaps}?watch=1&timeoutSeconds=1&timeout=100ms&resourceVersion=0") as events:
        assert [each for each in events if each["type"] == "ERROR"] == []


@pytest.mark.parametrize("verb", ["GET", "POST"])
def test_a_time_that_is_none_is_refused(api_server: ApiServer, configmaps: str, verb: str) -> None:
    answer = api_server.request(verb, f"{configmaps}?timeout=soon", {"metadata": {"name": "a"}} if verb == "POST" else None)
    why = 'invalid timeout specified in the request URL - time: invalid duration "soon"'
    assert (answer.code, answer.body["message"]) == (400, why)


def test_more_time_than_there_is_is_taken_as_all_there_is(api_server: ApiServer, configmaps: str) -> None:
    assert api_server.request("GET", f"{configmaps}?timeout=1000h").code == 200
