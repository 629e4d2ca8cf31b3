"""The webhook on loopback: batches, retries, what is dropped, what is cut."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import urllib3

from cluster.api.protocols import HttpAnswer, HttpFailure
from rbac.audit.buffered import BatchOptions, Buffered, Throttle
from rbac.audit.model import AuditEvent, Level, Sink, Union
from rbac.audit.truncate import ANNOTATION, Truncated
from rbac.audit.webhook import Webhook
from rbac.webhook import ATTEMPTS
from tests.support import eventually


class Receiver:
    """An HTTP server that keeps what it is sent, and answers what it is told to; it waits while `gate` is shut."""

    def __init__(self) -> None:
        self.lists: list[dict[str, Any]] = []
        self.attempts = 0
        self.codes: list[int] = []
        self.gate = threading.Event()
        self.gate.set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.gate.wait(20)
                outer.attempts += 1
                code = outer.codes.pop(0) if outer.codes else 200
                if code == 200:
                    outer.lists.append(json.loads(body))
                self.send_response(code)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_request(self, *args: Any) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self._thread = threading.Thread(target=self.server.serve_forever)
        self._thread.start()
        self._pool = urllib3.PoolManager(maxsize=20)

    @property
    def numbers(self) -> list[int]:
        return sorted(item["number"] for each in self.lists for item in each["items"])

    def call(self, method: str, path: str = "", body: bytes | None = None, *, headers: Any = None, timeout: float = 30.0) -> HttpAnswer:
        """As an HttpCaller."""
        url = f"http://127.0.0.1:{self.server.server_port}{path}"
        try:
            answer = self._pool.request(method, url, body=body, headers=headers, timeout=timeout, retries=False)
        except urllib3.exceptions.HTTPError as error:
            raise HttpFailure(str(error)) from error
        return HttpAnswer(answer.status, {}, answer.data)

    def close(self) -> None:
        self.gate.set()
        self.server.shutdown()
        self._thread.join()
        self.server.server_close()
        self._pool.clear()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


def event(number: int, size: int = 0, level: Level = Level.REQUEST_RESPONSE) -> AuditEvent:
    fields = {"auditID": f"id-{number}", "number": number, "requestObject": {"x": "y" * size}, "annotations": {"b": "c"}}
    return AuditEvent(level, fields, json.dumps(fields).encode())


def batches(receiver: Receiver, **options: Any) -> Buffered:
    given: dict[str, Any] = {"buffer_size": 1000, "max_size": 10, "max_wait": 30.0, "qps": 1000.0, "burst": 1000} | options
    return Buffered(Webhook(receiver, 0.01), BatchOptions(**given))


def test_full_batches_are_sent_at_once_and_the_rest_at_the_end(receiver: Receiver) -> None:
    sink = batches(receiver)
    for number in range(25):
        assert sink.process((event(number),))
    eventually(lambda: len(receiver.lists) == 2, "two full batches")
    sink.close()
    assert receiver.numbers == list(range(25))
    assert {(each["kind"], each["apiVersion"]) for each in receiver.lists} == {("EventList", "audit.k8s.io/v1")}


def test_batch_that_is_not_full_is_sent_when_it_is_old(receiver: Receiver) -> None:
    sink = batches(receiver, max_wait=0.05)
    sink.process((event(1),))
    eventually(lambda: receiver.numbers == [1], "the batch is sent")
    sink.close()


def test_events_after_the_end_was_announced_are_sent_too(receiver: Receiver) -> None:
    sink = batches(receiver)
    sink.process((event(1),))
    sink.close()
    sink.process((event(2),))
    eventually(lambda: receiver.numbers == [1, 2], "both are sent")


def test_what_finds_the_buffer_full_is_dropped_and_counted(receiver: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    receiver.gate.clear()
    sink = batches(receiver, buffer_size=5, max_size=1000)
    assert sink.process([event(number) for number in range(8)])
    assert sink.dropped == 3
    assert "audit buffer queue blocked: 3 audit events were dropped so far" in caplog.text
    receiver.gate.set()
    sink.close()
    assert receiver.numbers == [0, 1, 2, 3, 4]


def test_failures_are_tried_again(receiver: Receiver) -> None:
    receiver.codes = [500, 404, 302]
    assert Webhook(receiver, 0.001).process((event(1),))
    assert receiver.attempts == 4
    assert receiver.numbers == [1]


@pytest.mark.parametrize("strict", [True, False])
def test_after_so_many_attempts_it_gives_up(receiver: Receiver, strict: bool, caplog: pytest.LogCaptureFixture) -> None:
    receiver.codes = [500] * 20
    sink = Webhook(receiver, 0.001, strict=strict)
    assert sink.process((event(1), event(2))) is not strict
    assert (receiver.attempts, sink.failures) == (ATTEMPTS, 2)
    assert "2 audit events were not sent to the webhook: it answered 500" in caplog.text


def test_receiver_that_is_not_there_is_a_failure(receiver: Receiver) -> None:
    receiver.close()
    assert not Webhook(receiver, 0.001).process((event(1),))


def test_big_events_lose_their_objects_and_say_so(receiver: Receiver) -> None:
    sink = Truncated(Webhook(receiver, 0.001), 300, 10_000)
    assert sink.process((event(1, 10), event(2, 1000)))
    small, cut = receiver.lists[0]["items"]
    assert "requestObject" in small
    assert "requestObject" not in cut
    assert cut["annotations"] == {"b": "c", ANNOTATION: "true"}


def test_event_that_is_too_big_even_so_is_dropped(receiver: Receiver) -> None:
    sink = Truncated(Webhook(receiver, 0.001), 20, 10_000)
    sink.process((event(1),))
    assert (sink.dropped, receiver.lists) == (1, [])


def test_batches_are_split_at_their_size(receiver: Receiver) -> None:
    sink = Truncated(Webhook(receiver, 0.001), 10_000, 2500)
    sink.process([event(number, 1000) for number in range(5)])
    assert [len(each["items"]) for each in receiver.lists] == [2, 2, 1]


def test_throttle_lets_a_burst_through_and_then_its_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr("rbac.audit.buffered.time.monotonic", lambda: 100.0)
    monkeypatch.setattr("rbac.audit.buffered.time.sleep", waited.append)
    throttle = Throttle(10.0, 3)
    for _ in range(5):
        throttle.accept()
    assert waited == pytest.approx([0.1, 0.2])


def test_union_gives_every_event_to_each_and_fails_with_any() -> None:
    class Fixed:
        def __init__(self, answer: bool) -> None:
            self.answer, self.seen, self.closed = answer, 0, False

        def process(self, events: Any) -> bool:
            self.seen += len(events)
            return self.answer

        def close(self) -> None:
            self.closed = True

    good, bad = Fixed(True), Fixed(False)
    sinks: list[Sink] = [bad, good]
    union = Union(sinks)
    assert not union.process((event(1),))
    union.close()
    assert (good.seen, bad.seen, good.closed, bad.closed) == (1, 1, True, True)
